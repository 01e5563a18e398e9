/*
 * The groups of a tally: found again by their value, ordered as asked. The mark stays on the group
 * that has it, wherever the group moves.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/top/tally_internal.h"

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
	free(tally->shown);
	tally->groups = NULL;
	tally->shown = NULL;
	tally->n_groups = tally->capacity = tally->n_shown = tally->mark = 0;
	tally->marked = NULL;
	tally->groups_taken_ms = 0;
}

/* ---- order ---- */

static int compare_values(const void *a, const void *b)
{
	const struct tally_group *const *left = a;
	const struct tally_group *const *right = b;

	return slice_compare(tally_value(*left), tally_value(*right));
}

static int compare_counts(const void *a, const void *b)
{
	const struct tally_group *const *left = a;
	const struct tally_group *const *right = b;

	if ((*left)->count != (*right)->count) {
		return (*left)->count < (*right)->count ? 1 : -1;
	}
	return compare_values(a, b);
}

static int compare_growth(const void *a, const void *b)
{
	const struct tally_group *const *left = a;
	const struct tally_group *const *right = b;
	double left_growth = 0, right_growth = 0;

	(void)!trend_per_minute(&(*left)->trend, &left_growth);
	(void)!trend_per_minute(&(*right)->trend, &right_growth);
	if (left_growth != right_growth) {
		return left_growth < right_growth ? 1 : -1;
	}
	return compare_counts(a, b);
}

static int (*const COMPARE[TALLY_N_SORTS])(const void *, const void *) = {
	[TALLY_BY_COUNT] = compare_counts,
	[TALLY_BY_GROWTH] = compare_growth,
	[TALLY_BY_VALUE] = compare_values,
};

/* A mark whose group has gone falls on the one that stands there now. */
static void place_mark(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_shown; i++) {
		if (tally->shown[i] == tally->marked) {
			tally->mark = i;
			return;
		}
	}
	tally->mark = tally->n_shown > 0 ? MIN(tally->mark, tally->n_shown - 1) : 0;
	tally->marked = tally->n_shown > 0 ? tally->shown[tally->mark] : NULL;
}

static void arrange(struct tally *tally)
{
	free(tally->shown);
	tally->shown = mem_alloc_array(tally->n_groups, sizeof(struct tally_group *));
	tally->n_shown = 0;
	for (size_t i = 0; i < tally->n_groups; i++) {
		if (tally->groups[i]->count > 0) {
			tally->shown[tally->n_shown++] = tally->groups[i];
		}
	}
	if (tally->n_shown > 0) {
		qsort(tally->shown, tally->n_shown, sizeof(struct tally_group *),
			COMPARE[tally->sort]);
	}
	place_mark(tally);
}

void tally_set_sort(struct tally *tally, enum tally_sort sort)
{
	tally->sort = sort;
	arrange(tally);
}

void tally_move_mark(struct tally *tally, int64_t n)
{
	int64_t mark = (int64_t)tally->mark + n;

	if (tally->n_shown > 0) {
		tally->mark = (size_t)MIN(MAX(mark, INT64_C(0)), (int64_t)tally->n_shown - 1);
		tally->marked = tally->shown[tally->mark];
	}
}

/* ---- the next listing ---- */

static struct tally_group *find_group(const struct tally *tally, size_t n, struct slice value)
{
	struct tally_group wanted = {.value = (char *)value.data, .value_len = value.len};
	struct tally_group *key = &wanted;
	struct tally_group **found = n > 0 ? bsearch(&key, tally->groups, n,
						     sizeof(struct tally_group *), compare_values)
					   : NULL;

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
	tally->groups = mem_grow_array(
		tally->groups, tally->n_groups, &tally->capacity, sizeof(struct tally_group *));
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

void tally_take_groups(struct tally *tally, const json_t *list, int64_t now_ms)
{
	size_t n_known = tally->n_groups;
	const json_t *item;
	size_t i;

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
	if (tally->n_groups > 0) {
		qsort(tally->groups, tally->n_groups, sizeof(struct tally_group *), compare_values);
	}
	tally->groups_taken_ms = now_ms;
	arrange(tally);
}
