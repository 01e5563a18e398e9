/*
 * A step of the handshake: handshake.c has the table of them and sends them, handshake_answers.c
 * has what their answers tell.
 */
#ifndef REDIS_HANDSHAKE_INTERNAL_H
#define REDIS_HANDSHAKE_INTERNAL_H

#include "redis/connection.h"

#define MAX_ARGS 9 /* with the NULL behind them */

typedef void step_reply_fn(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply);

struct handshake_row {
	const char *args[MAX_ARGS]; /* "CLIENT" stands for the server's name of it */
	step_reply_fn *reply_fn;
	int permission; /* enum link_permission that a NOPERM shows to be missing; -1 none */
	int cap;        /* enum cap that an answer without error shows; -1 none */
	listing_line_fn line_fn; /* of a listing; NULL: it is none */
};

step_reply_fn handshake_on_auth;
step_reply_fn handshake_on_client_id;
step_reply_fn handshake_on_hello;
step_reply_fn handshake_on_info;
step_reply_fn handshake_on_filters;
step_reply_fn handshake_on_own_kill;
void handshake_on_line_of_all(void *context, struct slice line);
step_reply_fn handshake_on_listing_of_all;
step_reply_fn handshake_on_setname;
step_reply_fn handshake_on_unsubscribe;
void handshake_ignore_line(void *context, struct slice line);
step_reply_fn handshake_on_listing;
step_reply_fn handshake_on_other;

#endif
