/*
 * Addresses as servers print them and as selectors name them. Pure values over borrowed text.
 *
 * Forms seen in listings: "10.0.0.1:50412", "[::1]:50412" (Redis writes IPv6 in brackets),
 * "/run/redis.sock:0", "[/run/redis.sock]:0" (Valkey 9), "?:0" (the peer is broken, redis#10644).
 * A Unix path may hold blanks and is cut at 77 bytes by older servers, so that the ":0" may lack.
 */
#ifndef MODEL_ADDRESS_H
#define MODEL_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

enum address_kind {
	ADDRESS_UNKNOWN, /* "?:0", or a form nobody has seen */
	ADDRESS_IPV4,
	ADDRESS_IPV6,
	ADDRESS_UNIX,
};

struct address {
	enum address_kind kind;
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
	uint16_t port;     /* 0 for Unix */
	struct slice host; /* the text without port and brackets; borrowed; the path for Unix */
};

/* Reads the value of `addr` or `laddr` in a listing. Never fails: what is odd is UNKNOWN. */
struct address address_parse_listed(struct slice text);

/* What groups and reports call the source: the host, "unix" for a Unix socket, "?" if unknown. */
struct slice address_source_name(const struct address *address);

/* A selector's address: an IP, a CIDR, `ip:port`, `[v6]:port` or the word `unix`. */
struct address_range {
	enum address_kind kind;
	uint8_t bytes[16];
	unsigned prefix_bits; /* 32 or 128 for a single address */
	bool has_port;
	uint16_t port;
};

/* False with words in `err` when `text` is none of these forms. */
NODISCARD bool address_range_parse(struct slice text, struct address_range *ret, struct err *err);

/* IPv4 addresses that a dual-stack server prints as ::ffff:a.b.c.d are matched as IPv4. */
bool address_range_contains(const struct address_range *range, const struct address *address);

#endif
