/*
 * Asking a cluster: a node that has shown to belong to it, or else a seed.
 */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "redis/topology_internal.h"

/* A cluster none of whose nodes is READY for this many rounds is asked for at its seeds again. */
#define ROUNDS_WITHOUT_NODES 3

/* Every so many rounds another node is asked, lest one that the others have forgotten is believed.
 */
#define ROUNDS_PER_NODE 5

/* Where the question went: what that node does not know of itself. */
static struct members_asked asked_of(
	const struct question *question, struct slice own_id, char buffer[MEMBERS_ID_BYTES])
{
	snprintf(buffer, MEMBERS_ID_BYTES, "%.*s", SLICE_ARG(own_id));
	return (struct members_asked){link_endpoint(question->link)->host, buffer};
}

static void ask_shards(struct question *question);

/* Its own id, and all that servers before 7.0 know of the others. */
static void hear_nodes(struct question *question, const struct reply *reply)
{
	struct topology *topology = question->topology;
	struct node *node = topology_find_node(topology, question->link);
	struct members_asked asked =
		asked_of(question, members_own_id(reply->text), topology->asked_id);
	struct err err;

	if (node != NULL) {
		topology_hear_node(node, reply);
	}
	members_finish(&topology->members);
	if (members_read_cluster_nodes(reply->text, &asked, &topology->members, &err)) {
		ask_shards(question);
	} else {
		topology_set_error(topology, link_address(question->link), err.text);
		topology_fail_round(topology);
	}
}

static void on_nodes(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	topology->n_unanswered--;
	if (lost != NULL) {
		topology_set_error(topology, link_address(question->link), lost);
		topology_fail_round(topology);
	} else if (reply->type != REPLY_TEXT) {
		topology_set_refusal(topology, question->link, reply, "cluster|nodes");
		topology_fail_round(topology);
	} else {
		hear_nodes(question, reply);
	}
}

static void hear_shards(struct question *question, const struct reply *reply)
{
	struct topology *topology = question->topology;
	struct members_asked asked = {link_endpoint(question->link)->host, topology->asked_id};
	struct err err;

	members_finish(&topology->members);
	if (members_read_cluster_shards(
		    reply, &asked, topology->opts.node_opts->tls.is_on, &topology->members, &err)) {
		topology_apply_members(topology);
	} else {
		topology_set_error(topology, link_address(question->link), err.text);
		topology_fail_round(topology);
	}
}

/* Servers before 7.0 have no SHARDS: what NODES has told is all. */
static void on_shards(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	topology->n_unanswered--;
	if (lost != NULL) {
		topology_set_error(topology, link_address(question->link), lost);
		topology_fail_round(topology);
	} else if (reply_is_error(reply, "ERR")) {
		topology_apply_members(topology);
	} else if (reply->type == REPLY_ERROR) {
		topology_set_refusal(topology, question->link, reply, "cluster|shards");
		topology_fail_round(topology);
	} else {
		hear_shards(question, reply);
	}
}

static void ask_shards(struct question *question)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"SHARDS", 6}};

	question_ask(question, argv, ARRAY_SIZE(argv), on_shards);
}

static bool may_be_asked(const struct topology *topology, const struct link *link)
{
	char ignored[8];

	return link_state(link) == LINK_READY &&
	       topology_proof(topology, link, ignored, sizeof(ignored)) == TOPOLOGY_PROVEN;
}

/* A node that has shown to be one, or else a seed; NULL: none. */
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
	for (size_t i = 0; topology_has_askers(topology) && i < topology_n_configured(topology);
		i++) {
		if (link_state(topology->askers[i].link) == LINK_READY) {
			return topology->askers[i].link;
		}
	}
	return NULL;
}

static bool is_any_asked(const struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (may_be_asked(topology, topology->nodes.items[i]->link)) {
			return true;
		}
	}
	return false;
}

/* Seeds are open only as long as they are needed: each is one more connection of ours to a node. */
static void keep_askers_as_needed(struct topology *topology)
{
	if (is_any_asked(topology)) {
		topology->n_rounds_without_nodes = 0;
		topology_close_askers(topology);
	} else if (!topology_has_askers(topology) &&
		   ++topology->n_rounds_without_nodes >= ROUNDS_WITHOUT_NODES) {
		topology_open_askers(topology);
	}
}

void topology_ask_cluster(struct topology *topology)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"NODES", 5}};
	struct link *link;

	keep_askers_as_needed(topology);
	link = find_asked(topology);
	if (link != NULL) {
		topology->question = (struct question){.topology = topology, .link = link};
		question_ask(&topology->question, argv, ARRAY_SIZE(argv), on_nodes);
	} else if (topology_has_askers(topology)) {
		topology_set_error(topology, link_address(topology->askers[0].link),
			link_error(topology->askers[0].link));
		topology_fail_round(topology);
	}
}
