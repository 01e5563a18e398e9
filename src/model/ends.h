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
bool ends_address_is_equal(const struct ends_address *a, const struct ends_address *b);
/* For qsort() and bsearch(): IPv4 first, as people count them. */
int ends_address_compare(const void *a, const void *b);

/*
 * Do they look like two ends on one host: a Unix socket, loopback, or the same address on both
 * sides? On which host is another question.
 */
bool ends_is_one_host(const struct ends *ends);

#endif
