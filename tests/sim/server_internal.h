/*
 * What the files of a server share: a connection of the daemon seen from there, and how to answer.
 */
#ifndef SIM_SERVER_INTERNAL_H
#define SIM_SERVER_INTERNAL_H

#include <stdio.h>

#include "sim.h"

#define MAX_ARGS 2048

struct end {
	struct end *next;
	struct server *server;
	struct wire *wire; /* NULL: closed */
	uint64_t id;       /* of its session */
	char *in;
	size_t n_in, in_capacity;
	bool is_scheduled;
	bool is_logged_in;
	bool has_listed; /* it is one that kills go over */
	bool is_dying;   /* closed once the answer is out */
	FILE *out;
	char *out_bytes;
	size_t n_out;
};

struct words {
	struct slice argv[MAX_ARGS];
	size_t n;
};

/* ---- server.c ---- */

struct client *server_session(struct server *server, uint64_t id); /* NULL: none */
void server_end_session(struct server *server, size_t index);

/* ---- server_answers.c ---- */

void say(struct end *end, const char *format, ...) PRINTF_LIKE(2, 3);
void say_bulk(struct end *end, const char *text);
bool is_word(struct slice word, const char *expected);
void server_carry_out(struct end *end, const struct words *words);

/* ---- server_clients.c ---- */

void server_client_list(struct end *end, const struct words *words);
void server_client_kill(struct end *end, const struct words *words);

/* ---- server_topology.c ---- */

void server_sentinel(struct end *end, const struct words *words);
void server_cluster(struct end *end, const struct words *words);

#endif
