/*
 * The nodes of one instance, and a warm link to each. Which nodes there are is configured
 * (standalone), or asked for once a second: of the Sentinels that watch a master, or of a node of
 * the cluster. Owner: the instance.
 */
#ifndef REDIS_TOPOLOGY_H
#define REDIS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "redis/link.h"

struct event_base;
struct evdns_base;

enum topology_kind {
	TOPOLOGY_STANDALONE, /* the servers that the configuration lists */
	TOPOLOGY_SENTINEL,   /* a master and its replicas; the configuration lists Sentinels */
	TOPOLOGY_CLUSTER,    /* masters and replicas; the configuration lists some of them */
};

const char *topology_kind_name(enum topology_kind kind);

/* Borrowed for the topology's life. */
struct topology_opts {
	enum topology_kind kind;
	const struct endpoint *endpoints;
	size_t n_endpoints;
	const char *master;                    /* SENTINEL: what they call it */
	const struct link_opts *node_opts;     /* how to get into the nodes */
	const struct link_opts *question_opts; /* into Sentinels, or the configured cluster nodes */
};

struct topology;

/* Told of every change of the set of nodes, from the event loop. May unwatch itself. */
struct topology_watcher {
	void (*changed_fn)(struct topology_watcher *watcher);
	struct topology_watcher *next; /* the topology's */
};

/* Does nothing until topology_start(). */
struct topology *topology_new(
	struct event_base *loop, struct evdns_base *dns, const struct topology_opts *opts);
/* Links that somebody else refers to live on. */
void topology_free(struct topology *topology);
void topology_start(struct topology *topology);

enum topology_kind topology_kind(const struct topology *topology);
/* Is it known which nodes there are? Always for STANDALONE. */
bool topology_is_known(const struct topology *topology);
/* Why it is not known, or not known to be up to date; "" otherwise. */
const char *topology_error(const struct topology *topology);

size_t topology_n_nodes(const struct topology *topology);
/* Borrowed until the event loop goes on; link_ref() keeps it. */
struct link *topology_node(const struct topology *topology, size_t index);
/* Those that are asked who the nodes are: this daemon's connections as well. */
size_t topology_n_askers(const struct topology *topology);
struct link *topology_asker(const struct topology *topology, size_t index);

void topology_watch(struct topology *topology, struct topology_watcher *watcher);
void topology_unwatch(struct topology *topology, struct topology_watcher *watcher);

#endif
