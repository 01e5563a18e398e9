/*
 * Addresses of servers as people write them.
 *
 * The words of an error never repeat an address with an '@': people put passwords there.
 */
#include "redis/endpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/parse.h"
#include "redis/text.h"

/* Of redis:// without a port, as everywhere. */
#define DEFAULT_PORT 6379

#define EXPECTED \
	"expected host:port, [v6]:port, redis://host:port, rediss://host:port or unix:///path"

static bool parse_path(struct slice path, struct endpoint *ret, struct err *err)
{
	if (!slice_has_prefix(path, "/") || slice_has_suffix(path, "/")) {
		err_set(err,
			"\"unix://%.*s\" is no absolute path of a socket; expected one such as "
			"unix:///run/redis.sock",
			SLICE_ARG(path));
		return false;
	}
	if (path.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path) ||
		memchr(path.data, '\0', path.len) != NULL) {
		err_set(err,
			"the path of the socket has %zu bytes; expected at most %zu, none of "
			"them NUL",
			path.len, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
		return false;
	}
	ret->path = slice_copy(path);
	return true;
}

static bool has_only(struct slice text, const char *letters)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0' || strchr(letters, text.data[i]) == NULL) {
			return false;
		}
	}
	return true;
}

/* A name, or an IPv4 address: digits and dots alone are no name. */
static char *make_host(struct slice text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	struct in_addr ignored;
	char *host;

	if (text.len == 0 || text.len >= LINK_MAX_HOST_BYTES || text.data[0] == '-' ||
		!has_only(text, letters)) {
		return NULL;
	}
	host = slice_copy(text);
	if (has_only(text, "0123456789.") && inet_pton(AF_INET, host, &ignored) != 1) {
		free(host);
		return NULL;
	}
	return host;
}

/* In the one form that the address is always printed in, so that equal ones compare equal. */
static char *make_ipv6(struct slice text)
{
	CLEANUP(mem_free_p) char *host = slice_copy(text);
	char normal[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (memchr(host, '\0', text.len) != NULL || inet_pton(AF_INET6, host, &address) != 1) {
		return NULL;
	}
	inet_ntop(AF_INET6, &address, normal, sizeof(normal));
	return slice_copy(slice_of(normal));
}

/* Splits "host:port" and "[v6]:port"; `*ret_port` is absent where there is none. */
static char *split_host(struct slice text, struct slice *ret_port)
{
	bool is_bracketed = slice_has_prefix(text, "[");
	struct slice rest = text;
	struct slice host;

	if (!is_bracketed) {
		slice_next(&rest, ':', &host);
		*ret_port = rest;
		return make_host(host);
	}
	rest = slice_skip(rest, 1);
	slice_next(&rest, ']', &host);
	if (rest.data == NULL || (rest.len > 0 && rest.data[0] != ':')) {
		return NULL;
	}
	*ret_port = rest.len > 0 ? slice_skip(rest, 1) : (struct slice){NULL, 0};
	return make_ipv6(host);
}

/* `default_port` 0: the text must name one. */
static bool parse_tcp(struct slice text, uint16_t default_port, struct endpoint *ret)
{
	CLEANUP(mem_free_p) char *host = NULL;
	struct slice port_text = {NULL, 0};
	uint64_t port = default_port;

	host = split_host(text, &port_text);
	if (host == NULL || (port_text.data != NULL && !parse_u64(port_text, &port)) || port == 0 ||
		port > UINT16_MAX) {
		return false;
	}
	ret->host = host;
	ret->port = (uint16_t)port;
	host = NULL;
	return true;
}

static bool parse_url(struct slice text, struct endpoint *ret)
{
	bool has_tls = slice_has_prefix(text, "rediss://");

	if (!has_tls && !slice_has_prefix(text, "redis://")) {
		return parse_tcp(text, 0, ret);
	}
	text = slice_skip(text, strlen(has_tls ? "rediss://" : "redis://"));
	if (slice_has_suffix(text, "/")) {
		text.len--;
	}
	ret->has_tls = has_tls;
	return parse_tcp(text, DEFAULT_PORT, ret);
}

bool endpoint_parse(struct slice text, struct endpoint *ret, struct err *err)
{
	struct endpoint endpoint = {0};

	if (slice_has_prefix(text, "unix://")) {
		if (!parse_path(slice_skip(text, strlen("unix://")), &endpoint, err)) {
			return false;
		}
	} else if (slice_has_char(text, '@')) {
		err_set(err, "a user or password in an address; expected it in the settings that "
			     "are made for it");
		return false;
	} else if (!parse_url(text, &endpoint)) {
		err_set(err, "\"%.*s\" is no address of a server; " EXPECTED, SLICE_ARG(text));
		return false;
	}
	*ret = endpoint;
	return true;
}

void endpoint_copy(struct endpoint *to, const struct endpoint *from)
{
	*to = *from;
	to->path = text_copy(from->path);
	to->host = text_copy(from->host);
	to->ip = text_copy(from->ip);
}

bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b)
{
	return slice_is_same_text(a->path, b->path) && slice_is_same_text(a->host, b->host) &&
	       slice_is_same_text(a->ip, b->ip) && a->port == b->port && a->has_tls == b->has_tls;
}

void endpoint_finish(struct endpoint *endpoint)
{
	free(endpoint->path);
	free(endpoint->host);
	free(endpoint->ip);
	*endpoint = (struct endpoint){0};
}

char *endpoint_print(const struct endpoint *endpoint)
{
	const char *host;

	if (endpoint->path != NULL) {
		return slice_copy(slice_of(endpoint->path));
	}
	host = endpoint->is_one_of_many ? endpoint->ip : endpoint->host;
	return mem_printf(
		strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)endpoint->port);
}
