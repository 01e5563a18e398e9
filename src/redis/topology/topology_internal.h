/*
 * What the files of a topology share. None calls one that stands further right:
 *
 *     topology_opts, topology_round < topology_nodes < topology_proof < topology_twins
 *         < topology_names, topology_cluster, topology_sentinel < topology_change, topology
 *
 * topology.c asks in rounds, topology_nodes.c keeps the set of nodes, topology_cluster.c and
 * topology_sentinel.c ask for it, topology_names.c looks up the names that stand for it,
 * topology_proof.c judges who belongs to it, topology_change.c goes over to other options.
 */
#ifndef REDIS_TOPOLOGY_INTERNAL_H
#define REDIS_TOPOLOGY_INTERNAL_H

#include <sys/queue.h>

#include "redis/members.h"
#include "redis/text.h"
#include "redis/topology.h"

struct event;
struct lookup;

/*
 * A Sentinel that does not answer within this time is given up, lest the others' word waits for it.
 * Not so a node of a cluster: it may be busy, and its link is the one that kills.
 */
#define TOPOLOGY_SENTINEL_TIMEOUT_MS 1000

struct links {
	struct link **items;
	size_t n;
	size_t capacity;
};

/* A question to one link, as the context of its answer. */
struct question {
	struct topology *topology;
	struct link *link;
	bool is_second; /* in other words, since those of now were not understood */
};

/* Somebody who knows the nodes: a Sentinel, or a configured node of the cluster. */
struct asker {
	struct link_watcher watcher;
	struct question question;
	struct link *link;      /* NULL: not needed at present */
	struct endpoint master; /* what this Sentinel says in this round; zeroed: nothing */
	bool listed_elected;    /* it did so in its last answer, see topology_sentinel.c */
	char *table;            /* what this node of a cluster says, likewise; NULL: nothing */
	char id[MEMBERS_ID_BYTES];
};

/* A name of the configuration, which stands for all its addresses. */
struct name {
	struct topology *topology;
	struct endpoint endpoint; /* as it is configured */
	struct lookup *lookup;
	bool is_known; /* it was looked up at least once */
};

struct node {
	struct link_watcher watcher;
	struct topology *topology;
	struct link *link;  /* leads nowhere for a member that cannot be reached */
	char *label;        /* of its member */
	char *trouble;      /* likewise; NULL: none */
	char *id;           /* likewise: by which the cluster lists it */
	bool is_master;     /* likewise: as the Sentinels say */
	struct name *name;  /* it is an address of that name; NULL: of none */
	bool is_former;     /* and was one */
	struct calls calls; /* questions to it */
	struct node *
		twin; /* an earlier one of the same server, over the connections of these numbers */
	uint64_t twin_serials[2];
	uint64_t twins_asked_serial; /* of the connection that twins were looked for over */
	/* What it says of itself, over the connection of that number; 0: nothing yet. */
	uint64_t said_serial;
	char said_run_id[sizeof(((struct link_server *)NULL)->run_id)]; /* as which process */
	char said_id[MEMBERS_ID_BYTES];
	char said_words[256]; /* why it does not */
	size_t n_others;      /* with an id */
	size_t n_known_to_it; /* of the other nodes, those in its own table */
};

struct nodes {
	struct node **items;
	size_t n;
	size_t capacity;
};

struct topology {
	unsigned n_refs;
	struct link_world world;
	struct topology_opts opts; /* owned */
	struct calls calls;        /* questions */
	bool is_started;
	struct nodes nodes;
	struct asker *askers; /* one for each configured endpoint; none for STANDALONE */
	struct name *names;   /* likewise, of STANDALONE: those that are names */
	size_t n_names;
	struct question question; /* to a node */
	struct links leaving; /* to what was a node: let go from the event loop, and then kept as
			       * long as a kill holds them */
	/* Topology.c's: the link of a node has changed; it goes. */
	void (*node_changed_fn)(struct node *node);
	void (*node_going_fn)(struct node *node);
	bool is_known;
	char error[1024];
	struct topology_watcher *watchers;
	struct event *timer;
	struct event *letting_go;
	unsigned n_rounds_without_nodes;
	unsigned n_rounds;
	struct link_replication replication; /* of the master that was proven last */

	/* The round of questions, or of look-ups, under way. */
	size_t n_unanswered;
	int64_t wanted_ms;               /* monotonic: when somebody last asked for one */
	int64_t asked_ms;                /* when it began */
	int64_t up_to_date_ms;           /* when the last one began whose answers are in force */
	char asked_id[MEMBERS_ID_BYTES]; /* of the cluster node that is asked */
	struct members members;          /* what is said */
	bool is_asking_for_replicas;     /* else for masters */
	struct replicas *replicas;       /* likewise, by several Sentinels; NULL */
	char round_error[1024];          /* why it is in vain so far */
	LIST_HEAD(, pair) pairs;         /* of nodes that may be of one server: being asked */
};

/* ---- topology_opts.c ---- */

void topology_opts_copy(struct topology_opts *to, const struct topology_opts *from);
void topology_opts_finish(struct topology_opts *opts);

/* ---- topology_round.c ---- */

/* What was asked over the link, or came of it, is why the round is in vain so far. */
void topology_set_error(struct topology *topology, const struct link *link, const char *words);
/* The round is in vain, as round_error says. */
void topology_fail_round(struct topology *topology);
/* What the round under way has told is in force. */
void topology_end_round(struct topology *topology, bool is_changed);
void topology_tell_watchers(struct topology *topology);

/* What waits for an answer of it hears that it is no node any more, once nobody kills there. */
void topology_drop_link(struct topology *topology, struct link *link);

/* Askers that the configuration names, whether their links are open or not. */
size_t topology_n_configured(const struct topology *topology);
bool topology_has_askers(const struct topology *topology); /* are they open? */
void topology_open_asker(struct topology *topology, struct asker *asker, struct link *link);
void topology_open_askers(struct topology *topology);
void topology_close_askers(struct topology *topology);
void topology_forget_said(struct asker *asker);

/* Sends a question; `reply_fn` gets it as its context. Not READY: nothing is asked. */
void question_ask(
	struct question *question, const struct slice *argv, size_t argc, link_reply_fn reply_fn);
/* It is answered, or will not be. Is the answer of that type? Else the error of the round says why
 * not. `permission`, e.g. "cluster|nodes", is what the question takes. */
bool question_end(struct question *question, const struct reply *reply, const char *lost,
	enum reply_type wanted, const char *permission);
/* Of a question to one. */
static inline struct asker *asker_of(struct question *question)
{
	return (struct asker *)((char *)question - offsetof(struct asker, question));
}

/* ---- topology_nodes.c ---- */

struct node *topology_open_node(struct topology *topology, const struct endpoint *endpoint);
void topology_insert_node(struct topology *topology, struct node *node);
/* Out of the array already, or about to be. */
void topology_free_node(struct node *node);
struct node *topology_find_node(const struct topology *topology, const struct link *link);
/* It leads there from now on, by the options in force. */
void topology_move_node(struct node *node, const struct endpoint *endpoint);

typedef bool node_is_kept_fn(struct node *node, void *context);
/* The others go. Have any gone? */
bool topology_keep_nodes(struct topology *topology, node_is_kept_fn *is_kept_fn, void *context);
/* The members are the nodes from now on; links to those that stay are kept warm. */
void topology_apply_members(struct topology *topology);

/* ---- topology_proof.c ---- */

/* The link of a node has changed: it may be another server by now. */
void topology_note_node(struct node *node);
/* Those that have not said yet who they are; and what the master is, in case it goes. */
void topology_ask_unproven(struct topology *topology);
/* Takes what it says of itself: the text of CLUSTER NODES, or a refusal. */
void topology_hear_node(struct node *node, const struct reply *reply);
/* How many of the nodes with an id, `except` apart (NULL: none), are in that text of CLUSTER NODES.
 */
size_t topology_count_known(const struct topology *topology, const struct node *except,
	struct slice table, size_t *ret_n_others);

/* ---- topology_twins.c ---- */

/* The link of a node has changed: it may be the same server as another one. */
void topology_note_twins(struct node *node);
/* Likewise all: those that could not be asked, or were not answered. */
void topology_ask_twins(struct topology *topology);
/* The node goes. */
void topology_forget_twins(struct node *node);

/* ---- topology_names.c ---- */

/* A node for each configured endpoint, or for each address of its name once that is looked up. */
void topology_open_configured(struct topology *topology);
/* Those of the options in force; nodes of a name that is configured as before stay its nodes. */
void topology_change_names(struct topology *topology);
void topology_close_names(struct topology *topology);
/* Is it not looked up for the first time yet? Then its link is not started. */
bool topology_is_looking_up(const struct node *node);
void topology_look_up(struct topology *topology);
/* The link of a node of a name has changed. */
void topology_note_name(struct node *node);

/* ---- topology_cluster.c, topology_sentinel.c ---- */

/* A round of questions. */
void topology_ask_cluster(struct topology *topology);
void topology_ask_sentinels(struct topology *topology);
/* Whoever has not answered does not count in this round. */
void topology_hear_no_more(struct topology *topology);
void topology_forget_replicas(struct topology *topology);
/* Of a node of the cluster: where the link leads that said last to be it, connected or not. */
members_last_place_fn topology_last_place;

#endif
