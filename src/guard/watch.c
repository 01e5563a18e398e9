/*
 * Looks: a few words of INFO from each node, or a listing where the guard counts whom it selects;
 * and a listing as well when it is about to act. When the servers take long for it, the looks
 * become rarer.
 */
#include "guard/watch.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/timer.h"

/* Of the server's time, a look may take one part of so many; it needs so long for a session. */
#define COST_SHARE 100
#define LINE_US 2
#define MAX_INTERVAL_MS (5 * 60 * 1000)

static void begin_look(struct watch *watch);

static void forget_nodes(struct watch *watch)
{
	calls_drop(&watch->calls);
	for (size_t i = 0; i < watch->n_nodes; i++) {
		client_list_leave(&watch->nodes[i].reader);
		own_sessions_finish(&watch->nodes[i].own);
		link_unref(watch->nodes[i].link);
		watch->nodes[i].link = NULL;
	}
	watch->n_pending = 0;
}

static void free_nodes(struct watch_node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(nodes[i].address);
	}
	free(nodes);
}

/* ---- the end of a look ---- */

/* What one is waited for is not the server's time; but the next one is given enough of it. */
static void schedule(struct watch *watch)
{
	int64_t took_ms = (clock_monotonic_us() - watch->look_us) / 1000;
	int64_t cost_ms = (int64_t)watch->n_lines * LINE_US / 1000;
	int64_t least_ms = took_ms > watch->opts->every_ms ? 2 * took_ms : 0;

	least_ms = MIN(MAX(least_ms, cost_ms * COST_SHARE), (int64_t)MAX_INTERVAL_MS);
	watch->interval_ms = MAX(watch->opts->every_ms, least_ms);
	timer_start(watch->timer, watch->interval_ms);
}

static void rest(struct watch *watch, enum guard_rest why)
{
	watch->rest = why;
	schedule(watch);
}

/* On all nodes together: one that says nothing has any number. */
static bool does_sum_hold(struct watch *watch)
{
	uint64_t n_matched = 0;

	for (size_t i = 0; i < watch->n_nodes; i++) {
		n_matched += watch->nodes[i].n_matched;
	}
	return condition_compare(&watch->opts->when, (int64_t)n_matched);
}

/* Since when it has held there, look by look. */
static void note_holding(struct watch_node *node, bool holds, int64_t now_ms)
{
	node->holds = holds;
	if (!holds) {
		node->holds_since_ms = 0;
	} else if (node->holds_since_ms == 0) {
		node->holds_since_ms = now_ms;
	}
	node->is_ripe = holds && now_ms - node->holds_since_ms >= node->watch->opts->for_ms;
}

static void find_holding(struct watch *watch)
{
	const struct condition *when = &watch->opts->when;
	bool is_sum = when->kind == CONDITION_MATCHED;
	bool holds = is_sum && does_sum_hold(watch);
	int64_t now_ms = clock_monotonic_ms();

	watch->holds_since_ms = 0;
	watch->is_ripe = false;
	for (size_t i = 0; i < watch->n_nodes; i++) {
		struct watch_node *node = &watch->nodes[i];

		note_holding(node,
			is_sum ? holds
			       : node->now.at_ms > 0 &&
					 condition_holds(when, &node->now, &node->before),
			now_ms);
		if (node->holds && (watch->holds_since_ms == 0 ||
					   node->holds_since_ms < watch->holds_since_ms)) {
			watch->holds_since_ms = node->holds_since_ms;
		}
		watch->is_ripe |= node->is_ripe;
	}
}

/* In time, somebody; where all are counted together, all. */
static bool was_heard(const struct watch *watch)
{
	int64_t took_ms = (clock_monotonic_us() - watch->look_us) / 1000;
	size_t n = 0;

	for (size_t i = 0; i < watch->n_nodes; i++) {
		n += watch->nodes[i].now.at_ms > 0 || watch->nodes[i].is_listed;
	}
	if (watch->opts->when.kind == CONDITION_MATCHED &&
		(n < watch->n_nodes || watch->n_absent > 0)) {
		return false;
	}
	return n > 0 && took_ms <= watch->interval_ms;
}

/* Before Redis 6.2 nobody is told how many places there are. */
static bool are_places_unknown(const struct watch *watch)
{
	const struct condition *when = &watch->opts->when;
	bool is_known = when->kind != CONDITION_FREE && !when->is_percent;

	for (size_t i = 0; i < watch->n_nodes; i++) {
		is_known |= watch->nodes[i].now.max_clients >= 0;
	}
	return !is_known;
}

static void forget_holding(struct watch *watch)
{
	watch->holds_since_ms = 0;
	for (size_t i = 0; i < watch->n_nodes; i++) {
		watch->nodes[i].holds_since_ms = 0;
	}
}

/* Is a field that it goes by given by nobody who was listed? */
static bool is_field_missing(const struct watch *watch)
{
	const struct request *request = &watch->request;
	uint64_t asked = selectors_fields(&request->match) | selectors_fields(&request->except);

	if (goals_is_bounded(&request->goals)) {
		asked |= goals_fields(&request->goals);
	}
	for (size_t i = 0; i < watch->n_nodes; i++) {
		const struct watch_node *node = &watch->nodes[i];

		if (node->is_listed && (asked & ~node->given_fields) != 0) {
			return true;
		}
	}
	return false;
}

static uint64_t count_matched(const struct watch *watch)
{
	uint64_t n = 0;

	for (size_t i = 0; i < watch->n_nodes; i++) {
		n += watch->nodes[i].is_ripe ? watch->nodes[i].n_matched : 0;
	}
	return n;
}

/* It holds, has held for long enough, and whoever it selects is known. */
static void decide(struct watch *watch)
{
	if (is_field_missing(watch)) {
		rest(watch, GUARD_NO_FIELD);
	} else if (count_matched(watch) == 0) {
		rest(watch, GUARD_NOBODY);
	} else {
		watch_begin_episode(watch);
		watch->rest = GUARD_ACTS;
		watch_act(watch);
		schedule(watch);
	}
}

static void end_look(struct watch *watch)
{
	enum guard_rest why;

	if (!was_heard(watch)) {
		forget_holding(watch);
		rest(watch, GUARD_BLIND);
		return;
	}
	watch->n_looks++;
	if (are_places_unknown(watch)) {
		rest(watch, GUARD_NO_FIELD);
		return;
	}
	find_holding(watch);
	if (watch->holds_since_ms == 0) {
		watch_end_episode(watch);
		rest(watch, GUARD_ACTS);
		return;
	}
	why = watch_find_rest(watch);
	if (!watch->is_ripe || why != GUARD_ACTS) {
		rest(watch, why);
	} else if (watch->is_listing) {
		decide(watch);
	} else {
		watch_list_nodes(watch);
	}
}

/* ---- a look ---- */

/* What was known of that node, if it is the same process. */
static const struct watch_node *find_before(
	const struct watch_node *nodes, size_t n, const struct watch_node *node)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(nodes[i].address, node->address) == 0 &&
			strcmp(nodes[i].run_id, node->run_id) == 0) {
			return &nodes[i];
		}
	}
	return NULL;
}

static void take_nodes(struct watch *watch, const struct instance *instance)
{
	struct topology *topology = instance->topology;
	size_t n = topology_n_nodes(topology);
	struct watch_node *before = watch->nodes;
	size_t n_before = watch->n_nodes;
	char ignored[8];

	watch->nodes = mem_alloc_array(n + 1, sizeof(struct watch_node));
	watch->n_nodes = 0;
	watch->n_absent = 0;
	for (size_t i = 0; i < n; i++) {
		struct link *link = topology_node(topology, i);
		struct watch_node *node = &watch->nodes[watch->n_nodes];
		const struct watch_node *old;

		if (topology_twin(topology, link) != NULL || topology_is_unused(topology, link)) {
			continue;
		}
		if (link_state(link) != LINK_READY ||
			!instance_is_node_ready(instance, link, ignored, sizeof(ignored))) {
			watch->n_absent++;
			continue;
		}
		node->watch = watch;
		node->link = link_ref(link);
		node->address = mem_printf("%s", link_address(link));
		snprintf(node->run_id, sizeof(node->run_id), "%s", link_server(link)->run_id);
		old = find_before(before, n_before, node);
		node->before = old != NULL ? old->now : (struct condition_figures){0};
		node->holds_since_ms = old != NULL ? old->holds_since_ms : 0;
		node->now = (struct condition_figures){
			.n_clients = -1, .max_clients = -1, .n_rejected = -1};
		watch->n_nodes++;
	}
	free_nodes(before, n_before);
}

static void begin_look(struct watch *watch)
{
	const struct instance *instance =
		instances_find(watch->world->in.instances, slice_of(watch->instance));

	forget_nodes(watch);
	watch->look_us = clock_monotonic_us();
	watch->n_lines = 0;
	watch->is_listing = false;
	if (instance == NULL || watch->world->is_stopped) {
		return; /* it goes with the reload that is under way */
	}
	/* Should nothing be answered. */
	timer_start(watch->timer, watch->interval_ms);
	take_nodes(watch, instance);
	if (watch->opts->when.kind == CONDITION_MATCHED) {
		watch_list_nodes(watch);
	} else {
		watch_ask_nodes(watch);
	}
}

/* A look that is not answered in its interval has seen nothing, and goes on until it is. */
static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct watch *watch = context;

	if (watch->n_pending > 0) {
		forget_holding(watch);
		watch->rest = GUARD_BLIND;
		return;
	}
	begin_look(watch);
}

/* ---- life ---- */

struct watch *watch_new(
	const struct watch_world *world, const struct guard_opts *opts, const char *instance)
{
	struct watch *watch = mem_new(struct watch);

	watch->world = world;
	watch->answered_fn = end_look;
	watch->instance = mem_printf("%s", instance);
	calls_init(&watch->calls, NULL);
	watch->timer = evtimer_new(world->in.loop, on_timer, watch);
	CHECK(watch->timer != NULL);
	watch_change(watch, opts);
	return watch;
}

void watch_change(struct watch *watch, const struct guard_opts *opts)
{
	forget_nodes(watch);
	request_finish(&watch->request);
	guard_opts_make_request(opts, &watch->request);
	watch->opts = opts;
	watch->was_too_many = false;
	watch->was_cancelled = false;
	watch->interval_ms = opts->every_ms;
	timer_start(watch->timer, opts->every_ms);
}

void watch_free(struct watch *watch)
{
	forget_nodes(watch);
	free_nodes(watch->nodes, watch->n_nodes);
	request_finish(&watch->request);
	event_free(watch->timer);
	free(watch->instance);
	free(watch);
}

struct guard_view watch_view(const struct watch *watch)
{
	const struct guard_limit *limit = &watch->opts->at_most;

	return (struct guard_view){
		.opts = watch->opts,
		.instance = watch->instance,
		.holds = watch->holds_since_ms > 0,
		.held_ms = watch->holds_since_ms > 0 ? clock_monotonic_ms() - watch->holds_since_ms
						     : 0,
		.is_acting = watch->is_acting,
		.rest = watch->rest,
		.n_looks = watch->n_looks,
		.episode_ms = watch->episode_wall_ms,
		.is_in_episode = watch->is_in_episode,
		.n_episodes = watch->n_episodes,
		.n_acts = watch->n_acts,
		.n_reports = watch->n_reports,
		.n_killed = watch->n_killed,
		.n_matched = watch->n_matched,
		.n_recent = guard_state_n_acts(watch->world->state, watch->opts->name,
			watch->instance, clock_wall_ms() - limit->per_ms),
		.interval_ms = watch->interval_ms,
		.last_id = watch->request_id,
	};
}
