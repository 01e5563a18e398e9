/*
 * What Sentinels and nodes of a cluster tell of the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server_internal.h"

/* ---- Sentinel ---- */

/* Has this Sentinel heard of the newest fail-over? */
static bool knows_newest(const struct server *sentinel)
{
	const struct fleet *group = sentinel->group;

	return group->former_master == NULL || sim_now() - group->settled >= sentinel->news_delay;
}

static const struct server *named_master(const struct server *sentinel)
{
	const struct fleet *group = sentinel->group;

	if (sentinel->is_hostile) {
		return scenario_stranger();
	}
	return knows_newest(sentinel) ? group->nodes[0] : group->former_master;
}

static void say_instance(struct end *end, const struct server *server, const char *name)
{
	const struct server *own = end->server;
	char port[8], epoch[24];

	snprintf(port, sizeof(port), "%u", server->port);
	snprintf(epoch, sizeof(epoch), "%u", own->group->epoch - !knows_newest(own));
	say(end, "*8\r\n");
	say_bulk(end, "name");
	say_bulk(end, name);
	say_bulk(end, "ip");
	say_bulk(end, server->ip);
	say_bulk(end, "port");
	say_bulk(end, port);
	say_bulk(end, "config-epoch");
	say_bulk(end, own->is_hostile ? "9223372036854775808" : epoch);
}

static void say_replicas(struct end *end, const struct server *master)
{
	const struct fleet *group = end->server->group;
	bool has_stranger = group->is_stranger_listed && !end->server->is_hostile;
	size_t n = has_stranger;

	for (size_t i = 0; i < group->n_nodes; i++) {
		n += group->nodes[i] != master;
	}
	say(end, "*%zu\r\n", n);
	for (size_t i = 0; i < group->n_nodes; i++) {
		if (group->nodes[i] != master) {
			say_instance(end, group->nodes[i], "r");
		}
	}
	if (has_stranger) {
		say_instance(end, scenario_stranger(), "r");
	}
}

void server_sentinel(struct end *end, const struct words *words)
{
	const struct server *master = named_master(end->server);

	if (words->n == 2 && is_word(words->argv[1], "MASTERS")) {
		say(end, "*1\r\n");
		say_instance(end, master, end->server->group->id);
	} else if (words->n == 3 &&
		   (is_word(words->argv[1], "REPLICAS") || is_word(words->argv[1], "SLAVES"))) {
		say_replicas(end, master);
	} else {
		say(end, "-ERR Unknown sentinel subcommand\r\n");
	}
}

/* ---- Cluster ---- */

#define GHOST_ID "ffffffffffffffffffffffffffffffffffffffff"

static void print_node(FILE *out, const struct server *node, const struct server *own, size_t slot)
{
	bool is_lost = node->has_lost_address && node != own;
	char name[40] = "";

	if (own->group->announces_names && shape_has(own->shape, SHAPE_SHARDS)) {
		snprintf(name, sizeof(name), ",node-%u.sim", node->port);
	}
	fprintf(out, "%s %s:%u@%u%s %s", node->node_id, is_lost ? "" : node->ip,
		is_lost ? 0 : node->port, node->port + 10000, name, node == own ? "myself," : "");
	if (node->master != NULL) {
		fprintf(out, "slave%s %s 0 0 0 connected\n", is_lost ? ",noaddr" : "",
			node->master->node_id);
	} else {
		fprintf(out, "master%s%s - 0 0 %zu %s\n", is_lost ? ",noaddr" : "",
			!node->is_up ? ",fail" : "", slot,
			node->is_up ? "connected" : "disconnected");
	}
}

static void say_nodes(struct end *end)
{
	const struct fleet *group = end->server->group;
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < group->n_nodes; i++) {
		print_node(out, group->nodes[i], end->server, i);
	}
	if (group->is_stranger_listed) {
		fprintf(out, GHOST_ID " :%u@17399 master,fail - 1 1 0 disconnected\n",
			scenario_stranger()->port);
	}
	fclose(out);
	say_bulk(end, text);
}

static void say_shard_node(struct end *end, const struct server *node)
{
	bool is_lost = node->has_lost_address && node != end->server;

	say(end, "*14\r\n$2\r\nid\r\n");
	say_bulk(end, node->node_id);
	say(end, "$4\r\nport\r\n:%u\r\n$2\r\nip\r\n", node->port);
	say_bulk(end, is_lost ? "" : node->ip);
	say(end, "$8\r\nendpoint\r\n");
	say_bulk(end, is_lost ? "" : node->ip);
	say(end, "$4\r\nrole\r\n");
	say_bulk(end, node->master != NULL ? "replica" : "master");
	say(end, "$18\r\nreplication-offset\r\n:7\r\n$6\r\nhealth\r\n");
	say_bulk(end, node->is_up ? "online" : "fail");
}

/* A shard for each master, its replicas with it. */
static void say_shards(struct end *end)
{
	const struct fleet *group = end->server->group;
	size_t n_masters = 0;

	for (size_t i = 0; i < group->n_nodes; i++) {
		n_masters += group->nodes[i]->master == NULL;
	}
	say(end, "*%zu\r\n", n_masters);
	for (size_t i = 0; i < group->n_nodes; i++) {
		const struct server *master = group->nodes[i];
		size_t n = 0;

		if (master->master != NULL) {
			continue;
		}
		for (size_t k = 0; k < group->n_nodes; k++) {
			n += group->nodes[k] == master || group->nodes[k]->master == master;
		}
		say(end, "*4\r\n$5\r\nslots\r\n*2\r\n:%zu\r\n:%zu\r\n$5\r\nnodes\r\n*%zu\r\n", i, i,
			n);
		for (size_t k = 0; k < group->n_nodes; k++) {
			if (group->nodes[k] == master || group->nodes[k]->master == master) {
				say_shard_node(end, group->nodes[k]);
			}
		}
	}
}

void server_cluster(struct end *end, const struct words *words)
{
	const struct server *server = end->server;
	struct slice word = words->n == 2 ? words->argv[1] : SLICE_LITERAL("");
	char alone[160];

	/* Thrown out, it knows itself alone. */
	if (server->group == NULL && server->left_at > 0 && is_word(word, "NODES")) {
		snprintf(alone, sizeof(alone), "%s %s:%u@%u myself,master - 0 0 0 connected\n",
			server->node_id, server->ip, server->port, server->port + 10000);
		say_bulk(end, alone);
	} else if (server->group == NULL || server->group->kind != GROUP_CLUSTER) {
		say(end, "-ERR This instance has cluster support disabled\r\n");
	} else if (is_word(word, "NODES")) {
		say_nodes(end);
	} else if (is_word(word, "SHARDS") && shape_has(server->shape, SHAPE_SHARDS)) {
		say_shards(end);
	} else {
		say(end, "-ERR Unknown subcommand or wrong number of arguments\r\n");
	}
}
