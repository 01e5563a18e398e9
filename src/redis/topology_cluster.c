/*
 * Asking a cluster: one node, the first that is READY, or else a seed.
 */
#include "redis/topology_internal.h"

/* A cluster none of whose nodes is READY for this many rounds is asked for at its seeds again. */
#define ROUNDS_WITHOUT_NODES 3

static void hear_cluster(struct topology *topology, struct link *link, const struct reply *reply)
{
	const char *host = link_endpoint(link)->host;
	bool has_tls = topology->opts.node_opts->tls.is_on;
	struct err err;
	bool is_read;

	members_finish(&topology->members);
	if (reply->type == REPLY_TEXT) {
		is_read = members_read_cluster_nodes(
			reply->text, host != NULL ? host : "", &topology->members, &err);
	} else {
		is_read = members_read_cluster_shards(
			reply, host != NULL ? host : "", has_tls, &topology->members, &err);
	}
	if (is_read) {
		topology_apply_members(topology);
	} else {
		topology_set_error(topology, link_address(link), err.text);
	}
}

static void end_question(struct question *question, const struct reply *reply, const char *lost,
	const char *permission)
{
	struct topology *topology = question->topology;

	topology->n_unanswered--;
	if (lost != NULL) {
		topology_set_error(topology, link_address(question->link), lost);
	} else if (reply->type == REPLY_ERROR) {
		topology_set_refusal(topology, question->link, reply, permission);
	} else {
		hear_cluster(topology, question->link, reply);
	}
}

static void on_nodes(void *context, const struct reply *reply, const char *lost)
{
	end_question(context, reply, lost, "cluster|nodes");
}

/* Servers before 7.0 have no SHARDS. */
static void on_shards(void *context, const struct reply *reply, const char *lost)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"NODES", 5}};
	struct question *question = context;

	if (lost == NULL && reply_is_error(reply, "ERR") &&
		!reply_is_error(reply, "ERR This instance has cluster support disabled")) {
		question->topology->n_unanswered--;
		question_ask(question, argv, ARRAY_SIZE(argv), on_nodes);
		return;
	}
	end_question(question, reply, lost, "cluster|shards");
}

/* A node, or else a seed, that can be asked; NULL: none. */
static struct link *first_ready(const struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (link_state(topology->nodes.items[i]) == LINK_READY) {
			return topology->nodes.items[i];
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

/* Seeds are open only as long as they are needed: each is one more connection of ours to a node. */
static void keep_askers_as_needed(struct topology *topology)
{
	if (topology_is_any_ready(&topology->nodes)) {
		topology->n_rounds_without_nodes = 0;
		topology_close_askers(topology);
	} else if (!topology_has_askers(topology) &&
		   ++topology->n_rounds_without_nodes >= ROUNDS_WITHOUT_NODES) {
		topology_open_askers(topology);
	}
}

void topology_ask_cluster(struct topology *topology)
{
	static const struct slice argv[] = {{"CLUSTER", 7}, {"SHARDS", 6}};
	struct link *link;

	keep_askers_as_needed(topology);
	link = first_ready(topology);
	if (link != NULL) {
		topology->question = (struct question){topology, link};
		question_ask(&topology->question, argv, ARRAY_SIZE(argv), on_shards);
	} else if (topology_has_askers(topology)) {
		topology_set_error(topology, link_address(topology->askers[0].link),
			link_error(topology->askers[0].link));
	}
}
