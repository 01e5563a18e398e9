/*
 * The members of a group of servers, as a Sentinel or a cluster node tells them. Values: reading a
 * reply is kept apart from asking for it. Nothing that is told is left out: a member that cannot be
 * reached is one too, with the reason.
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
#include "redis/endpoint.h"
#include "redis/reach.h"
#include "redis/reply.h"

/* More than this is no group that one daemon looks after. */
#define MEMBERS_MAX 2000
/* Of a cluster node, with the NUL: 40 hex digits. */
#define MEMBERS_ID_BYTES 64

struct member {
	char *label;              /* its address, or what else it can be called by */
	struct endpoint endpoint; /* zeroed when it cannot be reached */
	char *announced;          /* host:port as it was told; NULL when it cannot be reached */
	char *trouble;            /* why it cannot; NULL: it can, as far as is known */
	char *id;                 /* of a node of a cluster; NULL: none */
	bool is_master;           /* as the Sentinels say */
};

/*
 * Where the node of that id said last to be; NULL: not known. The others may have lost its
 * address, which does not move it.
 */
typedef const struct endpoint *members_last_place_fn(const void *context, struct slice id);

/* Zeroed is empty and goes everywhere. */
struct members {
	const struct reach *reach;            /* borrowed; NULL: everywhere */
	members_last_place_fn *last_place_fn; /* NULL: none is known */
	const void *last_place_context;
	struct member *items;
	size_t n;
	size_t capacity;
	struct intern labels; /* each with the number of its member */
};

void members_finish(struct members *members);
/* An empty one that reads answers as that one does. */
struct members members_like(const struct members *members);
/* NULL: there is none of that label. */
const struct member *members_find(const struct members *members, const char *label);
/*
 * Adds a host (a name or an address) and port. One at the address of another is the same, unless
 * both have ids that differ. `id` empty: none. NULL: it was there already.
 */
struct member *members_add(
	struct members *members, struct slice host, uint64_t port, struct slice id);

/* One of another list, as it is; nothing where it is there already. */
void members_add_copy(struct members *members, const struct member *member);

/*
 * Of the reply to SENTINEL MASTERS: the address of the master called `name`, borrowed from the
 * reply. False: this Sentinel does not know it.
 */
NODISCARD bool members_read_sentinel_master(
	const struct reply *masters, const char *name, struct slice *ret_host, uint64_t *ret_port);
/*
 * Of the reply to SENTINEL REPLICAS: the next one, those that are down as well; *index counts on.
 * False: there is no further one.
 */
NODISCARD bool members_next_sentinel_replica(
	const struct reply *replicas, size_t *index, struct slice *ret_host, uint64_t *ret_port);

/* Who answered: what it does not know of itself is known by us. */
struct members_asked {
	const char *host; /* where it was asked; NULL: by a Unix socket */
	const char *id;   /* its own; "" not known */
};

/*
 * Of the reply to CLUSTER SHARDS (Redis 7.0, Valkey): every node, at the endpoint that it prefers.
 * Where that is unknown ("?", empty or null: cluster-preferred-endpoint-type unknown-endpoint) its
 * `ip` serves. With `has_tls` its TLS port counts. False with words when it is of another shape.
 */
NODISCARD bool members_read_cluster_shards(const struct reply *shards,
	const struct members_asked *asked, bool has_tls, struct members *members, struct err *err);
/*
 * Of the text of CLUSTER NODES, which older servers have: "ID IP:PORT@BUSPORT[,HOSTNAME] FLAGS
 * ...". Those that are still shaking hands are no nodes yet.
 */
NODISCARD bool members_read_cluster_nodes(struct slice text, const struct members_asked *asked,
	struct members *members, struct err *err);
/* Of the same text: the id of the node that answers ("myself"). Empty: it names none. */
struct slice members_own_id(struct slice text);

#endif
