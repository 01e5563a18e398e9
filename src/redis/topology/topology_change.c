/*
 * Going over to other options of the same group.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "redis/topology/topology_internal.h"

/* ---- the configured servers ---- */

/* Is that what the configuration calls it? A name leads to each of its addresses. */
static bool is_configured_as(const struct node *node, const struct endpoint *endpoint)
{
	struct endpoint now = *link_endpoint(node->link);

	now.ip = NULL;
	return endpoint_is_equal(&now, endpoint);
}

static bool is_configured(const struct node *node)
{
	const struct topology_opts *opts = &node->topology->opts;

	for (size_t i = 0; i < opts->n_endpoints; i++) {
		if (is_configured_as(node, &opts->endpoints[i])) {
			return true;
		}
	}
	return false;
}

/* Puts a node of before into the array again. */
static void keep_node(struct topology *topology, struct node *node, const struct endpoint *endpoint)
{
	topology_move_node(node, endpoint);
	topology_insert_node(topology, node);
}

/* All that lead there, of a name to each of its addresses. */
static bool keep_nodes_of(
	struct topology *topology, struct nodes *before, const struct endpoint *endpoint)
{
	bool is_any = false;

	for (size_t i = 0; i < before->n; i++) {
		struct node *node = before->items[i];

		if (node != NULL && is_configured_as(node, endpoint)) {
			before->items[i] = NULL;
			keep_node(topology, node, link_endpoint(node->link));
			is_any = true;
		}
	}
	return is_any;
}

/* One that leads nowhere that is wanted, taken out; NULL: none. */
static struct node *take_unwanted(struct nodes *before)
{
	for (size_t i = 0; i < before->n; i++) {
		struct node *node = before->items[i];

		if (node != NULL && !is_configured(node)) {
			before->items[i] = NULL;
			return node;
		}
	}
	return NULL;
}

/* Each address keeps its link; a new one takes over that of one that went, connections and all. */
static void change_configured_nodes(struct topology *topology)
{
	const struct topology_opts *opts = &topology->opts;
	struct nodes before = topology->nodes;

	topology->nodes = (struct nodes){0};
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		const struct endpoint *endpoint = &opts->endpoints[i];
		struct node *node;

		if (keep_nodes_of(topology, &before, endpoint)) {
			continue;
		}
		node = take_unwanted(&before);
		if (node != NULL) {
			node->is_former = false;
			keep_node(topology, node, endpoint);
			link_freeze(node->link, false);
		} else {
			node = topology_open_node(topology, endpoint);
			link_start(node->link);
		}
	}
	for (size_t i = 0; i < before.n; i++) {
		if (before.items[i] != NULL) {
			topology_free_node(before.items[i]);
		}
	}
	free(before.items);
	topology_change_names(topology);
	topology_look_up(topology);
}

/* Where it may not go any more no new password is sent. */
static bool is_within_reach(struct node *node, void *context)
{
	const struct reach *reach = context;

	return node->trouble != NULL || reach_is_place(reach, link_endpoint(node->link));
}

static void change_known_nodes(struct topology *topology)
{
	topology_keep_nodes(topology, is_within_reach, &topology->opts.reach);
	for (size_t i = 0; i < topology->nodes.n; i++) {
		struct link *link = topology->nodes.items[i]->link;

		link_change(link, link_endpoint(link), topology->opts.node_opts);
	}
}

/* ---- who is asked ---- */

/* The link that leads there, taken out; NULL: none. */
static struct link *take_link(
	struct asker *askers, size_t n_askers, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < n_askers; i++) {
		struct link *link = askers[i].link;

		if (link != NULL && endpoint_is_equal(link_endpoint(link), endpoint)) {
			askers[i].link = NULL;
			return link;
		}
	}
	return NULL;
}

/* Who is asked already is asked on, over the same link. */
static void change_askers(struct topology *topology, size_t n_before)
{
	const struct topology_opts *opts = &topology->opts;
	struct asker *before = topology->askers;
	bool had_askers = n_before > 0 && before[0].link != NULL;

	for (size_t i = 0; had_askers && i < n_before; i++) {
		link_unwatch(before[i].link, &before[i].watcher);
		topology_forget_said(&before[i]);
	}
	topology->askers = mem_alloc_array(opts->n_endpoints, sizeof(struct asker));
	for (size_t i = 0; had_askers && i < opts->n_endpoints; i++) {
		struct link *link = take_link(before, n_before, &opts->endpoints[i]);

		if (link != NULL) {
			link_change(link, &opts->endpoints[i], opts->question_opts);
		} else {
			link = link_new(&topology->world, &opts->endpoints[i], opts->question_opts);
			link_start(link);
		}
		topology_open_asker(topology, &topology->askers[i], link);
	}
	for (size_t i = 0; i < n_before; i++) {
		if (before[i].link != NULL) {
			topology_drop_link(topology, before[i].link);
		}
	}
	free(before);
}

void topology_change(struct topology *topology, const struct topology_opts *opts)
{
	struct topology_opts former = topology->opts;

	CHECK(topology_opts_is_same_group(&former, opts));
	/* Whom they were asked of may go. */
	calls_drop(&topology->calls);
	topology->n_unanswered = 0;
	topology_opts_copy(&topology->opts, opts);
	free((char *)topology->opts.name);
	topology->opts.name = former.name; /* links have it */
	topology_forget_replicas(topology);
	former.name = NULL;
	if (opts->kind == TOPOLOGY_STANDALONE) {
		change_configured_nodes(topology);
		topology_tell_watchers(topology);
	} else {
		change_known_nodes(topology);
		change_askers(topology, former.n_endpoints);
	}
	topology_opts_finish(&former);
}
