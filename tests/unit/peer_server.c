/*
 * Sessions, listings, kills.
 */
#include "peer_server.h"

#include <event2/buffer.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"

/* ---- sessions ---- */

static struct peer_session *append(struct peer_server *server, const char *name)
{
	struct peer_session *session;

	server->sessions = mem_grow_array(
		server->sessions, server->n, &server->capacity, sizeof(struct peer_session));
	session = &server->sessions[server->n++];
	*session = (struct peer_session){
		.id = server->next_id++,
		.name = name,
		.flags = "N",
	};
	return session;
}

uint64_t peer_server_add(struct peer_server *server, const char *name, size_t n)
{
	uint64_t first = server->next_id;

	for (size_t i = 0; i < n; i++) {
		append(server, name);
	}
	return first;
}

/* They stand in the order of their ids. */
struct peer_session *peer_server_find(struct peer_server *server, uint64_t id)
{
	size_t low = 0;
	size_t high = server->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (server->sessions[middle].id < id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < server->n && server->sessions[low].id == id && !server->sessions[low].is_gone
		       ? &server->sessions[low]
		       : NULL;
}

size_t peer_server_count(const struct peer_server *server, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < server->n; i++) {
		const struct peer_session *session = &server->sessions[i];

		n += !session->is_gone && session->connection == 0 &&
		     (name == NULL || strcmp(session->name, name) == 0);
	}
	return n;
}

/* The session of a connection of the peer, made when it says something for the first time. */
static struct peer_session *find_own(struct peer_server *server, uint64_t connection)
{
	struct peer_session *session;

	for (size_t i = 0; i < server->n; i++) {
		if (server->sessions[i].connection == connection) {
			return &server->sessions[i];
		}
	}
	session = append(server, "sesskilld");
	session->connection = connection;
	return session;
}

static void forget_closed(struct peer_server *server)
{
	for (size_t i = 0; i < server->n; i++) {
		struct peer_session *session = &server->sessions[i];

		if (session->connection != 0 &&
			!peer_has_connection(server->peer, session->connection)) {
			session->is_gone = true;
		}
	}
}

/* ---- answers ---- */

static char *to_text(struct evbuffer *bytes)
{
	char *text = mem_copy_text((char *)evbuffer_pullup(bytes, -1), evbuffer_get_length(bytes));

	evbuffer_free(bytes);
	return text;
}

static char *to_bulk(struct evbuffer *bytes)
{
	struct evbuffer *bulk = evbuffer_new();

	evbuffer_add_printf(bulk, "$%zu\r\n", evbuffer_get_length(bytes));
	evbuffer_add_buffer(bulk, bytes);
	evbuffer_add(bulk, "\r\n", 2);
	evbuffer_free(bytes);
	return to_text(bulk);
}

static void list_session(
	const struct peer_server *server, struct peer_session *session, struct evbuffer *out)
{
	if (session->is_dying && session->n_looks == 0) {
		session->is_gone = true;
		return;
	}
	evbuffer_add_printf(out,
		"id=%llu addr=10.0.0.1:%llu laddr=127.0.0.1:6379 fd=8 name=%s age=5 idle=5 "
		"flags=%s%s db=0 sub=0 psub=0 multi=-1 cmd=get user=default%s\n",
		(unsigned long long)session->id, 1000 + (unsigned long long)session->id % 60000,
		session->name, session->flags, session->is_dying ? "A" : "",
		server->has_libs ? " lib-name= lib-ver=" : "");
	session->n_looks -= session->is_dying;
}

/* The session of an id in words; NULL: there is none. */
static struct peer_session *find_word(struct peer_server *server, struct slice word)
{
	uint64_t id;

	return parse_u64(word, &id) ? peer_server_find(server, id) : NULL;
}

/* All, or those behind CLIENT LIST ID. */
static char *list(struct peer_server *server, const struct peer_command *command)
{
	struct evbuffer *out = evbuffer_new();
	struct peer_session *session;

	forget_closed(server);
	for (size_t i = 0; command->argc == 2 && i < server->n; i++) {
		if (!server->sessions[i].is_gone) {
			list_session(server, &server->sessions[i], out);
		}
	}
	for (size_t i = 3; i < command->argc; i++) {
		session = find_word(server, command->argv[i]);
		if (session != NULL) {
			list_session(server, session, out);
		}
	}
	return to_bulk(out);
}

/* What a kill asks for. */
struct filter {
	const struct slice *ids;
	size_t n_ids;
	bool is_pubsub; /* TYPE pubsub */
	bool is_normal; /* TYPE normal */
};

/* False: a syntax that this server does not know. */
static bool parse_filter(
	const struct peer_server *server, const struct peer_command *command, struct filter *filter)
{
	size_t i = 2;
	uint64_t ignored;

	while (i + 1 < command->argc) {
		struct slice word = command->argv[i];
		struct slice value = command->argv[i + 1];

		if (slice_is(word, "ID")) {
			filter->ids = &command->argv[i + 1];
			for (i++; i < command->argc && parse_u64(command->argv[i], &ignored); i++) {
				filter->n_ids++;
			}
			if (filter->n_ids > 1 && !server->has_multi_id) {
				return false;
			}
			continue;
		}
		if (slice_is(word, "TYPE")) {
			filter->is_normal = slice_is(value, "normal");
			filter->is_pubsub = slice_is(value, "pubsub");
		} else if (!slice_is(word, "SKIPME") && !slice_is(word, "USER") &&
			   !slice_is(word, "LADDR")) {
			return false;
		}
		i += 2;
	}
	return i == command->argc && i > 2;
}

static bool is_of_type(const struct filter *filter, const struct peer_session *session)
{
	bool is_pubsub = strchr(session->flags, 'P') != NULL;
	bool is_replica = strchr(session->flags, 'S') != NULL;

	return !(filter->is_normal && (is_pubsub || is_replica)) &&
	       !(filter->is_pubsub && !is_pubsub);
}

static void end_session(struct peer_server *server, struct peer_session *session)
{
	server->n_own_ends += session->connection != 0;
	if (session->n_lives > 0) {
		session->n_lives--;
	} else if (session->n_looks > 0) {
		session->is_dying = true;
	} else {
		session->is_gone = true;
	}
}

/* 1 when it is hit; never the one who asks. */
static size_t kill_one(struct peer_server *server, const struct filter *filter,
	struct peer_session *session, uint64_t connection)
{
	if (session == NULL || session->is_gone || session->connection == connection ||
		!is_of_type(filter, session)) {
		return 0;
	}
	end_session(server, session);
	return 1;
}

static char *kill_sessions(struct peer_server *server, const struct peer_command *command)
{
	struct filter filter = {0};
	size_t n_hits = 0;

	if (!parse_filter(server, command, &filter)) {
		return mem_printf("-ERR syntax error\r\n");
	}
	forget_closed(server);
	for (size_t i = 0; filter.n_ids == 0 && i < server->n; i++) {
		n_hits += kill_one(server, &filter, &server->sessions[i], command->connection);
	}
	for (size_t i = 0; i < filter.n_ids; i++) {
		n_hits += kill_one(
			server, &filter, find_word(server, filter.ids[i]), command->connection);
	}
	return mem_printf(":%zu\r\n", n_hits);
}

static char *info(const struct peer_server *server)
{
	struct evbuffer *out = evbuffer_new();

	evbuffer_add_printf(out, "redis_version:7.2.0\r\nrole:master\r\n");
	if (server->run_id != NULL) {
		evbuffer_add_printf(out, "run_id:%s\r\n", server->run_id);
	}
	if (server->tells_connections) {
		evbuffer_add_printf(out,
			"connected_clients:%zu\r\ntotal_connections_received:%llu\r\n", server->n,
			(unsigned long long)server->next_id - 1);
	}
	evbuffer_add_printf(out,
		"rdb_bgsave_in_progress:%d\r\nrdb_current_bgsave_time_sec:%d\r\n"
		"aof_current_rewrite_time_sec:-1\r\n",
		server->has_child, server->has_child ? server->child_s : -1);
	return to_bulk(out);
}

char *peer_server_reply(void *context, const struct peer_command *command)
{
	struct peer_server *server = context;
	uint64_t own_id = find_own(server, command->connection)->id;

	if (slice_has_prefix(slice_of(command->text), "CLIENT ID")) {
		return mem_printf(":%llu\r\n", (unsigned long long)own_id);
	}
	if (slice_has_prefix(slice_of(command->text), "CLIENT LIST")) {
		return list(server, command);
	}
	if (slice_has_prefix(slice_of(command->text), "CLIENT KILL")) {
		return kill_sessions(server, command);
	}
	if (slice_has_prefix(slice_of(command->text), "INFO")) {
		return info(server);
	}
	if (slice_has_prefix(slice_of(command->text), "CLIENT")) {
		return mem_printf("+OK\r\n");
	}
	return mem_printf("-ERR unknown command\r\n");
}

char *peer_server_do_unheard(void *context, const struct peer_command *command)
{
	free(peer_server_reply(context, command));
	return NULL;
}

/* ---- the server ---- */

void peer_server_init(struct peer_server *server, struct event_base *loop, const char *path)
{
	*server = (struct peer_server){
		.peer = peer_new(loop, path),
		.next_id = 1,
		.run_id = "first",
		.has_libs = true,
	};
	peer_add(server->peer,
		(struct peer_rule){.prefix = "", .reply_fn = peer_server_reply, .context = server});
}

void peer_server_finish(struct peer_server *server)
{
	peer_free(server->peer);
	free(server->sessions);
}

void peer_server_restart(struct peer_server *server, const char *run_id)
{
	peer_hang_up(server->peer);
	server->n = 0;
	server->next_id = 1;
	server->run_id = run_id;
}
