/*
 * Addresses of names, as every other program of the host finds them: libc's resolver, with
 * nsswitch.conf, /etc/hosts and resolv.conf as they are at the time. The only place that asks it.
 * The loop never waits: libc asks in threads of its own (getaddrinfo_a).
 */
#ifndef REDIS_RESOLVER_H
#define REDIS_RESOLVER_H

#include <netdb.h>
#include <stdint.h>

struct event_base;
struct lookup;
struct resolver;

/* A look-up ends after that; libc asks each name server for 5 s, unless resolv.conf says else. */
#define RESOLVER_PATIENCE_MS (30 * 1000)
/* Whoever asks for a name again within that gets the same answer. */
#define RESOLVER_REUSE_MS 1000
/*
 * So many names are looked up at a time, the others wait for their turn. Fewer than libc has
 * threads for (20), for what waits there cannot be taken back.
 */
#define RESOLVER_MAX_AT_ONCE 16

struct resolver *resolver_new(struct event_base *loop);
/*
 * All look-ups are done or cancelled. What libc still does for them goes on and is freed when it
 * ends. NULL is fine.
 */
void resolver_free(struct resolver *resolver);

/*
 * `addresses` in the order in which to try them, with the port, borrowed until the callback
 * returns; or it is NULL and `words` say why. The look-up is gone: it is not to be cancelled.
 */
typedef void (*lookup_done_fn)(void *context, const struct addrinfo *addresses, const char *words);

/*
 * `host` is a name or an IP address, and copied. `done_fn` is called once, from the event loop. One
 * look-up per host at a time: who asks while it runs waits for the same answer.
 */
struct lookup *resolver_look_up(struct resolver *resolver, const char *host, uint16_t port,
	lookup_done_fn done_fn, void *context);
/* Whoever asks for `host` next gets a new answer, even within RESOLVER_REUSE_MS. */
void resolver_forget(struct resolver *resolver, const char *host);
/* `done_fn` will not be called. NULL is fine. */
void lookup_cancel(struct lookup *lookup);

#endif
