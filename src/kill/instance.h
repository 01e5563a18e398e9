/*
 * An instance under the daemon's care: its name, where its nodes are, how to get in, who is
 * protected on it. Owns its topology and links.
 */
#ifndef KILL_INSTANCE_H
#define KILL_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/request.h"
#include "model/selector.h"
#include "record/metrics.h"
#include "redis/link.h"
#include "redis/topology.h"

#define INSTANCE_MAX_ID_BYTES 128

/* Filled by the configuration; borrowed for the life of the instance. */
struct instance_opts {
	char *id;
	enum topology_kind kind;
	/* Standalone: one, or a list of servers killed together; else Sentinels or cluster nodes.
	 */
	struct endpoint *endpoints;
	size_t n_endpoints;
	char *master;               /* Sentinel: what they call it */
	struct link_opts link;      /* into the nodes */
	struct link_opts questions; /* into Sentinels or the configured cluster nodes */
	struct selectors protect;
	enum pace pace; /* PACE_FAST or PACE_GENTLE */
	int64_t stall_budget_ms;
};

struct instance {
	const struct instance_opts *opts;
	struct topology_opts topology_opts;
	struct topology *topology;
	struct metrics_instance *metrics;
};

/* All of them. */
struct instances;

/* `opts` is an array of `n`, borrowed like the rest. Does nothing until instances_start(). */
struct instances *instances_new(struct event_base *loop, struct evdns_base *dns,
	struct metrics *metrics, const struct instance_opts *opts, size_t n);
void instances_free(struct instances *instances);
void instances_start(struct instances *instances);

size_t instances_n(const struct instances *instances);
const struct instance *instances_get(const struct instances *instances, size_t index);
/* NULL: no such instance. */
const struct instance *instances_find(const struct instances *instances, struct slice id);

/*
 * The ids that this daemon's own connections have on the server behind `link`, that of `link`
 * first: the same server may stand in several instances. An array on the heap of *ret_n.
 */
uint64_t *instances_own_ids(
	const struct instances *instances, const struct link *link, size_t *ret_n);

#endif
