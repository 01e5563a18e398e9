/*
 * The nodes of one instance and a warm link to each. Owner: the instance.
 */
#ifndef REDIS_TOPOLOGY_H
#define REDIS_TOPOLOGY_H

#include <stddef.h>

#include "redis/link.h"

struct event_base;
struct evdns_base;

enum topology_kind {
	TOPOLOGY_STANDALONE, /* the servers that the configuration lists */
};

const char *topology_kind_name(enum topology_kind kind);

struct topology;

/* Endpoints are copied, `opts` is borrowed. Does nothing until topology_start(). */
struct topology *topology_new(struct event_base *loop, struct evdns_base *dns,
	const struct endpoint *endpoints, size_t n_endpoints, const struct link_opts *opts);
void topology_free(struct topology *topology);
void topology_start(struct topology *topology);

enum topology_kind topology_kind(const struct topology *topology);
size_t topology_n_nodes(const struct topology *topology);
struct link *topology_node(const struct topology *topology, size_t index);

#endif
