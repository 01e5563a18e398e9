/*
 * Tallies: the nodes, and the sums over them. The groups are in tally_groups.c.
 */
#include "cli/top/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/top/tally_internal.h"

static void free_node(struct tally_node *node)
{
	if (node != NULL) {
		free(node->address);
		free(node->error);
		free(node);
	}
}

void tally_finish(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_nodes; i++) {
		free_node(tally->nodes[i]);
	}
	tally_forget_groups(tally);
	free(tally->nodes);
	free(tally->kind);
	free(tally->field);
	free(tally->warning);
	*tally = (struct tally){0};
}

/* Replaces a text by a copy, or by none. */
static void set_text(char **text, struct slice value)
{
	free(*text);
	*text = value.len > 0 ? slice_copy(value) : NULL;
}

static struct tally_node *find_node(const struct tally *tally, struct slice address)
{
	for (size_t i = 0; i < tally->n_nodes; i++) {
		if (tally->nodes[i] != NULL && slice_is(address, tally->nodes[i]->address)) {
			return tally->nodes[i];
		}
	}
	return NULL;
}

/* The one that was known already, taken out of the tally, or a new one. */
static struct tally_node *take_node(struct tally *tally, struct slice address)
{
	struct tally_node *node;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		node = tally->nodes[i];
		if (node != NULL && slice_is(address, node->address)) {
			tally->nodes[i] = NULL;
			return node;
		}
	}
	node = mem_new(struct tally_node);
	node->address = slice_copy(address);
	return node;
}

void tally_take_instance(struct tally *tally, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "nodes");
	size_t n_nodes = json_array_size(list);
	struct tally_node **nodes = mem_alloc_array(n_nodes, sizeof(struct tally_node *));
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		nodes[i] = take_node(tally, field_text(item, "address"));
		nodes[i]->is_ready = slice_is(field_text(item, "state"), "ready");
		nodes[i]->max_clients = field_count(item, "maxclients");
		set_text(&nodes[i]->error, nodes[i]->is_ready ? (struct slice){NULL, 0}
							      : field_text(item, "last_error"));
	}
	for (i = 0; i < tally->n_nodes; i++) {
		free_node(tally->nodes[i]);
	}
	free(tally->nodes);
	tally->nodes = nodes;
	tally->n_nodes = n_nodes;
	set_text(&tally->kind, field_text(answer, "kind"));
}

/* What is counted on fewer or more nodes than before cannot be compared with it. */
static bool takes_other_nodes(const struct tally *tally, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const struct tally_node *node = find_node(tally, field_text(item, "address"));

		if (node != NULL && node->is_listed == field_has(item, "error")) {
			return true;
		}
	}
	return false;
}

static void take_node_listing(struct tally *tally, const json_t *item, int64_t now_ms)
{
	struct tally_node *node = find_node(tally, field_text(item, "address"));

	if (node == NULL) {
		return; /* it was found between the two answers: the next ones have it */
	}
	node->is_listed = !field_has(item, "error");
	if (node->is_listed) {
		node->count = field_count(item, "found");
		trend_add(&node->trend, now_ms, node->count);
	} else {
		set_text(&node->error, field_text(item, "error"));
		node->trend.n = 0;
	}
}

void tally_take_listing(struct tally *tally, const json_t *answer, int64_t now_ms)
{
	const json_t *list = json_object_get(answer, "nodes");
	const json_t *warning = json_array_get(json_object_get(answer, "warnings"), 0);
	const json_t *item;
	size_t i;

	if (takes_other_nodes(tally, list)) {
		tally_forget(tally);
	}
	json_array_foreach(list, i, item)
	{
		take_node_listing(tally, item, now_ms);
	}
	tally->found = field_count(answer, "found");
	tally->matched = field_count(answer, "matched");
	set_text(&tally->field, field_text(answer, "group_by"));
	set_text(&tally->warning, field_slice(warning));
	trend_add(&tally->trend, now_ms, tally->found);
	tally_take_groups(tally, json_object_get(answer, "groups"), now_ms);
	tally->taken_ms = now_ms;
}

void tally_forget(struct tally *tally)
{
	tally_forget_groups(tally);
	for (size_t i = 0; i < tally->n_nodes; i++) {
		tally->nodes[i]->trend.n = 0;
	}
	tally->trend.n = 0;
}

/* ---- sums ---- */

uint64_t tally_max_clients(const struct tally *tally)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		sum += tally->nodes[i]->max_clients;
	}
	return sum;
}

uint64_t tally_n_ready(const struct tally *tally)
{
	uint64_t n = 0;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		n += tally->nodes[i]->is_ready;
	}
	return n;
}

const struct tally_node *tally_fullest(const struct tally *tally)
{
	const struct tally_node *fullest = NULL;
	double most = -1;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		const struct tally_node *node = tally->nodes[i];

		if (node->is_listed && node->max_clients > 0 &&
			(double)node->count / (double)node->max_clients > most) {
			most = (double)node->count / (double)node->max_clients;
			fullest = node;
		}
	}
	return fullest;
}

bool tally_time_until_full(const struct tally *tally, double *ret_ms)
{
	bool is_any = false;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		const struct tally_node *node = tally->nodes[i];
		double growth, ms;

		if (!node->is_listed || node->max_clients == 0 ||
			!trend_per_minute(&node->trend, &growth) || growth < 1) {
			continue;
		}
		ms = node->count < node->max_clients
			     ? (double)(node->max_clients - node->count) / growth * 60000
			     : 0;
		if (!is_any || ms < *ret_ms) {
			*ret_ms = ms;
			is_any = true;
		}
	}
	return is_any;
}
