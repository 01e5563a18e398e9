/*
 * What link.c and handshake.c share: the link itself.
 */
#ifndef REDIS_LINK_INTERNAL_H
#define REDIS_LINK_INTERNAL_H

#include <sys/queue.h>

#include "redis/dial.h"
#include "redis/link.h"
#include "redis/resp.h"

struct bufferevent;
struct event;

#define LINK_MAX_ERROR_BYTES 512
#define LINK_MAX_COMMAND_NAME_BYTES 24
#define LINK_MAX_STEPS 24

/* A command that waits for its reply. */
struct pending {
	TAILQ_ENTRY(pending) entry;
	char name[LINK_MAX_COMMAND_NAME_BYTES]; /* for messages */
	int64_t timeout_ms;
	listing_line_fn line_fn;
	link_reply_fn reply_fn;
	void *context;
};
TAILQ_HEAD(pending_queue, pending);

/* One command of the handshake, as the context of its reply. */
struct handshake_step {
	struct link *link;
	const struct handshake_row *row;
};

struct link {
	unsigned n_refs;
	struct event_base *loop;
	struct evdns_base *dns;
	struct endpoint endpoint;
	const struct link_opts *opts;
	char *address;

	enum link_state state;
	struct link_server server;
	struct link_server
		learned; /* by the handshake under way; what it was before stays until it ends */
	char error[LINK_MAX_ERROR_BYTES];
	int64_t ready_since_ms;
	struct link_watcher *watchers;

	struct dial *dial;
	struct bufferevent *connection; /* kept in BACKOFF when only the handshake was refused */
	struct resp *resp;
	struct pending_queue pending;
	int64_t last_reply_ms; /* when the server last said anything */

	struct handshake_step steps[LINK_MAX_STEPS];
	size_t n_unanswered;                /* of this round of the handshake */
	bool is_probing;                    /* it is the second round */
	bool has_family;                    /* the server said what it is */
	char refusal[LINK_MAX_ERROR_BYTES]; /* why the handshake cannot succeed; "" so far it can */

	struct event *deadline;  /* of the oldest unanswered command */
	struct event *retry;     /* ends BACKOFF */
	struct event *keepalive; /* while READY */
	struct event *resetting; /* link_reset(), carried out from the event loop */
	char reset_words[LINK_MAX_ERROR_BYTES];
	int64_t keepalive_ms;
	unsigned n_failures; /* in a row */
	uint64_t n_times_ready;
	unsigned n_wanting;
	bool is_full; /* the server said that it has no room */
	bool is_unresponsive;
};

/* ---- link.c ---- */

void link_start_timer(struct event *timer, int64_t ms);
/* The connection is lost. Those who wait for replies are told, then the watchers. */
void link_fail(struct link *link, const char *words);

/* ---- link_pipeline.c ---- */

/* The deadline is that of the oldest unanswered command, from now on. */
void link_restart_deadline(struct link *link);
/* Callbacks of the connection and of its timer; `context` is the link. */
void link_on_readable(struct bufferevent *connection, void *context);
void link_on_deadline(int fd, short what, void *context);
/* link_send() in any state that has a connection. */
void link_enqueue(struct link *link, const struct link_command *command, bool is_secret);

/* ---- handshake.c ---- */

/* Sends the commands of the handshake; ends in one of the two below, from the event loop. */
void handshake_start(struct link *link);
void link_handshake_done(struct link *link);
/* A step was refused in a way that may pass: the connection is kept. */
void link_handshake_refused(struct link *link, const char *words);

#endif
