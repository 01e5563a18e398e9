/*
 * Instances and their succession.
 */
#include "kill/instance.h"

#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/mem.h"

/* An instance and what others do not see of it. */
struct entry {
	struct instance instance; /* the first member: see entry_of() */
	LIST_ENTRY(entry) link;
	unsigned n_refs;
	struct instance_opts opts;
	struct topology_opts topology_opts;
	struct entry *origin; /* whose topology it has, held; NULL: its own */
};
LIST_HEAD(entries, entry);

struct instances {
	struct event_base *loop;
	struct evdns_base *dns;
	struct metrics *metrics;
	struct known *known;
	struct entry **items; /* in force, in the order of the configuration */
	size_t n;
	struct entries all; /* those that are only held as well */
};

/* ---- one ---- */

/* Others get them const: only here they change, and only by being counted. */
static struct entry *entry_of(const struct instance *instance)
{
	return (struct entry *)(void *)instance;
}

static void take_topology(struct instances *instances, struct entry *entry)
{
	const struct instance_opts *opts = &entry->opts;

	entry->topology_opts = (struct topology_opts){
		.kind = opts->kind,
		.endpoints = opts->endpoints,
		.n_endpoints = opts->n_endpoints,
		.master = opts->master,
		.node_opts = &opts->link,
		.question_opts = &opts->questions,
	};
	entry->instance.topology =
		topology_new(instances->loop, instances->dns, &entry->topology_opts);
	topology_start(entry->instance.topology);
}

/* Always the first of a succession: nothing between them need be kept for the sake of links. */
static void share_topology(struct entry *entry, struct entry *predecessor)
{
	entry->origin = predecessor->origin != NULL ? predecessor->origin : predecessor;
	entry->origin->n_refs++;
	entry->instance.topology = entry->origin->instance.topology;
}

/* Takes the contents of `opts` over. `predecessor`: with links that serve; NULL: none. */
static struct entry *entry_new(
	struct instances *instances, struct instance_opts *opts, struct entry *predecessor)
{
	struct entry *entry = mem_new(struct entry);

	entry->n_refs = 1;
	entry->opts = *opts;
	*opts = (struct instance_opts){0};
	entry->instance.opts = &entry->opts;
	entry->instance.metrics = metrics_instance(instances->metrics, entry->opts.id);
	entry->instance.known = instances->known;
	if (predecessor != NULL) {
		share_topology(entry, predecessor);
	} else {
		take_topology(instances, entry);
	}
	LIST_INSERT_HEAD(&instances->all, entry, link);
	return entry;
}

static void entry_unref(struct entry *entry)
{
	struct entry *origin = entry->origin;

	CHECK(entry->n_refs > 0);
	if (--entry->n_refs > 0) {
		return;
	}
	LIST_REMOVE(entry, link);
	if (origin == NULL) {
		topology_free(entry->instance.topology);
	}
	instance_opts_finish(&entry->opts);
	free(entry);
	if (origin != NULL) {
		/* Once at most: an origin has none itself. */
		entry_unref(origin);
	}
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

struct instances *instances_new(
	struct event_base *loop, struct evdns_base *dns, struct metrics *metrics)
{
	struct instances *instances = mem_new(struct instances);

	instances->loop = loop;
	instances->dns = dns;
	instances->metrics = metrics;
	instances->known = known_new();
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

void instances_free(struct instances *instances)
{
	if (instances == NULL) {
		return;
	}
	drop_items(instances->items, instances->n);
	CHECK(LIST_EMPTY(&instances->all));
	known_free(instances->known);
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

/* The instance of these options, with the links of its predecessor if they serve. */
static struct entry *succeed(
	struct instances *instances, struct instance_opts *opts, struct instances_change *change)
{
	struct entry *predecessor = find(instances, slice_of(opts->id));

	if (predecessor == NULL) {
		change->n_added++;
	} else if (instance_opts_is_same_way(&predecessor->opts, opts)) {
		change->n_kept++;
		return entry_new(instances, opts, predecessor);
	} else {
		change->n_replaced++;
	}
	return entry_new(instances, opts, NULL);
}

struct instances_change instances_apply(
	struct instances *instances, struct instance_opts *opts, size_t n)
{
	struct entry **items = mem_alloc_array(n, sizeof(struct entry *));
	struct instances_change change = {0};

	for (size_t i = 0; i < n; i++) {
		items[i] = succeed(instances, &opts[i], &change);
	}
	change.n_removed = instances->n - change.n_kept - change.n_replaced;
	drop_items(instances->items, instances->n);
	instances->items = items;
	instances->n = n;
	return change;
}

void instances_reset_links(struct instances *instances, const char *words)
{
	const struct entry *entry;

	LIST_FOREACH(entry, &instances->all, link)
	{
		const struct topology *topology = entry->instance.topology;

		for (size_t i = 0; i < topology_n_nodes(topology); i++) {
			link_reset(topology_node(topology, i), words);
		}
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

bool instance_has_node(const struct instance *instance, struct slice address)
{
	for (size_t i = 0; i < topology_n_nodes(instance->topology); i++) {
		if (slice_is(address, link_address(topology_node(instance->topology, i)))) {
			return true;
		}
	}
	return false;
}

/* ---- this daemon's own sessions ---- */

/* Two links lead to one server when the process behind them is the same. */
static bool is_same_server(const struct link *a, const struct link *b)
{
	const char *run_id = link_server(a)->run_id;

	return run_id[0] != '\0' && strcmp(run_id, link_server(b)->run_id) == 0;
}

/* A list of ids that grows. */
struct ids {
	uint64_t *items;
	size_t n;
	size_t capacity;
};

static void add_id(struct ids *ids, uint64_t id)
{
	ids->items = mem_grow_array(ids->items, ids->n, &ids->capacity, sizeof(uint64_t));
	ids->items[ids->n++] = id;
}

/* Adds the id of `other` if it leads to the same server as `link`. */
static void add_own_id(const struct link *link, const struct link *other, struct ids *ids)
{
	if (is_same_server(link, other) && link_server(other)->own_id != 0) {
		add_id(ids, link_server(other)->own_id);
	}
}

/* The process behind `other` is not known, or will be another one when it connects. */
static void add_maybe_own_id(const struct link *link, const struct link *other, struct ids *ids)
{
	if (link_state(other) == LINK_READY) {
		return;
	}
	if (link_is_connected(other) &&
		(link_learned(other)->run_id[0] == '\0' ||
			strcmp(link_learned(other)->run_id, link_server(link)->run_id) == 0)) {
		add_id(ids, link_learned(other)->own_id);
	} else if (strcmp(link_address(link), link_address(other)) == 0) {
		add_id(ids, 0);
	}
}

typedef void add_id_fn(const struct link *link, const struct link *other, struct ids *ids);

/* Of all links of this daemon but `link`. */
static void collect_ids(
	const struct instances *instances, const struct link *link, add_id_fn *add, struct ids *ids)
{
	const struct entry *entry;

	LIST_FOREACH(entry, &instances->all, link)
	{
		const struct topology *topology = entry->instance.topology;

		if (entry->origin != NULL) {
			continue; /* its links are those of the origin, which is here too */
		}
		for (size_t k = 0; k < topology_n_nodes(topology); k++) {
			if (topology_node(topology, k) != link) {
				add(link, topology_node(topology, k), ids);
			}
		}
		for (size_t k = 0; k < topology_n_askers(topology); k++) {
			if (topology_asker(topology, k) != link) {
				add(link, topology_asker(topology, k), ids);
			}
		}
	}
}

uint64_t *instances_own_ids(
	const struct instances *instances, const struct link *link, size_t *ret_n)
{
	struct ids ids = {0};

	add_id(&ids, link_server(link)->own_id);
	collect_ids(instances, link, add_own_id, &ids);
	*ret_n = ids.n;
	return ids.items;
}

uint64_t *instances_maybe_own_ids(
	const struct instances *instances, const struct link *link, size_t *ret_n)
{
	struct ids ids = {0};

	collect_ids(instances, link, add_maybe_own_id, &ids);
	*ret_n = ids.n;
	return ids.items;
}
