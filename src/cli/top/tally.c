/*
 * Tallies: the nodes, the groups, and the sums over them. A group is found again by its value; the
 * mark stays on the group that has it, wherever the group moves.
 */
#include "cli/top/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/when.h"

/* Replaces a text by a copy, or by none. */
static void set_text(char **text, struct slice value)
{
	free(*text);
	*text = value.len > 0 ? slice_copy(value) : NULL;
}

/* ---- groups ---- */

struct slice tally_value(const struct tally_group *group)
{
	return (struct slice){group->value, group->value_len};
}

static void free_group(struct tally_group *group)
{
	free(group->value);
	free(group);
}

void tally_forget_groups(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_groups; i++) {
		free_group(tally->groups[i]);
	}
	free(tally->groups);
	tally->groups = NULL;
	tally->n_groups = tally->capacity = tally->n_shown = tally->mark = 0;
	tally->marked = NULL;
	tally->groups_taken_ms = 0;
}

static int compare_values(const void *a, const void *b)
{
	const struct tally_group *const *left = a;
	const struct tally_group *const *right = b;

	return slice_compare(tally_value(*left), tally_value(*right));
}

/* As `context`, an enum tally_sort, has it; those that have ended come last. */
static int compare(const void *a, const void *b, void *context)
{
	const struct tally_group *left = *(const struct tally_group *const *)a;
	const struct tally_group *right = *(const struct tally_group *const *)b;
	enum tally_sort sort = *(const enum tally_sort *)context;
	double left_growth = 0, right_growth = 0;

	if ((left->count == 0) != (right->count == 0)) {
		return left->count == 0 ? 1 : -1;
	}
	if (sort == TALLY_BY_GROWTH) {
		(void)!trend_per_minute(&left->trend, &left_growth);
		(void)!trend_per_minute(&right->trend, &right_growth);
		if (left_growth != right_growth) {
			return left_growth < right_growth ? 1 : -1;
		}
	}
	if (sort != TALLY_BY_VALUE && left->count != right->count) {
		return left->count < right->count ? 1 : -1;
	}
	return compare_values(a, b);
}

void tally_set_sort(struct tally *tally, enum tally_sort sort)
{
	tally->sort = sort;
	if (tally->n_groups > 0) {
		qsort_r(tally->groups, tally->n_groups, sizeof(*tally->groups), compare, &sort);
	}
	tally->n_shown = 0;
	while (tally->n_shown < tally->n_groups && tally->groups[tally->n_shown]->count > 0) {
		tally->n_shown++;
	}
	for (size_t i = 0; i < tally->n_shown; i++) {
		if (tally->groups[i] == tally->marked) {
			tally->mark = i;
			return;
		}
	}
	/* A mark whose group has gone falls on the one that stands there now. */
	tally->marked = NULL;
	tally_move_mark(tally, 0);
}

void tally_move_mark(struct tally *tally, int64_t n)
{
	int64_t mark = (int64_t)tally->mark + n;

	if (tally->n_shown > 0) {
		tally->mark = (size_t)MIN(MAX(mark, INT64_C(0)), (int64_t)tally->n_shown - 1);
		tally->marked = tally->groups[tally->mark];
	}
}

/* Among the first `n`, which stand by value. */
static struct tally_group *find_group(const struct tally *tally, size_t n, struct slice value)
{
	struct tally_group wanted = {.value = (char *)value.data, .value_len = value.len};
	struct tally_group *key = &wanted;
	struct tally_group **found =
		n > 0 ? bsearch(&key, tally->groups, n, sizeof(key), compare_values) : NULL;

	return found != NULL ? *found : NULL;
}

/* There was none of it when the last listing was taken: that is how it grows from the start. */
static struct tally_group *add_group(struct tally *tally, struct slice value)
{
	struct tally_group *group = mem_new(struct tally_group);

	group->value = slice_copy(value);
	group->value_len = value.len;
	if (tally->groups_taken_ms > 0) {
		trend_add(&group->trend, tally->groups_taken_ms, 0);
	}
	tally->groups =
		mem_grow_array(tally->groups, tally->n_groups, &tally->capacity, sizeof(group));
	tally->groups[tally->n_groups++] = group;
	return group;
}

/* One that has ended and will not be missed. */
static bool is_over(const struct tally *tally, const struct tally_group *group)
{
	return group->count == 0 &&
	       (trend_is_zero(&group->trend) || tally->n_groups > TALLY_MAX_REMEMBERED);
}

static void drop_ended(struct tally *tally)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < tally->n_groups; i++) {
		struct tally_group *group = tally->groups[i];

		if (!is_over(tally, group)) {
			tally->groups[n_kept++] = group;
			continue;
		}
		if (group == tally->marked) {
			tally->marked = NULL;
		}
		free_group(group);
	}
	tally->n_groups = n_kept;
}

static void take_groups(struct tally *tally, const json_t *list, int64_t now_ms)
{
	size_t n_known = tally->n_groups;
	const json_t *item;
	size_t i;

	if (n_known > 0) {
		qsort(tally->groups, n_known, sizeof(*tally->groups), compare_values);
	}
	for (i = 0; i < n_known; i++) {
		tally->groups[i]->count = 0;
	}
	json_array_foreach(list, i, item)
	{
		struct slice value = field_text(item, "value");
		struct tally_group *group = find_group(tally, n_known, value);

		if (group == NULL) {
			group = add_group(tally, value);
		}
		/* Names that are no UTF-8 may look alike. */
		group->count += field_count(item, "count");
	}
	for (i = 0; i < tally->n_groups; i++) {
		trend_add(&tally->groups[i]->trend, now_ms, tally->groups[i]->count);
	}
	drop_ended(tally);
	tally->groups_taken_ms = now_ms;
	tally_set_sort(tally, tally->sort);
}

/* ---- nodes ---- */

static struct tally_node *find_node(const struct tally *tally, struct slice address)
{
	for (size_t i = 0; i < tally->n_nodes; i++) {
		const char *known = tally->nodes[i].address;

		if (known != NULL && slice_is(address, known)) {
			return &tally->nodes[i];
		}
	}
	return NULL;
}

static void free_nodes(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_nodes; i++) {
		free(tally->nodes[i].address);
		free(tally->nodes[i].error);
	}
	free(tally->nodes);
}

void tally_take_instance(struct tally *tally, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "nodes");
	size_t n_nodes = json_array_size(list);
	struct tally_node *nodes = mem_alloc_array(n_nodes, sizeof(*nodes));
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		struct slice address = field_text(item, "address");
		struct tally_node *known = find_node(tally, address);

		if (known != NULL) {
			nodes[i] = *known;
			*known = (struct tally_node){.address = NULL};
		} else {
			nodes[i].address = slice_copy(address);
		}
		nodes[i].is_ready = slice_is(field_text(item, "state"), "ready");
		nodes[i].max_clients = field_count(item, "maxclients");
		set_text(&nodes[i].error, nodes[i].is_ready ? (struct slice){NULL, 0}
							    : field_text(item, "last_error"));
	}
	free_nodes(tally);
	tally->nodes = nodes;
	tally->n_nodes = n_nodes;
	set_text(&tally->kind, field_text(answer, "kind"));
	if (!when_read_utc(field_text(answer, "out_until"), &tally->out_until_ms)) {
		tally->out_until_ms = 0;
	}
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
	take_groups(tally, json_object_get(answer, "groups"), now_ms);
	tally->taken_ms = now_ms;
}

void tally_forget(struct tally *tally)
{
	tally_forget_groups(tally);
	for (size_t i = 0; i < tally->n_nodes; i++) {
		tally->nodes[i].trend.n = 0;
	}
	tally->trend.n = 0;
}

void tally_finish(struct tally *tally)
{
	free_nodes(tally);
	tally_forget_groups(tally);
	free(tally->kind);
	free(tally->field);
	free(tally->warning);
	*tally = (struct tally){0};
}

/* ---- sums ---- */

uint64_t tally_max_clients(const struct tally *tally)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		sum += tally->nodes[i].max_clients;
	}
	return sum;
}

uint64_t tally_n_ready(const struct tally *tally)
{
	uint64_t n = 0;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		n += tally->nodes[i].is_ready;
	}
	return n;
}

const struct tally_node *tally_fullest(const struct tally *tally)
{
	const struct tally_node *fullest = NULL;
	double most = -1;

	for (size_t i = 0; i < tally->n_nodes; i++) {
		const struct tally_node *node = &tally->nodes[i];

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
		const struct tally_node *node = &tally->nodes[i];
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
