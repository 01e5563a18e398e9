/*
 * Opens a connection to an endpoint: name look-up, which has a time of its own; then each address
 * in turn, socket options, TLS, all within one time. Used once and given up.
 */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include <stdint.h>

#include "redis/link.h"

struct bufferevent;
struct dial;
struct endpoint;
struct event_base;
struct resolver;
struct tls_context;

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

#endif
