/*
 * Opens a connection to an endpoint: name look-up, each address in turn, socket options, TLS; all
 * within one time. Used once and given up.
 */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include <stdint.h>

struct bufferevent;
struct dial;
struct endpoint;
struct evdns_base;
struct event_base;
struct link_tls_opts;

/*
 * Called once, from the event loop: `connection` is open and now the callee's, without callbacks
 * and not enabled; or it is NULL and `words` say why. The dial may be freed in it.
 */
typedef void (*dial_done_fn)(void *context, struct bufferevent *connection, const char *words);

/* `endpoint` and `tls` (NULL: none) are borrowed while the dial lives. */
struct dial *dial_new(struct event_base *loop, struct evdns_base *dns,
	const struct endpoint *endpoint, const struct link_tls_opts *tls, int64_t timeout_ms,
	dial_done_fn done_fn, void *context);
/*
 * Before it is done: it will not be. A look-up that still runs ends with the next turn of the loop,
 * which must come before evdns_base_free(). NULL is fine.
 */
void dial_free(struct dial *dial);

#endif
