/*
 * One accepted command on one connection: completed exactly once, or dropped by its owner; then its
 * reply is thrown away. The pipeline (pipeline.c) sends it and brings the reply.
 *
 * Internal to redis/.
 */
#ifndef REDIS_CALL_H
#define REDIS_CALL_H

#include "redis/connection.h"

#define CALL_MAX_NAME_BYTES 24

struct call {
	TAILQ_ENTRY(call) entry; /* of the connection */
	TAILQ_ENTRY(call) other; /* of the owner */
	struct connection *connection;
	char name[CALL_MAX_NAME_BYTES]; /* for messages */
	int permission;                 /* enum link_permission that it takes; -1: not known here */
	bool is_whole_listing;
	bool is_set;
	bool is_turn; /* SUBSCRIBE or UNSUBSCRIBE */
	bool is_turn_aside;
	bool is_sent;
	struct evbuffer *bytes; /* empty once it is sent */
	size_t n_bytes;
	int64_t timeout_ms;
	listing_line_fn line_fn;
	link_reply_fn reply_fn; /* NULL: dropped */
	void *context;
	struct calls *owner; /* NULL: none, or dropped */
};

/* Of a listing that nobody wants to read. */
void call_ignore_line(void *context, struct slice line);

/* The last in the queue of its connection, and of its owner. `is_secret`: its words are wiped. */
struct call *call_new(
	struct connection *connection, const struct link_command *command, bool is_secret);
/* Out of the queue of its connection. */
void call_leave(struct call *call);
/* One that has left. */
void call_free(struct call *call);
/* Exactly once for each that is not dropped: a reply, or why there is none. */
void call_complete(struct call *call, const struct reply *reply, const char *lost);
/* Every call that is left on it gets `words`. */
void call_lose_all(struct connection *connection, const char *words);
/* Each owner of calls on it hears once, in `words`, that the oldest one is not answered in time. */
void call_tell_owners(struct connection *connection, const char *words);

#endif
