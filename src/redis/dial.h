/*
 * Opens a connection to an endpoint: name look-up, which has a time of its own; then each address
 * in turn, socket options, TLS, all within one time. Used once and given up.
 */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include <stdint.h>

#include "redis/endpoint.h"

struct bufferevent;
struct dial;
struct event_base;
struct resolver;
struct tls_context;

/* Why there is no connection that can be used: what may be hoped for. */
enum link_trouble {
	LINK_TROUBLE_NONE,
	LINK_TROUBLE_LOST,    /* it was open a moment ago */
	LINK_TROUBLE_FULL,    /* the server says that it has no room */
	LINK_TROUBLE_PASSING, /* not there, does not answer, loads, runs a script */
	LINK_TROUBLE_FINAL,   /* only somebody's hand can mend it: login, permission, certificate */
};

/*
 * Called once, from the event loop: `connection` is open and now the callee's, without callbacks
 * and not enabled; or it is NULL and `words` say why, `trouble` what may be hoped for. The dial may
 * be freed in it.
 */
typedef void (*dial_done_fn)(void *context, struct bufferevent *connection,
	enum link_trouble trouble, const char *words);

/*
 * `endpoint` and `tls` (NULL: none) are borrowed while the dial lives. `timeout_ms` starts when the
 * addresses are known, and is shared out: each address gets its part of what is left.
 */
struct dial *dial_new(struct event_base *loop, struct resolver *resolver,
	const struct endpoint *endpoint, struct tls_context *tls, int64_t timeout_ms,
	dial_done_fn done_fn, void *context);
/* Before it is done: it will not be. NULL is fine. */
void dial_free(struct dial *dial);
/* Of the attempt that is made, which the server may have accepted already; -1: there is none. */
int dial_descriptor(const struct dial *dial);

#endif
