/*
 * When to ask who the nodes are, and the life of it all: a round of questions starts every
 * ASK_PERIOD_MS.
 */
#include "redis/topology_internal.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define ASK_PERIOD_MS 1000

/* Likewise a round of looking names up. */
#define NAME_PERIOD_MS 30000

/*
 * A Sentinel that does not answer within this time is given up, lest the others' word waits for it.
 * Not so a node of a cluster: it may be busy, and its link is the one that kills.
 */
#define SENTINEL_TIMEOUT_MS 1000
/* Both questions of a round. */
#define SENTINEL_ROUND_MS (2 * SENTINEL_TIMEOUT_MS)

const char *topology_kind_name(enum topology_kind kind)
{
	switch (kind) {
	case TOPOLOGY_STANDALONE:
		return "standalone";
	case TOPOLOGY_SENTINEL:
		return "sentinel";
	case TOPOLOGY_CLUSTER:
		return "cluster";
	}
	return "?";
}

void topology_set_error(struct topology *topology, const char *address, const char *words)
{
	snprintf(topology->round_error, sizeof(topology->round_error), "%s: %s", address, words);
}

void topology_fail_round(struct topology *topology)
{
	memcpy(topology->error, topology->round_error, sizeof(topology->error));
}

/* ---- links ---- */

void topology_add_link(struct links *links, struct link *link)
{
	links->items =
		mem_grow_array(links->items, links->n, &links->capacity, sizeof(struct link *));
	links->items[links->n++] = link;
}

/* What waits for an answer of it hears that it is no node any more, once nobody kills there. */
void topology_drop_link(struct topology *topology, struct link *link)
{
	topology_add_link(&topology->leaving, link);
	event_active(topology->letting_go, 0, 0);
}

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

/* Asks at once when somebody can be asked, not only when the next round is due. */
static void on_asker_changed(struct link_watcher *watcher, enum link_state state)
{
	struct asker *asker = (struct asker *)((char *)watcher - offsetof(struct asker, watcher));

	struct topology *topology = asker->question.topology;

	if (topology->is_known) {
		return;
	}
	if (state == LINK_READY) {
		event_active(topology->timer, 0, 0);
	} else if (state == LINK_BACKOFF) {
		topology_set_error(topology, link_address(asker->link), link_error(asker->link));
		topology_fail_round(topology);
	}
}

size_t topology_n_configured(const struct topology *topology)
{
	return topology->askers != NULL ? topology->opts.n_endpoints : 0;
}

bool topology_has_askers(const struct topology *topology)
{
	return topology_n_configured(topology) > 0 && topology->askers[0].link != NULL;
}

void topology_open_asker(struct topology *topology, struct asker *asker, struct link *link)
{
	asker->link = link;
	asker->question = (struct question){.topology = topology, .link = link};
	asker->watcher.changed_fn = on_asker_changed;
	link_watch(link, &asker->watcher);
}

void topology_open_askers(struct topology *topology)
{
	const struct topology_opts *opts = &topology->opts;

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		struct link *link =
			link_new(&topology->world, &opts->endpoints[i], opts->question_opts);

		topology_open_asker(topology, &topology->askers[i], link);
		link_start(link);
	}
}

void topology_close_askers(struct topology *topology)
{
	bool had_askers = topology_has_askers(topology);

	for (size_t i = 0; had_askers && i < topology_n_configured(topology); i++) {
		struct asker *asker = &topology->askers[i];

		link_unwatch(asker->link, &asker->watcher);
		endpoint_finish(&asker->master);
		topology_forget_table(asker);
		topology_drop_link(topology, asker->link);
		asker->link = NULL;
	}
}

/* ---- the set of nodes ---- */

void topology_tell_watchers(struct topology *topology)
{
	struct topology_watcher *next;

	for (struct topology_watcher *watcher = topology->watchers; watcher != NULL;
		watcher = next) {
		next = watcher->next;
		watcher->changed_fn(watcher);
	}
}

/* The members are the nodes from now on; links to those that stay are kept warm. */
void topology_apply_members(struct topology *topology)
{
	bool is_changed = topology_update_nodes(topology);

	is_changed |= topology_open_new_nodes(topology) || !topology->is_known;
	topology->is_known = true;
	topology->error[0] = '\0';
	topology_end_round(topology, is_changed);
}

void topology_end_round(struct topology *topology, bool is_changed)
{
	bool is_awaited = topology->up_to_date_ms < topology->wanted_ms;

	topology->up_to_date_ms = topology->asked_ms;
	if (is_changed || is_awaited) {
		topology_tell_watchers(topology);
	}
	if (topology->up_to_date_ms < topology->wanted_ms) {
		/* This one had begun before somebody wanted to know. */
		event_active(topology->timer, 0, 0);
	}
}

/* ---- asking ---- */

void topology_set_refusal(struct topology *topology, const struct link *link,
	const struct reply *reply, const char *permission)
{
	char words[512];

	if (reply_is_error(reply, "NOPERM")) {
		link_opts_print_missing(link_options(link), permission, words, sizeof(words));
	} else {
		snprintf(words, sizeof(words), "%.*s", SLICE_ARG(reply->text));
	}
	topology_set_error(topology, link_address(link), words);
}

void question_ask(
	struct question *question, const struct slice *argv, size_t argc, link_reply_fn reply_fn)
{
	bool is_sentinel = question->topology->opts.kind == TOPOLOGY_SENTINEL;
	int64_t timeout_ms = link_options(question->link)->command_timeout_ms;
	struct link_command command = {
		.argv = argv,
		.argc = argc,
		.timeout_ms = is_sentinel ? MIN(timeout_ms, (int64_t)SENTINEL_TIMEOUT_MS) : 0,
		.reply_fn = reply_fn,
		.context = question,
		.owner = &question->topology->calls,
	};

	if (link_send(question->link, &command) == 0) {
		question->topology->n_unanswered++;
	}
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
		topology_free_node(topology->nodes.items[--topology->nodes.n], false);
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
