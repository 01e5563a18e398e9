/*
 * What has to hold, whatever happens: against the simulator's own book of who was ended by whom.
 */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim.h"

#define READY_WITHIN (5 * SIM_S)
/* A kill of nodes that are all well is over by then, whatever happens elsewhere. */
#define WELL_WITHIN (4 * SIM_S)
#define ANSWERED_WITHIN (2 * SIM_S) /* of its deadline */
/* Of one turn of the loop. */
#define MOST_LINES 600
#define MOST_JUDGED 1500
#define MOST_CONNECTIONS 64
#define MOST_REFUSED 700 /* attempts a second at a server that is full, of each connection */
#define MOST_COMMANDS 6000
#define MOST_BYTES (24U << 20) /* the world has its share of it */

/* What daemons that were killed have left behind does not count. */
static size_t n_bytes_before;

void oracles_begin(void)
{
	n_bytes_before = mallinfo2().uordblks;
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

static uint64_t bit_of(const struct order *kill)
{
	return UINT64_C(1) << (kill->number % 64);
}

bool oracle_is_group_well(const struct fleet *group)
{
	bool is_well = !group->is_stranger_listed && !scenario_is_changing() &&
		       edges_is_disk_good() && sim_now() - group->settled > READY_WITHIN;

	for (size_t i = 0; i < group->n_sentinels; i++) {
		const struct server *sentinel = group->sentinels[i];

		is_well &= server_is_healthy(sentinel) && !sentinel->is_hostile &&
			   sentinel->news_delay < 10 * SIM_S;
	}
	for (size_t i = 0; i < group->n_nodes; i++) {
		const struct server *node = group->nodes[i];

		is_well &= server_is_healthy(node) && !node->has_lost_address &&
			   sim_now() - node->healthy_since > READY_WITHIN;
	}
	return is_well;
}

/* ---- listings ---- */

/* The first one since the kill was asked for: who is meant. */
static void note_first(const struct order *kill, struct server *server)
{
	if ((server->listed_kills & bit_of(kill)) != 0) {
		return;
	}
	server->listed_kills |= bit_of(kill);
	for (size_t i = 0; i < server->n_sessions; i++) {
		struct client *session = &server->sessions[i];
		const struct facts facts = server_facts(server, session);

		if (session->end == NULL && !server_hides(server, session) &&
			order_covers(kill, &facts)) {
			session->first_matched |= bit_of(kill);
		}
	}
}

static void note_seen(struct order *kill, const struct server *server)
{
	struct seen *seen = &kill->seen[kill->n_seen++ % ARRAY_SIZE(kill->seen)];

	*seen = (struct seen){.server = server};
	for (size_t i = 0; i < server->n_sessions; i++) {
		const struct client *session = &server->sessions[i];
		const struct facts facts = server_facts(server, session);

		if (!server_hides(server, session)) {
			seen->n++;
			seen->n_matched +=
				session->end == NULL && !facts.is_odd && order_covers(kill, &facts);
			seen->n_doubtful +=
				facts.is_odd || (session->end != NULL && !server_is_own(session));
		}
	}
}

void oracle_listed(struct server *server)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (order_is_active(kill) && has_server(kill->group, server)) {
			note_first(kill, server);
			note_seen(kill, server);
		}
	}
}

void oracle_disturbed(const struct server *server)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (order_is_active(kill) &&
			(has_server(kill->group, server) || kill->group == server->group)) {
			kill->is_disturbed = true;
		}
	}
}

/* ---- exact ---- */

static bool takes_filters(const struct server *server)
{
	return server->shown_at > 0 && sim_now() > server->shown_at + SIM_S &&
	       strstr(server->shape->filters, " TYPE ") != NULL &&
	       !shape_has(server->shape, SHAPE_ORED);
}

/* Did the daemon have reason to believe that this kill covers it, or does it? */
static bool may_end(
	const struct order *kill, const struct server *server, const struct client *session)
{
	const struct facts now = server_facts(server, session);

	if (kill->is_dry_run || kill->is_denied ||
		(kill->run_id[0] != '\0' && strcmp(kill->run_id, server->run_id) != 0)) {
		return false;
	}
	if (session->listed.at >= 0 && order_covers(kill, &session->listed)) {
		return true;
	}
	/* Where an id cannot be bound to what its session was, it goes by the listing of the plan:
	 * in a listing of its own, and another kill, or who only looks, has listed since. */
	if ((kill->is_disturbed || !takes_filters(server) ||
		    sim_now() - kill->group->looked < 10 * SIM_S) &&
		(session->first_matched & bit_of(kill)) != 0) {
		return true;
	}
	return order_covers(kill, &now);
}

static bool is_candidate(
	const struct order *kill, const struct server *server, const struct client *session)
{
	bool is_member = has_server(kill->group, server) ||
			 (server->left_at > 0 && sim_now() - server->left_at < SIM_S);

	return (order_is_active(kill) || kill->has_late) && is_member &&
	       may_end(kill, server, session);
}

static void count_ended(struct order *kill)
{
	kill->n_ended++;
	if (kill->has_max && kill->n_ended > kill->max && !kill->is_ambiguous) {
		sim_fail("exact", "kill %u has ended more than max %llu", kill->number,
			(unsigned long long)kill->max);
	}
}

static void fail_unasked(const struct server *server, const struct client *session)
{
	const struct facts *now = &session->now, *listed = &session->listed;

	sim_fail("exact",
		"%llu of %u was ended, and nobody asked for that: user %s, name %s, type %d; "
		"listed %lld ms ago as user %s, name %s, type %d",
		(unsigned long long)now->id, server->port, now->user, now->name, (int)now->role,
		listed->at < 0 ? -1LL : (long long)((sim_now() - listed->at) / SIM_MS),
		listed->at < 0 ? "" : listed->user, listed->at < 0 ? "" : listed->name,
		(int)listed->role);
}

/* Where several cover it, none of their counts can be held to the book. */
static void attribute(const struct server *server, const struct client *session)
{
	struct order *found = NULL;

	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (is_candidate(kill, server, session)) {
			if (found != NULL) {
				found->is_disturbed = kill->is_disturbed = true;
				found->is_ambiguous = kill->is_ambiguous = true;
			}
			found = kill;
		}
	}
	if (found == NULL) {
		fail_unasked(server, session);
	} else {
		oracle_intended(found, scenario_record());
		count_ended(found);
	}
}

void oracle_ended(struct server *server, struct client *session)
{
	enum role role = session->now.role;

	sim_log("%u: %llu is ended (%s, %s)", server->port, (unsigned long long)session->now.id,
		session->now.user, session->now.name);
	if (server->group == NULL &&
		(server->left_at == 0 || sim_now() - server->left_at > SIM_S)) {
		sim_fail("exact", "a session of %u, which is no member, was ended", server->port);
	}
	/* Given up, and the server has not heard of that; or by a command of one that died. */
	if (session->end != NULL &&
		(!server_is_own(session) || (scenario_had_crash() && scenario_is_changing()))) {
		oracle_disturbed(server);
		return;
	}
	if (session->end != NULL) {
		sim_fail("exact", "a connection of the daemon to %u was ended", server->port);
	}
	/* One by id, and changed since, cannot be told where filters are not ANDed. */
	if ((role == ROLE_REPLICA || role == ROLE_MASTER || role == ROLE_SLOT) &&
		takes_filters(server)) {
		sim_fail("exact", "%llu of %u is replication", (unsigned long long)session->now.id,
			server->port);
	}
	attribute(server, session);
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

/* What it says in total is what it says of its nodes. */
static void check_totals(const struct order *kill, const json_t *report)
{
	static const char *const keys[] = {"found", "unmatched", "protected", "matched", "killed",
		"gone", "survivors", "extra"};

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

static bool is_meant_still(
	const struct order *kill, const struct server *server, const struct client *session)
{
	const struct facts now = server_facts(server, session);

	return session->end == NULL && !now.is_odd &&
	       (session->first_matched & bit_of(kill)) != 0 && session->listed.at >= 0 &&
	       session->changed <= kill->asked && !server_hides(server, session) &&
	       order_covers(kill, &session->listed) && order_covers(kill, &now) &&
	       (kill->run_id[0] == '\0' || strcmp(kill->run_id, server->run_id) == 0);
}

/* `done`: nobody lives who was meant at first and still is. */
static void check_done(const struct order *kill)
{
	if (kill->group->is_stranger_listed && kill->run_id[0] == '\0') {
		sim_fail("true", "kill %u is done, and a node that is listed was not swept",
			kill->number);
	}
	for (size_t i = 0; i < kill->group->n_nodes; i++) {
		const struct server *server = kill->group->nodes[i];

		/* Of the addresses of a name, one where nobody ever answered may be nobody. */
		if (server->down_since < kill->asked && kill->run_id[0] == '\0' &&
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
			if (is_meant_still(kill, server, &server->sessions[k])) {
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
			server->down_since < kill->asked - 10 * SIM_S && kill->run_id[0] == '\0' &&
			!scenario_is_changing() && strstr(text, address) == NULL) {
			sim_fail("true", "kill %u is %s, and does not name %u, which was down",
				kill->number, kill->state, server->port);
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

			is_seen |= seen->n == n && seen->n_matched <= n_matched &&
				   n_matched <= seen->n_matched + seen->n_doubtful;
		}
		if (!is_seen && !kill->is_disturbed && kill->n_seen <= ARRAY_SIZE(kill->seen)) {
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
}

/* Nobody has to wait for somebody else's trouble. */
static void check_well(const struct order *kill)
{
	if (!kill->was_group_well || !oracle_is_group_well(kill->group) || kill->is_disturbed ||
		kill->is_waiting_allowed || kill->has_max || kill->run_id[0] != '\0' ||
		kill->timeout < 2 * SIM_S || strcmp(kill->state, "cancelled") == 0) {
		return;
	}
	if (strcmp(kill->state, kill->is_dry_run ? "dry_run" : "done") != 0) {
		sim_fail("answered", "kill %u is %s, and all its nodes are well", kill->number,
			kill->state);
	}
	if (sim_now() - kill->asked > WELL_WITHIN) {
		sim_fail("answered", "kill %u took %lld ms, and all its nodes are well",
			kill->number, (long long)((sim_now() - kill->asked) / SIM_MS));
	}
}

static void check_counts(const struct order *kill, const json_t *report)
{
	uint64_t ended = number(report, "killed") + number(report, "extra");

	if (!kill->is_disturbed && !kill->has_late && ended != kill->n_ended) {
		sim_fail("true", "kill %u: killed and extra are %llu, and %llu were ended",
			kill->number, (unsigned long long)ended, (unsigned long long)kill->n_ended);
	}
}

static void check_report(struct order *kill, const json_t *report)
{
	const char *state = json_string_value(json_object_get(report, "state"));

	CHECK(state != NULL);
	snprintf(kill->state, sizeof(kill->state), "%s", state);
	kill->n_killed = number(report, "killed");
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
	check_well(kill);
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

void oracle_answered(struct order *kill, struct slice body)
{
	json_auto_t *report = json_loadb(body.data, body.len, 0, NULL);

	if ((kill->status == 403) != kill->is_denied) {
		sim_fail("exact", "kill %u was answered with %d", kill->number, kill->status);
	}
	if (report == NULL) {
		sim_fail("answered", "kill %u: the answer is no JSON", kill->number);
	}
	if (kill->status == 400) {
		sim_fail("answered", "kill %u is malformed: %.*s", kill->number, SLICE_ARG(body));
	}
	if (json_object_get(report, "found") != NULL) {
		check_report(kill, report);
	} else {
		/* Of commands in flight the answer to a DAS call says nothing but that it failed.
		 */
		kill->has_late |= kill->status == 500;
		sim_log("kill %u: %.*s", kill->number, (int)MIN(body.len, (size_t)150), body.data);
	}
}

/* ---- from time to time ---- */

static bool is_well_for_long(const struct server *server)
{
	return server_is_healthy(server) &&
	       sim_now() - MAX(server->healthy_since, server->group->settled) > READY_WITHIN;
}

/* Do most of its Sentinels know what is, and say so? */
static bool is_told_right(const struct fleet *group)
{
	size_t n_right = 0;

	for (size_t i = 0; i < group->n_sentinels; i++) {
		n_right += is_well_for_long(group->sentinels[i]) &&
			   !group->sentinels[i]->is_hostile &&
			   group->sentinels[i]->news_delay < 10 * SIM_S;
	}
	return 2 * n_right > group->n_sentinels || group->n_sentinels == 0;
}

/* A replica is known by the data set of its master, which has to be there for that. */
static bool has_to_be_ready(const struct server *server)
{
	return server->group != NULL && is_well_for_long(server) && is_told_right(server->group) &&
	       (server->master == NULL || is_well_for_long(server->master)) &&
	       !scenario_is_changing();
}

static void check_node(const json_t *node)
{
	const char *address = json_string_value(json_object_get(node, "address"));
	const char *state = json_string_value(json_object_get(node, "state"));

	for (size_t i = 0; i < servers_n(); i++) {
		const struct server *server = servers_get(i);
		char own[32];

		snprintf(own, sizeof(own), "%s:%u", server->ip, server->port);
		if (strcmp(own, address) == 0 && has_to_be_ready(server) &&
			strcmp(state, "ready") != 0) {
			sim_fail("in", "%s is well for 5 s, and %s: %s", address, state,
				json_string_value(json_object_get(node, "last_error")));
		}
	}
}

void oracle_instances(struct slice body)
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
}

static void check_answered(void)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		const struct order *kill = callers_kill(k);

		if (kill->answered == 0 && !kill->hung_up && !kill->is_waiting_allowed &&
			sim_now() > kill->asked + kill->timeout + ANSWERED_WITHIN) {
			sim_fail("answered",
				"kill %u is not answered %lld ms after it was asked for",
				kill->number, (long long)((sim_now() - kill->asked) / SIM_MS));
		}
	}
}

static void check_bounds(void)
{
	if (wire_n_open() > MOST_CONNECTIONS) {
		sim_fail("bounded", "%zu connections are open", wire_n_open());
	}
	for (size_t i = 0; i < servers_n(); i++) {
		struct server *server = servers_get(i);

		if (server->n_refused > 2 * MOST_REFUSED) {
			sim_fail("bounded", "%u was asked %llu times in a second, and is full",
				server->port, (unsigned long long)server->n_refused);
		}
		if (server->n_commands > MOST_COMMANDS) {
			sim_fail("bounded", "%u was sent %llu commands in a second", server->port,
				(unsigned long long)server->n_commands);
		}
		server->n_refused = server->n_commands = 0;
	}
	if (mallinfo2().uordblks > n_bytes_before + MOST_BYTES) {
		sim_fail("bounded", "%zu bytes are in use",
			(size_t)mallinfo2().uordblks - n_bytes_before);
	}
}

void oracle_tick(void *context, uint64_t value)
{
	check_answered();
	check_bounds();
	sim_in(SIM_S, oracle_tick, NULL, 0);
}

void oracle_turn(uint64_t n_lines, uint64_t n_judged)
{
	if (n_lines > MOST_LINES || n_judged > MOST_JUDGED) {
		sim_fail("answered", "a turn read %llu lines and judged %llu sessions",
			(unsigned long long)n_lines, (unsigned long long)n_judged);
	}
}

void oracles_end(void)
{
	oracle_record(scenario_record());
	if (wire_n_open() > 0) {
		sim_fail("bounded", "%zu connections are open after the end", wire_n_open());
	}
}
