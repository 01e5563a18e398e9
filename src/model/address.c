/*
 * Addresses.
 */
#include "model/address.h"

#include <arpa/inet.h>

#include "base/parse.h"

#define MAX_IP_TEXT_BYTES INET6_ADDRSTRLEN

/* Reads an IP address; one that is IPv4 mapped into IPv6 counts as the IPv4 it is. */
static bool read_ip(struct slice text, enum address_kind *ret_kind, uint8_t *ret_bytes)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	char buffer[MAX_IP_TEXT_BYTES];
	uint8_t bytes[16] = {0};

	if (text.len == 0 || text.len >= sizeof(buffer) || slice_has_char(text, '\0')) {
		return false;
	}
	memcpy(buffer, text.data, text.len);
	buffer[text.len] = '\0';
	if (inet_pton(AF_INET, buffer, bytes) == 1) {
		*ret_kind = ADDRESS_IPV4;
	} else if (inet_pton(AF_INET6, buffer, bytes) == 1) {
		*ret_kind = ADDRESS_IPV6;
		if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
			memmove(bytes, bytes + sizeof(mapped), 4);
			memset(bytes + 4, 0, 12);
			*ret_kind = ADDRESS_IPV4;
		}
	} else {
		return false;
	}
	memcpy(ret_bytes, bytes, sizeof(bytes));
	return true;
}

/* Splits "HOST:PORT" at the last colon and takes brackets off the host. */
static bool split_port(struct slice text, struct slice *ret_host, uint16_t *ret_port)
{
	size_t colon = text.len;
	struct slice host;
	uint64_t port;

	while (colon > 0 && text.data[colon - 1] != ':') {
		colon--;
	}
	if (colon == 0 || !parse_u64(slice_skip(text, colon), &port) || port > UINT16_MAX) {
		return false;
	}
	host = (struct slice){text.data, colon - 1};
	if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
		host = (struct slice){host.data + 1, host.len - 2};
	}
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

/* A path may be cut by the server together with its ":0", so that its end says nothing. */
static bool read_path(struct slice text, struct address *address)
{
	if (slice_has_prefix(text, "[/")) {
		text = slice_skip(text, 1);
	} else if (!slice_has_prefix(text, "/")) {
		return false;
	}
	if (slice_has_suffix(text, "]:0")) {
		text.len -= strlen("]:0");
	} else if (slice_has_suffix(text, ":0")) {
		text.len -= strlen(":0");
	}
	address->kind = ADDRESS_UNIX;
	address->host = text;
	return true;
}

struct address address_parse_listed(struct slice text)
{
	struct address address = {.kind = ADDRESS_UNKNOWN, .host = text};

	if (read_path(text, &address) || !split_port(text, &address.host, &address.port) ||
		read_ip(address.host, &address.kind, address.bytes)) {
		return address;
	}
	/* A relative path: nothing else has port 0 and is no IP, but for "?", a peer that is gone.
	 */
	if (address.port == 0 && address.host.len > 0 && !slice_is(address.host, "?")) {
		address.kind = ADDRESS_UNIX;
	}
	return address;
}

struct slice address_source_name(const struct address *address)
{
	switch (address->kind) {
	case ADDRESS_IPV4:
	case ADDRESS_IPV6:
		return address->host;
	case ADDRESS_UNIX:
		return SLICE_LITERAL("unix");
	case ADDRESS_UNKNOWN:
		break;
	}
	return SLICE_LITERAL("?");
}

/* "10.0.0.0/8": the bits behind the slash; all of them when there is no slash. */
static bool read_prefix(struct slice *text, unsigned *ret_bits, bool *ret_has_prefix)
{
	struct slice host;
	uint64_t bits;

	*ret_has_prefix = slice_has_char(*text, '/');
	if (!*ret_has_prefix) {
		return true;
	}
	slice_next(text, '/', &host);
	if (!parse_u64(*text, &bits) || bits > 128) {
		return false;
	}
	*ret_bits = (unsigned)bits;
	*text = host;
	return true;
}

/* Bits behind the prefix must be zero: "10.0.0.5/8" is more likely a slip than a wish. */
static bool has_host_bits(const struct address_range *range)
{
	unsigned n_bits = range->kind == ADDRESS_IPV4 ? 32 : 128;

	for (unsigned bit = range->prefix_bits; bit < n_bits; bit++) {
		if ((range->bytes[bit / 8] & (0x80 >> (bit % 8))) != 0) {
			return true;
		}
	}
	return false;
}

bool address_range_parse(struct slice text, struct address_range *ret, struct err *err)
{
	struct address_range range = {0};
	struct slice host = text;
	bool has_prefix;
	unsigned max_bits;

	if (slice_is(text, "unix")) {
		range.kind = ADDRESS_UNIX;
		*ret = range;
		return true;
	}
	if (!read_prefix(&host, &range.prefix_bits, &has_prefix)) {
		err_set(err, "\"%.*s\" has no valid prefix length", SLICE_ARG(text));
		return false;
	}
	if (!read_ip(host, &range.kind, range.bytes)) {
		range.has_port = !has_prefix && split_port(host, &host, &range.port);
		if (!range.has_port || !read_ip(host, &range.kind, range.bytes)) {
			err_set(err,
				"\"%.*s\" is no address; expected an IP, a CIDR, ip:port, "
				"[v6]:port or unix",
				SLICE_ARG(text));
			return false;
		}
	}
	max_bits = range.kind == ADDRESS_IPV4 ? 32 : 128;
	if (!has_prefix) {
		range.prefix_bits = max_bits;
	}
	if (range.prefix_bits > max_bits) {
		err_set(err, "\"%.*s\" has a prefix length above %u", SLICE_ARG(text), max_bits);
		return false;
	}
	if (has_host_bits(&range)) {
		err_set(err, "\"%.*s\" has bits set behind its prefix", SLICE_ARG(text));
		return false;
	}
	*ret = range;
	return true;
}

bool address_range_contains(const struct address_range *range, const struct address *address)
{
	unsigned whole_bytes = range->prefix_bits / 8;
	unsigned rest_bits = range->prefix_bits % 8;
	uint8_t rest_mask = (uint8_t)(0xff00 >> rest_bits);

	if (range->kind != address->kind) {
		return false;
	}
	if (range->kind == ADDRESS_UNIX) {
		return true;
	}
	if (range->has_port && range->port != address->port) {
		return false;
	}
	if (memcmp(range->bytes, address->bytes, whole_bytes) != 0) {
		return false;
	}
	return rest_bits == 0 ||
	       ((range->bytes[whole_bytes] ^ address->bytes[whole_bytes]) & rest_mask) == 0;
}
