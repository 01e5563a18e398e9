/*
 * Servers: their sessions, and what they answer. One thread each: what one caller has sent is
 * worked off before the next one is heard.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sim.h"

#define MAX_ARGS 2048
#define MAX_SERVERS 16

/* A connection of the daemon, seen from the server. */
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

static struct server *servers[MAX_SERVERS];
static size_t n_servers;

void servers_begin(void)
{
	n_servers = 0;
}

size_t servers_n(void)
{
	return n_servers;
}

struct server *servers_get(size_t index)
{
	return servers[index];
}

struct server *server_at(const char *ip, uint16_t port)
{
	for (size_t i = 0; i < n_servers; i++) {
		if (servers[i]->port == port && strcmp(servers[i]->ip, ip) == 0) {
			return servers[i];
		}
	}
	return NULL;
}

static void random_hex(char *buffer, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buffer[i] = "0123456789abcdef"[sim_roll(16)];
	}
	buffer[n] = '\0';
}

struct server *server_new(enum server_kind kind, const struct shape *shape)
{
	static const char *const ips[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
	struct server *server = mem_new(struct server);

	CHECK(n_servers < MAX_SERVERS);
	server->kind = kind;
	server->shape = shape;
	server->ip = ips[n_servers % ARRAY_SIZE(ips)];
	server->port = (uint16_t)(7000 + n_servers);
	server->max_clients = 10000;
	random_hex(server->node_id, 40);
	random_hex(server->replid, 40);
	snprintf(server->replid2, sizeof(server->replid2), "%040d", 0);
	servers[n_servers++] = server;
	return server;
}

/* ---- sessions ---- */

static struct client *find(struct server *server, uint64_t id)
{
	for (size_t i = 0; i < server->n_sessions; i++) {
		if (server->sessions[i].id == id) {
			return &server->sessions[i];
		}
	}
	return NULL;
}

static struct client *add_session(struct server *server)
{
	struct client *session;

	server->sessions = mem_grow_array(
		server->sessions, server->n_sessions, &server->capacity, sizeof(struct client));
	session = &server->sessions[server->n_sessions++];
	*session = (struct client){
		.id = server->next_id,
		.user = "default",
		.name = "",
		.since = sim_now(),
		.active = sim_now(),
	};
	server->next_id += 1 + sim_roll(2);
	server->n_accepted++;
	return session;
}

static void remove_session(struct server *server, struct client *session)
{
	*session = server->sessions[--server->n_sessions];
}

static void close_end(struct end *end)
{
	struct client *session = find(end->server, end->id);

	if (session != NULL && session->end == end) {
		remove_session(end->server, session);
	}
	if (end->wire != NULL) {
		wire_close(end->wire);
		end->wire = NULL;
	}
}

void server_change(struct server *server, size_t index)
{
	static const char *const users[] = {"default", "app", "app", "web", "admin"};
	static const char *const names[] = {"", "", "api", "job", "ops-1"};
	static const enum role roles[] = {ROLE_NORMAL, ROLE_NORMAL, ROLE_NORMAL, ROLE_NORMAL,
		ROLE_PUBSUB, ROLE_PUBSUB, ROLE_REPLICA, ROLE_SLOT, ROLE_MONITOR};
	struct client *session = &server->sessions[index];

	if (session->end != NULL || session->role == ROLE_REPLICA || session->role == ROLE_MASTER ||
		session->role == ROLE_SLOT) {
		return;
	}
	if (server->shape->has_acl) {
		session->user = SIM_PICK(users);
	}
	session->name = SIM_PICK(names);
	session->role = SIM_PICK(roles);
	if (session->role == ROLE_SLOT && server->shape->slot_flag == '\0') {
		session->role = ROLE_NORMAL;
	}
	if (session->role == ROLE_REPLICA && sim_happens(80)) {
		session->role = ROLE_NORMAL;
	}
	session->db = (unsigned)sim_roll(3);
	session->changed = sim_now();
	session->active = sim_now();
}

struct client *server_connect(struct server *server)
{
	struct client *session;

	if (!server->is_up || server->n_sessions >= server->max_clients) {
		return NULL;
	}
	session = add_session(server);
	snprintf(session->addr, sizeof(session->addr), "192.168.0.%zu:%zu", 1 + sim_roll(4),
		1024 + sim_roll(60000));
	server_change(server, server->n_sessions - 1);
	return &server->sessions[server->n_sessions - 1];
}

void server_disconnect(struct server *server, size_t index)
{
	struct client *session = &server->sessions[index];

	if (session->end != NULL) {
		close_end(session->end);
	} else {
		remove_session(server, session);
	}
}

const char *server_user(const struct server *server, const struct client *session)
{
	return strchr(server->shape->fields, 'u') != NULL ? session->user : "";
}

bool server_is_own(const struct client *session)
{
	return session->end != NULL && session->end->wire != NULL &&
	       wire_is_held(session->end->wire);
}

/* ---- up and down ---- */

void server_start(struct server *server)
{
	server->is_up = true;
	server->down_since = INT64_MAX;
	random_hex(server->run_id, 40);
	server->next_id = 1 + sim_roll(3);
	server->n_accepted = 0;
	server->shown_at = 0;
	server->started = sim_now();
	server->healthy_since = sim_now();
	server->stalled_until = server->busy_until = server->script_until = 0;
	server->is_loading = false;
	sim_log("server %u: starts, %s, run id %.6s", server->port, server->shape->name,
		server->run_id);
}

void server_stop(struct server *server)
{
	sim_log("server %u: stops", server->port);
	oracle_disturbed(server);
	server->is_up = false;
	server->down_since = sim_now();
	server->healthy_since = INT64_MAX;
	for (struct end *end = server->ends; end != NULL; end = end->next) {
		close_end(end);
	}
	server->n_sessions = 0;
}

void server_stall(struct server *server, int64_t us)
{
	sim_log("server %u: stands still for %lld ms", server->port, (long long)(us / SIM_MS));
	server->stalled_until = MAX(server->stalled_until, sim_now() + us);
	server->healthy_since = server->stalled_until;
	oracle_disturbed(server);
}

void server_settle(struct server *server)
{
	server->healthy_since = MAX(server->healthy_since, sim_now());
}

bool server_is_healthy(const struct server *server)
{
	return server->is_up && sim_now() >= server->healthy_since &&
	       sim_now() >= server->stalled_until && sim_now() >= server->script_until &&
	       !server->is_loading && !server->may_not_kill &&
	       server->n_sessions + 3 < server->max_clients;
}

/* ---- answers ---- */

static void say(struct end *end, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct end *end, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(end->out, format, args);
	va_end(args);
}

static void say_bulk(struct end *end, const char *text)
{
	say(end, "$%zu\r\n%s\r\n", strlen(text), text);
}

static bool is_word(struct slice word, const char *expected)
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

	(void)words;
	for (size_t i = 0; i < server->n_sessions; i++) {
		n_monitors += server->sessions[i].role == ROLE_MONITOR;
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
	if (shape->hides_monitors) {
		fprintf(out, "monitor_clients:%zu\r\n", n_monitors);
	}
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

/* ---- CLIENT LIST ---- */

static const char *flags_of(const struct server *server, const struct client *session)
{
	static char slot[2];

	switch (session->role) {
	case ROLE_PUBSUB:
		return "P";
	case ROLE_REPLICA:
		return "S";
	case ROLE_MASTER:
		return "M";
	case ROLE_SLOT:
		slot[0] = server->shape->slot_flag;
		return slot;
	case ROLE_MONITOR:
		return "O";
	case ROLE_NORMAL:
		break;
	}
	return "N";
}

static void print_line(FILE *out, const struct server *server, const struct client *session)
{
	const char *fields = server->shape->fields;
	const char *name = session->end != NULL ? session->own_name : session->name;
	long long age = (long long)((sim_now() - session->since) / SIM_S);
	long long idle = (long long)((sim_now() - session->active) / SIM_S);

	if (strchr(fields, 'D') != NULL) {
		fprintf(out,
			"id=%llu addr=%s laddr=%s:%u fd=9 name=%s tid=1 age=%lld idle=%lld db=%u "
			"flags=%s phase=process lib-name= lib-ver=\n",
			(unsigned long long)session->id, session->addr, server->ip, server->port,
			name, age, idle, session->db, flags_of(server, session));
		return;
	}
	if (strchr(fields, 'K') != NULL) {
		fprintf(out,
			"id=%llu addr=%s fd=9 name=%s age=%lld idle=%lld flags=%s namespace=x "
			"qbuf=0 obuf=0 cmd=get\n",
			(unsigned long long)session->id, session->addr, name, age, idle,
			flags_of(server, session));
		return;
	}
	fprintf(out, "id=%llu addr=%s", (unsigned long long)session->id, session->addr);
	if (strchr(fields, 'a') != NULL) {
		fprintf(out, " laddr=%s:%u", server->ip, server->port);
	}
	fprintf(out, " fd=8 name=%s age=%lld idle=%lld flags=%s db=%u sub=%d psub=0 multi=-1", name,
		age, idle, flags_of(server, session), session->db, session->role == ROLE_PUBSUB);
	fprintf(out, " qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=get");
	if (strchr(fields, 'u') != NULL) {
		fprintf(out, " user=%s", session->user);
	}
	if (strchr(fields, 'r') != NULL) {
		fprintf(out, " redir=-1 resp=2");
	}
	if (strchr(fields, 'l') != NULL) {
		fprintf(out, " lib-name= lib-ver=");
	}
	fputc('\n', out);
}

static void note_listed(const struct server *server, struct client *session)
{
	session->is_listed = true;
	session->listed_user = server_user(server, session);
	session->listed_name = session->name;
	session->listed_role = session->role;
}

static bool is_asked_for(const struct words *words, const struct client *session)
{
	uint64_t id;

	if (words->n <= 3) {
		return true;
	}
	for (size_t i = 3; i < words->n; i++) {
		if (parse_u64(words->argv[i], &id) && id == session->id) {
			return true;
		}
	}
	return false;
}

static void client_list(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (words->n > 2 && !(server->shape->has_list_id && is_word(words->argv[2], "ID"))) {
		say(end, "-ERR syntax error\r\n");
		return;
	}
	out = open_memstream(&text, &size);
	for (size_t i = 0; i < server->n_sessions; i++) {
		struct client *session = &server->sessions[i];

		if ((session->role == ROLE_MONITOR && server->shape->hides_monitors) ||
			!is_asked_for(words, session)) {
			continue;
		}
		print_line(out, server, session);
		note_listed(server, session);
	}
	fclose(out);
	say_bulk(end, text);
	server->busy_until = sim_now() + (int64_t)server->n_sessions;
	if (words->n == 2) {
		end->has_listed = true;
		oracle_listed(server);
	}
}

/* ---- CLIENT KILL ---- */

static const char *type_of(const struct client *session)
{
	switch (session->role) {
	case ROLE_PUBSUB:
		return "pubsub";
	case ROLE_REPLICA:
		return "replica";
	case ROLE_MASTER:
		return "master";
	case ROLE_SLOT:
		return "slot";
	case ROLE_NORMAL:
	case ROLE_MONITOR:
		break;
	}
	return "normal";
}

/* 1: it fits; 0: it does not; -1: no such filter. */
static int fits(const struct server *server, const struct client *session, struct slice word,
	struct slice value)
{
	char laddr[32];
	uint64_t number = 0;

	if (is_word(word, "ID")) {
		return parse_u64(value, &number) && number == session->id;
	}
	if (is_word(word, "TYPE")) {
		return is_word(value, type_of(session)) ||
		       (is_word(value, "slave") && session->role == ROLE_REPLICA);
	}
	if (is_word(word, "USER")) {
		return slice_is(value, session->user);
	}
	if (is_word(word, "ADDR")) {
		return slice_is(value, session->addr);
	}
	if (is_word(word, "LADDR")) {
		snprintf(laddr, sizeof(laddr), "%s:%u", server->ip, server->port);
		return slice_is(value, laddr);
	}
	if (is_word(word, "NAME")) {
		return slice_is(value, session->end != NULL ? session->own_name : session->name);
	}
	if (is_word(word, "DB")) {
		return parse_u64(value, &number) && number == session->db;
	}
	if (is_word(word, "MAXAGE")) {
		return parse_u64(value, &number) &&
		       (sim_now() - session->since) / SIM_S >= (int64_t)number;
	}
	if (is_word(word, "IDLE")) {
		return parse_u64(value, &number) &&
		       (sim_now() - session->active) / SIM_S >= (int64_t)number;
	}
	return is_word(word, "LIB-NAME") || is_word(word, "LIB-VER") || is_word(word, "FLAGS") ||
			       is_word(word, "IP")
		       ? 0
		       : -1;
}

static bool has_filter(const struct shape *shape, struct slice word)
{
	char padded[32];

	snprintf(padded, sizeof(padded), " %.*s ", (int)MIN(word.len, (size_t)24), word.data);
	for (char *at = padded; *at != '\0'; at++) {
		*at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
	}
	return strstr(shape->filters, padded) != NULL;
}

static bool is_number(struct slice text)
{
	uint64_t number;

	return parse_u64(text, &number);
}

/* Is the command one that this server understands? Dragonfly takes one filter. */
static bool is_understood(const struct shape *shape, const struct words *words)
{
	size_t n_filters = 0;

	for (size_t i = 2; i < words->n;) {
		if (!has_filter(shape, words->argv[i]) || i + 1 >= words->n) {
			return false;
		}
		n_filters++;
		if (is_word(words->argv[i], "ID")) {
			size_t n = 0;

			for (i++; i < words->n && is_number(words->argv[i]); i++) {
				n++;
			}
			if (n == 0 || (n > 1 && !shape->has_multi_id)) {
				return false;
			}
		} else {
			i += 2;
		}
	}
	return n_filters == 1 || strstr(shape->filters, "SKIPME") != NULL;
}

struct verdict {
	bool is_hit;
	bool is_set; /* not by its id alone */
};

static struct verdict judge(
	struct end *end, const struct words *words, const struct client *session)
{
	const struct shape *shape = end->server->shape;
	bool skips_me = strstr(shape->filters, "SKIPME") != NULL;
	bool any = false;
	bool every = true;
	bool has_id = false;

	for (size_t i = 2; i < words->n;) {
		bool is_fit = false;

		if (is_word(words->argv[i], "SKIPME")) {
			skips_me = is_word(words->argv[i + 1], "yes");
			i += 2;
			continue;
		}
		if (is_word(words->argv[i], "ID")) {
			has_id = true;
			for (i++; i < words->n && is_number(words->argv[i]); i++) {
				is_fit |= fits(end->server, session, SLICE_LITERAL("ID"),
						  words->argv[i]) == 1;
			}
		} else {
			is_fit =
				fits(end->server, session, words->argv[i], words->argv[i + 1]) == 1;
			i += 2;
		}
		any |= is_fit;
		every &= is_fit;
	}
	if (skips_me && session->end == end) {
		return (struct verdict){false, false};
	}
	return (struct verdict){shape->is_ored ? any : every, !has_id};
}

static void on_restart(void *context, uint64_t value)
{
	(void)value;
	server_start(context);
	for (size_t i = sim_roll(60); i > 0; i--) {
		(void)server_connect(context);
	}
}

static void on_crash(void *context, uint64_t value)
{
	struct server *server = context;

	(void)value;
	if (server->is_up) {
		server_stop(server);
		sim_in((int64_t)sim_roll(300) * SIM_MS, on_restart, server, 0);
	}
}

/* What happens in the middle of a kill is what matters most. */
static bool is_struck(struct end *end)
{
	struct server *server = end->server;

	if (!sim_fault(1)) {
		return false;
	}
	switch (sim_roll(3)) {
	case 0:
		sim_in((int64_t)sim_roll(200), on_crash, server, 0);
		break;
	case 1:
		sim_log("net: cuts the connection of the kill");
		oracle_disturbed(server);
		wire_cut(end->wire);
		return true;
	default:
		server_stall(server, (int64_t)sim_roll(4000) * SIM_MS);
		break;
	}
	return false;
}

static bool is_question(const struct words *words)
{
	return words->n > 3 && words->argv[words->n - 1].len > 18;
}

static void client_kill(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	size_t n = 0;

	if (!is_question(words) && is_struck(end)) {
		return;
	}
	if (server->may_not_kill) {
		say(end, "-NOPERM this user has no permissions to run the 'client|kill' "
			 "command\r\n");
		return;
	}
	if (!is_understood(server->shape, words)) {
		say(end, "-ERR syntax error\r\n");
		return;
	}
	for (size_t i = 0; i < server->n_sessions;) {
		struct client *session = &server->sessions[i];
		struct verdict verdict = judge(end, words, session);

		if (!verdict.is_hit) {
			i++;
			continue;
		}
		n++;
		if (session->end == end) {
			end->is_dying = true;
			server->shown_at = sim_now();
			i++;
			continue;
		}
		oracle_ended(server, session, verdict.is_set);
		server_disconnect(server, i);
	}
	server->busy_until = sim_now() + 5 + (int64_t)(server->n_sessions + n) / 10;
	say(end, ":%zu\r\n", n);
}

/* ---- others ---- */

static void client(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	const struct shape *shape = server->shape;
	struct client *own = find(server, end->id);
	struct slice word = words->n > 1 ? words->argv[1] : SLICE_LITERAL("");

	if (is_word(word, "LIST")) {
		client_list(end, words);
	} else if (is_word(word, "KILL")) {
		client_kill(end, words);
	} else if (is_word(word, "ID") && shape->has_client_id) {
		say(end, ":%llu\r\n", (unsigned long long)end->id);
	} else if (is_word(word, "SETNAME") && words->n == 3) {
		snprintf(own->own_name, sizeof(own->own_name), "%.*s", SLICE_ARG(words->argv[2]));
		say(end, "+OK\r\n");
	} else if (is_word(word, "NO-EVICT") && shape->has_no_evict) {
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
	struct client *own = find(end->server, end->id);

	own->role = is_on ? ROLE_PUBSUB : ROLE_NORMAL;
	say(end, "*3\r\n%s\r\n$%zu\r\n%.*s\r\n:%d\r\n",
		is_on ? "$9\r\nsubscribe" : "$11\r\nunsubscribe", words->argv[1].len,
		SLICE_ARG(words->argv[1]), is_on);
}

/* ---- Sentinel ---- */

static const struct server *named_master(const struct server *sentinel)
{
	const struct fleet *group = sentinel->group;

	if (sentinel->is_hostile) {
		return servers[n_servers - 1]; /* somebody else */
	}
	for (size_t i = 0; i < group->n_nodes; i++) {
		if (group->nodes[i]->master == NULL) {
			return group->nodes[i];
		}
	}
	return group->nodes[0];
}

static void say_instance(struct end *end, const struct server *server, const char *name)
{
	char port[8];

	snprintf(port, sizeof(port), "%u", server->port);
	say(end, "*8\r\n");
	say_bulk(end, "name");
	say_bulk(end, name);
	say_bulk(end, "ip");
	say_bulk(end, server->ip);
	say_bulk(end, "port");
	say_bulk(end, port);
	say_bulk(end, "config-epoch");
	say_bulk(end, end->server->is_hostile ? "9223372036854775808" : "1");
}

static void sentinel(struct end *end, const struct words *words)
{
	const struct fleet *group = end->server->group;
	const struct server *master = named_master(end->server);

	if (words->n == 2 && is_word(words->argv[1], "MASTERS")) {
		say(end, "*1\r\n");
		say_instance(end, master, group->id);
	} else if (words->n == 3 &&
		   (is_word(words->argv[1], "REPLICAS") || is_word(words->argv[1], "SLAVES"))) {
		say(end, "*%zu\r\n", group->n_nodes - 1 + group->is_stranger_listed);
		for (size_t i = 0; i < group->n_nodes; i++) {
			if (group->nodes[i] != master &&
				(group->nodes[i]->master != NULL || end->server->is_hostile)) {
				say_instance(end, group->nodes[i], "r");
			}
		}
		if (group->is_stranger_listed) {
			say_instance(end, servers[n_servers - 1], "r");
		}
	} else {
		say(end, "-ERR Unknown sentinel subcommand\r\n");
	}
}

/* ---- Cluster ---- */

static void cluster(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	const struct fleet *group = server->group;
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (group == NULL || group->kind != GROUP_CLUSTER) {
		say(end, "-ERR This instance has cluster support disabled\r\n");
		return;
	}
	if (words->n != 2 || !is_word(words->argv[1], "NODES")) {
		say(end, "-ERR Unknown subcommand or wrong number of arguments\r\n");
		return;
	}
	out = open_memstream(&text, &size);
	for (size_t i = 0; i < group->n_nodes; i++) {
		const struct server *node = group->nodes[i];

		fprintf(out, "%s %s:%u@%u %smaster - 0 0 %zu connected\n", node->node_id, node->ip,
			node->port, node->port + 10000, node == server ? "myself," : "", i);
	}
	if (group->is_stranger_listed) {
		fprintf(out,
			"ffffffffffffffffffffffffffffffffffffffff :%u@17399 master,fail - 1 1 0 "
			"disconnected\n",
			servers[n_servers - 1]->port);
	}
	fclose(out);
	say_bulk(end, text);
}

/* ---- commands ---- */

static bool is_refused(struct end *end, struct slice word)
{
	struct server *server = end->server;

	if (!end->is_logged_in && !is_word(word, "HELLO")) {
		say(end, "-NOAUTH Authentication required.\r\n");
		return true;
	}
	if (sim_now() < server->script_until && !is_word(word, "HELLO") &&
		!is_word(word, "SCRIPT")) {
		say(end, "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or "
			 "SHUTDOWN NOSAVE.\r\n");
		return true;
	}
	if (server->is_loading && server->shape->redis_version[0] < '6' && !is_word(word, "INFO")) {
		say(end, "-LOADING Redis is loading the dataset in memory\r\n");
		return true;
	}
	return false;
}

static void auth(struct end *end, const struct words *words)
{
	const char *password = end->server->password;

	if (password == NULL) {
		say(end, "-ERR AUTH <password> called without any password configured\r\n");
	} else if (slice_is(words->argv[words->n - 1], password)) {
		end->is_logged_in = true;
		say(end, "+OK\r\n");
	} else {
		say(end, "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
	}
}

static void carry_out(struct end *end, const struct words *words)
{
	struct slice word = words->argv[0];
	struct client *own = find(end->server, end->id);

	end->server->n_commands++;
	own->active = sim_now();
	if (is_word(word, "AUTH")) {
		auth(end, words);
	} else if (is_refused(end, word)) {
		return;
	} else if (is_word(word, "SUBSCRIBE") || is_word(word, "UNSUBSCRIBE")) {
		subscribe(end, words, is_word(word, "SUBSCRIBE"));
	} else if (own->role == ROLE_PUBSUB) {
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
		sentinel(end, words);
	} else if (is_word(word, "CLUSTER")) {
		cluster(end, words);
	} else if (is_word(word, "SCRIPT") || is_word(word, "FUNCTION")) {
		end->server->script_until = 0;
		say(end, "+OK\r\n");
	} else if (is_word(word, "CLIENT")) {
		say(end, "+OK\r\n");
	} else {
		say(end, "-ERR unknown command '%.*s'\r\n", SLICE_ARG(word));
	}
}

/* One command off the buffer; false: there is none yet. */
static bool next_command(struct end *end, size_t *at, struct words *words)
{
	struct slice rest = {end->in + *at, end->n_in - *at};
	struct slice line;
	uint64_t n;

	words->n = 0;
	if (memchr(rest.data, '\n', rest.len) == NULL) {
		return false;
	}
	slice_next(&rest, '\n', &line);
	CHECK(line.len > 1 && line.data[0] == '*');
	CHECK(parse_u64((struct slice){line.data + 1, line.len - 2}, &n) && n <= MAX_ARGS);
	for (; n > 0; n--) {
		uint64_t len;

		if (memchr(rest.data, '\n', rest.len) == NULL) {
			return false;
		}
		slice_next(&rest, '\n', &line);
		CHECK(line.data[0] == '$' &&
			parse_u64((struct slice){line.data + 1, line.len - 2}, &len));
		if (rest.len < len + 2) {
			return false;
		}
		words->argv[words->n++] = (struct slice){rest.data, len};
		rest = slice_skip(rest, len + 2);
	}
	*at = (size_t)(rest.data - end->in);
	return true;
}

static void log_command(const struct end *end, const struct words *words)
{
	char text[120];
	size_t used = 0;

	for (size_t i = 0; i < words->n && used < sizeof(text) - 1; i++) {
		int n = snprintf(text + used, sizeof(text) - used, "%s%.*s", i > 0 ? " " : "",
			(int)MIN(words->argv[i].len, (size_t)40), words->argv[i].data);

		used += MIN((size_t)n, sizeof(text) - used);
	}
	if (!is_word(words->argv[0], "AUTH")) {
		sim_log("%u:%llu %s", end->server->port, (unsigned long long)end->id, text);
	}
}

static void work_off(void *context, uint64_t value)
{
	static struct words words;
	struct end *end = context;
	struct server *server = end->server;
	int64_t free_at = MAX(server->busy_until, server->stalled_until);
	size_t at = 0;

	(void)value;
	end->is_scheduled = false;
	if (end->wire == NULL) {
		return;
	}
	if (free_at > sim_now()) {
		end->is_scheduled = true;
		sim_at(free_at, work_off, end, 0);
		return;
	}
	end->out = open_memstream(&end->out_bytes, &end->n_out);
	while (!end->is_dying && end->wire != NULL && server->is_up &&
		next_command(end, &at, &words)) {
		log_command(end, &words);
		carry_out(end, &words);
	}
	fclose(end->out);
	memmove(end->in, end->in + at, end->n_in - at);
	end->n_in -= at;
	if (end->wire != NULL && end->n_out > 0) {
		wire_send(end->wire, (struct slice){end->out_bytes, end->n_out});
	}
	free(end->out_bytes);
	end->out_bytes = NULL;
	if (end->is_dying) {
		close_end(end);
	}
}

/* ---- connections ---- */

static void on_bytes(void *context, struct slice bytes)
{
	struct end *end = context;

	if (end->wire == NULL) {
		return;
	}
	while (end->n_in + bytes.len > end->in_capacity) {
		end->in_capacity = MAX(end->in_capacity * 2, (size_t)1024);
		end->in = mem_resize_array(end->in, end->in_capacity, 1);
	}
	memcpy(end->in + end->n_in, bytes.data, bytes.len);
	end->n_in += bytes.len;
	if (!end->is_scheduled) {
		end->is_scheduled = true;
		sim_in(1 + (int64_t)sim_roll(20), work_off, end, 0);
	}
}

static bool has_other_end(const struct end *end)
{
	for (const struct end *other = end->server->ends; other != NULL; other = other->next) {
		if (other != end && other->wire != NULL && wire_is_held(other->wire)) {
			return true;
		}
	}
	return false;
}

static void on_closed(void *context)
{
	struct end *end = context;
	struct server *server = end->server;
	bool is_cut = end->wire == NULL || wire_is_cut(end->wire);

	if (server->is_up && !is_cut && end->has_listed && !has_other_end(end)) {
		oracle_left(server);
	}
	end->wire = NULL;
	close_end(end);
}

int server_accept(struct server *server, struct wire *wire)
{
	struct end *end;
	struct client *session;
	static const char full[] = "-ERR max number of clients reached\r\n";

	if (server->n_sessions >= server->max_clients) {
		server->n_refused++;
		wire_send(wire, slice_of(full));
		wire_close(wire);
		return 0;
	}
	end = mem_new(struct end);
	session = add_session(server);
	*end = (struct end){.next = server->ends,
		.server = server,
		.wire = wire,
		.id = session->id,
		.is_logged_in = server->password == NULL};
	server->ends = end;
	session->end = end;
	snprintf(session->addr, sizeof(session->addr), "10.255.0.1:%u", wire_port(wire));
	wire_set_end(wire, &(struct wire_end){on_bytes, on_closed, end});
	return 0;
}

void servers_end(void)
{
	for (size_t i = 0; i < n_servers; i++) {
		struct server *server = servers[i];

		while (server->ends != NULL) {
			struct end *end = server->ends;

			server->ends = end->next;
			free(end->in);
			free(end);
		}
		free(server->sessions);
		free(server);
	}
	n_servers = 0;
}
