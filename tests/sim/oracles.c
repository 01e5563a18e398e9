/*
 * What has to hold, whatever happens: against the simulator's own book of who was ended by whom.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim.h"

/* Longer than any pause between two attempts to get in. */
#define READY_WITHIN (12 * SIM_S)
/* A kill whose caller has hung up may run as long as it was given, and a moment. */
#define GRACE (2 * SIM_S)

void oracles_begin(void)
{
}

static bool has_server(const struct fleet *group, const struct server *server)
{
	for (size_t i = 0; i < group->n_nodes; i++) {
		if (group->nodes[i] == server) {
			return true;
		}
	}
	return false;
}

static bool is_active(const struct order *kill)
{
	return kill->answered == 0 &&
	       (!kill->hung_up || sim_now() < kill->asked + kill->timeout + 20 * SIM_S);
}

/* The first listing since the kill was asked for: who is meant. */
void oracle_listed(struct server *server)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);
		uint64_t bit = UINT64_C(1) << (kill->number % 64);

		if (!is_active(kill) || !has_server(kill->group, server) ||
			(server->listed_kills & bit) != 0) {
			continue;
		}
		server->listed_kills |= bit;
		for (size_t i = 0; i < server->n_sessions; i++) {
			struct client *session = &server->sessions[i];

			bool is_hidden =
				session->role == ROLE_MONITOR && server->shape->hides_monitors;

			if (session->end == NULL && !is_hidden &&
				kill_covers(kill, kill->group, server_user(server, session),
					session->name, session->role)) {
				session->first_matched |= bit;
			}
		}
	}
}

void oracle_disturbed(const struct server *server)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (is_active(kill) && has_server(kill->group, server)) {
			kill->is_disturbed = true;
		}
	}
}

static bool takes_filters(const struct server *server)
{
	return server->shown_at > 0 && sim_now() > server->shown_at + SIM_S &&
	       strstr(server->shape->filters, " TYPE ") != NULL && !server->shape->is_ored;
}

/* Did the daemon have reason to believe that this kill covers it, or does it? */
static bool may_end(const struct order *kill, const struct server *server,
	const struct client *session, bool is_set)
{
	if (kill->is_dry_run || kill->is_denied) {
		return false;
	}
	if (session->is_listed && kill_covers(kill, kill->group, session->listed_user,
					  session->listed_name, session->listed_role)) {
		return true;
	}
	/* Where an id cannot be bound to what its session was, it goes by the listing of the plan.
	 */
	if ((kill->is_disturbed || !takes_filters(server)) &&
		(session->first_matched & (UINT64_C(1) << (kill->number % 64))) != 0) {
		return true; /* in a listing of its own, and another kill has listed since */
	}
	(void)is_set;
	return kill_covers(
		kill, kill->group, server_user(server, session), session->name, session->role);
}

static bool is_candidate(const struct order *kill, const struct server *server,
	const struct client *session, bool is_set)
{
	return (is_active(kill) || kill->has_late) && has_server(kill->group, server) &&
	       may_end(kill, server, session, is_set);
}

static void count_ended(struct order *kill)
{
	kill->n_ended++;
	if (kill->has_max && kill->n_ended > kill->max && !kill->is_disturbed) {
		sim_fail("exact", "kill %u has ended more than max %llu", kill->number,
			(unsigned long long)kill->max);
	}
}

/* Where several cover it, none of their counts can be held to the book. */
static void attribute(const struct server *server, const struct client *session, bool is_set)
{
	struct order *found = NULL;

	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (is_candidate(kill, server, session, is_set)) {
			if (found != NULL) {
				found->is_disturbed = kill->is_disturbed = true;
			}
			found = kill;
		}
	}
	if (found == NULL) {
		sim_fail("exact",
			"%llu of %u was ended, and nobody asked for that: user %s, name %s, type "
			"%d; "
			"listed: %d, as user %s, name %s, type %d",
			(unsigned long long)session->id, server->port, session->user, session->name,
			(int)session->role, session->is_listed,
			session->is_listed ? session->listed_user : "",
			session->is_listed ? session->listed_name : "", (int)session->listed_role);
	}
	count_ended(found);
}

void oracle_ended(struct server *server, struct client *session, bool is_set)
{
	sim_log("%u: %llu is ended (%s, %s)", server->port, (unsigned long long)session->id,
		session->user, session->name);
	if (server->group == NULL) {
		sim_fail("exact", "a session of %u, which is no member, was ended", server->port);
	}
	if (session->end != NULL && !server_is_own(session)) {
		oracle_disturbed(server); /* given up, and the server has not heard of that */
		return;
	}
	if (session->end != NULL) {
		sim_fail("exact", "a connection of the daemon to %u was ended", server->port);
	}
	if (session->role == ROLE_REPLICA || session->role == ROLE_MASTER ||
		session->role == ROLE_SLOT) {
		/* One by id, and changed since, cannot be told where filters are not ANDed. */
		if (takes_filters(server)) {
			sim_fail("exact", "%llu of %u is replication",
				(unsigned long long)session->id, server->port);
		}
	}
	attribute(server, session, is_set);
}

void oracle_left(const struct server *server)
{
	if (server->group != NULL && !scenario_is_changing() &&
		sim_now() - server->group->settled > 3 * SIM_S &&
		!server->group->is_stranger_listed) {
		sim_fail("in", "the last connection to %u was given up", server->port);
	}
}

/* ---- answers ---- */

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void check_sums(const struct order *kill, const json_t *report)
{
	uint64_t matched = number(report, "matched");

	if (number(report, "found") !=
		number(report, "unmatched") + number(report, "protected") + matched) {
		sim_fail("true", "kill %u: the sums of what was found do not hold", kill->number);
	}
	if (!kill->is_dry_run && matched != number(report, "killed") + number(report, "gone") +
						    number(report, "survivors")) {
		sim_fail("true", "kill %u: the sums of what was killed do not hold", kill->number);
	}
}

/* `done`: nobody lives who was meant at first and still is. */
static void check_done(const struct order *kill)
{
	uint64_t bit = UINT64_C(1) << (kill->number % 64);

	if (kill->group->is_stranger_listed) {
		sim_fail("true", "kill %u is done, and a node that is listed was not swept",
			kill->number);
	}
	for (size_t i = 0; i < kill->group->n_nodes; i++) {
		const struct server *server = kill->group->nodes[i];

		if (server->down_since < kill->asked) {
			sim_fail("true", "kill %u is done, and %u was down all the time",
				kill->number, server->port);
		}
		for (size_t k = 0; k < server->n_sessions; k++) {
			const struct client *session = &server->sessions[k];

			if (session->end == NULL && (session->first_matched & bit) != 0 &&
				session->is_listed && session->changed <= kill->asked &&
				!(session->role == ROLE_MONITOR && server->shape->hides_monitors) &&
				kill_covers(kill, kill->group, session->listed_user,
					session->listed_name, session->listed_role) &&
				kill_covers(kill, kill->group, server_user(server, session),
					session->name, session->role)) {
				sim_fail("true", "kill %u is done, and %llu of %u lives",
					kill->number, (unsigned long long)session->id,
					server->port);
			}
		}
	}
}

static void log_warnings(const struct order *kill, const json_t *report)
{
	size_t i;
	json_t *warning;

	json_array_foreach(json_object_get(report, "warnings"), i, warning)
	{
		sim_log("kill %u: warning: %s", kill->number, json_string_value(warning));
	}
}

/* What is in flight may be carried out at any time. */
static void note_late(struct order *kill, const json_t *report)
{
	size_t i;
	json_t *node;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		kill->has_late |= number(node, "in_flight") > 0;
	}
}

static void check_report(struct order *kill, const json_t *report)
{
	const char *state = json_string_value(json_object_get(report, "state"));
	uint64_t ended = number(report, "killed") + number(report, "extra");

	CHECK(state != NULL);
	check_sums(kill, report);
	note_late(kill, report);
	sim_log("kill %u: %s, found %llu, matched %llu, killed %llu, gone %llu, extra %llu; ended "
		"%llu",
		kill->number, state, (unsigned long long)number(report, "found"),
		(unsigned long long)number(report, "matched"),
		(unsigned long long)number(report, "killed"),
		(unsigned long long)number(report, "gone"),
		(unsigned long long)number(report, "extra"), (unsigned long long)kill->n_ended);
	log_warnings(kill, report);
	if (kill->is_dry_run || strcmp(state, "dry_run") == 0) {
		return;
	}
	if (strcmp(state, "done") == 0) {
		check_done(kill);
		if (!kill->is_disturbed && ended != kill->n_ended) {
			sim_fail("true", "kill %u: killed and extra are %llu, and %llu were ended",
				kill->number, (unsigned long long)ended,
				(unsigned long long)kill->n_ended);
		}
	}
}

void oracle_answered(struct order *kill, struct slice body)
{
	json_auto_t *report = json_loadb(body.data, body.len, 0, NULL);

	if (kill->is_denied) {
		if (kill->status != 403) {
			sim_fail("exact", "kill %u by nobody was answered with %d", kill->number,
				kill->status);
		}
		return;
	}
	if (report == NULL) {
		sim_fail("answered", "kill %u: the answer is no JSON", kill->number);
	}
	if (json_object_get(report, "found") != NULL) {
		check_report(kill, report);
	}
}

/* ---- from time to time ---- */

static void check_node(const json_t *node)
{
	const char *address = json_string_value(json_object_get(node, "address"));
	const char *state = json_string_value(json_object_get(node, "state"));

	for (size_t i = 0; i < servers_n(); i++) {
		const struct server *server = servers_get(i);
		char own[32];

		snprintf(own, sizeof(own), "%s:%u", server->ip, server->port);
		if (strcmp(own, address) == 0 && server->group != NULL &&
			server_is_healthy(server) &&
			sim_now() - MAX(server->healthy_since, server->group->settled) >
				READY_WITHIN &&
			strcmp(state, "ready") != 0) {
			sim_fail("in", "%s is well for 12 s, and %s: %s", address, state,
				json_string_value(json_object_get(node, "last_error")));
		}
	}
}

const char *oracle_instances(struct slice body)
{
	json_auto_t *answer = json_loadb(body.data, body.len, 0, NULL);
	size_t i, k;
	json_t *instance, *node;

	json_array_foreach(json_object_get(answer, "instances"), i, instance)
	{
		json_array_foreach(json_object_get(instance, "nodes"), k, node)
		{
			check_node(node);
		}
	}
	return NULL;
}

void oracle_tick(void *context, uint64_t value)
{
	(void)context;
	(void)value;
	for (size_t k = 0; k < callers_n_kills(); k++) {
		const struct order *kill = callers_kill(k);

		if (kill->answered == 0 && !kill->hung_up && !kill->is_waiting_allowed &&
			sim_now() > kill->asked + kill->timeout + 2 * SIM_S + GRACE) {
			sim_fail("answered",
				"kill %u is not answered %lld ms after it was asked for",
				kill->number, (long long)((sim_now() - kill->asked) / SIM_MS));
		}
	}
	sim_in(SIM_S, oracle_tick, NULL, 0);
}

/* ---- the record ---- */

static void check_record(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t capacity = 0;
	json_auto_t *open = json_object();

	CHECK(file != NULL);
	while (getline(&line, &capacity, file) > 0) {
		json_auto_t *event = json_loads(line, 0, NULL);
		const char *what = json_string_value(json_object_get(event, "event"));
		const char *id = json_string_value(json_object_get(event, "request_id"));

		if (what == NULL) {
			sim_fail("recorded", "a line is no record: %s", line);
		}
		if (strcmp(what, "intent") == 0) {
			if (json_object_get(open, id) != NULL) {
				sim_fail("recorded", "two intents of %s", id);
			}
			json_object_set_new(open, id, json_true());
		} else if (strcmp(what, "outcome") == 0) {
			if (!json_is_true(json_object_get(open, id))) {
				sim_fail("recorded", "an outcome without an intent: %s", id);
			}
			json_object_set_new(open, id, json_false());
		}
	}
	free(line);
	fclose(file);
	{
		const char *id;
		json_t *is_open;

		json_object_foreach(open, id, is_open)
		{
			if (json_is_true(is_open)) {
				sim_fail("recorded", "an intent without an outcome: %s", id);
			}
		}
	}
}

void oracles_end(const char *audit_path)
{
	check_record(audit_path);
	if (wire_n_open() > 0) {
		sim_fail("bounded", "%zu connections are open after the end", wire_n_open());
	}
}
