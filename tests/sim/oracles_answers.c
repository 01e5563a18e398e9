/*
 * What an answer says, held against the book and against itself.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "oracles_internal.h"

/* A kill of nodes that are all well is over by then, whatever happens elsewhere. */
#define WELL_WITHIN (4 * SIM_S)
#define USABLE_WITHIN (2 * SIM_S) /* of the node's time, one after the other */

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void check_sums(const struct order *kill, const json_t *report)
{
	uint64_t matched = number(report, "matched");

	if (number(report, "found") != number(report, "unmatched") + number(report, "protected") +
					       number(report, "spared") + matched) {
		sim_fail("true", "kill %u: the sums of what was found do not hold", kill->number);
	}
	if (!kill->is_dry_run && matched != number(report, "killed") + number(report, "gone") +
						    number(report, "survivors")) {
		sim_fail("true", "kill %u: the sums of what was killed do not hold", kill->number);
	}
}

/* What it says in total is what it says of its nodes. */
static void check_totals(const struct order *kill, const json_t *report)
{
	static const char *const keys[] = {"found", "unmatched", "protected", "spared", "matched",
		"killed", "gone", "survivors", "extra"};

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		uint64_t sum = 0;
		size_t i;
		json_t *node;

		json_array_foreach(json_object_get(report, "nodes"), i, node)
		{
			sum += number(node, keys[k]);
		}
		if (sum != number(report, keys[k])) {
			sim_fail("true", "kill %u: %s is %llu, and %llu of all nodes", kill->number,
				keys[k], (unsigned long long)number(report, keys[k]),
				(unsigned long long)sum);
		}
	}
}

static bool is_for_any(const struct order *kill)
{
	return kill->run_id[0] == '\0' && kill->n_nodes == 0;
}

static bool is_meant_still(
	const struct order *kill, const struct server *server, const struct client *session)
{
	const struct facts now = server_facts(server, session);

	return session->end == NULL && !now.is_odd && !kill->is_changing &&
	       (session->first_matched & bit_of(kill)) != 0 && session->listed.at >= 0 &&
	       session->changed <= kill->asked && !server_hides(server, session) &&
	       order_covers(kill, &session->listed) && order_covers(kill, &now) &&
	       order_is_for(kill, server);
}

static bool has_goals(const struct order *kill)
{
	return kill->limit > 0 || kill->keep > 0 || kill->rate > 0;
}

/* Nobody beyond the limit; and where somebody is to be killed, so many stay. */
static void check_goals(const struct order *kill, const json_t *report)
{
	uint64_t n = number(report, "killed") + number(report, "extra");

	if (kill->limit > 0 && n > kill->limit) {
		sim_fail("exact", "kill %u: limit is %llu, and %llu were killed", kill->number,
			(unsigned long long)kill->limit, (unsigned long long)n);
	}
	/* One of those that stay may become one that is kept, or not meant at all. */
	if (kill->keep > 0 && n > 0 &&
		number(report, "found") - number(report, "matched") < kill->keep) {
		sim_fail("exact", "kill %u: %llu were to stay, and are not there", kill->number,
			(unsigned long long)kill->keep);
	}
	if (has_goals(kill) && number(report, "extra") > 0) {
		sim_fail("exact", "kill %u has goals, and hit others", kill->number);
	}
}

/* `done`: nobody lives who was meant at first and still is. */
static void check_done(const struct order *kill)
{
	if (kill->group->is_stranger_listed && is_for_any(kill)) {
		sim_fail("true", "kill %u is done, and a node that is listed was not swept",
			kill->number);
	}
	for (size_t i = 0; i < kill->group->n_nodes; i++) {
		const struct server *server = kill->group->nodes[i];

		/* Of the addresses of a name, one where nobody ever answered may be nobody. */
		if (server->down_since < kill->asked && is_for_any(kill) &&
			!(kill->group->name != NULL &&
				(scenario_had_crash() || !server->was_reached))) {
			sim_fail("true", "kill %u is done, and %u was down all the time",
				kill->number, server->port);
		}
		/* With a deadline of 1 ms it ends before it is told of who came a moment ago. */
		if (server->joined_at > 0 && server->joined_at > kill->asked - SIM_S) {
			continue;
		}
		for (size_t k = 0; k < server->n_sessions; k++) {
			if (kill->limit == 0 && kill->keep == 0 &&
				is_meant_still(kill, server, &server->sessions[k])) {
				sim_fail("true", "kill %u is done, and %llu of %u lives",
					kill->number,
					(unsigned long long)server->sessions[k].now.id,
					server->port);
			}
		}
	}
}

/* `partial`: a node says what became of it, and one that was down is named. */
static void check_partial(const struct order *kill, const json_t *report)
{
	bool has_reason = json_array_size(json_object_get(report, "warnings")) > 0 ||
			  number(report, "survivors") > 0 ||
			  json_string_length(json_object_get(report, "error")) > 0;
	CLEANUP(mem_free_p) char *text = json_dumps(report, 0);
	size_t i;
	json_t *node;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		has_reason |= json_string_length(json_object_get(node, "error")) > 0;
	}
	if (!has_reason) {
		sim_fail("true", "kill %u is %s without a reason: %s", kill->number, kill->state,
			text);
	}
	for (i = 0; i < kill->group->n_nodes; i++) {
		const struct server *server = kill->group->nodes[i];
		char address[32];

		snprintf(address, sizeof(address), ":%u", server->port);
		if (json_string_length(json_object_get(report, "error")) == 0 &&
			server->down_since < kill->asked - 10 * SIM_S && is_for_any(kill) &&
			!scenario_is_changing() && strstr(text, address) == NULL) {
			sim_fail("true", "kill %u is %s, and does not name %u, which was down",
				kill->number, kill->state, server->port);
		}
	}
}

/* By any of its addresses; NULL: it is none of these. */
static const struct server *find_node(const struct fleet *group, const char *address)
{
	for (size_t i = 0; i < group->n_nodes; i++) {
		const struct server *server = group->nodes[i];
		char first[32], second[32];

		snprintf(first, sizeof(first), "%s:%u", server->ip, server->port);
		snprintf(second, sizeof(second), "%s:%u",
			server->second_ip != NULL ? server->second_ip : server->ip, server->port);
		if (strcmp(first, address) == 0 || strcmp(second, address) == 0) {
			return server;
		}
	}
	return NULL;
}

/* One that has two addresses is swept once. */
static void check_twins(const struct order *kill, const json_t *report)
{
	const struct server *swept[32];
	size_t n_swept = 0, i;
	json_t *node;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		const char *address = json_string_value(json_object_get(node, "address"));
		const struct server *server = find_node(kill->group, address);

		if (server == NULL || number(node, "found") == 0 || !kill->was_group_usable ||
			server->may_not_kill) {
			continue;
		}
		for (size_t k = 0; k < n_swept; k++) {
			if (swept[k] == server) {
				sim_fail("true", "kill %u: %u was swept twice", kill->number,
					server->port);
			}
		}
		if (n_swept < ARRAY_SIZE(swept)) {
			swept[n_swept++] = server;
		}
	}
}

/* A dry run says what is there. */
static void check_dry_run(const struct order *kill, const json_t *report)
{
	size_t i;
	json_t *node;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		uint64_t n = number(node, "found"), n_matched = number(node, "matched");
		bool is_seen = n == 0;

		for (size_t k = 0; k < MIN(kill->n_seen, ARRAY_SIZE(kill->seen)); k++) {
			const struct seen *seen = &kill->seen[k];

			n_matched += k == 0 ? number(node, "spared") : 0;
			is_seen |= seen->n == n && seen->n_matched <= n_matched &&
				   n_matched <= seen->n_matched + seen->n_doubtful;
		}
		if (!is_seen && !kill->is_disturbed && !kill->is_changing &&
			kill->n_seen <= ARRAY_SIZE(kill->seen)) {
			sim_fail("true",
				"kill %u: found %llu, matched %llu, and no listing says that",
				kill->number, (unsigned long long)n, (unsigned long long)n_matched);
		}
	}
}

static void log_words(const struct order *kill, const json_t *report)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(report, "warnings"), i, item)
	{
		sim_log("kill %u: warning: %s", kill->number, json_string_value(item));
	}
	json_array_foreach(json_object_get(report, "nodes"), i, item)
	{
		sim_log("kill %u: %s: %s", kill->number,
			json_string_value(json_object_get(item, "address")),
			json_string_length(json_object_get(item, "error")) > 0
				? json_string_value(json_object_get(item, "error"))
				: "done");
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
	/* A report that is fetched later has what came late, and says so. */
	json_array_foreach(json_object_get(report, "warnings"), i, node)
	{
		kill->has_late |= strstr(json_string_value(node), "came late") != NULL;
	}
}

/* Nobody has to wait for somebody else's trouble. */
static void check_well(const struct order *kill)
{
	if (!kill->was_group_well || !oracle_is_group_well(kill->group) || kill->is_disturbed ||
		kill->is_crowded || kill->has_max || has_goals(kill) || kill->run_id[0] != '\0' ||
		kill->timeout < 2 * SIM_S || strcmp(kill->state, "cancelled") == 0) {
		return;
	}
	if (strcmp(kill->state, kill->is_dry_run ? "dry_run" : "done") != 0) {
		sim_fail("answered", "kill %u is %s, and all its nodes are well", kill->number,
			kill->state);
	}
	/* A task is over when it is asked for, or at any time since it was asked for last. */
	if ((kill->is_task ? kill->seen_running : sim_now()) - kill->asked > WELL_WITHIN) {
		sim_fail("answered", "kill %u took %lld ms, and all its nodes are well",
			kill->number, (long long)((sim_now() - kill->asked) / SIM_MS));
	}
}

/* Whoever becomes another before each round of a kill is in its way for good. Of a task nobody
 * knows any more when it is asked for. */
static uint64_t n_restless(const struct server *server, const struct order *kill)
{
	uint64_t n = kill->is_task ? UINT64_MAX : 0;

	for (size_t i = 0; i < server->n_sessions && !kill->is_task; i++) {
		const struct client *session = &server->sessions[i];

		/* The next place in the ring is that of the oldest one. */
		n += session->n_changes >= CLIENT_ROUNDS &&
		     session->changes[session->n_changes % CLIENT_ROUNDS] > kill->asked;
	}
	return n;
}

/* Those with it do not take the nodes away that are well, nor does one that is down. Each that was
 * asked for before has the time that it would have alone. */
static void check_usable(const struct order *kill, const json_t *report)
{
	const char *error = json_string_value(json_object_get(report, "error"));
	size_t i;
	json_t *node;

	if (!kill->was_group_usable || !oracle_is_group_usable(kill->group) || kill->is_disturbed ||
		kill->has_max || has_goals(kill) || !is_for_any(kill) ||
		kill->timeout < (1 + kill->n_ahead) * USABLE_WITHIN ||
		strcmp(kill->state, "cancelled") == 0) {
		return;
	}
	if (error != NULL && strstr(error, "another kill") != NULL) {
		sim_fail("answered", "kill %u: %s, and no server is busy", kill->number, error);
	}
	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		const char *address = json_string_value(json_object_get(node, "address"));
		const struct server *server = find_node(kill->group, address);

		if (server != NULL && oracle_is_node_well(server) &&
			(json_string_length(json_object_get(node, "error")) > 0 ||
				number(node, "survivors") > n_restless(server, kill))) {
			sim_fail("answered", "kill %u: %s is well, and %llu survive there: %s",
				kill->number, address,
				(unsigned long long)number(node, "survivors"),
				json_string_value(json_object_get(node, "error")));
		}
	}
}

/* Its own one, whoever else it shares a run with. */
static void check_max(const struct order *kill, const json_t *report)
{
	uint64_t n = number(report, "killed") + number(report, "extra");

	if (kill->has_max && n > kill->max) {
		sim_fail("exact", "kill %u: max is %llu, and %llu were killed", kill->number,
			(unsigned long long)kill->max, (unsigned long long)n);
	}
}

static void check_counts(const struct order *kill, const json_t *report)
{
	uint64_t ended = number(report, "killed") + number(report, "extra");

	if (!kill->is_disturbed && !kill->is_crowded && !kill->has_late && ended != kill->n_ended) {
		sim_fail("true", "kill %u: killed and extra are %llu, and %llu were ended",
			kill->number, (unsigned long long)ended, (unsigned long long)kill->n_ended);
	}
}

/* Whose sessions they were: of the 50 largest sources. */
static void check_sources(const struct order *kill, const json_t *report)
{
	uint64_t n_found = 0, n_killed = 0;
	size_t i;
	json_t *source;

	json_array_foreach(json_object_get(report, "sources"), i, source)
	{
		n_found += number(source, "found");
		n_killed += number(source, "killed");
	}
	if (n_found > number(report, "matched") || n_killed > number(report, "killed")) {
		sim_fail("true", "kill %u: sources found %llu, killed %llu, which is too much",
			kill->number, (unsigned long long)n_found, (unsigned long long)n_killed);
	}
}

static void check_report(struct order *kill, const json_t *report)
{
	const char *state = json_string_value(json_object_get(report, "state"));

	CHECK(state != NULL);
	snprintf(kill->state, sizeof(kill->state), "%s", state);
	kill->has_report = true;
	kill->n_killed = number(report, "killed");
	kill->n_gone = number(report, "gone");
	kill->n_survivors = number(report, "survivors");
	kill->n_extra = number(report, "extra");
	check_sums(kill, report);
	check_totals(kill, report);
	note_late(kill, report);
	sim_log("kill %u: %s, found %llu, matched %llu, killed %llu, gone %llu, extra %llu; ended "
		"%llu",
		kill->number, state, (unsigned long long)number(report, "found"),
		(unsigned long long)number(report, "matched"),
		(unsigned long long)number(report, "killed"),
		(unsigned long long)number(report, "gone"),
		(unsigned long long)number(report, "extra"), (unsigned long long)kill->n_ended);
	log_words(kill, report);
	check_sources(kill, report);
	check_well(kill);
	check_usable(kill, report);
	check_max(kill, report);
	check_goals(kill, report);
	if (!kill->is_disturbed) {
		check_twins(kill, report);
	}
	if (strcmp(state, "dry_run") == 0) {
		check_dry_run(kill, report);
		return;
	}
	check_counts(kill, report);
	if (strcmp(state, "done") == 0) {
		check_done(kill);
	} else if (strcmp(state, "partial") == 0 || strcmp(state, "failed") == 0) {
		check_partial(kill, report);
	}
}

void oracle_task(struct order *kill, struct slice body)
{
	json_auto_t *report = json_loadb(body.data, body.len, 0, NULL);

	check_report(kill, report);
	/* What a set command hit is known by number; by name not before a listing has shown it. */
	if (!kill->has_late && (kill->n_task_killed > kill->n_killed ||
				       (strcmp(kill->state, "done") == 0 &&
					       kill->n_task_killed < kill->n_killed))) {
		sim_fail("true", "kill %u: KillSuccessCount is %llu, and its report says %llu",
			kill->number, (unsigned long long)kill->n_task_killed,
			(unsigned long long)kill->n_killed);
	}
}

void oracle_answered(struct order *kill, struct slice body)
{
	json_auto_t *report = json_loadb(body.data, body.len, 0, NULL);

	kill->is_too_slow = kill->rate > 0 && kill->status == 400 &&
			    memmem(body.data, body.len, "one after the other", 19) != NULL;
	/* What is asked for is read before it is known to be all in other words. */
	if ((kill->status == 403) != kill->is_denied && !kill->is_changing &&
		!(kill->status == 400 && (kill->n_nodes > 0 || kill->is_too_slow))) {
		sim_fail("exact", "kill %u was answered with %d, and is %s", kill->number,
			kill->status, kill->is_denied ? "denied" : "allowed");
	}
	if (report == NULL) {
		sim_fail("answered", "kill %u: the answer is no JSON", kill->number);
	}
	/* The node that is named may be none that the daemon has found. */
	if (kill->status == 400 && kill->n_nodes == 0 && !kill->is_too_slow) {
		sim_fail("answered", "kill %u is malformed: %.*s", kill->number, SLICE_ARG(body));
	}
	if (json_object_get(report, "found") != NULL) {
		check_report(kill, report);
	} else {
		/* Of commands in flight the answer to a DAS call says nothing but that it failed,
		 * nor does that of a kill that had begun when more nodes turned up. */
		kill->has_late |= kill->status == 500 ||
				  memmem(body.data, body.len, "turned up later", 15) != NULL;
		sim_log("kill %u: %.*s", kill->number, (int)MIN(body.len, (size_t)150), body.data);
	}
}
