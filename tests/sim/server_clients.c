/*
 * CLIENT LIST and CLIENT KILL of a server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "server_internal.h"

/* ---- CLIENT LIST ---- */

static const char *flags_of(const struct server *server, const struct client *session)
{
	static char slot[2];

	switch (session->now.role) {
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

/* Which of the server's addresses it has come to. */
static const char *own_ip(const struct server *server, const struct client *session)
{
	return session->end != NULL && session->end->wire != NULL ? wire_ip(session->end->wire)
								  : server->ip;
}

static void print_line(FILE *out, const struct server *server, const struct client *session)
{
	const char *fields = server->shape->fields;
	const struct facts facts = server_facts(server, session);
	const char *name = session->end != NULL ? session->own_name : facts.name;
	unsigned long long id = facts.id;
	long long age = (long long)((sim_now() - facts.since) / SIM_S);
	long long idle = (long long)((sim_now() - facts.active) / SIM_S);

	if (strchr(fields, 'D') != NULL) {
		fprintf(out,
			"id=%llu addr=%s laddr=%s:%u fd=9 name=%s tid=1 age=%lld idle=%lld db=%u "
			"flags=%s phase=process lib-name= lib-ver=\n",
			id, facts.addr, own_ip(server, session), server->port, name, age, idle,
			facts.db, flags_of(server, session));
		return;
	}
	if (strchr(fields, 'K') != NULL) {
		fprintf(out,
			"id=%llu addr=%s fd=9 name=%s age=%lld idle=%lld flags=%s namespace=x "
			"qbuf=0 obuf=0 cmd=get\n",
			id, facts.addr, name, age, idle, flags_of(server, session));
		return;
	}
	fprintf(out, "id=%llu addr=%s", id, facts.addr);
	if (strchr(fields, 'a') != NULL) {
		fprintf(out, " laddr=%s:%u", own_ip(server, session), server->port);
	}
	fprintf(out, " fd=8 name=%s age=%lld idle=%lld flags=%s db=%u sub=%d psub=0 multi=-1", name,
		age, idle, flags_of(server, session), facts.db, facts.role == ROLE_PUBSUB);
	fprintf(out, " qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=get");
	if (strchr(fields, 'u') != NULL) {
		fprintf(out, " user=%s", facts.user);
	}
	if (strchr(fields, 'r') != NULL) {
		fprintf(out, " redir=-1 resp=2");
	}
	if (strchr(fields, 'l') != NULL) {
		fprintf(out, " lib-name= lib-ver=");
	}
	fputc('\n', out);
}

static bool is_asked_for(const struct words *words, const struct client *session)
{
	uint64_t id;

	if (words->n <= 3) {
		return true;
	}
	for (size_t i = 3; i < words->n; i++) {
		if (parse_u64(words->argv[i], &id) && id == session->now.id) {
			return true;
		}
	}
	return false;
}

void server_client_list(struct end *end, const struct words *words)
{
	struct server *server = end->server;
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (words->n > 2 &&
		!(shape_has(server->shape, SHAPE_LIST_ID) && is_word(words->argv[2], "ID"))) {
		say(end, "-ERR syntax error\r\n");
		return;
	}
	out = open_memstream(&text, &size);
	for (size_t i = 0; i < server->n_sessions; i++) {
		struct client *session = &server->sessions[i];

		if (server_hides(server, session) || !is_asked_for(words, session)) {
			continue;
		}
		print_line(out, server, session);
		session->listed = server_facts(server, session);
	}
	fclose(out);
	say_bulk(end, text);
	server->busy_until = sim_now() + (int64_t)server->n_sessions;
	if (words->n == 2) {
		end->has_listed = server->was_reached = true;
		oracle_listed(server);
		/* Others grow older between the listing and the kill. */
		if (sim_fault(2)) {
			server_stall(server, SIM_S + (int64_t)sim_roll(2000) * SIM_MS);
		}
	}
}

/* ---- CLIENT KILL ---- */

static const char *type_of(const struct client *session)
{
	switch (session->now.role) {
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

static bool fits(const struct server *server, const struct client *session, struct slice word,
	struct slice value)
{
	const struct facts *now = &session->now;
	char laddr[32];
	uint64_t number = 0;
	bool is_number = parse_u64(value, &number);

	if (is_word(word, "ID")) {
		return is_number && number == now->id;
	}
	if (is_word(word, "TYPE")) {
		return is_word(value, type_of(session)) ||
		       (is_word(value, "slave") && now->role == ROLE_REPLICA);
	}
	if (is_word(word, "USER")) {
		return slice_is(value, now->user);
	}
	if (is_word(word, "ADDR")) {
		return slice_is(value, now->addr);
	}
	if (is_word(word, "LADDR")) {
		snprintf(laddr, sizeof(laddr), "%s:%u", own_ip(server, session), server->port);
		return slice_is(value, laddr);
	}
	if (is_word(word, "NAME")) {
		return value.len > 0 &&
		       slice_is(value, session->end != NULL ? session->own_name : now->name);
	}
	if (is_word(word, "DB")) {
		return is_number && number == now->db;
	}
	if (is_word(word, "MAXAGE")) {
		return is_number && (sim_now() - now->since) / SIM_S >= (int64_t)number;
	}
	if (is_word(word, "IDLE")) {
		return is_number && (sim_now() - now->active) / SIM_S >= (int64_t)number;
	}
	return false; /* LIB-NAME, LIB-VER, FLAGS, IP: nobody has such */
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
			if (n == 0 || (n > 1 && !shape_has(shape, SHAPE_MULTI_ID))) {
				return false;
			}
		} else {
			i += 2;
		}
	}
	return n_filters == 1 || strstr(shape->filters, "SKIPME") != NULL;
}

static bool is_hit(struct end *end, const struct words *words, const struct client *session)
{
	const struct shape *shape = end->server->shape;
	bool skips_me = strstr(shape->filters, "SKIPME") != NULL;
	bool any = false;
	bool every = true;

	for (size_t i = 2; i < words->n;) {
		bool is_fit = false;

		if (is_word(words->argv[i], "SKIPME")) {
			skips_me = is_word(words->argv[i + 1], "yes");
			i += 2;
			continue;
		}
		if (is_word(words->argv[i], "ID")) {
			for (i++; i < words->n && is_number(words->argv[i]); i++) {
				is_fit |= fits(
					end->server, session, SLICE_LITERAL("ID"), words->argv[i]);
			}
		} else {
			is_fit = fits(end->server, session, words->argv[i], words->argv[i + 1]);
			i += 2;
		}
		any |= is_fit;
		every &= is_fit;
	}
	if (skips_me && session->end == end) {
		return false;
	}
	return shape_has(shape, SHAPE_ORED) ? any : every;
}

static void on_restart(void *context, uint64_t value)
{
	struct server *server = context;

	server_start(server);
	for (size_t i = sim_roll(60); i > 0; i--) {
		(void)server_connect(server);
	}
	if (server->group != NULL) {
		server->group->settled = sim_now();
	}
}

static void on_crash(void *context, uint64_t value)
{
	struct server *server = context;

	if (server->is_up) {
		server_stop(server);
		sim_in((int64_t)sim_roll(300) * SIM_MS, on_restart, server, 0);
	}
}

/* Others come while one is busy, and wait. */
static void on_others(void *context, uint64_t value)
{
	const struct server *server = context;

	if (server->group != NULL) {
		scenario_kill_again(server->group);
	}
}

/* What happens in the middle of a kill is what matters most. */
static bool is_struck(struct end *end)
{
	struct server *server = end->server;

	if (!sim_fault(1)) {
		return false;
	}
	switch (sim_roll(5)) {
	case 0:
		sim_in((int64_t)sim_roll(200), on_crash, server, 0);
		break;
	case 2:
		sim_log("net: will cut the connection of the kill");
		oracle_disturbed(server);
		server->healthy_since = MAX(server->healthy_since, sim_now() + SIM_S);
		wire_cut_within(end->wire, sim_roll(200));
		break;
	case 3:
		scenario_crash();
		break;
	case 1:
		sim_log("net: cuts the connection of the kill");
		oracle_disturbed(server);
		server_settle(server);
		wire_cut(end->wire);
		return true;
	default:
		server_stall(server, (int64_t)sim_roll(4000) * SIM_MS);
		sim_in((int64_t)sim_roll(200) * SIM_MS, on_others, server, 0);
		break;
	}
	return false;
}

/* Between the listing and the kill somebody comes, logs in as another or subscribes. */
static void come_between(struct server *server)
{
	if (sim_happens(4)) {
		(void)server_connect(server);
	}
	if (sim_happens(10)) {
		server_change(server, sim_roll(server->n_sessions));
	}
}

static bool is_question(const struct words *words)
{
	return words->n > 3 && words->argv[words->n - 1].len > 18;
}

static bool came_another_way(const struct client *session, const struct end *end)
{
	return end->wire != NULL && strcmp(own_ip(end->server, session), wire_ip(end->wire)) != 0;
}

void server_client_kill(struct end *end, const struct words *words)
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
	if (!is_question(words)) {
		come_between(server);
	}
	for (size_t i = 0; i < server->n_sessions;) {
		struct client *session = &server->sessions[i];

		if (!is_hit(end, words, session)) {
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
		oracle_ended(server, session, came_another_way(session, end));
		server_disconnect(server, i);
	}
	server->busy_until = sim_now() + 5 + (int64_t)(server->n_sessions + n) / 10;
	say(end, ":%zu\r\n", n);
}
