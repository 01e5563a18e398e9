/*
 * Goals: never one more than allowed, and in exactly that order, whatever is asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/goals.h"

#define N_MOST 40
#define N_NODES 3
#define N_ROUNDS 20000

/* What a session says of itself, as it was made up. */
struct made {
	int64_t idle_s, age_s;
	char name[8];
	struct goal_candidate *candidate;
};

struct world {
	unsigned seed;
	struct goals goals;
	struct goal_book book;
	struct made made[N_MOST];
	struct goal_candidate candidates[N_MOST];
	size_t n;
	uint64_t n_needed[N_NODES];
	uint64_t n_left;
};

static unsigned roll(struct world *world, unsigned n)
{
	return (unsigned)rand_r(&world->seed) % n;
}

static void make_line(const struct made *made, size_t id, char *line, size_t n_bytes)
{
	snprintf(line, n_bytes,
		"id=%zu addr=10.0.0.%zu:5000 name=%s age=%lld idle=%lld flags=N db=0 cmd=get", id,
		id % 5, made->name, (long long)made->age_s, (long long)made->idle_s);
}

static void make_candidate(struct world *world, size_t i)
{
	struct made *made = &world->made[i];
	struct session session;
	char line[256];

	made->idle_s = roll(world, 6);
	made->age_s = roll(world, 6);
	snprintf(made->name, sizeof(made->name), "n%u", roll(world, 4));
	make_line(made, i + 1, line, sizeof(line));
	assert_int_equal(
		session_parse(slice_of(line), SERVER_REDIS, SLICE_LITERAL("n"), &session, NULL), 0);
	world->candidates[i] = (struct goal_candidate){
		.mark = goals_mark(&world->book, &session),
		.id = i + 1,
		.node = roll(world, N_NODES),
		.is_remaining = roll(world, 6) == 0,
		.owner = made,
	};
}

static void make_goals(struct world *world)
{
	static const enum session_field sorts[] = {SESSION_IDLE, SESSION_NAME, SESSION_ID};
	static const enum session_field groups[] = {SESSION_NAME, SESSION_ADDR, SESSION_DB};
	struct goals *goals = &world->goals;

	goals_init(goals);
	goals->sort = sorts[roll(world, ARRAY_SIZE(sorts))];
	goals->is_descending = roll(world, 2) == 0;
	goals->has_keep = roll(world, 2) == 0;
	goals->keep = roll(world, 5) + 1;
	goals->has_per = goals->has_keep && roll(world, 2) == 0;
	goals->per = groups[roll(world, ARRAY_SIZE(groups))];
	world->n_left = roll(world, 2) == 0 ? UINT64_MAX : roll(world, N_MOST);
	for (size_t i = 0; i < N_NODES; i++) {
		world->n_needed[i] = roll(world, 2) == 0 ? UINT64_MAX : roll(world, N_MOST / 2);
	}
}

/* Does `left` go before `right`? By what was made up, not by the marks. */
static bool is_before(const struct world *world, const struct goal_candidate *left,
	const struct goal_candidate *right)
{
	const struct made *a = left->owner, *b = right->owner;
	int64_t order = world->goals.sort == SESSION_IDLE ? a->idle_s - b->idle_s
			: world->goals.sort == SESSION_NAME
				? strcmp(a->name, b->name)
				: (int64_t)left->id - (int64_t)right->id;

	order = world->goals.is_descending ? -order : order;
	if (order == 0) {
		order = b->age_s - a->age_s;
	}
	if (order == 0) {
		order = (int64_t)left->node - (int64_t)right->node;
	}
	return order != 0 ? order < 0 : left->id < right->id;
}

static bool is_of_group(
	const struct world *world, const struct goal_candidate *a, const struct goal_candidate *b)
{
	const struct made *left = a->owner, *right = b->owner;

	if (!world->goals.has_per || world->goals.per == SESSION_DB) {
		return true;
	}
	return world->goals.per == SESSION_NAME ? strcmp(left->name, right->name) == 0
						: a->id % 5 == b->id % 5;
}

/* Of its group, how many go behind it. */
static uint64_t count_behind(const struct world *world, const struct goal_candidate *candidate)
{
	uint64_t n = 0;

	for (size_t i = 0; i < world->n; i++) {
		const struct goal_candidate *other = &world->candidates[i];

		n += other != candidate && is_of_group(world, candidate, other) &&
		     is_before(world, candidate, other);
	}
	return n;
}

/* Of those that go before it: how many end, in all or on its node. */
static uint64_t count_chosen_before(
	const struct world *world, const struct goal_candidate *candidate, bool on_node)
{
	uint64_t n = 0;

	for (size_t i = 0; i < world->n; i++) {
		const struct goal_candidate *other = &world->candidates[i];

		n += other->is_chosen && other != candidate && is_before(world, other, candidate) &&
		     (!on_node || other->node == candidate->node);
	}
	return n;
}

static bool is_expected(const struct world *world, const struct goal_candidate *candidate)
{
	const uint64_t *needed = &world->n_needed[candidate->node];

	return !candidate->is_remaining &&
	       (!world->goals.has_keep || count_behind(world, candidate) >= world->goals.keep) &&
	       count_chosen_before(world, candidate, true) < *needed &&
	       count_chosen_before(world, candidate, false) < world->n_left;
}

static void test_random(void **state UNUSED)
{
	uint64_t n_chosen = 0;

	for (unsigned round = 1; round <= N_ROUNDS; round++) {
		struct world world = {.seed = round};
		uint64_t n_needed[N_NODES];

		make_goals(&world);
		world.book.goals = &world.goals;
		world.n = roll(&world, N_MOST);
		for (size_t i = 0; i < world.n; i++) {
			make_candidate(&world, i);
		}
		memcpy(n_needed, world.n_needed, sizeof(n_needed));
		goals_choose(&world.book, world.candidates, world.n, n_needed, world.n_left);
		for (size_t i = 0; i < world.n; i++) {
			if (world.candidates[i].is_chosen !=
				is_expected(&world, &world.candidates[i])) {
				fail_msg("round %u, id %llu", round,
					(unsigned long long)world.candidates[i].id);
			}
			n_chosen += world.candidates[i].is_chosen;
		}
		goals_book_finish(&world.book);
	}
	assert_true(n_chosen > N_ROUNDS);
}

/* Chosen from once more, with those that were spared as remaining: nobody else, nobody less. */
static void test_again(void **state UNUSED)
{
	for (unsigned round = 1; round <= N_ROUNDS / 10; round++) {
		struct world world = {.seed = round};
		uint64_t n_needed[N_NODES], n_again[N_NODES];
		size_t n_before = 0, n_after = 0;

		make_goals(&world);
		world.book.goals = &world.goals;
		world.n = roll(&world, N_MOST);
		for (size_t i = 0; i < world.n; i++) {
			make_candidate(&world, i);
		}
		memcpy(n_needed, world.n_needed, sizeof(n_needed));
		memcpy(n_again, world.n_needed, sizeof(n_again));
		goals_choose(&world.book, world.candidates, world.n, n_needed, world.n_left);
		for (size_t i = 0; i < world.n; i++) {
			n_before += world.candidates[i].is_chosen;
			world.candidates[i].is_remaining |= !world.candidates[i].is_chosen;
		}
		goals_choose(&world.book, world.candidates, world.n, n_again, world.n_left);
		for (size_t i = 0; i < world.n; i++) {
			n_after += world.candidates[i].is_chosen;
			assert_true(
				world.candidates[i].is_chosen != world.candidates[i].is_remaining);
		}
		assert_int_equal(n_before, n_after);
		goals_book_finish(&world.book);
	}
}

static void test_spread(void **state UNUSED)
{
	struct goals goals;

	goals_init(&goals);
	assert_false(goals_is_spread(&goals) || goals_is_bounded(&goals));
	assert_int_equal(goals_spread_ms(&goals, 1000), 0);
	goals.rate = 3;
	assert_int_equal(goals_spread_ms(&goals, 10), 3334);
	goals.rate = 0;
	goals.over_ms = 5000;
	assert_int_equal(goals_spread_ms(&goals, 10), 5000);
	assert_true(goals_is_spread(&goals));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
