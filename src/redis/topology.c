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

static void add_link(struct links *links, struct link *link)
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
static void retire(struct topology *topology, struct link *link)
{
	add_link(&topology->retired, link);
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

static void open_asker(struct topology *topology, struct asker *asker, struct link *link)
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

		open_asker(topology, &topology->askers[i], link);
		link_start(link);
	}
}

void topology_close_askers(struct topology *topology)
{
	bool had_askers = topology_has_askers(topology);

	for (size_t i = 0; had_askers && i < topology_n_configured(topology); i++) {
		struct asker *asker = &topology->askers[i];

		link_unwatch(asker->link, &asker->watcher);
		retire(topology, asker->link);
		asker->link = NULL;
	}
}

/* ---- the set of nodes ---- */

static void tell_watchers(struct topology *topology)
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
			retire(topology, link);
		}
	}
	topology->nodes.n = n_kept;
	return n_kept < n_before;
}

static void open_node(struct topology *topology, const struct endpoint *endpoint)
{
	struct link *link = link_new(&topology->world, endpoint, topology->opts.node_opts);

	add_link(&topology->nodes, link);
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
			open_node(topology, &topology->members.endpoints[i]);
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
		tell_watchers(topology);
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

/* ---- options ---- */

static void opts_copy(struct topology_opts *to, const struct topology_opts *from)
{
	struct endpoint *endpoints = mem_alloc_array(from->n_endpoints, sizeof(struct endpoint));
	struct link_opts *node_opts = mem_new(struct link_opts);
	struct link_opts *question_opts = mem_new(struct link_opts);

	for (size_t i = 0; i < from->n_endpoints; i++) {
		endpoint_copy(&endpoints[i], &from->endpoints[i]);
	}
	link_opts_copy(node_opts, from->node_opts);
	link_opts_copy(question_opts, from->question_opts);
	*to = (struct topology_opts){
		.kind = from->kind,
		.name = from->name != NULL ? slice_copy(slice_of(from->name)) : NULL,
		.endpoints = endpoints,
		.n_endpoints = from->n_endpoints,
		.master = from->master != NULL ? slice_copy(slice_of(from->master)) : NULL,
		.node_opts = node_opts,
		.question_opts = question_opts,
	};
}

static void opts_finish(struct topology_opts *opts)
{
	struct endpoint *endpoints = (struct endpoint *)opts->endpoints;

	for (size_t i = 0; i < opts->n_endpoints; i++) {
		endpoint_finish(&endpoints[i]);
	}
	free(endpoints);
	link_opts_finish((struct link_opts *)opts->node_opts);
	link_opts_finish((struct link_opts *)opts->question_opts);
	free((void *)opts->node_opts);
	free((void *)opts->question_opts);
	free((char *)opts->name);
	free((char *)opts->master);
}

static bool has_endpoint(const struct topology_opts *opts, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		if (endpoint_is_equal(&opts->endpoints[i], endpoint)) {
			return true;
		}
	}
	return false;
}

bool topology_opts_has_same_endpoints(const struct topology_opts *a, const struct topology_opts *b)
{
	for (size_t i = 0; i < a->n_endpoints; i++) {
		if (!has_endpoint(b, &a->endpoints[i])) {
			return false;
		}
	}
	return a->n_endpoints == b->n_endpoints;
}

bool topology_opts_is_same_group(const struct topology_opts *a, const struct topology_opts *b)
{
	if (a->kind != b->kind) {
		return false;
	}
	if (a->kind == TOPOLOGY_SENTINEL && strcmp(a->master, b->master) != 0) {
		return false;
	}
	/* Who is asked says who the nodes are: with nobody in common it is another group. */
	for (size_t i = 0; a->kind != TOPOLOGY_STANDALONE && i < a->n_endpoints; i++) {
		if (has_endpoint(b, &a->endpoints[i])) {
			return true;
		}
	}
	return a->kind == TOPOLOGY_STANDALONE;
}

/* ---- other options ---- */

/* The first link of these that leads there, or leads nowhere that is wanted; taken out. */
static struct link *take_link(struct links *links, const struct topology_opts *opts,
	const struct endpoint *endpoint, bool is_any)
{
	for (size_t i = 0; i < links->n; i++) {
		struct link *link = links->items[i];

		if (link != NULL && (is_any ? !has_endpoint(opts, link_endpoint(link))
					    : endpoint_is_equal(link_endpoint(link), endpoint))) {
			links->items[i] = NULL;
			return link;
		}
	}
	return NULL;
}

static void retire_rest(struct topology *topology, struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->items[i] != NULL) {
			retire(topology, links->items[i]);
		}
	}
	free(links->items);
}

/* Each address keeps its link; a new one takes over that of one that went, connections and all. */
static void change_configured_nodes(struct topology *topology)
{
	const struct topology_opts *opts = &topology->opts;
	struct links before = topology->nodes;

	topology->nodes = (struct links){0};
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		const struct endpoint *endpoint = &opts->endpoints[i];
		struct link *link = take_link(&before, opts, endpoint, false);

		if (link == NULL) {
			link = take_link(&before, opts, endpoint, true);
		}
		if (link == NULL) {
			open_node(topology, endpoint);
			continue;
		}
		link_change(link, endpoint, opts->node_opts);
		add_link(&topology->nodes, link);
	}
	retire_rest(topology, &before);
}

static void change_known_nodes(struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		link_change(topology->nodes.items[i], link_endpoint(topology->nodes.items[i]),
			topology->opts.node_opts);
	}
}

/* Who is asked already is asked on, over the same link. */
static void change_askers(struct topology *topology, size_t n_before)
{
	const struct topology_opts *opts = &topology->opts;
	struct asker *before = topology->askers;
	bool had_askers = n_before > 0 && before[0].link != NULL;
	struct links links = {0};

	for (size_t i = 0; had_askers && i < n_before; i++) {
		link_unwatch(before[i].link, &before[i].watcher);
		add_link(&links, before[i].link);
	}
	topology->askers = mem_alloc_array(opts->n_endpoints, sizeof(struct asker));
	for (size_t i = 0; had_askers && i < opts->n_endpoints; i++) {
		struct link *link = take_link(&links, opts, &opts->endpoints[i], false);

		if (link != NULL) {
			link_change(link, &opts->endpoints[i], opts->question_opts);
		} else {
			link = link_new(&topology->world, &opts->endpoints[i], opts->question_opts);
			link_start(link);
		}
		open_asker(topology, &topology->askers[i], link);
	}
	retire_rest(topology, &links);
	free(before);
}

void topology_change(struct topology *topology, const struct topology_opts *opts)
{
	struct topology_opts former = topology->opts;

	CHECK(topology_opts_is_same_group(&former, opts));
	/* Whom they were asked of may go. */
	calls_drop(&topology->calls);
	topology->n_unanswered = 0;
	opts_copy(&topology->opts, opts);
	free((char *)topology->opts.name);
	topology->opts.name = former.name; /* links have it */
	former.name = NULL;
	if (opts->kind == TOPOLOGY_STANDALONE) {
		change_configured_nodes(topology);
		tell_watchers(topology);
	} else {
		change_known_nodes(topology);
		change_askers(topology, former.n_endpoints);
	}
	opts_finish(&former);
}

/* ---- life ---- */

struct topology *topology_new(const struct link_world *world, const struct topology_opts *opts)
{
	struct topology *topology = mem_new(struct topology);

	topology->n_refs = 1;
	topology->world = *world;
	opts_copy(&topology->opts, opts);
	topology->world.news_context = (void *)topology->opts.name;
	calls_init(&topology->calls, NULL);
	topology->timer = event_new(world->loop, -1, EV_PERSIST, on_timer, topology);
	topology->letting_go = event_new(world->loop, -1, 0, on_letting_go, topology);
	CHECK(topology->timer != NULL && topology->letting_go != NULL);
	if (opts->kind == TOPOLOGY_STANDALONE) {
		for (size_t i = 0; i < opts->n_endpoints; i++) {
			open_node(topology, &opts->endpoints[i]);
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
		retire(topology, topology->nodes.items[i]);
	}
	free(topology->nodes.items);
	finish_links(&topology->retired);
	free(topology->askers);
	members_finish(&topology->members);
	event_free(topology->timer);
	event_free(topology->letting_go);
	opts_finish(&topology->opts);
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
