/*
 * Nodes of an instance: the servers that the configuration lists.
 */
#include "redis/topology.h"

#include "base/mem.h"

struct topology {
	struct link **links;
	size_t n_links;
};

const char *topology_kind_name(enum topology_kind kind)
{
	switch (kind) {
	case TOPOLOGY_STANDALONE:
		return "standalone";
	}
	return "?";
}

struct topology *topology_new(struct event_base *loop, struct evdns_base *dns,
	const struct endpoint *endpoints, size_t n_endpoints, const struct link_opts *opts)
{
	struct topology *topology = mem_new(struct topology);

	topology->links = mem_alloc_array(n_endpoints, sizeof(struct link *));
	for (; topology->n_links < n_endpoints; topology->n_links++) {
		topology->links[topology->n_links] =
			link_new(loop, dns, &endpoints[topology->n_links], opts);
	}
	return topology;
}

void topology_free(struct topology *topology)
{
	if (topology == NULL) {
		return;
	}
	for (size_t i = 0; i < topology->n_links; i++) {
		link_unref(topology->links[i]);
	}
	free(topology->links);
	free(topology);
}

void topology_start(struct topology *topology)
{
	for (size_t i = 0; i < topology->n_links; i++) {
		link_start(topology->links[i]);
	}
}

enum topology_kind topology_kind(const struct topology *topology)
{
	(void)topology;
	return TOPOLOGY_STANDALONE;
}

size_t topology_n_nodes(const struct topology *topology)
{
	return topology->n_links;
}

struct link *topology_node(const struct topology *topology, size_t index)
{
	return topology->links[index];
}
