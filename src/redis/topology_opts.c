/*
 * Options of a topology: what they mean, and going over to others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "redis/topology_internal.h"

void topology_opts_copy(struct topology_opts *to, const struct topology_opts *from)
{
	struct endpoint *endpoints = mem_alloc_array(from->n_endpoints, sizeof(struct endpoint));
	struct link_opts *node_opts = mem_new(struct link_opts);
	struct link_opts *question_opts = mem_new(struct link_opts);

	for (size_t i = 0; i < from->n_endpoints; i++) {
		endpoint_copy(&endpoints[i], &from->endpoints[i]);
	}
	link_opts_copy(node_opts, from->node_opts);
	link_opts_copy(question_opts, from->question_opts);
	*to = (struct topology_opts){
		.kind = from->kind,
		.name = from->name != NULL ? slice_copy(slice_of(from->name)) : NULL,
		.endpoints = endpoints,
		.n_endpoints = from->n_endpoints,
		.master = from->master != NULL ? slice_copy(slice_of(from->master)) : NULL,
		.node_opts = node_opts,
		.question_opts = question_opts,
	};
}

void topology_opts_finish(struct topology_opts *opts)
{
	struct endpoint *endpoints = (struct endpoint *)opts->endpoints;

	for (size_t i = 0; i < opts->n_endpoints; i++) {
		endpoint_finish(&endpoints[i]);
	}
	free(endpoints);
	link_opts_finish((struct link_opts *)opts->node_opts);
	link_opts_finish((struct link_opts *)opts->question_opts);
	free((void *)opts->node_opts);
	free((void *)opts->question_opts);
	free((char *)opts->name);
	free((char *)opts->master);
}

static bool has_endpoint(const struct topology_opts *opts, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		if (endpoint_is_equal(&opts->endpoints[i], endpoint)) {
			return true;
		}
	}
	return false;
}

bool topology_opts_has_same_endpoints(const struct topology_opts *a, const struct topology_opts *b)
{
	for (size_t i = 0; i < a->n_endpoints; i++) {
		if (!has_endpoint(b, &a->endpoints[i])) {
			return false;
		}
	}
	return a->n_endpoints == b->n_endpoints;
}

bool topology_opts_is_same_group(const struct topology_opts *a, const struct topology_opts *b)
{
	if (a->kind != b->kind) {
		return false;
	}
	if (a->kind == TOPOLOGY_SENTINEL && strcmp(a->master, b->master) != 0) {
		return false;
	}
	/* Who is asked says who the nodes are: with nobody in common it is another group. */
	for (size_t i = 0; a->kind != TOPOLOGY_STANDALONE && i < a->n_endpoints; i++) {
		if (has_endpoint(b, &a->endpoints[i])) {
			return true;
		}
	}
	return a->kind == TOPOLOGY_STANDALONE;
}

/* ---- other options ---- */

/* The first link of these that leads there, or leads nowhere that is wanted; taken out. */
static struct link *take_link(struct links *links, const struct topology_opts *opts,
	const struct endpoint *endpoint, bool is_any)
{
	for (size_t i = 0; i < links->n; i++) {
		struct link *link = links->items[i];

		if (link != NULL && (is_any ? !has_endpoint(opts, link_endpoint(link))
					    : endpoint_is_equal(link_endpoint(link), endpoint))) {
			links->items[i] = NULL;
			return link;
		}
	}
	return NULL;
}

static void retire_rest(struct topology *topology, struct links *links)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->items[i] != NULL) {
			topology_drop_link(topology, links->items[i]);
		}
	}
	free(links->items);
}

/* Each address keeps its link; a new one takes over that of one that went, connections and all. */
static void change_configured_nodes(struct topology *topology)
{
	const struct topology_opts *opts = &topology->opts;
	struct links before = topology->nodes;

	topology->nodes = (struct links){0};
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		const struct endpoint *endpoint = &opts->endpoints[i];
		struct link *link = take_link(&before, opts, endpoint, false);

		if (link == NULL) {
			link = take_link(&before, opts, endpoint, true);
		}
		if (link == NULL) {
			topology_open_node(topology, endpoint);
			continue;
		}
		link_change(link, endpoint, opts->node_opts);
		topology_add_link(&topology->nodes, link);
	}
	retire_rest(topology, &before);
}

static void change_known_nodes(struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		link_change(topology->nodes.items[i], link_endpoint(topology->nodes.items[i]),
			topology->opts.node_opts);
	}
}

/* Who is asked already is asked on, over the same link. */
static void change_askers(struct topology *topology, size_t n_before)
{
	const struct topology_opts *opts = &topology->opts;
	struct asker *before = topology->askers;
	bool had_askers = n_before > 0 && before[0].link != NULL;
	struct links links = {0};

	for (size_t i = 0; had_askers && i < n_before; i++) {
		link_unwatch(before[i].link, &before[i].watcher);
		topology_add_link(&links, before[i].link);
	}
	topology->askers = mem_alloc_array(opts->n_endpoints, sizeof(struct asker));
	for (size_t i = 0; had_askers && i < opts->n_endpoints; i++) {
		struct link *link = take_link(&links, opts, &opts->endpoints[i], false);

		if (link != NULL) {
			link_change(link, &opts->endpoints[i], opts->question_opts);
		} else {
			link = link_new(&topology->world, &opts->endpoints[i], opts->question_opts);
			link_start(link);
		}
		topology_open_asker(topology, &topology->askers[i], link);
	}
	retire_rest(topology, &links);
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
