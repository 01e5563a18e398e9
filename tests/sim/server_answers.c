/*
 * What a server answers to all that is neither CLIENT LIST, CLIENT KILL nor about other servers.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "server_internal.h"

void say(struct end *end, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(end->out, format, args);
	va_end(args);
}

void say_bulk(struct end *end, const char *text)
{
	say(end, "$%zu\r\n%s\r\n", strlen(text), text);
}

bool is_word(struct slice word, const char *expected)
{
	return word.len == strlen(expected) && strncasecmp(word.data, expected, word.len) == 0;
}

/* ---- INFO ---- */

static void info(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	const struct shape *shape = server->shape;
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	size_t n_monitors = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < server->n_sessions; i++) {
		n_monitors += server->sessions[i].now.role == ROLE_MONITOR;
	}
	fprintf(out, "# Server\r\nredis_version:%s\r\n", shape->redis_version);
	if (shape->own_key != NULL) {
		fprintf(out, "%s:%s\r\n", shape->own_key, shape->own_version);
	}
	if (shape->run_key != NULL) {
		fprintf(out, "%s:%s\r\n", shape->run_key, server->run_id);
	}
	fprintf(out, "process_id:%lld\r\ntcp_port:%u\r\nuptime_in_seconds:%lld\r\n",
		(long long)(server->started / SIM_MS + 1), server->port,
		(long long)((sim_now() - server->started) / SIM_S));
	fprintf(out, "connected_clients:%zu\r\nmaxclients:%zu\r\n", server->n_sessions,
		server->max_clients);
	if (shape_has(shape, SHAPE_HIDES_MONITORS)) {
		fprintf(out, "monitor_clients:%zu\r\n", n_monitors);
	}
	fprintf(out, "loading:%d\r\n", sim_now() < server->loading_until);
	fprintf(out, "rdb_bgsave_in_progress:%d\r\nrdb_current_bgsave_time_sec:%d\r\n",
		server->has_child, server->has_child ? 1 : -1);
	fprintf(out, "total_connections_received:%llu\r\n", (unsigned long long)server->n_accepted);
	fprintf(out, "role:%s\r\n", server->master != NULL ? "slave" : "master");
	if (server->master != NULL) {
		fprintf(out, "master_host:%s\r\nmaster_port:%u\r\n", server->master->ip,
			server->master->port);
	}
	if (shape->redis_version[0] >= '4') {
		fprintf(out, "master_replid:%s\r\nmaster_replid2:%s\r\n", server->replid,
			server->replid2);
	}
	fclose(out);
	say_bulk(end, text);
}

/* ---- others ---- */

static void client(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	const struct shape *shape = server->shape;
	struct client *own = server_session(server, end->id);
	struct slice word = words->n > 1 ? words->argv[1] : SLICE_LITERAL("");

	if (is_word(word, "LIST")) {
		server_client_list(end, words);
	} else if (is_word(word, "KILL")) {
		server_client_kill(end, words);
	} else if (is_word(word, "ID") && shape_has(shape, SHAPE_CLIENT_ID)) {
		say(end, ":%llu\r\n", (unsigned long long)end->id);
	} else if (is_word(word, "SETNAME") && words->n == 3) {
		snprintf(own->own_name, sizeof(own->own_name), "%.*s", SLICE_ARG(words->argv[2]));
		say(end, "+OK\r\n");
	} else if (is_word(word, "NO-EVICT") && shape_has(shape, SHAPE_NO_EVICT)) {
		say(end, "+OK\r\n");
	} else if (shape->redis_version[0] < '5') {
		say(end, "-ERR Syntax error, try CLIENT (LIST | KILL | GETNAME | SETNAME | PAUSE | "
			 "REPLY)\r\n");
	} else {
		say(end, "-ERR unknown subcommand '%.*s'. Try CLIENT HELP.\r\n", SLICE_ARG(word));
	}
}

static void hello(struct end *end)
{
	const struct shape *shape = end->server->shape;

	if (shape->hello == NULL) {
		say(end, "-ERR unknown command 'HELLO'\r\n");
		return;
	}
	say(end, "*6\r\n$6\r\nserver\r\n");
	say_bulk(end, shape->hello);
	say(end, "$7\r\nversion\r\n");
	say_bulk(end, shape->own_version != NULL ? shape->own_version : shape->redis_version);
	say(end, "$2\r\nid\r\n:%llu\r\n", (unsigned long long)end->id);
}

static void subscribe(struct end *end, const struct words *words, bool is_on)
{
	struct client *own = server_session(end->server, end->id);

	own->now.role = is_on ? ROLE_PUBSUB : ROLE_NORMAL;
	say(end, "*3\r\n%s\r\n$%zu\r\n%.*s\r\n:%d\r\n",
		is_on ? "$9\r\nsubscribe" : "$11\r\nunsubscribe", words->argv[1].len,
		SLICE_ARG(words->argv[1]), is_on);
}

/* ---- commands ---- */

static bool is_refused(struct end *end, struct slice word)
{
	struct server *server = end->server;

	if (!end->is_logged_in) {
		say(end, "-NOAUTH Authentication required.\r\n");
		return true;
	}
	if (sim_now() < server->script_until && !is_word(word, "HELLO") &&
		!is_word(word, "SCRIPT")) {
		say(end, "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or "
			 "SHUTDOWN NOSAVE.\r\n");
		return true;
	}
	if (sim_now() < server->loading_until && server->shape->redis_version[0] < '6' &&
		!is_word(word, "INFO")) {
		say(end, "-LOADING Redis is loading the dataset in memory\r\n");
		return true;
	}
	return false;
}

static void auth(struct end *end, const struct words *words)
{
	const struct server *server = end->server;

	if (!server->has_password) {
		say(end, "-ERR AUTH <password> called without any password configured\r\n");
	} else if (slice_is(words->argv[words->n - 1], SIM_PASSWORD) &&
		   !server->is_password_changed) {
		end->is_logged_in = true;
		say(end, "+OK\r\n");
	} else {
		say(end, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
	}
}

void server_carry_out(struct end *end, const struct words *words)
{
	struct slice word = words->argv[0];
	struct client *own = server_session(end->server, end->id);

	end->server->n_commands++;
	own->now.active = sim_now();
	if (is_word(word, "AUTH")) {
		auth(end, words);
	} else if (is_refused(end, word)) {
		return;
	} else if (is_word(word, "SUBSCRIBE") || is_word(word, "UNSUBSCRIBE")) {
		subscribe(end, words, is_word(word, "SUBSCRIBE"));
	} else if (own->now.role == ROLE_PUBSUB) {
		say(end,
			"-ERR Can't execute '%.*s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING "
			"/ QUIT / RESET are allowed in this context\r\n",
			SLICE_ARG(word));
	} else if (is_word(word, "INFO")) {
		info(end, words);
	} else if (is_word(word, "CLIENT") && end->server->kind == SERVER_DATA) {
		client(end, words);
	} else if (is_word(word, "HELLO")) {
		hello(end);
	} else if (is_word(word, "SENTINEL") && end->server->kind == SERVER_SENTINEL) {
		server_sentinel(end, words);
	} else if (is_word(word, "CLUSTER")) {
		server_cluster(end, words);
	} else if (is_word(word, "SCRIPT") || is_word(word, "FUNCTION")) {
		end->server->script_until = 0;
		say(end, "+OK\r\n");
	} else if (is_word(word, "CLIENT")) {
		say(end, "+OK\r\n");
	} else {
		say(end, "-ERR unknown command '%.*s'\r\n", SLICE_ARG(word));
	}
}
