/*
 * Asking a cluster: a node that has shown to belong to it, or else a seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "redis/topology/topology_internal.h"

/* A cluster none of whose nodes is READY for this many rounds is asked for at its seeds again. */
#define ROUNDS_WITHOUT_NODES 3

/* Every so many rounds another node is asked, lest one that the others have forgotten is believed.
 */
#define ROUNDS_PER_NODE 5

/* Where the question went: what that node does not know of itself. */
static struct members_asked asked_of(const struct question *question)
{
	return (struct members_asked){
		link_endpoint(question->link)->host, question->topology->asked_id};
}

const struct endpoint *topology_last_place(const void *context, struct slice id)
{
	const struct topology *topology = context;

	for (size_t i = 0; i < topology->nodes.n; i++) {
		const struct node *node = topology->nodes.items[i];

		if (slice_is(id, node->said_id) && !link_leads_nowhere(node->link)) {
			return link_endpoint(node->link);
		}
	}
	return NULL;
}

static void ask_shards(struct question *question);

/* The round ends without a list: what was asked over the link, or came of it, is why. */
static void fail_with(struct topology *topology, const struct link *link, const char *words)
{
	topology_set_error(topology, link, words);
	topology_fail_round(topology);
}

/* Is what the node says to be believed? Not before it has shown, by the same answer, to be one. */
static bool is_believed(struct question *question, const struct reply *reply)
{
	struct topology *topology = question->topology;
	struct node *node = topology_find_node(topology, question->link);
	char words[256];

	if (node == NULL) {
		return true; /* a seed */
	}
	topology_hear_node(node, reply);
	if (topology_proof(topology, node->link, words, sizeof(words)) == TOPOLOGY_PROVEN) {
		return true;
	}
	fail_with(topology, node->link, words);
	return false;
}

/* All that servers before 7.0 know of the nodes; and the own id of the one that answers. */
static void take_table(struct question *question, struct slice table)
{
	struct topology *topology = question->topology;
	struct members_asked asked = asked_of(question);
	struct err err;

	snprintf(topology->asked_id, sizeof(topology->asked_id), "%.*s",
		SLICE_ARG(members_own_id(table)));
	members_finish(&topology->members);
	if (members_read_cluster_nodes(table, &asked, &topology->members, &err)) {
		ask_shards(question);
	} else {
		fail_with(topology, question->link, err.text);
	}
}

static void on_nodes(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;

	if (!question_end(question, reply, lost, REPLY_TEXT, "cluster|nodes")) {
		topology_fail_round(question->topology);
	} else if (is_believed(question, reply)) {
		take_table(question, reply->text);
	}
}

/* SHARDS leaves out a replica whose master was forgotten, which NODES still has. */
static void add_left_out(struct topology *topology, const struct members *listed)
{
	for (size_t i = 0; i < listed->n; i++) {
		const struct member *member = &listed->items[i];
		bool is_there = member->id == NULL;

		for (size_t k = 0; k < topology->members.n && !is_there; k++) {
			const char *id = topology->members.items[k].id;

			is_there = id != NULL && strcmp(id, member->id) == 0;
		}
		if (!is_there) {
			members_add_copy(&topology->members, member);
		}
	}
}

static void hear_shards(struct question *question, const struct reply *reply)
{
	struct topology *topology = question->topology;
	struct members_asked asked = asked_of(question);
	struct members listed = topology->members;
	struct err err;

	topology->members = members_like(&listed);
	if (members_read_cluster_shards(
		    reply, &asked, topology->opts.node_opts->tls.is_on, &topology->members, &err)) {
		add_left_out(topology, &listed);
		topology_apply_members(topology);
	} else {
		fail_with(topology, question->link, err.text);
	}
	members_finish(&listed);
}

/* Servers before 7.0 have no SHARDS: what NODES has told is all. */
static void on_shards(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;

	if (question_end(question, reply, lost, REPLY_ARRAY, "cluster|shards")) {
		hear_shards(question, reply);
	} else if (lost == NULL && reply_is_error(reply, "ERR")) {
		topology_apply_members(question->topology);
	} else {
		topology_fail_round(question->topology);
	}
}

static void ask_shards(struct question *question)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"SHARDS", 6}};

	question_ask(question, argv, ARRAY_SIZE(argv), on_shards);
}

static bool may_be_asked(const struct topology *topology, const struct link *link)
{
	return link_state(link) == LINK_READY &&
	       topology_proof(topology, link, NULL, 0) == TOPOLOGY_PROVEN;
}

/* A node that has shown to be one; NULL: none. */
static struct link *find_asked(const struct topology *topology)
{
	const struct nodes *nodes = &topology->nodes;
	size_t first = topology->n_rounds / ROUNDS_PER_NODE;

	for (size_t i = 0; i < nodes->n; i++) {
		struct link *link = nodes->items[(first + i) % nodes->n]->link;

		if (may_be_asked(topology, link)) {
			return link;
		}
	}
	return NULL;
}

/* ---- the configured nodes, where no other is known ---- */

/* Do the two know each other? */
static bool is_acquainted(const struct asker *a, const struct asker *b)
{
	return memmem(a->table, strlen(a->table), b->id, strlen(b->id)) != NULL &&
	       memmem(b->table, strlen(b->table), a->id, strlen(a->id)) != NULL;
}

/*
 * One that knows nobody has left the cluster, or not yet joined it; one that does not know half of
 * the nodes that were known is of another. Both are right if all the configured ones say the same.
 */
static bool may_speak(const struct topology *topology, const struct asker *asker, bool is_all)
{
	const char *end = asker->table != NULL ? strchr(asker->table, '\n') : NULL;
	size_t n_others = 0;
	size_t n_known = 0;

	if (link_state(asker->link) != LINK_READY || asker->id[0] == '\0') {
		return false;
	}
	if (is_all) {
		return true;
	}
	n_known = topology_count_known(topology, NULL, slice_of(asker->table), &n_others);
	return end != NULL && end[1] != '\0' && 2 * n_known >= n_others;
}

static size_t count_tables(const struct topology *topology)
{
	size_t n = 0;

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		n += topology->askers[i].table != NULL;
	}
	return n;
}

/*
 * More than half of those that have answered have to be of one cluster. Those that fell silent have
 * said what they said last: one of two clusters is not believed because the other is down. NULL:
 * they are not.
 */
static struct asker *find_seed_of_most(const struct topology *topology)
{
	size_t n = topology_n_configured(topology);
	size_t n_answered = count_tables(topology);

	for (size_t i = 0; i < n; i++) {
		struct asker *asker = &topology->askers[i];
		size_t n_with_it = 0;

		for (size_t k = 0; asker->table != NULL && k < n; k++) {
			n_with_it += topology->askers[k].table != NULL &&
				     is_acquainted(asker, &topology->askers[k]);
		}
		if (2 * n_with_it > n_answered && may_speak(topology, asker, n_with_it == n)) {
			return asker;
		}
	}
	return NULL;
}

static void set_disagreement(struct topology *topology)
{
	CLEANUP(mem_free_p) char *why = mem_printf("%s", topology->round_error);

	snprintf(topology->round_error, sizeof(topology->round_error),
		"the configured nodes that answer do not know each other, or not those that were "
		"known: they are of different clusters, or one has left it%s%s",
		why[0] != '\0' ? "; " : "", why);
}

static void decide(struct topology *topology)
{
	struct asker *asker = find_seed_of_most(topology);

	if (asker != NULL) {
		take_table(&asker->question, slice_of(asker->table));
		return;
	}
	if (count_tables(topology) > 0) {
		set_disagreement(topology);
	}
	topology_fail_round(topology);
}

/* A server that is no node of any cluster has an empty table. */
static void hear_table(struct asker *asker, struct slice table)
{
	free(asker->table);
	asker->table = slice_copy(table);
	snprintf(asker->id, sizeof(asker->id), "%.*s", SLICE_ARG(members_own_id(table)));
}

static void on_seed_nodes(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;

	if (question_end(question, reply, lost, REPLY_TEXT, "cluster|nodes")) {
		if (members_own_id(reply->text).len > 0) {
			hear_table(asker_of(question), reply->text);
		}
	} else if (lost == NULL && reply_is_error(reply, "ERR")) {
		hear_table(asker_of(question), SLICE_LITERAL(""));
	}
	if (question->topology->n_unanswered == 0) {
		decide(question->topology);
	}
}

/* One that is about to get in may contradict the others. */
static bool is_under_way(const struct link *link)
{
	return (link_state(link) == LINK_HANDSHAKE || link_state(link) == LINK_CONNECTING) &&
	       !link_is_failing(link);
}

static void ask_seeds(struct topology *topology)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"NODES", 5}};

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		if (is_under_way(topology->askers[i].link)) {
			return;
		}
	}
	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		question_ask(&topology->askers[i].question, argv, ARRAY_SIZE(argv), on_seed_nodes);
	}
	if (topology->n_unanswered == 0) {
		topology_fail_round(topology);
	}
}

/* They may be addresses of nodes. */
static bool may_be_hit(const struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (link_is_blocked(topology->nodes.items[i]->link)) {
			return true;
		}
	}
	return false;
}

/* Seeds are open only as long as they are needed: each is one more connection of ours to a node. */
static void keep_askers_as_needed(struct topology *topology, const struct link *asked)
{
	if (asked != NULL) {
		topology->n_rounds_without_nodes = 0;
		topology_close_askers(topology);
	} else if (!topology_has_askers(topology) && !may_be_hit(topology) &&
		   ++topology->n_rounds_without_nodes >= ROUNDS_WITHOUT_NODES) {
		topology_open_askers(topology);
	}
}

void topology_ask_cluster(struct topology *topology)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"NODES", 5}};
	struct link *link = find_asked(topology);

	keep_askers_as_needed(topology, link);
	if (link != NULL) {
		topology->question = (struct question){.topology = topology, .link = link};
		question_ask(&topology->question, argv, ARRAY_SIZE(argv), on_nodes);
	} else if (topology_has_askers(topology)) {
		ask_seeds(topology);
	}
}
