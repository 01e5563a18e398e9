/*
 * Who belongs to the group. A node of a cluster has to say of itself that it is the one that the
 * others list at its address; a replica, that it has the data set of the master; the master is
 * whom the Sentinels name.
 *
 * Only INFO and CLUSTER NODES are asked for, which the least account may.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "redis/server_info.h"
#include "redis/topology/topology_internal.h"

/* ---- Sentinel ---- */

static const struct node *find_master(const struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (topology->nodes.items[i]->is_master) {
			return topology->nodes.items[i];
		}
	}
	return NULL;
}

static bool is_master(const struct link *link)
{
	return link_state(link) == LINK_READY && strcmp(link_server(link)->role, "master") == 0;
}

/* Of the master, as it is now or was when it was there last. */
static const struct link_replication *replication_of(const struct topology *topology)
{
	const struct node *master = find_master(topology);

	return master != NULL && is_master(master->link) && topology->error[0] == '\0'
		       ? &link_server(master->link)->replication
		       : &topology->replication;
}

static bool is_same_id(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

/* Before Redis 4.0, and elsewhere, data sets have no ids: then the master's address must do. */
static bool has_master(const struct topology *topology, const struct link_replication *replica)
{
	const struct node *master = find_master(topology);
	const struct endpoint *endpoint = master != NULL ? link_endpoint(master->link) : NULL;

	return replica->replid[0] == '\0' && endpoint != NULL && endpoint->host != NULL &&
	       replica->master_port == endpoint->port &&
	       strcmp(replica->master_host, endpoint->host) == 0;
}

static bool is_replica_of_master(const struct topology *topology, const struct link_server *server)
{
	const struct link_replication *master = replication_of(topology);
	const struct link_replication *replica = &server->replication;

	return is_same_id(replica->replid, master->replid) ||
	       is_same_id(replica->replid, master->replid2) || has_master(topology, replica);
}

/* Without a majority it has to have the data set of the one that was proven last. */
static bool is_still_master(const struct topology *topology, const struct link_server *server)
{
	const char *known = topology->replication.replid;

	return topology->error[0] == '\0' || is_same_id(server->replication.replid, known) ||
	       is_same_id(server->replication.replid2, known);
}

static enum topology_proof judge_master(
	const struct topology *topology, const struct link_server *server, struct err *why)
{
	if (!is_still_master(topology, server)) {
		err_set(why, "it is not the master that was known before, and fewer than half of "
			     "the Sentinels can be asked");
		return TOPOLOGY_NOT_YET;
	}
	err_set(why, "more than half of the Sentinels call it the master, and it says that it is "
		     "none");
	return strcmp(server->role, "master") == 0 ? TOPOLOGY_PROVEN : TOPOLOGY_NOT_YET;
}

static enum topology_proof judge_replica(
	const struct topology *topology, const struct link_server *server, struct err *why)
{
	if (strcmp(server->role, "replica") != 0) {
		err_set(why, "it is listed as a replica, and says that it is none");
		return TOPOLOGY_FOREIGN;
	}
	err_set(why, "it is a replica, but has not shown to have the data set of the master "
		     "(master_replid of INFO)");
	return is_replica_of_master(topology, server) ? TOPOLOGY_PROVEN : TOPOLOGY_NOT_YET;
}

/* ---- Cluster ---- */

/* Over this connection, or over another one to the same process. */
static bool has_said(const struct node *node)
{
	return node->said_serial != 0 && (node->said_serial == link_main_serial(node->link) ||
						 server_info_is_same_process(node->said_run_id,
							 link_server(node->link)->run_id));
}

static enum topology_proof judge_cluster_node(const struct node *node, struct err *why)
{
	if (!has_said(node)) {
		err_set(why, "it has not said yet which node of the cluster it is");
		return TOPOLOGY_NOT_YET;
	}
	if (node->said_words[0] != '\0') {
		err_set(why, "%s", node->said_words);
		return TOPOLOGY_FOREIGN;
	}
	if (node->id == NULL || strcmp(node->id, node->said_id) != 0) {
		err_set(why, "the cluster lists node %s there, and it says that it is %s",
			node->id != NULL ? node->id : "", node->said_id);
		return TOPOLOGY_FOREIGN;
	}
	if (2 * node->n_known_to_it < node->n_others) {
		err_set(why,
			"it knows %zu of %zu other nodes: it has left the cluster, or not yet "
			"joined it",
			node->n_known_to_it, node->n_others);
		return TOPOLOGY_FOREIGN;
	}
	return TOPOLOGY_PROVEN;
}

static void on_said(void *context, const struct reply *reply, const char *lost)
{
	if (lost == NULL) {
		topology_hear_node(context, reply);
	}
}

/* One that was reset says the same of itself as before, and knows nobody of the others any more. */
size_t topology_count_known(const struct topology *topology, const struct node *except,
	struct slice table, size_t *ret_n_others)
{
	size_t n_known = 0;

	*ret_n_others = 0;
	for (size_t i = 0; i < topology->nodes.n; i++) {
		const char *id = topology->nodes.items[i]->id;

		if (topology->nodes.items[i] != except && id != NULL) {
			++*ret_n_others;
			n_known += memmem(table.data, table.len, id, strlen(id)) != NULL;
		}
	}
	return n_known;
}

void topology_hear_node(struct node *node, const struct reply *reply)
{
	struct slice id =
		reply->type == REPLY_TEXT ? members_own_id(reply->text) : (struct slice){"", 0};

	node->n_known_to_it =
		topology_count_known(node->topology, node, reply->text, &node->n_others);
	node->said_serial = link_main_serial(node->link);
	snprintf(node->said_run_id, sizeof(node->said_run_id), "%s",
		link_server(node->link)->run_id);
	node->said_words[0] = '\0';
	snprintf(node->said_id, sizeof(node->said_id), "%.*s", SLICE_ARG(id));
	if (reply->type == REPLY_ERROR) {
		snprintf(node->said_words, sizeof(node->said_words),
			"it does not say which node of the cluster it is: %.*s",
			SLICE_ARG(reply->text));
	}
}

/* What it says may change: who joins does not know the others at first. */
static bool is_proven(const struct node *node)
{
	return judge_cluster_node(node, NULL) == TOPOLOGY_PROVEN;
}

static void ask_node(struct node *node)
{
	struct slice argv[TOPOLOGY_MAX_QUESTION];
	struct link_command command = {
		.argv = argv,
		.argc = topology_proof_question(node->topology, argv),
		.reply_fn = on_said,
		.context = node,
		.owner = &node->calls,
	};

	if (link_state(node->link) == LINK_READY && calls_is_empty(&node->calls) &&
		!is_proven(node)) {
		(void)!link_send(node->link, &command);
	}
}

void topology_note_node(struct node *node)
{
	struct topology *topology = node->topology;

	if (topology->opts.kind == TOPOLOGY_CLUSTER) {
		ask_node(node);
	} else if (node->is_master && is_master(node->link) && topology->error[0] == '\0') {
		topology->replication = link_server(node->link)->replication;
	}
}

void topology_ask_unproven(struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		topology_note_node(topology->nodes.items[i]);
	}
}

/* ---- all ---- */

enum topology_proof topology_proof(
	const struct topology *topology, const struct link *link, char *words, size_t n_bytes)
{
	const struct node *node = topology_find_node(topology, link);
	const struct link_server *server = link_server(link);
	enum topology_proof proof = TOPOLOGY_PROVEN;
	struct err why = {0};

	if (topology->opts.kind == TOPOLOGY_STANDALONE) {
		proof = TOPOLOGY_PROVEN;
	} else if (node == NULL) {
		err_set(&why, "it is no node of the instance any more");
		proof = TOPOLOGY_FOREIGN;
	} else if (topology->opts.kind == TOPOLOGY_CLUSTER) {
		proof = judge_cluster_node(node, &why);
	} else if (node->is_master) {
		proof = judge_master(topology, server, &why);
	} else {
		proof = judge_replica(topology, server, &why);
	}
	snprintf(words, n_bytes, "not proven to belong to the instance: %s", why.text);
	return proof;
}

size_t topology_proof_question(
	const struct topology *topology, struct slice argv[TOPOLOGY_MAX_QUESTION])
{
	switch (topology->opts.kind) {
	case TOPOLOGY_STANDALONE:
		break;
	case TOPOLOGY_SENTINEL:
		argv[0] = SLICE_LITERAL("INFO");
		return 1;
	case TOPOLOGY_CLUSTER:
		argv[0] = SLICE_LITERAL("CLUSTER");
		argv[1] = SLICE_LITERAL("NODES");
		return 2;
	}
	return 0;
}

void topology_hear_proof(
	struct topology *topology, const struct link *link, const struct reply *reply)
{
	struct node *node = topology_find_node(topology, link);

	if (node == NULL) {
		return;
	}
	if (topology->opts.kind == TOPOLOGY_CLUSTER) {
		topology_hear_node(node, reply);
	} else if (reply->type == REPLY_TEXT) {
		link_hear_info(node->link, reply->text);
		topology_note_node(node);
	}
}
