/*
 * One connection to one server: opened, logged in, proven, kept alive, read until it ends.
 * Pipelines calls and answers them in order. What to do when it is late or lost is decided by its
 * owner, the link (link.h), which it tells; it never closes for want of an answer.
 *
 *      DIALING --> HANDSHAKE ------> READY
 *                   |  ^               |
 *       a step is   v  | connection_   | a call shows that it may not list or kill
 *       refused   REFUSED  log_in()    |
 *                      ^---------------+          all: CLOSED, when the stream ends or is no RESP
 *
 * Internal to redis/.
 */
#ifndef REDIS_CONNECTION_H
#define REDIS_CONNECTION_H

#include <sys/queue.h>

#include "redis/dial.h"
#include "redis/calls.h"
#include "redis/link_opts.h"
#include "redis/resp.h"
#include "redis/server_info.h"

struct bufferevent;
struct event;
struct tls_context;

#define CONNECTION_MAX_WORDS 512
#define CONNECTION_MAX_STEPS 24

/* Ids that no session will ever have: who is asked for by them is nobody. */
#define CONNECTION_NOBODY "9223372036854775807"
#define CONNECTION_NOBODY_ELSE "9223372036854775806"

/*
 * Bytes of calls that the server may not have read yet. They always fit into its receive buffer, so
 * that the kernel acknowledges them even while the server stands still: TCP_USER_TIMEOUT ends a
 * connection whose peer does not take what is sent (seen with 4 s and 3.9 MB; with 20 KB it lives).
 * Two reads of a server (16 KiB each): while it works one off, the next one waits in its socket.
 */
#define CONNECTION_MAX_UNREAD_BYTES (32 * 1024)

/*
 * What is read of a server on which a kill runs before everybody else has a turn: the listing of
 * some 12,000 sessions, in a few milliseconds.
 */
#define CONNECTION_MAX_HURRIED_BYTES ((size_t)4 * 1024 * 1024)

/* How a server takes several filters of one CLIENT KILL. */
enum link_filters {
	LINK_FILTERS_UNKNOWN, /* not asked yet, or it takes one only: single ids are all that is
				 sent */
	LINK_FILTERS_ANDED,
	LINK_FILTERS_ORED, /* Kvrocks: two filters would hit whoever fits one of them */
};

/*
 * Tells an owner when nobody is inside any more: whoever may free objects in callbacks of these
 * very objects marks them, and frees them then. Embedded.
 */
struct guard {
	unsigned depth;
	void (*idle_fn)(struct guard *guard); /* may free what the guard is in */
};

static inline void guard_enter(struct guard *guard)
{
	guard->depth++;
}

static inline void guard_leave(struct guard *guard)
{
	if (--guard->depth == 0) {
		guard->idle_fn(guard);
	}
}

enum connection_state {
	CONNECTION_DIALING,
	CONNECTION_HANDSHAKE,
	CONNECTION_REFUSED, /* open; waits for connection_log_in() */
	CONNECTION_READY,
	CONNECTION_CLOSED, /* for good; its owner frees it when the guard is idle */
};

struct connection;

/* One step of the handshake, as the context of its reply. */
struct connection_step {
	struct connection *connection;
	const struct handshake_row *row;
};

/* All borrowed. */
struct connection_inputs {
	struct event_base *loop;
	struct resolver *resolver;
	const struct endpoint *endpoint;
	const struct link_opts *opts;
	struct tls_context *tls;    /* NULL: none */
	struct guard *guard;        /* entered by every callback of the loop */
	const unsigned *n_hurrying; /* not 0: the server is read before anything else */
	int64_t keepalive_ms;
	bool proves_listing; /* the handshake asks for the whole listing, too */
	/*
	 * It is there to learn how filters combine, by kills that name it alone (handshake.c), and
	 * ends with that.
	 */
	bool is_expendable;
	/* Of the server at that address, as it was known last. */
	char known_run_id[sizeof(((struct link_server *)NULL)->run_id)];
	/* Is it known that the server behind the connection ANDs its filters? */
	bool (*are_anded_fn)(const struct connection *connection, void *context);
	/* The state or is_late has changed; not told before the starting call returned. */
	void (*changed_fn)(struct connection *connection, void *context);
	void *context;
};

struct connection {
	TAILQ_ENTRY(connection) entry; /* of its owner */
	struct connection_inputs in;
	struct endpoint endpoint; /* a copy: that of the link may change */
	uint64_t serial;          /* its owner's */
	bool is_old_login;        /* likewise: the link's options or address are others now */
	bool is_old_address;
	bool is_given_up;                  /* likewise: closed by it */
	bool is_probing;                   /* likewise: asked what the server can do, while READY */
	bool was_probed;                   /* asked it, then or in the handshake */
	bool is_surplus;                   /* likewise: wants to be told when it is not busy */
	enum connection_state known_state; /* likewise: what it was told last */
	bool was_known_late;
	enum connection_state state;
	bool was_proven;
	bool has_listed;                  /* a whole listing has come */
	bool was_listing;                 /* CLOSED: while one was expected */
	bool is_late;                     /* the oldest call is not answered in time */
	int64_t late_since_ms;            /* monotonic: when the server was last sure to answer */
	bool is_suspect;                  /* its owner's, until the server says something */
	bool is_aside;                    /* subscribed, or about to be */
	bool is_subscribed;               /* as the server last said */
	bool may_get_messages;            /* it has subscribed at least once */
	size_t n_turning;                 /* unanswered calls to be aside or back */
	size_t n_turning_aside;           /* of these */
	size_t n_sets;                    /* unanswered set commands */
	char words[CONNECTION_MAX_WORDS]; /* why it is late, refused or closed; "" */
	enum link_trouble trouble;        /* likewise */

	struct dial *dial;
	struct bufferevent *socket;
	struct resp *resp;
	struct call_list calls; /* sent ones first, oldest first */
	size_t n_unread_bytes;  /* of calls that are sent and not answered */
	size_t n_hurried_bytes; /* read since others last had their turn */
	bool is_yielding;       /* they have it now, although the connection hurries */
	struct link_server server;
	int64_t started_ms; /* monotonic, likewise */
	int64_t ready_since_ms;
	int64_t last_reply_ms;   /* when the server last said anything */
	struct event *deadline;  /* of the oldest unanswered call */
	struct event *keepalive; /* while READY */
	unsigned n_keepalives;
	/* Its own, and nobody's else: what it calls itself, and the channel that it subscribes to
	 * when it steps aside. */
	char name[LINK_MAX_NAME_BYTES];

	/* The handshake. */
	struct connection_step steps[CONNECTION_MAX_STEPS];
	size_t n_unanswered; /* of this round */
	unsigned round;
	bool has_family;           /* the server said what it is */
	bool has_asked;            /* an expendable one */
	enum link_filters filters; /* of an expendable one: what it has learned */
	bool is_nameless;          /* it may not call itself by its name */
	size_t n_named;            /* sessions in a listing that bear its name */
	uint64_t named_id;         /* of the last one of these */
	bool lists_ids;            /* the listing has ids */
	bool has_listed_nobody;    /* it has come, and has none */
	bool may_unsubscribe;
	char refusal[CONNECTION_MAX_WORDS]; /* why it cannot succeed; "" so far it can */
	enum link_trouble refusal_trouble;
};

/* Dials. */
struct connection *connection_new(const struct connection_inputs *inputs);
/* CLOSED ones, when the guard is idle. */
void connection_free(struct connection *connection);
/* REFUSED only: tries the steps again. */
void connection_log_in(struct connection *connection);
/* READY only: asks for a sign of life. */
void connection_probe(struct connection *connection);

/* ---- connection_state.c ---- */

/* The only place that changes the state. */
void connection_set_state(struct connection *connection, enum connection_state state);
/* By n_hurrying and is_yielding, which have changed. */
void connection_set_priority(struct connection *connection);
void connection_proven(struct connection *connection);
/* A step was refused in a way that may pass: the connection is kept. */
void connection_refused(
	struct connection *connection, enum link_trouble trouble, const char *words);
/* To be looked at only; -1: there is none. */
int connection_descriptor(const struct connection *connection);
/* READY only: it is not proven any more. */
void connection_unprove(struct connection *connection, const char *words);
/* Completes its calls with `words`, after changed_fn. Nothing happens to a CLOSED one. */
void connection_close(struct connection *connection, enum link_trouble trouble, const char *words);

/* ---- pipeline.c ---- */

/* Any state that has a socket. Where it is aside, it comes back first. */
void connection_call(struct connection *connection, const struct link_command *command);
/* A call whose words are not to be told, and wiped when they are sent. */
void connection_call_secret(struct connection *connection, const struct link_command *command);
/* Aside, or back; the words of `command` are filled in. */
void connection_turn(
	struct connection *connection, bool is_aside, const struct link_command *command);
/* Likewise, and nobody waits for the answer. */
void connection_come_back(struct connection *connection);

/* Callbacks of its socket and of its timer; `context` is the connection. */
void pipeline_on_readable(struct bufferevent *socket, void *context);
void pipeline_on_deadline(int fd, short what, void *context);
/* Takes what the socket still holds, though its end has shown already. */
void pipeline_drain(struct connection *connection);

/* ---- call.c ---- */

/* Does anybody own a call on it that is not completed? */
bool connection_is_busy(const struct connection *connection);
/* Is a whole listing on its way? The answers before it go down with it. */
bool connection_is_listing(const struct connection *connection);

#endif
