/*
 * Instances under the daemon's care: their names, where their nodes are, how to get in, who is
 * protected on them. Each owns its topology and links.
 *
 * A reload replaces instances by new ones and never changes one: whoever works with an instance
 * (a running kill, a listing) holds it, and sees the same options to the end. A new instance of the
 * same id takes the warm links of its predecessor over, whatever has changed, as long as it means
 * the same group of servers: what is open stays until what replaces it is proven.
 */
#ifndef KILL_INSTANCE_H
#define KILL_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kill/instance_history.h"
#include "model/protection.h"
#include "model/request.h"
#include "model/selector.h"
#include "host/kernel.h"
#include "record/metrics.h"
#include "redis/link.h"
#include "redis/topology.h"

#define INSTANCE_MAX_ID_BYTES 128

/* Filled by the configuration. */
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
	struct reach reach;         /* where discovery may go */
	struct selectors protect;
	enum pace pace; /* PACE_FAST or PACE_GENTLE */
	int64_t stall_budget_ms;
	bool is_kernel_unused; /* sessions are ended by the protocol alone */
	bool counts_sessions;  /* by name, user and source, for the metrics */
};

void instance_opts_finish(struct instance_opts *opts); /* zeroed is fine */

struct instance {
	const struct instance_opts *opts;
	struct topology *topology;
	struct metrics_instance *metrics;
	struct instance_history *history;
	enum kernel_answer kernel; /* what it can do for this process */
};

/* Keeps it and its links, until as many calls to release it; not from a callback of a link. */
void instance_hold(const struct instance *instance);
void instance_release(const struct instance *instance);

/* All of them. */
struct instances;

/* None yet. `world` (without news) is copied, the rest borrowed. */
struct instances *instances_new(const struct link_world *world, struct metrics *metrics);
/* What the kernel can do for this process; without a word of it nothing. */
void instances_set_kernel(struct instances *instances, enum kernel_answer kernel);
void instances_free(struct instances *instances); /* nobody may hold one any more */

/* What instances_apply() did. */
struct instances_change {
	size_t n_kept;     /* with their connections */
	size_t n_replaced; /* theirs stay until the new ones are proven, if it is the same group */
	size_t n_added;
	size_t n_removed;
};

/*
 * These are the instances from now on. The contents of `opts`, an array of `n`, are taken over and
 * left zeroed. Those that are no longer among them end when nobody holds them.
 */
struct instances_change instances_apply(
	struct instances *instances, struct instance_opts *opts, size_t n);

/* Gives up all connections, with what is asked on them: calls get `words`. */
void instances_retire_links(struct instances *instances, const char *words);

size_t instances_n(const struct instances *instances);
/* Borrowed until the event loop goes on; instance_hold() keeps it. */
const struct instance *instances_get(const struct instances *instances, size_t index);
/* NULL: no such instance. */
const struct instance *instances_find(const struct instances *instances, struct slice id);

/*
 * Would a kill get at the sessions of the node behind `link`: connected, and proven to belong to
 * the instance? `words`: why not.
 */
NODISCARD bool instance_is_node_ready(
	const struct instance *instance, const struct link *link, char *words, size_t n_bytes);

/* Their histories take what is new. Once a second. */
void instances_look(const struct instances *instances);

/* Is there a node of that address? */
bool instance_has_node(const struct instance *instance, struct slice address);

/* Of those that are only held as well. */
void instances_each_topology(const struct instances *instances,
	void (*fn)(void *context, const struct topology *topology), void *context);

#endif
