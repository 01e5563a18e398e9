/*
 * The set of nodes, and asking for it.
 *
 * A round of questions starts every ASK_PERIOD_MS. Sentinels are all asked, and the one whose word
 * is newest is believed: one that was cut off during a fail-over still names the old master. Of a
 * cluster one node is asked, the first that is READY.
 */
#include "redis/topology.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "redis/members.h"

#define ASK_PERIOD_MS 1000
/* A cluster none of whose nodes is READY for this many rounds is asked for at its seeds again. */
#define ROUNDS_WITHOUT_NODES 3

struct links {
	struct link **items;
	size_t n;
	size_t capacity;
};

/* A question to one link, as the context of its answer. */
struct question {
	struct topology *topology;
	struct link *link;
};

/* Somebody who knows the nodes: a Sentinel, or a configured node of the cluster. */
struct asker {
	struct link_watcher watcher;
	struct question question;
	struct link *link; /* NULL: not needed at present */
};

struct topology {
	struct event_base *loop;
	struct evdns_base *dns;
	const struct topology_opts *opts;
	struct links nodes;
	struct asker *askers;     /* one for each configured endpoint; none for STANDALONE */
	struct question question; /* to a node, or the second one to a Sentinel */
	struct links retired;     /* no longer nodes: let go from the event loop */
	bool is_known;
	char error[1024];
	struct topology_watcher *watchers;
	struct event *timer;
	struct event *letting_go;
	unsigned n_rounds_without_nodes;

	/* The round of questions under way. */
	size_t n_unanswered;
	struct link *best; /* the Sentinel whose word is newest; borrowed */
	uint64_t best_epoch;
	struct members members; /* what it said */
};

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

static void set_error(struct topology *topology, const char *address, const char *words)
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
		link_unref(links->items[i]);
	}
	links->n = 0;
}

static void finish_links(struct links *links)
{
	drop_all(links);
	free(links->items);
}

static bool is_any_ready(const struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		if (link_state(links->items[i]) == LINK_READY) {
			return true;
		}
	}
	return false;
}

/* Not at once: this may be a callback of the very link. */
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
		set_error(topology, link_address(asker->link), link_error(asker->link));
	}
}

static size_t n_askers(const struct topology *topology)
{
	return topology->askers != NULL ? topology->opts->n_endpoints : 0;
}

static bool has_askers(const struct topology *topology)
{
	return n_askers(topology) > 0 && topology->askers[0].link != NULL;
}

static void open_askers(struct topology *topology)
{
	const struct topology_opts *opts = topology->opts;

	for (size_t i = 0; i < n_askers(topology); i++) {
		struct asker *asker = &topology->askers[i];

		asker->link = link_new(
			topology->loop, topology->dns, &opts->endpoints[i], opts->question_opts);
		asker->question = (struct question){topology, asker->link};
		asker->watcher.changed_fn = on_asker_changed;
		link_watch(asker->link, &asker->watcher);
		link_start(asker->link);
	}
}

static void close_askers(struct topology *topology)
{
	for (size_t i = 0; has_askers(topology) && i < n_askers(topology); i++) {
		struct asker *asker = &topology->askers[i];

		link_unwatch(asker->link, &asker->watcher);
		retire(topology, asker->link);
	}
	for (size_t i = 0; i < n_askers(topology); i++) {
		topology->askers[i].link = NULL;
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

static bool is_member(const struct members *members, const struct link *link)
{
	for (size_t i = 0; i < members->n; i++) {
		CLEANUP(mem_free_p) char *address = endpoint_print(&members->endpoints[i]);

		if (strcmp(address, link_address(link)) == 0) {
			return true;
		}
	}
	return false;
}

static bool has_node(const struct topology *topology, const struct endpoint *endpoint)
{
	CLEANUP(mem_free_p) char *address = endpoint_print(endpoint);

	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (strcmp(address, link_address(topology->nodes.items[i])) == 0) {
			return true;
		}
	}
	return false;
}

static bool drop_former_nodes(struct topology *topology)
{
	size_t n_kept = 0;
	size_t n_before = topology->nodes.n;

	for (size_t i = 0; i < n_before; i++) {
		struct link *link = topology->nodes.items[i];

		if (is_member(&topology->members, link)) {
			topology->nodes.items[n_kept++] = link;
		} else {
			retire(topology, link);
		}
	}
	topology->nodes.n = n_kept;
	return n_kept < n_before;
}

static bool open_new_nodes(struct topology *topology)
{
	bool is_changed = false;

	for (size_t i = 0; i < topology->members.n; i++) {
		const struct endpoint *endpoint = &topology->members.endpoints[i];

		if (!has_node(topology, endpoint)) {
			struct link *link = link_new(
				topology->loop, topology->dns, endpoint, topology->opts->node_opts);

			add_link(&topology->nodes, link);
			link_start(link);
			is_changed = true;
		}
	}
	return is_changed;
}

/* The members are the nodes from now on; links to those that stay are kept warm. */
static void apply_members(struct topology *topology)
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

static void set_refusal(
	struct topology *topology, const struct link *link, const struct reply *reply)
{
	char words[256];

	snprintf(words, sizeof(words), "%.*s", SLICE_ARG(reply->text));
	set_error(topology, link_address(link), words);
}

static void ask(
	struct question *question, const struct slice *argv, size_t argc, link_reply_fn reply_fn)
{
	struct link_command command = {
		.argv = argv,
		.argc = argc,
		.reply_fn = reply_fn,
		.context = question,
	};

	if (link_send(question->link, &command) == 0) {
		question->topology->n_unanswered++;
	}
}

/* ---- Sentinels ---- */

static void on_replicas(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	topology->n_unanswered--;
	if (lost == NULL && reply->type == REPLY_ARRAY) {
		members_read_sentinel_replicas(reply, &topology->members);
		apply_members(topology);
	} else if (lost == NULL) {
		set_refusal(topology, question->link, reply);
	} else {
		set_error(topology, link_address(question->link), lost);
	}
}

static void ask_for_replicas(struct topology *topology)
{
	struct slice argv[] = {SLICE_LITERAL("SENTINEL"), SLICE_LITERAL("REPLICAS"),
		slice_of(topology->opts->master)};

	topology->question = (struct question){topology, topology->best};
	ask(&topology->question, argv, ARRAY_SIZE(argv), on_replicas);
}

/* What this Sentinel says counts if its word is newer than that of the others. */
static void hear_master(struct topology *topology, struct link *link, const struct reply *masters)
{
	struct members members = {0};
	uint64_t epoch;

	if (!members_read_sentinel_master(masters, topology->opts->master, &members, &epoch)) {
		set_error(topology, link_address(link), "this Sentinel does not know the master");
	} else if (topology->best == NULL || epoch > topology->best_epoch) {
		members_finish(&topology->members);
		topology->members = members;
		topology->best = link;
		topology->best_epoch = epoch;
		return;
	}
	members_finish(&members);
}

static void on_masters(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	if (lost == NULL && reply->type == REPLY_ARRAY) {
		hear_master(topology, question->link, reply);
	} else if (lost == NULL) {
		set_refusal(topology, question->link, reply);
	} else {
		set_error(topology, link_address(question->link), lost);
	}
	if (--topology->n_unanswered == 0 && topology->best != NULL) {
		ask_for_replicas(topology);
	}
}

static void ask_sentinels(struct topology *topology)
{
	static const struct slice argv[] = {{"SENTINEL", 8}, {"MASTERS", 7}};

	topology->best = NULL;
	for (size_t i = 0; i < n_askers(topology); i++) {
		struct link *link = topology->askers[i].link;

		if (link_state(link) == LINK_READY) {
			ask(&topology->askers[i].question, argv, ARRAY_SIZE(argv), on_masters);
		} else {
			set_error(topology, link_address(link), link_error(link));
		}
	}
}

/* ---- a cluster ---- */

static void hear_cluster(struct topology *topology, struct link *link, const struct reply *reply)
{
	const char *host = link_endpoint(link)->host;
	bool has_tls = topology->opts->node_opts->tls.is_on;
	struct err err;
	bool is_read;

	members_finish(&topology->members);
	if (reply->type == REPLY_TEXT) {
		is_read = members_read_cluster_nodes(
			reply->text, host != NULL ? host : "", &topology->members, &err);
	} else {
		is_read = members_read_cluster_shards(
			reply, host != NULL ? host : "", has_tls, &topology->members, &err);
	}
	if (is_read) {
		apply_members(topology);
	} else {
		set_error(topology, link_address(link), err.text);
	}
}

static void on_nodes(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	topology->n_unanswered--;
	if (lost != NULL) {
		set_error(topology, link_address(question->link), lost);
	} else if (reply->type == REPLY_ERROR) {
		set_refusal(topology, question->link, reply);
	} else {
		hear_cluster(topology, question->link, reply);
	}
}

/* Servers before 7.0 have no SHARDS. */
static void on_shards(void *context, const struct reply *reply, const char *lost)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"NODES", 5}};
	struct question *question = context;

	if (lost == NULL && reply_is_error(reply, "ERR") &&
		!reply_is_error(reply, "ERR This instance has cluster support disabled")) {
		question->topology->n_unanswered--;
		ask(question, argv, ARRAY_SIZE(argv), on_nodes);
		return;
	}
	on_nodes(context, reply, lost);
}

/* A node, or else a seed, that can be asked; NULL: none. */
static struct link *first_ready(const struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (link_state(topology->nodes.items[i]) == LINK_READY) {
			return topology->nodes.items[i];
		}
	}
	for (size_t i = 0; has_askers(topology) && i < n_askers(topology); i++) {
		if (link_state(topology->askers[i].link) == LINK_READY) {
			return topology->askers[i].link;
		}
	}
	return NULL;
}

/* Seeds are open only as long as they are needed: each is one more connection of ours to a node. */
static void keep_askers_as_needed(struct topology *topology)
{
	if (is_any_ready(&topology->nodes)) {
		topology->n_rounds_without_nodes = 0;
		close_askers(topology);
	} else if (!has_askers(topology) &&
		   ++topology->n_rounds_without_nodes >= ROUNDS_WITHOUT_NODES) {
		open_askers(topology);
	}
}

static void ask_cluster(struct topology *topology)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"SHARDS", 6}};
	struct link *link;

	keep_askers_as_needed(topology);
	link = first_ready(topology);
	if (link != NULL) {
		topology->question = (struct question){topology, link};
		ask(&topology->question, argv, ARRAY_SIZE(argv), on_shards);
	} else if (has_askers(topology)) {
		set_error(topology, link_address(topology->askers[0].link),
			link_error(topology->askers[0].link));
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
	if (topology->opts->kind == TOPOLOGY_SENTINEL) {
		ask_sentinels(topology);
	} else {
		ask_cluster(topology);
	}
}

/* ---- life ---- */

struct topology *topology_new(
	struct event_base *loop, struct evdns_base *dns, const struct topology_opts *opts)
{
	struct topology *topology = mem_new(struct topology);

	topology->loop = loop;
	topology->dns = dns;
	topology->opts = opts;
	topology->timer = event_new(loop, -1, EV_PERSIST, on_timer, topology);
	topology->letting_go = event_new(loop, -1, 0, on_letting_go, topology);
	CHECK(topology->timer != NULL && topology->letting_go != NULL);
	if (opts->kind == TOPOLOGY_STANDALONE) {
		for (size_t i = 0; i < opts->n_endpoints; i++) {
			add_link(&topology->nodes,
				link_new(loop, dns, &opts->endpoints[i], opts->node_opts));
		}
		topology->is_known = true;
	} else {
		topology->askers = mem_alloc_array(opts->n_endpoints, sizeof(struct asker));
		snprintf(topology->error, sizeof(topology->error), "not asked yet");
	}
	return topology;
}

void topology_free(struct topology *topology)
{
	if (topology == NULL) {
		return;
	}
	CHECK(topology->watchers == NULL);
	close_askers(topology);
	finish_links(&topology->nodes);
	finish_links(&topology->retired);
	free(topology->askers);
	members_finish(&topology->members);
	event_free(topology->timer);
	event_free(topology->letting_go);
	free(topology);
}

void topology_start(struct topology *topology)
{
	static const struct timeval period = {.tv_sec = ASK_PERIOD_MS / 1000};

	if (topology->opts->kind == TOPOLOGY_STANDALONE) {
		for (size_t i = 0; i < topology->nodes.n; i++) {
			link_start(topology->nodes.items[i]);
		}
		return;
	}
	open_askers(topology);
	evtimer_add(topology->timer, &period);
}

enum topology_kind topology_kind(const struct topology *topology)
{
	return topology->opts->kind;
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
	return has_askers(topology) ? n_askers(topology) : 0;
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
