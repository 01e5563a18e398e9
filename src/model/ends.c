/*
 * The ends of a connection.
 */
#include "model/ends.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct ends_address ends_address_make(bool is_ipv6, const void *bytes, uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool is_mapped = is_ipv6 && memcmp(bytes, mapped, sizeof(mapped)) == 0;
	struct ends_address address = {.port = port, .is_ipv6 = is_ipv6 && !is_mapped};

	memcpy(address.bytes, (const uint8_t *)bytes + (is_mapped ? sizeof(mapped) : 0),
		address.is_ipv6 ? 16 : 4);
	return address;
}

static struct ends_address address_of(const struct address *address)
{
	return ends_address_make(address->kind == ADDRESS_IPV6, address->bytes, address->port);
}

static bool is_ip(const struct address *address)
{
	return address->kind == ADDRESS_IPV4 || address->kind == ADDRESS_IPV6;
}

bool ends_client_of(const struct session *session, struct ends_address *ret_client)
{
	if (!is_ip(&session->addr)) {
		return false;
	}
	*ret_client = address_of(&session->addr);
	return true;
}

bool ends_of(const struct session *session, struct ends *ret_ends)
{
	struct ends ends = {.fd = -1};
	int64_t fd;

	if (session_number(session, SESSION_FD, &fd) && fd >= 0 && fd <= INT32_MAX) {
		ends.fd = (int32_t)fd;
	}
	if (session->addr.kind == ADDRESS_UNIX) {
		ends.is_unix = true;
	} else if (is_ip(&session->addr) && is_ip(&session->laddr)) {
		ends.client = address_of(&session->addr);
		ends.server = address_of(&session->laddr);
	} else {
		return false;
	}
	*ret_ends = ends;
	return true;
}

bool ends_address_read(struct slice text, struct ends_address *ret_address)
{
	struct address address = address_parse_listed(text);

	if (!is_ip(&address)) {
		return false;
	}
	*ret_address = address_of(&address);
	return true;
}

struct ends_address_text ends_address_print_host(const struct ends_address *address)
{
	struct ends_address_text text;
	int family = address->is_ipv6 ? AF_INET6 : AF_INET;

	CHECK(inet_ntop(family, address->bytes, text.text, sizeof(text.text)) != NULL);
	return text;
}

struct ends_address_text ends_address_print(const struct ends_address *address)
{
	struct ends_address_text host = ends_address_print_host(address);
	struct ends_address_text text;

	snprintf(text.text, sizeof(text.text), address->is_ipv6 ? "[%.46s]:%u" : "%.46s:%u",
		host.text, (unsigned)address->port);
	return text;
}

bool ends_address_is_same_host(const struct ends_address *a, const struct ends_address *b)
{
	return a->is_ipv6 == b->is_ipv6 && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ends_address_is_equal(const struct ends_address *a, const struct ends_address *b)
{
	return a->port == b->port && ends_address_is_same_host(a, b);
}

int ends_address_compare(const void *a, const void *b)
{
	const struct ends_address *left = a, *right = b;
	int order = left->is_ipv6 - right->is_ipv6;

	order = order != 0 ? order : memcmp(left->bytes, right->bytes, sizeof(left->bytes));
	return order != 0 ? order : (left->port > right->port) - (left->port < right->port);
}

bool ends_address_is_loopback(const struct ends_address *address)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	return address->is_ipv6 ? memcmp(address->bytes, loopback6, sizeof(loopback6)) == 0
				: address->bytes[0] == 127;
}

bool ends_is_one_host(const struct ends *ends)
{
	return ends->is_unix || ends_address_is_loopback(&ends->client) ||
	       memcmp(ends->client.bytes, ends->server.bytes, sizeof(ends->client.bytes)) == 0;
}
