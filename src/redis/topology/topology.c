/*
 * When to ask who the nodes are, and the life of it all: a round of questions starts every
 * ASK_PERIOD_MS.
 */
#include "redis/topology/topology_internal.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define ASK_PERIOD_MS 1000

/* Likewise a round of looking names up. */
#define NAME_PERIOD_MS 30000

/* Both questions of a round. */
#define SENTINEL_ROUND_MS (2 * TOPOLOGY_SENTINEL_TIMEOUT_MS)

const char *topology_kind_name(enum topology_kind kind)
{
	static const char *const names[] = {
		[TOPOLOGY_STANDALONE] = "standalone",
		[TOPOLOGY_SENTINEL] = "sentinel",
		[TOPOLOGY_CLUSTER] = "cluster",
	};

	return names[kind];
}

/* ---- links ---- */

/* As long as somebody else holds them, they are connections of ours. */
static void drop_unheld(struct links *links)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < links->n; i++) {
		if (link_is_shared(links->items[i])) {
			links->items[n_kept++] = links->items[i];
		} else {
			link_unref(links->items[i]);
		}
	}
	links->n = n_kept;
}

static void on_letting_go(evutil_socket_t fd, short what, void *context)
{
	struct topology *topology = context;

	for (size_t i = 0; i < topology->leaving.n; i++) {
		link_retire(topology->leaving.items[i], "it is no node of the instance any more");
	}
	drop_unheld(&topology->leaving);
}

static void finish_links(struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		link_retire(links->items[i], "it is no node of the instance any more");
		link_unref(links->items[i]);
	}
	free(links->items);
}

/* ---- rounds ---- */

static void begin_round(struct topology *topology)
{
	topology->asked_ms = clock_monotonic_ms();
	topology->n_rounds++;
	topology->round_error[0] = '\0';
	if (topology->opts.kind == TOPOLOGY_SENTINEL) {
		topology_ask_sentinels(topology);
	} else {
		topology_ask_cluster(topology);
	}
	topology_ask_unproven(topology);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct topology *topology = context;

	drop_unheld(&topology->leaving);
	topology_ask_twins(topology);
	if (topology->opts.kind == TOPOLOGY_STANDALONE) {
		topology_look_up(topology);
	} else if (topology->n_unanswered == 0) {
		begin_round(topology);
	} else if (topology->opts.kind == TOPOLOGY_SENTINEL &&
		   clock_monotonic_ms() - topology->asked_ms > SENTINEL_ROUND_MS) {
		/* A question behind an older one, which may take longer, has no time of its own. */
		calls_drop(&topology->calls);
		topology->n_unanswered = 0;
		topology_hear_no_more(topology);
	} /* else a slow answer is still on its way */
}

void topology_refresh(struct topology *topology)
{
	topology->wanted_ms = clock_monotonic_ms();
	event_active(topology->timer, 0, 0);
}

bool topology_is_up_to_date(const struct topology *topology, int64_t since_ms)
{
	return topology->up_to_date_ms >= since_ms ||
	       (topology->opts.kind == TOPOLOGY_STANDALONE && topology->n_names == 0);
}

/* ---- life ---- */

static void on_node_changed(struct node *node)
{
	topology_note_node(node);
	topology_note_name(node);
	topology_note_twins(node);
}

struct topology *topology_new(const struct link_world *world, const struct topology_opts *opts)
{
	struct topology *topology = mem_new(struct topology);

	topology->n_refs = 1;
	topology->world = *world;
	topology_opts_copy(&topology->opts, opts);
	topology->world.news_context = (void *)topology->opts.name;
	calls_init(&topology->calls, NULL);
	topology->timer = event_new(world->loop, -1, EV_PERSIST, on_timer, topology);
	topology->letting_go = event_new(world->loop, -1, 0, on_letting_go, topology);
	CHECK(topology->timer != NULL && topology->letting_go != NULL);
	topology->node_changed_fn = on_node_changed;
	topology->node_going_fn = topology_forget_twins;
	topology->members.reach = &topology->opts.reach;
	topology->members.last_place_fn = topology_last_place;
	topology->members.last_place_context = topology;
	if (opts->kind == TOPOLOGY_STANDALONE) {
		topology_open_configured(topology);
		topology->is_known = true;
	} else {
		topology->askers = mem_alloc_array(opts->n_endpoints, sizeof(struct asker));
		snprintf(topology->error, sizeof(topology->error), "not asked yet");
	}
	return topology;
}

struct topology *topology_ref(struct topology *topology)
{
	topology->n_refs++;
	return topology;
}

void topology_unref(struct topology *topology)
{
	if (topology == NULL || --topology->n_refs > 0) {
		return;
	}
	CHECK(topology->watchers == NULL);
	calls_drop(&topology->calls);
	topology_close_askers(topology);
	while (topology->nodes.n > 0) {
		topology_free_node(topology->nodes.items[--topology->nodes.n]);
	}
	free(topology->nodes.items);
	topology_close_names(topology);
	topology_forget_replicas(topology);
	finish_links(&topology->leaving);
	free(topology->askers);
	event_free(topology->timer);
	event_free(topology->letting_go);
	members_finish(&topology->members);
	topology_opts_finish(&topology->opts);
	free(topology);
}

void topology_retire(struct topology *topology, const char *words)
{
	event_del(topology->timer);
	for (size_t i = 0; i < topology->nodes.n; i++) {
		link_retire(topology->nodes.items[i]->link, words);
	}
}

void topology_start(struct topology *topology)
{
	static const struct timeval period = {.tv_sec = ASK_PERIOD_MS / 1000};
	static const struct timeval name_period = {.tv_sec = NAME_PERIOD_MS / 1000};

	topology->is_started = true;
	if (topology->opts.kind != TOPOLOGY_STANDALONE) {
		topology_open_askers(topology);
		evtimer_add(topology->timer, &period);
		return;
	}
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (!topology_is_looking_up(topology->nodes.items[i])) {
			link_start(topology->nodes.items[i]->link);
		}
	}
	topology_look_up(topology);
	evtimer_add(topology->timer, &name_period);
}

enum topology_kind topology_kind(const struct topology *topology)
{
	return topology->opts.kind;
}

bool topology_is_known(const struct topology *topology)
{
	return topology->is_known;
}

const char *topology_error(const struct topology *topology)
{
	return topology->error;
}

size_t topology_n_nodes(const struct topology *topology)
{
	return topology->nodes.n;
}

struct link *topology_node(const struct topology *topology, size_t index)
{
	return topology->nodes.items[index]->link;
}

bool topology_is_distinct(const struct topology *topology, const struct link *link)
{
	return !topology_is_unused(topology, link) && topology_twin(topology, link) == NULL;
}

static size_t n_askers(const struct topology *topology)
{
	return topology_has_askers(topology) ? topology_n_configured(topology) : 0;
}

size_t topology_n_others(const struct topology *topology)
{
	return n_askers(topology) + topology->leaving.n;
}

struct link *topology_other(const struct topology *topology, size_t index)
{
	size_t n = n_askers(topology);

	return index < n ? topology->askers[index].link : topology->leaving.items[index - n];
}

void topology_watch(struct topology *topology, struct topology_watcher *watcher)
{
	watcher->next = topology->watchers;
	topology->watchers = watcher;
}

void topology_unwatch(struct topology *topology, struct topology_watcher *watcher)
{
	for (struct topology_watcher **at = &topology->watchers; *at != NULL; at = &(*at)->next) {
		if (*at == watcher) {
			*at = watcher->next;
			return;
		}
	}
}
