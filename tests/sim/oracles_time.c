/*
 * What is looked at from time to time: who is ready, who is answered, how much is used.
 */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "oracles_internal.h"

#define ANSWERED_WITHIN SIM_S /* of its deadline */
#define SHARING_POSTPONES (500 * SIM_MS)
/* Of one turn of the loop. */
#define MOST_LINES 600
#define MOST_JUDGED 1500
#define MOST_CONNECTIONS 64
#define MOST_REFUSED 700  /* attempts a second at a server that is full, of each connection */
#define MOST_CONNECTS 100 /* a second to a server that is not full */
#define MOST_COMMANDS 6000
#define MOST_BYTES (48U << 20) /* the world has its share of it */

/* What daemons that were killed have left behind does not count. */
static size_t n_bytes_before;

/* With what has its own mapping: which does depends on what was freed before. */
static size_t bytes_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

void oracles_begin(void)
{
	n_bytes_before = bytes_in_use();
	/* How filters combine is asked anew. */
	for (size_t i = 0; i < servers_n(); i++) {
		servers_get(i)->shown_at = 0;
	}
}

/* ---- who is ready ---- */

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

/* ---- who is answered, and what is used ---- */

/* Waiting for others is bounded as well. Who asks for the very same shares the run of one who
 * waits, and may postpone his answer a little. */
static int64_t latest_answer(const struct order *kill)
{
	return kill->asked + kill->timeout + ANSWERED_WITHIN + (kill->is_watched ? SIM_S : 0) +
	       (kill->is_shared ? SHARING_POSTPONES : 0);
}

static void check_answered(void)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		const struct order *kill = callers_kill(k);

		if (kill->answered == 0 && !kill->hung_up && sim_now() > latest_answer(kill)) {
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
		if (server->n_refused == 0 && server->n_connects > MOST_CONNECTS) {
			sim_fail("bounded", "%u was connected to %llu times in a second",
				server->port, (unsigned long long)server->n_connects);
		}
		if (server->n_commands > MOST_COMMANDS) {
			sim_fail("bounded", "%u was sent %llu commands in a second", server->port,
				(unsigned long long)server->n_commands);
		}
		server->n_refused = server->n_commands = server->n_connects = 0;
	}
	if (bytes_in_use() > n_bytes_before + MOST_BYTES) {
		sim_fail("bounded", "%zu bytes are in use", bytes_in_use() - n_bytes_before);
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
