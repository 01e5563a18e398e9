/*
 * Instances, and what of one stays when a reload changes it.
 */
#include "kill/instance.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/server_info.h"

/* An instance and what others do not see of it. */
struct entry {
	struct instance instance; /* the first member: see entry_of() */
	LIST_ENTRY(entry) link;
	unsigned n_refs;
	struct instance_opts opts;
};
LIST_HEAD(entries, entry);

struct instances {
	struct link_world world;
	struct metrics *metrics;
	enum kernel_answer kernel;
	struct entry **items; /* in force, in the order of the configuration */
	size_t n;
	struct entries all; /* those that are only held as well */
};

/* ---- the journal ---- */

/* One line each, so that the journal tells how the daemon stood with a server, and when. */
static void on_news(void *context, const struct link *link, enum link_news news, const char *words)
{
	const char *id = context;
	const char *address = link_address(link);
	bool is_ready = link_state(link) == LINK_READY;

	switch (news) {
	case LINK_NEWS_READY:
		log_info("%s %s: connected", id, address);
		break;
	case LINK_NEWS_BACK:
		log_notice("%s %s: connected again%s%s", id, address, words[0] != '\0' ? ": " : "",
			words);
		break;
	case LINK_NEWS_LOST:
		log_warning("%s %s: lost a connection: %s%s", id, address, words,
			is_ready ? "; another one is open" : "");
		break;
	case LINK_NEWS_LATE:
		log_warning("%s %s: %s; the connection is kept%s", id, address, words,
			is_ready ? "; another one is open" : "");
		break;
	case LINK_NEWS_REFUSED:
		log_warning("%s %s: %s%s", id, address, words,
			is_ready ? " (another connection is open)" : "");
		break;
	case LINK_N_NEWS:
		break;
	}
}

/* ---- one ---- */

/* Others get them const: only here they change, and only by being counted. */
static struct entry *entry_of(const struct instance *instance)
{
	return (struct entry *)(void *)instance;
}

static struct topology_opts topology_opts_of(const struct instance_opts *opts)
{
	return (struct topology_opts){
		.kind = opts->kind,
		.name = opts->id,
		.endpoints = opts->endpoints,
		.n_endpoints = opts->n_endpoints,
		.master = opts->master,
		.node_opts = &opts->link,
		.question_opts = &opts->questions,
		.reach = opts->reach,
	};
}

/* With the links of its predecessor where these serve, and its history; NULL: none. */
static void take_topology(
	struct instances *instances, struct entry *entry, const struct entry *predecessor)
{
	struct topology_opts opts = topology_opts_of(&entry->opts);

	if (predecessor != NULL) {
		entry->instance.topology = topology_ref(predecessor->instance.topology);
		topology_change(entry->instance.topology, &opts);
		entry->instance.history = instance_history_ref(predecessor->instance.history);
		return;
	}
	entry->instance.history = instance_history_new();
	entry->instance.topology = topology_new(&instances->world, &opts);
	topology_start(entry->instance.topology);
}

/* Takes the contents of `opts` over. `predecessor`: with links that serve; NULL: none. */
static struct entry *entry_new(
	struct instances *instances, struct instance_opts *opts, const struct entry *predecessor)
{
	struct entry *entry = mem_new(struct entry);

	entry->n_refs = 1;
	entry->opts = *opts;
	*opts = (struct instance_opts){0};
	entry->instance.opts = &entry->opts;
	entry->instance.kernel = instances->kernel;
	entry->instance.metrics = metrics_instance(instances->metrics, entry->opts.id);
	take_topology(instances, entry, predecessor);
	LIST_INSERT_HEAD(&instances->all, entry, link);
	return entry;
}

static void entry_unref(struct entry *entry)
{
	CHECK(entry->n_refs > 0);
	if (--entry->n_refs > 0) {
		return;
	}
	LIST_REMOVE(entry, link);
	topology_unref(entry->instance.topology);
	instance_history_unref(entry->instance.history);
	instance_opts_finish(&entry->opts);
	free(entry);
}

void instance_hold(const struct instance *instance)
{
	entry_of(instance)->n_refs++;
}

void instance_release(const struct instance *instance)
{
	entry_unref(entry_of(instance));
}

/* ---- all ---- */

struct instances *instances_new(const struct link_world *world, struct metrics *metrics)
{
	struct instances *instances = mem_new(struct instances);

	instances->world = *world;
	instances->world.news_fn = on_news;
	instances->metrics = metrics;
	LIST_INIT(&instances->all);
	return instances;
}

static void drop_items(struct entry **items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		entry_unref(items[i]);
	}
	free(items);
}

void instances_set_kernel(struct instances *instances, enum kernel_answer kernel)
{
	struct entry *entry;

	instances->kernel = kernel;
	LIST_FOREACH(entry, &instances->all, link)
	{
		entry->instance.kernel = kernel;
	}
}

void instances_free(struct instances *instances)
{
	if (instances == NULL) {
		return;
	}
	/* Who still waits for an answer holds its instance until he is told that there is none. */
	instances_retire_links(instances, "the daemon is shutting down");
	drop_items(instances->items, instances->n);
	CHECK(LIST_EMPTY(&instances->all));
	free(instances);
}

static struct entry *find(const struct instances *instances, struct slice id)
{
	for (size_t i = 0; i < instances->n; i++) {
		if (slice_is(id, instances->items[i]->opts.id)) {
			return instances->items[i];
		}
	}
	return NULL;
}

/* Do connections of the one serve the other as they are? */
static bool is_same_way(const struct topology_opts *a, const struct topology_opts *b)
{
	return topology_opts_is_same_group(a, b) && topology_opts_has_same_endpoints(a, b) &&
	       link_opts_is_same_login(a->node_opts, b->node_opts) &&
	       link_opts_is_same_login(a->question_opts, b->question_opts);
}

/* The instance of these options, with the links of its predecessor if they serve. */
static struct entry *succeed(
	struct instances *instances, struct instance_opts *opts, struct instances_change *change)
{
	const struct entry *predecessor = find(instances, slice_of(opts->id));
	struct topology_opts now = topology_opts_of(opts);
	struct topology_opts before;

	if (predecessor == NULL) {
		change->n_added++;
		return entry_new(instances, opts, NULL);
	}
	before = topology_opts_of(&predecessor->opts);
	if (is_same_way(&before, &now)) {
		change->n_kept++;
	} else {
		change->n_replaced++;
	}
	return entry_new(
		instances, opts, topology_opts_is_same_group(&before, &now) ? predecessor : NULL);
}

struct instances_change instances_apply(
	struct instances *instances, struct instance_opts *opts, size_t n)
{
	struct entry **items = mem_alloc_array(n, sizeof(struct entry *));
	struct entry **before = instances->items;
	size_t n_before = instances->n;
	struct instances_change change = {0};

	for (size_t i = 0; i < n; i++) {
		items[i] = succeed(instances, &opts[i], &change);
	}
	change.n_removed = instances->n - change.n_kept - change.n_replaced;
	/* Whoever is told that a link has ended may look for an instance. */
	instances->items = items;
	instances->n = n;
	drop_items(before, n_before);
	return change;
}

void instances_retire_links(struct instances *instances, const char *words)
{
	struct entry *entry, *next;

	for (entry = LIST_FIRST(&instances->all); entry != NULL; entry = next) {
		entry->n_refs++; /* others may release it, and their own, when they are told */
		topology_retire(entry->instance.topology, words);
		next = LIST_NEXT(entry, link);
		entry_unref(entry);
	}
}

size_t instances_n(const struct instances *instances)
{
	return instances->n;
}

const struct instance *instances_get(const struct instances *instances, size_t index)
{
	return &instances->items[index]->instance;
}

const struct instance *instances_find(const struct instances *instances, struct slice id)
{
	struct entry *entry = find(instances, id);

	return entry != NULL ? &entry->instance : NULL;
}

bool instance_is_node_ready(
	const struct instance *instance, const struct link *link, char *words, size_t n_bytes)
{
	if (link_state(link) != LINK_READY) {
		snprintf(words, n_bytes, "%s", link_error(link));
		return false;
	}
	return topology_proof(instance->topology, link, words, n_bytes) == TOPOLOGY_PROVEN;
}

void instances_look(const struct instances *instances)
{
	for (size_t i = 0; i < instances->n; i++) {
		const struct instance *instance = &instances->items[i]->instance;

		instance_history_look(instance->history, instance->topology);
		if (instance->opts->counts_sessions) {
			instance_history_count(instance->history, instance->topology);
		}
	}
}

bool instance_has_node(const struct instance *instance, struct slice address)
{
	for (size_t i = 0; i < topology_n_nodes(instance->topology); i++) {
		const struct link *link = topology_node(instance->topology, i);

		if (topology_is_called(instance->topology, link, address)) {
			return true;
		}
	}
	return false;
}

void instances_each_topology(const struct instances *instances,
	void (*fn)(void *context, const struct topology *topology), void *context)
{
	const struct entry *entry;

	LIST_FOREACH(entry, &instances->all, link)
	{
		fn(context, entry->instance.topology);
	}
}
