/*
 * The members of a group of servers, as a Sentinel or a cluster node tells them. Values: reading a
 * reply is kept apart from asking for it.
 */
#ifndef REDIS_MEMBERS_H
#define REDIS_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "model/intern.h"
#include "redis/link.h"
#include "redis/reply.h"

/* More than this is no group that one daemon looks after. */
#define MEMBERS_MAX 2000

/* Zeroed is empty. */
struct members {
	struct endpoint *endpoints;
	size_t n;
	size_t capacity;
	struct intern addresses; /* as endpoint_print() writes them, each with the number of its
				    endpoint */
};

void members_finish(struct members *members);
/* Is there one of that address, as link_address() has it? */
bool members_has(const struct members *members, const char *address);
/* Adds a host (a name or an address) and port, unless it is there already or there are too many. */
void members_add(struct members *members, struct slice host, uint64_t port);

/*
 * Of the reply to SENTINEL MASTERS: the master called `name`, and how new this Sentinel's word is
 * (config-epoch). False: it does not know that master.
 */
NODISCARD bool members_read_sentinel_master(const struct reply *masters, const char *name,
	struct members *members, uint64_t *ret_epoch);
/* Of the reply to SENTINEL REPLICAS: all of them, those that are down as well. */
void members_read_sentinel_replicas(const struct reply *replicas, struct members *members);

/*
 * Of the reply to CLUSTER SHARDS (Redis 7.0, Valkey): every node, at the endpoint that it prefers.
 * A node without one ("?" or empty: unknown) is at `own_host`, where the answer came from. With
 * `has_tls` its TLS port counts. False with words when the reply is of another shape.
 */
NODISCARD bool members_read_cluster_shards(const struct reply *shards, const char *own_host,
	bool has_tls, struct members *members, struct err *err);
/*
 * Of the text of CLUSTER NODES, which older servers have: "ID IP:PORT@BUSPORT[,HOSTNAME] FLAGS
 * ...". Nodes without an address, and such that are still shaking hands, are left out.
 */
NODISCARD bool members_read_cluster_nodes(
	struct slice text, const char *own_host, struct members *members, struct err *err);

#endif
