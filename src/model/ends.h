/*
 * The two ends of a session's connection as the server names them: what the kernel of the same host
 * knows the connection by. A pure value without borrowed text, small enough to be kept for
 * thousands of sessions.
 */
#ifndef MODEL_ENDS_H
#define MODEL_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "model/session.h"

/* An address of TCP; IPv4 that is mapped into IPv6 is IPv4. */
struct ends_address {
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the others are zero */
	uint16_t port;
	bool is_ipv6;
};

struct ends {
	bool is_unix;               /* then there are no addresses */
	struct ends_address client; /* `addr` of the session */
	struct ends_address server; /* its `laddr` */
	int32_t fd;                 /* the server's descriptor; -1: not given */
};

/* The client's end alone; false: it is no IP address. */
NODISCARD bool ends_client_of(const struct session *session, struct ends_address *ret_client);

/* False where the server does not give what it takes. */
NODISCARD bool ends_of(const struct session *session, struct ends *ret_ends);

/* Of 4 or 16 `bytes` in network order. */
struct ends_address ends_address_make(bool is_ipv6, const void *bytes, uint16_t port);
/* As a server lists it, "10.0.0.1:6379" or "[::1]:6379"; false: it is no address of TCP. */
NODISCARD bool ends_address_read(struct slice text, struct ends_address *ret_address);

/* "[", an IPv6 address of 45 characters, "]:65535" and a NUL. */
#define ENDS_ADDRESS_BYTES 56
struct ends_address_text {
	char text[ENDS_ADDRESS_BYTES];
};
/* The same, and without its port: "10.0.0.1", "::1". */
struct ends_address_text ends_address_print(const struct ends_address *address);
struct ends_address_text ends_address_print_host(const struct ends_address *address);

bool ends_address_is_equal(const struct ends_address *a, const struct ends_address *b);
bool ends_address_is_same_host(const struct ends_address *a, const struct ends_address *b);
bool ends_address_is_loopback(const struct ends_address *address);
/* For qsort() and bsearch(): IPv4 first, as people count them. */
int ends_address_compare(const void *a, const void *b);

/*
 * Do they look like two ends on one host: a Unix socket, loopback, or the same address on both
 * sides? On which host is another question.
 */
bool ends_is_one_host(const struct ends *ends);

#endif
