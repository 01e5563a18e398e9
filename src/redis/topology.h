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
#include "redis/reach.h"

enum topology_kind {
	TOPOLOGY_STANDALONE, /* the servers that the configuration lists */
	TOPOLOGY_SENTINEL,   /* a master and its replicas; the configuration lists Sentinels */
	TOPOLOGY_CLUSTER,    /* masters and replicas; the configuration lists some of them */
};

const char *topology_kind_name(enum topology_kind kind);

/* Copied by the topology. */
struct topology_opts {
	enum topology_kind kind;
	const char *name; /* the instance: context of the links' news */
	const struct endpoint *endpoints;
	size_t n_endpoints;
	const char *master;                    /* SENTINEL: what they call it */
	const struct link_opts *node_opts;     /* how to get into the nodes */
	const struct link_opts *question_opts; /* into Sentinels, or the configured cluster nodes */
	struct reach reach;                    /* where discovery may go */
};

/* Do they mean the same group of servers, as far as can be told, so that its links may stay? */
bool topology_opts_is_same_group(const struct topology_opts *a, const struct topology_opts *b);

/* In whatever order. */
bool topology_opts_has_same_endpoints(const struct topology_opts *a, const struct topology_opts *b);

struct topology;

/* Told of every change of the set of nodes, from the event loop. May unwatch itself. */
struct topology_watcher {
	void (*changed_fn)(struct topology_watcher *watcher);
	struct topology_watcher *next; /* the topology's */
};

/*
 * Does nothing until topology_start(). `world` is copied; the context of its news is the topology's
 * name. Made with one reference.
 */
struct topology *topology_new(const struct link_world *world, const struct topology_opts *opts);
struct topology *topology_ref(struct topology *topology);
/* The last one retires the links: those that somebody wants live on until he is through. */
void topology_unref(struct topology *topology);
void topology_start(struct topology *topology);
/* Options of the same group from now on: links are kept until what replaces them is proven. */
void topology_change(struct topology *topology, const struct topology_opts *opts);
/* Gives up all connections, with what is asked on them: calls get `words`. */
void topology_retire(struct topology *topology, const char *words);

enum topology_kind topology_kind(const struct topology *topology);
/* Is it known which nodes there are? Always for STANDALONE. */
bool topology_is_known(const struct topology *topology);
/*
 * Asks again which nodes there are, now. Watchers are told when that is answered, as well; until
 * then topology_is_up_to_date() is false for the time of the call (monotonic). STANDALONE: names
 * are looked up again.
 */
void topology_refresh(struct topology *topology);
bool topology_is_up_to_date(const struct topology *topology, int64_t since_ms);
/* Why it is not known, or not known to be up to date; "" otherwise. */
const char *topology_error(const struct topology *topology);

size_t topology_n_nodes(const struct topology *topology);
/* Borrowed until the event loop goes on; link_ref() keeps it. */
struct link *topology_node(const struct topology *topology, size_t index);
/*
 * Does the node behind `link` belong to the instance? An address proves nothing: a replica has to
 * have the data set of the master, a node of a cluster the id by which the others list it, and the
 * master is whom more than half of the Sentinels name. The configured servers of STANDALONE do.
 */
enum topology_proof {
	TOPOLOGY_PROVEN,
	TOPOLOGY_NOT_YET, /* in a moment it may */
	TOPOLOGY_FOREIGN, /* it says that it is somebody else */
};

/* `words`: why it does not. */
enum topology_proof topology_proof(
	const struct topology *topology, const struct link *link, char *words, size_t n_bytes);
/*
 * What a node is asked to prove it anew, as it is now; topology_hear_proof() takes the answer. The
 * number of arguments; 0: there is nothing to be asked.
 */
#define TOPOLOGY_MAX_QUESTION 2
size_t topology_proof_question(
	const struct topology *topology, struct slice argv[TOPOLOGY_MAX_QUESTION]);
void topology_hear_proof(
	struct topology *topology, const struct link *link, const struct reply *reply);

/*
 * Of a name with several addresses, this one was never reached while another was, as ::1 of
 * localhost: nobody misses it.
 */
bool topology_is_unused(const struct topology *topology, const struct link *link);
/* Its name does not stand for this address any more; it is a node as long as it stays connected. */
bool topology_is_former(const struct topology *topology, const struct link *link);
/*
 * An earlier node whose server this one's is as well: each of them lists the connection that was
 * made by the other address, by its random name. NULL: none, as far as is known.
 */
struct link *topology_twin(const struct topology *topology, const struct link *link);
/* Is it the address of a server of its own? Not one of a name that is not needed, nor a second one.
 */
bool topology_is_distinct(const struct topology *topology, const struct link *link);
/* Is that being asked at the moment, or about to be? */
bool topology_is_twin_asked(const struct topology *topology, const struct link *link);
/* Is `address` that of the node, or the name that it is an address of? */
bool topology_is_called(
	const struct topology *topology, const struct link *link, struct slice address);

/*
 * This daemon's connections as well: those that are asked who the nodes are, and those to what was
 * a node, while a kill still holds them.
 */
size_t topology_n_others(const struct topology *topology);
struct link *topology_other(const struct topology *topology, size_t index);

void topology_watch(struct topology *topology, struct topology_watcher *watcher);
void topology_unwatch(struct topology *topology, struct topology_watcher *watcher);

#endif
