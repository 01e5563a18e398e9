/*
 * Where a server is.
 */
#ifndef REDIS_ENDPOINT_H
#define REDIS_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define LINK_MAX_HOST_BYTES 256

struct endpoint {
	char *path;    /* Unix socket; NULL: TCP */
	char *host;    /* name or IP address, without brackets; NULL with a path */
	uint16_t port; /* TCP */
	bool has_tls;  /* rediss:// */
	/* One of the addresses of the name, which is not looked up any more; NULL: any of them. */
	char *ip;
	bool is_one_of_many; /* it is called by `ip`: the name stands for others as well */
};

/* "unix:///path", "redis://host:port", "rediss://host:port", "host:port", "[v6]:port". */
NODISCARD bool endpoint_parse(struct slice text, struct endpoint *ret, struct err *err);
void endpoint_copy(struct endpoint *to, const struct endpoint *from);
void endpoint_finish(struct endpoint *endpoint);
bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b);
char *endpoint_print(const struct endpoint *endpoint); /* on the heap */

#endif
