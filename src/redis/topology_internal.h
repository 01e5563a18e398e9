/*
 * What the files of a topology share: topology.c keeps the set of nodes, the others ask for it, one
 * for each kind of group.
 */
#ifndef REDIS_TOPOLOGY_INTERNAL_H
#define REDIS_TOPOLOGY_INTERNAL_H

#include "redis/members.h"
#include "redis/topology.h"

struct event;

struct links {
	struct link **items;
	size_t n;
	size_t capacity;
};

/* A question to one link, as the context of its answer. */
struct question {
	struct topology *topology;
	struct link *link;
};

/* Somebody who knows the nodes: a Sentinel, or a configured node of the cluster. */
struct asker {
	struct link_watcher watcher;
	struct question question;
	struct link *link; /* NULL: not needed at present */
};

struct topology {
	unsigned n_refs;
	struct link_world world;
	struct topology_opts opts; /* owned */
	struct calls calls;        /* questions */
	bool is_started;
	struct links nodes;
	struct asker *askers;     /* one for each configured endpoint; none for STANDALONE */
	struct question question; /* to a node, or the second one to a Sentinel */
	struct links retired;     /* no longer nodes: let go from the event loop */
	bool is_known;
	char error[1024];
	struct topology_watcher *watchers;
	struct event *timer;
	struct event *letting_go;
	unsigned n_rounds_without_nodes;

	/* The round of questions under way. */
	size_t n_unanswered;
	struct link *best; /* the Sentinel whose word is newest; borrowed */
	uint64_t best_epoch;
	struct members members; /* what it said */
};

/* Why the nodes are not known, or not known to be up to date. */
void topology_set_error(struct topology *topology, const char *address, const char *words);
/* `permission`, e.g. "cluster|nodes", is what the question takes. */
void topology_set_refusal(struct topology *topology, const struct link *link,
	const struct reply *reply, const char *permission);

/* Sends a question; `reply_fn` gets it as its context. Not READY: nothing is asked. */
void question_ask(
	struct question *question, const struct slice *argv, size_t argc, link_reply_fn reply_fn);

/* The members are the nodes from now on; links to those that stay are kept warm. */
void topology_apply_members(struct topology *topology);

/* ---- topology_opts.c ---- */

void topology_opts_copy(struct topology_opts *to, const struct topology_opts *from);
void topology_opts_finish(struct topology_opts *opts);

/* ---- topology.c ---- */

void topology_add_link(struct links *links, struct link *link);
/* What waits for an answer of it hears that it is no node any more, once nobody kills there. */
void topology_drop_link(struct topology *topology, struct link *link);
void topology_open_node(struct topology *topology, const struct endpoint *endpoint);
void topology_open_asker(struct topology *topology, struct asker *asker, struct link *link);
void topology_tell_watchers(struct topology *topology);

/* Askers that the configuration names, whether their links are open or not. */
size_t topology_n_configured(const struct topology *topology);
bool topology_has_askers(const struct topology *topology); /* are they open? */
void topology_open_askers(struct topology *topology);
void topology_close_askers(struct topology *topology);
bool topology_is_any_ready(const struct links *links);

/* A round of questions. */
void topology_ask_sentinels(struct topology *topology);
void topology_ask_cluster(struct topology *topology);

#endif
