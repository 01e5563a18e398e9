/*
 * Servers: their sessions and connections. One thread each: what one caller has sent is worked off
 * before the next one is heard.
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
#include "server_internal.h"

#define MAX_SERVERS 24

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

bool server_is_called(const struct server *server, const char *ip)
{
	return strcmp(server->ip, ip) == 0 ||
	       (server->second_ip != NULL && strcmp(server->second_ip, ip) == 0);
}

struct server *server_at(const char *ip, uint16_t port)
{
	struct server *found = NULL;

	for (size_t i = 0; i < n_servers; i++) {
		struct server *server = servers[i];

		if (server->port == port && server_is_called(server, ip) &&
			(found == NULL || (!found->is_up && server->is_up))) {
			found = server;
		}
	}
	return found;
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

void server_follow(struct server *replica, struct server *master)
{
	replica->master = master;
	memcpy(replica->replid, master->replid, sizeof(replica->replid));
	memcpy(replica->replid2, master->replid2, sizeof(replica->replid2));
}

/* ---- sessions ---- */

struct client *server_session(struct server *server, uint64_t id)
{
	for (size_t i = 0; i < server->n_sessions; i++) {
		if (server->sessions[i].now.id == id) {
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
		.now = {.id = server->next_id,
			.user = "default",
			.name = "",
			.since = sim_now(),
			.active = sim_now(),
			.at = -1},
		.listed = {.at = -1},
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
	struct client *session = server_session(end->server, end->id);

	if (session != NULL && session->end == end) {
		remove_session(end->server, session);
	}
	if (end->wire != NULL) {
		wire_close(end->wire);
		end->wire = NULL;
	}
}

static bool is_replication(enum role role)
{
	return role == ROLE_REPLICA || role == ROLE_MASTER || role == ROLE_SLOT;
}

static enum role pick_role(const struct server *server)
{
	static const enum role roles[] = {ROLE_NORMAL, ROLE_NORMAL, ROLE_NORMAL, ROLE_NORMAL,
		ROLE_PUBSUB, ROLE_PUBSUB, ROLE_REPLICA, ROLE_MASTER, ROLE_SLOT, ROLE_MONITOR};
	enum role role = SIM_PICK(roles);

	if ((role == ROLE_SLOT && server->shape->slot_flag == '\0') ||
		((role == ROLE_REPLICA || role == ROLE_MASTER) && sim_happens(80))) {
		return ROLE_NORMAL;
	}
	return role;
}

static bool has_field(const struct server *server, char field)
{
	return strchr(server->shape->fields, field) != NULL;
}

void server_change(struct server *server, size_t index)
{
	static const char *const users[] = {"default", "app", "app", "web", "admin"};
	static const char *const names[] = {"", "", "api", "job", "ops-1"};
	static const char *const odd_names[] = {"a b", "x flags=N db=0", "y name=job"};
	struct client *session = &server->sessions[index];

	if (session->end != NULL || is_replication(session->now.role)) {
		return;
	}
	if (shape_has(server->shape, SHAPE_ACL)) {
		session->now.user = SIM_PICK(users);
	}
	session->now.name = SIM_PICK(names);
	session->now.is_odd = false;
	/* Dragonfly lets a client say what it likes. */
	if (has_field(server, 'D') && sim_happens(10)) {
		session->now.name = SIM_PICK(odd_names);
		session->now.is_odd = true;
	}
	session->now.role = pick_role(server);
	session->now.db = (unsigned)sim_roll(3);
	session->now.active = sim_now();
	session->changed = sim_now();
	session->changes[session->n_changes++ % CLIENT_ROUNDS] = sim_now();
}

struct client *server_connect(struct server *server)
{
	struct client *session;

	if (!server->is_up || server->n_sessions >= server->max_clients) {
		return NULL;
	}
	session = add_session(server);
	snprintf(session->now.addr, sizeof(session->now.addr), "192.168.0.%zu:%zu", 1 + sim_roll(4),
		1024 + sim_roll(60000));
	server_change(server, server->n_sessions - 1);
	return &server->sessions[server->n_sessions - 1];
}

static void on_knock(void *context, uint64_t value)
{
	struct server *server = context;

	if (server->is_up && server->is_stormy) {
		(void)server_connect(server);
	}
}

void server_disconnect(struct server *server, size_t index)
{
	struct client *session = &server->sessions[index];

	if (session->end != NULL) {
		close_end(session->end);
	} else {
		remove_session(server, session);
	}
	if (server->is_stormy) {
		sim_in((int64_t)sim_roll(3000), on_knock, server, 0);
	}
}

struct facts server_facts(const struct server *server, const struct client *session)
{
	struct facts facts = session->now;

	facts.at = sim_now();
	facts.has_user = has_field(server, 'u');
	if (has_field(server, 'K')) {
		facts.db = DB_UNTOLD;
	}
	return facts;
}

bool server_hides(const struct server *server, const struct client *session)
{
	return session->now.role == ROLE_MONITOR && shape_has(server->shape, SHAPE_HIDES_MONITORS);
}

bool server_is_own(const struct client *session)
{
	return session->end != NULL && session->end->wire != NULL &&
	       wire_is_held(session->end->wire);
}

void server_close_idle(struct server *server)
{
	for (struct end *end = server->ends; end != NULL; end = end->next) {
		const struct client *session = server_session(server, end->id);

		if (server->idle_timeout > 0 && end->wire != NULL && session != NULL &&
			session->now.role != ROLE_PUBSUB &&
			sim_now() - session->now.active > server->idle_timeout) {
			sim_log("%u:%llu is idle for too long", server->port,
				(unsigned long long)end->id);
			oracle_disturbed(server);
			close_end(end);
		}
	}
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
	server->stalled_until = server->busy_until = server->script_until = 0;
	server->loading_until = sim_fault(30) ? sim_now() + (int64_t)sim_roll(3000) * SIM_MS : 0;
	server->healthy_since = MAX(sim_now(), server->loading_until);
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
	if (server->stalled_until < sim_now()) {
		server->stalled_since = sim_now();
	}
	server->stalled_until = MAX(server->stalled_until, sim_now() + us);
	server->healthy_since = MAX(server->healthy_since, server->stalled_until);
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
	       sim_now() >= server->loading_until && !server->may_not_kill &&
	       !server->is_password_changed && server->most_reply_bytes == 0 &&
	       server->idle_timeout == 0 && server->n_sessions + 3 < server->max_clients;
}

/* ---- commands ---- */

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
		server_carry_out(end, &words);
	}
	fclose(end->out);
	memmove(end->in, end->in + at, end->n_in - at);
	end->n_in -= at;
	if (server->most_reply_bytes > 0 && end->n_out > server->most_reply_bytes) {
		sim_log("%u:%llu is over the output limit", server->port,
			(unsigned long long)end->id);
		oracle_disturbed(server);
		end->is_dying = true;
	} else if (end->wire != NULL && end->n_out > 0) {
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

	/* What came just before a cut is read, and acted upon, before the cut is seen. */
	if (is_cut) {
		server->last_cut_at = sim_now();
	} else if (server->is_up && end->has_listed && !has_other_end(end) &&
		   server->last_cut_at < wire_left_at(end->wire) - SIM_MS) {
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

	while (server->is_stormy && sim_happens(90) && server_connect(server) != NULL) {
	}
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
		.id = session->now.id,
		.is_logged_in = !server->has_password};
	server->ends = end;
	session->end = end;
	snprintf(session->now.addr, sizeof(session->now.addr), "10.255.0.1:%u", wire_port(wire));
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
