/*
 * The set of nodes, and when to ask for it: a round of questions starts every ASK_PERIOD_MS.
 */
#include "redis/topology_internal.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define ASK_PERIOD_MS 1000

/*
 * A Sentinel that does not answer within this time is given up, lest the others' word waits for it.
 * Not so a node of a cluster: it may be busy, and its link is the one that kills.
 */
#define SENTINEL_TIMEOUT_MS 1000

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
	snprintf(topology->error, sizeof(topology->error), "%s: %s", address, words);
}

/* ---- links ---- */

void topology_add_link(struct links *links, struct link *link)
{
	links->items =
		mem_grow_array(links->items, links->n, &links->capacity, sizeof(struct link *));
	links->items[links->n++] = link;
}

static void drop_all(struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		link_retire(links->items[i], "it is no node of the instance any more");
		link_unref(links->items[i]);
	}
	links->n = 0;
}

static void finish_links(struct links *links)
{
	drop_all(links);
	free(links->items);
}

bool topology_is_any_ready(const struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		if (link_state(links->items[i]) == LINK_READY) {
			return true;
		}
	}
	return false;
}

/* What waits for an answer of it hears that it is no node any more, once nobody kills there. */
void topology_drop_link(struct topology *topology, struct link *link)
{
	topology_add_link(&topology->retired, link);
	event_active(topology->letting_go, 0, 0);
}

static void on_letting_go(evutil_socket_t fd, short what, void *context)
{
	struct topology *topology = context;

	(void)fd;
	(void)what;
	drop_all(&topology->retired);
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
	asker->question = (struct question){topology, link};
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

static bool drop_former_nodes(struct topology *topology)
{
	size_t n_kept = 0;
	size_t n_before = topology->nodes.n;

	for (size_t i = 0; i < n_before; i++) {
		struct link *link = topology->nodes.items[i];

		if (members_has(&topology->members, link_address(link))) {
			topology->nodes.items[n_kept++] = link;
		} else {
			topology_drop_link(topology, link);
		}
	}
	topology->nodes.n = n_kept;
	return n_kept < n_before;
}

void topology_open_node(struct topology *topology, const struct endpoint *endpoint)
{
	struct link *link = link_new(&topology->world, endpoint, topology->opts.node_opts);

	topology_add_link(&topology->nodes, link);
	if (topology->is_started) {
		link_start(link);
	}
}

static bool open_new_nodes(struct topology *topology)
{
	struct intern known = {0};
	size_t n_before = topology->nodes.n;

	for (size_t i = 0; i < n_before; i++) {
		intern_add(&known, slice_of(link_address(topology->nodes.items[i])));
	}
	for (uint32_t i = 0; i < topology->members.n; i++) {
		struct slice address = intern_get(&topology->members.addresses, i);

		if (intern_find(&known, address) == INTERN_NONE) {
			topology_open_node(topology, &topology->members.endpoints[i]);
		}
	}
	intern_finish(&known);
	return topology->nodes.n > n_before;
}

/* The members are the nodes from now on; links to those that stay are kept warm. */
void topology_apply_members(struct topology *topology)
{
	bool is_changed = drop_former_nodes(topology);

	is_changed |= open_new_nodes(topology) || !topology->is_known;
	topology->is_known = true;
	topology->error[0] = '\0';
	if (is_changed) {
		topology_tell_watchers(topology);
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

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct topology *topology = context;

	(void)fd;
	(void)what;
	if (topology->n_unanswered > 0) {
		return; /* a slow answer is still on its way; its command has a deadline */
	}
	if (topology->opts.kind == TOPOLOGY_SENTINEL) {
		topology_ask_sentinels(topology);
	} else {
		topology_ask_cluster(topology);
	}
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
	if (opts->kind == TOPOLOGY_STANDALONE) {
		for (size_t i = 0; i < opts->n_endpoints; i++) {
			topology_open_node(topology, &opts->endpoints[i]);
		}
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
	for (size_t i = 0; i < topology->nodes.n; i++) {
		topology_drop_link(topology, topology->nodes.items[i]);
	}
	free(topology->nodes.items);
	finish_links(&topology->retired);
	free(topology->askers);
	members_finish(&topology->members);
	event_free(topology->timer);
	event_free(topology->letting_go);
	topology_opts_finish(&topology->opts);
	free(topology);
}

void topology_retire(struct topology *topology, const char *words)
{
	event_del(topology->timer);
	for (size_t i = 0; i < topology->nodes.n; i++) {
		link_retire(topology->nodes.items[i], words);
	}
}

void topology_start(struct topology *topology)
{
	static const struct timeval period = {.tv_sec = ASK_PERIOD_MS / 1000};

	topology->is_started = true;
	if (topology->opts.kind == TOPOLOGY_STANDALONE) {
		for (size_t i = 0; i < topology->nodes.n; i++) {
			link_start(topology->nodes.items[i]);
		}
		return;
	}
	topology_open_askers(topology);
	evtimer_add(topology->timer, &period);
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
	return topology->nodes.items[index];
}

size_t topology_n_askers(const struct topology *topology)
{
	return topology_has_askers(topology) ? topology_n_configured(topology) : 0;
}

struct link *topology_asker(const struct topology *topology, size_t index)
{
	return topology->askers[index].link;
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
