/*
 * Getting in: handshake.c has the steps and sends them, handshake_answers.c has what their answers
 * tell, and what an error stands for.
 */
#ifndef REDIS_HANDSHAKE_H
#define REDIS_HANDSHAKE_H

#include "redis/connection.h"

/* Sends the commands of the handshake; ends in connection_proven() or connection_refused(), from
 * the event loop. */
void handshake_start(struct connection *connection);
/* READY: asks what the server can do, now that it is known how its filters combine. */
void handshake_probe(struct connection *connection);

/* ---- handshake_answers.c: steps ---- */

typedef void step_reply_fn(struct connection *connection, const struct reply *reply);

struct handshake_row {
	/* Its first word may be CLIENT, for the server's name of that; see OWN_ID and OWN_NAME. */
	const char *command;
	int permission; /* enum link_permission that a NOPERM shows to be missing; -1 none */
	int cap;        /* enum cap that an answer without error shows; -1 none */
	step_reply_fn *reply_fn; /* NULL: it tells nothing else */
	listing_line_fn line_fn; /* of a listing; NULL: it is none */
};

step_reply_fn handshake_on_auth;
step_reply_fn handshake_on_client_id;
step_reply_fn handshake_on_hello;
step_reply_fn handshake_on_info;
step_reply_fn handshake_on_filters;
step_reply_fn handshake_on_own_kill;
step_reply_fn handshake_on_listing_of_all;
step_reply_fn handshake_on_setname;
step_reply_fn handshake_on_unsubscribe;
void handshake_on_line_of_all(void *context, struct slice line);

/* ---- handshake_answers.c: refusals ---- */

/* Takes down why the connection does not get in; the first reason counts. */
void handshake_refuse(struct connection *connection, enum link_trouble trouble, struct slice words);
/* What an error stands for that says nothing of the command; NONE: it is no such error. */
enum link_trouble handshake_trouble_of(const struct reply *reply);
/* Does the answer show that this permission, or the command, is missing? That is taken down. */
void handshake_check_permission(
	struct connection *connection, enum link_permission permission, const struct reply *reply);
/* Refuses for those that were found to be missing, with words for what grants them. */
void handshake_refuse_missing(struct connection *connection);
/* Does the answer say that the call may not be made at all? Then in words, and what to do. */
bool handshake_is_denial(const struct connection *connection, enum link_permission permission,
	const struct reply *reply, char *words, size_t n_bytes);
/* Of a reply that nobody asked for: closes the connection with what it says. */
void handshake_take_last_words(struct connection *connection, const struct reply *reply);

#endif
