/*
 * Goals.
 */
#include "model/goals.h"

#include "base/mem.h"

void goals_init(struct goals *goals)
{
	*goals = (struct goals){.sort = SESSION_IDLE, .is_descending = true};
}

bool goals_is_bounded(const struct goals *goals)
{
	return goals->has_limit || goals->has_free || goals->has_keep;
}

bool goals_is_spread(const struct goals *goals)
{
	return goals->rate > 0 || goals->over_ms > 0;
}

bool goals_is_equal(const struct goals *a, const struct goals *b)
{
	return a->has_limit == b->has_limit && a->has_free == b->has_free &&
	       a->has_keep == b->has_keep && a->has_per == b->has_per &&
	       a->is_descending == b->is_descending && a->sort == b->sort && a->per == b->per &&
	       a->limit == b->limit && a->free == b->free && a->keep == b->keep &&
	       a->rate == b->rate && a->over_ms == b->over_ms;
}

uint64_t goals_fields(const struct goals *goals)
{
	return (UINT64_C(1) << goals->sort) | (goals->has_per ? UINT64_C(1) << goals->per : 0);
}

int64_t goals_spread_ms(const struct goals *goals, uint64_t n)
{
	if (goals->rate > 0) {
		return (int64_t)((n * 1000 + goals->rate - 1) / goals->rate);
	}
	return goals->over_ms;
}

uint64_t goals_needed(
	const struct goals *goals, int64_t max_clients, uint64_t n_listed, int64_t n_bus_links)
{
	int64_t n_free = max_clients - (int64_t)n_listed - n_bus_links;

	if (!goals->has_free) {
		return UINT64_MAX;
	}
	if (n_free < 0) {
		return goals->free + (uint64_t)-n_free;
	}
	return goals->free > (uint64_t)n_free ? goals->free - (uint64_t)n_free : 0;
}

/* ---- marks ---- */

struct goal_mark goals_mark(struct goal_book *book, const struct session *session)
{
	const struct goals *goals = book->goals;
	struct goal_mark mark = {.text = INTERN_NONE};

	if (!session_kind_is_numeric(session_field_kind(goals->sort))) {
		mark.text = intern_add(&book->texts, session->values[goals->sort]);
	} else if (!session_number(session, goals->sort, &mark.number)) {
		mark.number = 0;
	}
	if (!session_number(session, SESSION_AGE, &mark.age_s)) {
		mark.age_s = 0;
	}
	mark.group = intern_add(&book->texts,
		goals->has_per ? session_group_value(session, goals->per) : SLICE_LITERAL(""));
	return mark;
}

void goals_book_finish(struct goal_book *book)
{
	intern_finish(&book->texts);
}

/* ---- choosing ---- */

static int compare_marks(
	const struct goal_book *book, const struct goal_mark *left, const struct goal_mark *right)
{
	if (left->text != right->text) {
		return slice_compare(intern_get(&book->texts, left->text),
			intern_get(&book->texts, right->text));
	}
	return (left->number > right->number) - (left->number < right->number);
}

int goals_compare(const struct goal_book *book, const struct goal_candidate *left,
	const struct goal_candidate *right)
{
	int order = compare_marks(book, &left->mark, &right->mark);

	if (order != 0) {
		return book->goals->is_descending ? -order : order;
	}
	order = (left->mark.age_s < right->mark.age_s) - (left->mark.age_s > right->mark.age_s);
	if (order == 0) {
		order = (left->node > right->node) - (left->node < right->node);
	}
	return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

static int compare(const void *a, const void *b, void *book)
{
	return goals_compare(book, a, b);
}

/* How many of each group there are. */
static uint64_t *count_groups(
	const struct goal_book *book, const struct goal_candidate *candidates, size_t n)
{
	uint64_t *sizes = mem_alloc_array(book->texts.n, sizeof(uint64_t));

	for (size_t i = 0; i < n; i++) {
		sizes[candidates[i].mark.group]++;
	}
	return sizes;
}

void goals_choose(const struct goal_book *book, struct goal_candidate *candidates, size_t n,
	uint64_t *n_needed, uint64_t n_left)
{
	uint64_t n_kept = book->goals->has_keep ? book->goals->keep : 0;
	CLEANUP(mem_free_p) uint64_t *n_behind = count_groups(book, candidates, n);

	if (n > 0) {
		qsort_r(candidates, n, sizeof(struct goal_candidate), compare, (void *)book);
	}
	for (size_t i = 0; i < n; i++) {
		struct goal_candidate *candidate = &candidates[i];
		uint64_t *needed = &n_needed[candidate->node];

		candidate->is_chosen = n_behind[candidate->mark.group]-- > n_kept &&
				       !candidate->is_remaining && *needed > 0 && n_left > 0;
		if (candidate->is_chosen) {
			*needed -= *needed < UINT64_MAX;
			n_left -= n_left < UINT64_MAX;
		}
	}
}
