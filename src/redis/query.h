/*
 * One question to libc's resolver, asked in a thread of its own (getaddrinfo_a). It cannot be taken
 * back: a query that is given up lives until libc has done with it. For resolver.c only.
 */
#ifndef REDIS_QUERY_H
#define REDIS_QUERY_H

#include <netdb.h>
#include <stdbool.h>

#include "base/macros.h"

struct query;

/* Wakes the loop when a query has ended. Stays for as long as a thread may ring it. */
struct bell;

struct bell *bell_new(void);
void bell_unref(struct bell *bell);
int bell_descriptor(const struct bell *bell); /* readable when it was rung */
void bell_hush(struct bell *bell);            /* until it is rung again */

/* Addresses of `host`, which is copied. NULL: libc cannot, for want of memory or threads. */
NODISCARD struct query *query_new(struct bell *bell, const char *host);
/*
 * To be looked at when the bell was rung, and now and then without: libc rings none when it has no
 * thread for it.
 */
bool query_is_done(struct query *query);
/* Of one that is done: 0, or EAI_*. The addresses are the caller's. */
NODISCARD int query_take(struct query *query, struct addrinfo **ret_addresses);
void query_free(struct query *query); /* done or not */

#endif
