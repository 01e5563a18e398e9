/*
 * A scripted peer with sessions: it lists them and kills them like a server. Rules that a test adds
 * to the peer come before.
 */
#ifndef TESTS_UNIT_PEER_SERVER_H
#define TESTS_UNIT_PEER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer_script.h"

struct peer_session {
	uint64_t id;
	const char *name; /* static */
	const char *flags;
	uint64_t connection; /* of the peer that it is; 0: only made up */
	unsigned n_lives;    /* kills that are counted and do nothing */
	unsigned n_looks;    /* listings that show it dying once it is killed */
	bool is_dying;
	bool is_gone;
};

struct peer_server {
	struct peer *peer;
	struct peer_session *sessions;
	size_t n;
	size_t capacity;
	uint64_t next_id;
	const char *run_id; /* NULL: none */
	bool has_multi_id;
	bool tells_connections; /* INFO says how many there are and were */
	bool has_child;         /* saves the data set */
	int child_s;            /* for how long */
	bool has_libs;          /* in its listing, as since 7.2 */
	size_t n_own_ends;      /* connections of the peer that were killed */
};

/* As Redis 7.2 is. Not listening yet. */
void peer_server_init(struct peer_server *server, struct event_base *loop, const char *path);
void peer_server_finish(struct peer_server *server);

/* `n` sessions more; returns the id of the first. */
uint64_t peer_server_add(struct peer_server *server, const char *name, size_t n);
/* Borrowed until sessions are added. */
struct peer_session *peer_server_find(struct peer_server *server, uint64_t id);
/* Made up sessions of that name that are there, dying or not; NULL: of any name. */
size_t peer_server_count(const struct peer_server *server, const char *name);

/* Another process: nobody is connected, ids start anew. */
void peer_server_restart(struct peer_server *server, const char *run_id);

/* What it answers by itself, for rules around it: `context` is the server. */
char *peer_server_reply(void *context, const struct peer_command *command);
/* Does it all, and says nothing. */
char *peer_server_do_unheard(void *context, const struct peer_command *command);

#endif
