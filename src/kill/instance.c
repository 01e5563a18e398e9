/*
 * Instances.
 */
#include "kill/instance.h"

#include <string.h>

#include "base/mem.h"

struct instances {
	struct instance *items;
	size_t n;
};

struct instances *instances_new(struct event_base *loop, struct evdns_base *dns,
	struct metrics *metrics, const struct instance_opts *opts, size_t n)
{
	struct instances *instances = mem_new(struct instances);

	instances->items = mem_alloc_array(n, sizeof(struct instance));
	instances->n = n;
	for (size_t i = 0; i < n; i++) {
		struct instance *instance = &instances->items[i];

		instance->opts = &opts[i];
		instance->metrics = metrics_instance(metrics, opts[i].id);
		instance->topology_opts = (struct topology_opts){
			.kind = opts[i].kind,
			.endpoints = opts[i].endpoints,
			.n_endpoints = opts[i].n_endpoints,
			.master = opts[i].master,
			.node_opts = &opts[i].link,
			.question_opts = &opts[i].questions,
		};
		instance->topology = topology_new(loop, dns, &instance->topology_opts);
	}
	return instances;
}

void instances_free(struct instances *instances)
{
	if (instances == NULL) {
		return;
	}
	for (size_t i = 0; i < instances->n; i++) {
		topology_free(instances->items[i].topology);
	}
	free(instances->items);
	free(instances);
}

void instances_start(struct instances *instances)
{
	for (size_t i = 0; i < instances->n; i++) {
		topology_start(instances->items[i].topology);
	}
}

size_t instances_n(const struct instances *instances)
{
	return instances->n;
}

const struct instance *instances_get(const struct instances *instances, size_t index)
{
	return &instances->items[index];
}

const struct instance *instances_find(const struct instances *instances, struct slice id)
{
	for (size_t i = 0; i < instances->n; i++) {
		if (slice_is(id, instances->items[i].opts->id)) {
			return &instances->items[i];
		}
	}
	return NULL;
}

/* Two links lead to one server when the process behind them is the same. */
static bool is_same_server(const struct link *a, const struct link *b)
{
	const char *run_id = link_server(a)->run_id;

	return run_id[0] != '\0' && strcmp(run_id, link_server(b)->run_id) == 0;
}

/* Adds the id of `other` if it leads to the same server as `link`. */
static void add_own_id(const struct link *link, const struct link *other, uint64_t **ids, size_t *n,
	size_t *capacity)
{
	if (other != link && is_same_server(link, other) && link_server(other)->own_id != 0) {
		*ids = mem_grow_array(*ids, *n, capacity, sizeof(uint64_t));
		(*ids)[(*n)++] = link_server(other)->own_id;
	}
}

uint64_t *instances_own_ids(
	const struct instances *instances, const struct link *link, size_t *ret_n)
{
	size_t capacity = 0;
	size_t n = 0;
	uint64_t *ids = mem_grow_array(NULL, n, &capacity, sizeof(uint64_t));

	ids[n++] = link_server(link)->own_id;
	for (size_t i = 0; i < instances->n; i++) {
		const struct topology *topology = instances->items[i].topology;

		for (size_t k = 0; k < topology_n_nodes(topology); k++) {
			add_own_id(link, topology_node(topology, k), &ids, &n, &capacity);
		}
		for (size_t k = 0; k < topology_n_askers(topology); k++) {
			add_own_id(link, topology_asker(topology, k), &ids, &n, &capacity);
		}
	}
	*ret_n = n;
	return ids;
}
