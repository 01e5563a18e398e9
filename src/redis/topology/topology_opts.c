/*
 * Options of a topology: copies, and what they mean.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis/topology/topology_internal.h"

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
		.name = text_copy(from->name),
		.endpoints = endpoints,
		.n_endpoints = from->n_endpoints,
		.master = text_copy(from->master),
		.node_opts = node_opts,
		.question_opts = question_opts,
	};
	reach_copy(&to->reach, &from->reach);
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
	reach_finish(&opts->reach);
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
