/*
 * What sesskill top makes of one listing after the other: growth, the time until full, the order of
 * the groups, the mark.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/mem.h"
#include "cli/top/tally.h"

/* ---- trends ---- */

static const struct trend_case {
	const char *name;
	int64_t step_ms;
	uint64_t counts[8];
	size_t n;
	bool is_known;
	int64_t per_minute;
} TREND_CASES[] = {
	{"nothing", 0, {0}, 0, false, 0},
	{"one count", 0, {5}, 1, false, 0},
	{"two at once", 0, {5, 9}, 2, false, 0},
	{"two too close to each other", 999, {5, 9}, 2, false, 0},
	{"two that are no line yet", 2000, {5, 9}, 2, false, 0},
	{"two that are far apart", 20000, {5, 25}, 2, true, 60},
	{"three, over too little time", 1999, {5, 9, 11}, 3, false, 0},
	{"three", 2000, {5, 7, 9}, 3, true, 60},
	{"level", 2000, {7, 7, 7, 7}, 4, true, 0},
	{"two more every two seconds", 2000, {0, 2, 4, 6, 8}, 5, true, 60},
	{"fewer", 10000, {100, 90, 80}, 3, true, -60},
	{"one odd count among level ones", 2000, {10, 10, 10, 40, 10, 10, 10}, 7, true, 0},
	{"only the last minute counts", 20000, {0, 1000, 1000, 1000, 1000, 1000}, 6, true, 0},
	{"slower than the window", 120000, {0, 240}, 2, true, 120},
};

static void test_trends(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(TREND_CASES); i++) {
		const struct trend_case *c = &TREND_CASES[i];
		struct trend trend = {0};
		double growth = 0;

		for (size_t k = 0; k < c->n; k++) {
			trend_add(&trend, 1000 + (int64_t)k * c->step_ms, c->counts[k]);
		}
		if (trend_per_minute(&trend, &growth) != c->is_known ||
			growth < (double)c->per_minute - 0.01 ||
			growth > (double)c->per_minute + 0.01) {
			fail_msg("%s: %f", c->name, growth);
		}
	}
}

/* However often it is counted, the samples reach back a minute, and not further. */
static void test_many_counts(void **state UNUSED)
{
	static const int64_t STEPS_MS[] = {1, 100, 999, 1000, 1999, 2000, 2001, 5000};

	for (size_t i = 0; i < ARRAY_SIZE(STEPS_MS); i++) {
		struct trend trend = {0};
		int64_t now_ms = 0;
		double growth = 0;

		for (; now_ms < 200000; now_ms += STEPS_MS[i]) {
			trend_add(&trend, now_ms, (uint64_t)now_ms);
		}
		now_ms -= STEPS_MS[i];
		assert_true(trend.n <= TREND_MAX_SAMPLES);
		assert_int_equal(trend.samples[trend.n - 1].at_ms, now_ms);
		assert_true(now_ms - trend.samples[0].at_ms <= TREND_WINDOW_MS);
		assert_true(now_ms - trend.samples[0].at_ms >= TREND_WINDOW_MS - 5000);
		assert_true(trend_per_minute(&trend, &growth));
		assert_true(growth > 59999 && growth < 60001);
	}
}

/* ---- tallies ---- */

static void take(struct tally *tally, const char *nodes, const char *groups, int64_t now_ms)
{
	CLEANUP(mem_free_p)
	char *text = mem_printf("{\"found\": 10, \"matched\": 8, \"group_by\": \"name\", "
				"\"warnings\": [], \"nodes\": [%s], \"groups\": [%s]}",
		nodes, groups);
	json_auto_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	tally_take_listing(tally, json, now_ms);
}

static void take_nodes(struct tally *tally, const char *nodes)
{
	CLEANUP(mem_free_p)
	char *text = mem_printf("{\"kind\": \"cluster\", \"nodes\": [%s]}", nodes);
	json_auto_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	tally_take_instance(tally, json);
}

/* "a=5 b=3", the marked one in brackets. */
static char *shown(const struct tally *tally)
{
	char *text = mem_printf("%s", "");

	for (size_t i = 0; i < tally->n_shown; i++) {
		const struct tally_group *group = tally->groups[i];
		bool is_marked = group == tally->marked;
		char *longer =
			mem_printf("%s%s%s%s=%d%s", text, i > 0 ? " " : "", is_marked ? "[" : "",
				group->value, (int)group->count, is_marked ? "]" : "");

		assert_true(is_marked == (i == tally->mark));
		free(text);
		text = longer;
	}
	return text;
}

static void expect_shown(const struct tally *tally, const char *expected)
{
	CLEANUP(mem_free_p) char *text = shown(tally);

	assert_string_equal(text, expected);
}

#define GROUP(value, count) "{\"value\": \"" value "\", \"count\": " #count "}"

static void test_order(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};

	take(&tally, "", GROUP("b", 5) "," GROUP("a", 5) "," GROUP("c", 9), 1000);
	expect_shown(&tally, "[c=9] a=5 b=5");
	take(&tally, "", GROUP("b", 7) "," GROUP("a", 5) "," GROUP("c", 8), 3000);
	expect_shown(&tally, "[c=8] b=7 a=5");
	take(&tally, "", GROUP("b", 7) "," GROUP("a", 5) "," GROUP("c", 8), 5000);
	tally_set_sort(&tally, TALLY_BY_GROWTH);
	expect_shown(&tally, "b=7 a=5 [c=8]");
	tally_set_sort(&tally, TALLY_BY_VALUE);
	expect_shown(&tally, "a=5 b=7 [c=8]");
}

static void test_mark_stays_on_its_group(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};

	tally_move_mark(&tally, 1); /* there is nothing to mark */
	take(&tally, "", GROUP("a", 9) "," GROUP("b", 5) "," GROUP("c", 1), 1000);
	tally_move_mark(&tally, 1);
	expect_shown(&tally, "a=9 [b=5] c=1");
	take(&tally, "", GROUP("a", 9) "," GROUP("b", 1) "," GROUP("c", 7), 2000);
	expect_shown(&tally, "a=9 c=7 [b=1]");
	take(&tally, "", GROUP("a", 9) "," GROUP("c", 7), 3000);
	expect_shown(&tally, "a=9 [c=7]");
	tally_move_mark(&tally, -5);
	expect_shown(&tally, "[a=9] c=7");
	tally_move_mark(&tally, 5);
	expect_shown(&tally, "a=9 [c=7]");
	take(&tally, "", "", 4000);
	expect_shown(&tally, "");
	assert_null(tally.marked);
}

static double growth_of(const struct tally *tally, size_t i)
{
	double growth = -1e9;

	assert_true(trend_per_minute(&tally->groups[i]->trend, &growth));
	return growth;
}

static void test_groups_that_come_and_go(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};

	take(&tally, "", GROUP("a", 9), 0 + 1000);
	take(&tally, "", GROUP("a", 9) "," GROUP("new", 4), 3000);
	take(&tally, "", GROUP("a", 9) "," GROUP("new", 8), 5000);
	/* It was not there two seconds before the first of these. */
	assert_true(growth_of(&tally, 1) > 119 && growth_of(&tally, 1) < 121);
	/* One that comes and goes does not look as if it grew each time. */
	take(&tally, "", GROUP("a", 9), 7000);
	expect_shown(&tally, "[a=9]");
	take(&tally, "", GROUP("a", 9) "," GROUP("new", 4), 9000);
	assert_true(growth_of(&tally, 1) < 61);
	/* After a minute it is forgotten. */
	for (int64_t now_ms = 11000; now_ms < 90000; now_ms += 2000) {
		take(&tally, "", GROUP("a", 9), now_ms);
	}
	assert_int_equal(tally.n_groups, 1);
}

static void test_values_of_any_bytes(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};
	json_auto_t *json =
		json_loads("{\"groups\": [{\"value\": \"a\\u0000b\", \"count\": 2}, {\"value\": "
			   "\"a\", \"count\": 1}]}",
			JSON_ALLOW_NUL, NULL);

	assert_non_null(json);
	tally_take_listing(&tally, json, 1000);
	tally_take_listing(&tally, json, 3000);
	assert_int_equal(tally.n_groups, 2);
	assert_int_equal(tally_value(tally.groups[0]).len, 3);
}

#define NODE(address, most) \
	"{\"address\": \"" address "\", \"state\": \"ready\", \"maxclients\": " #most "}"
#define LISTED(address, found) \
	"{\"address\": \"" address "\", \"error\": null, \"found\": " #found "}"
#define LOST(address) "{\"address\": \"" address "\", \"error\": \"gone\", \"found\": 0}"

static void test_time_until_full(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};
	double ms = 0;

	assert_false(tally_time_until_full(&tally, &ms));
	take_nodes(&tally, NODE("a", 1000) "," NODE("b", 100));
	take(&tally, LISTED("a", 100) "," LISTED("b", 50), "", 1000);
	assert_false(tally_time_until_full(&tally, &ms));
	take_nodes(&tally, NODE("a", 1000) "," NODE("b", 100));
	take(&tally, LISTED("a", 110) "," LISTED("b", 60), "", 61000);
	/* The smaller one is full first, in 40 sessions at 10 a minute. */
	assert_true(tally_time_until_full(&tally, &ms));
	assert_int_equal((int)ms, 240000);
	assert_string_equal(tally_fullest(&tally)->address, "b");
	assert_int_equal(tally_max_clients(&tally), 1100);
	assert_int_equal(tally_n_ready(&tally), 2);
	/* The lost one says nothing any more, and is known again when it is back. */
	take(&tally, LISTED("a", 120) "," LOST("b"), "", 62000);
	assert_false(tally_time_until_full(&tally, &ms));
	assert_string_equal(tally_fullest(&tally)->address, "a");
	assert_string_equal(tally.nodes[1].error, "gone");
	take_nodes(&tally, NODE("b", 100));
	take(&tally, LISTED("b", 100), "", 63000);
	take(&tally, LISTED("b", 101), "", 65000);
	take(&tally, LISTED("b", 102), "", 67000);
	assert_true(tally_time_until_full(&tally, &ms));
	assert_int_equal((int)ms, 0);
	assert_null(tally.nodes[0].error);
}

static void test_not_growing(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};
	double ms = 0;

	take_nodes(&tally, NODE("a", 1000));
	take(&tally, LISTED("a", 100), "", 1000);
	take(&tally, LISTED("a", 100), "", 31000);
	assert_false(tally_time_until_full(&tally, &ms));
	take(&tally, LISTED("a", 90), "", 61000);
	assert_false(tally_time_until_full(&tally, &ms));
}

/* Sums over other nodes are no growth. */
static void test_a_node_that_is_lost_is_no_growth(void **state UNUSED)
{
	CLEANUP(tally_finish) struct tally tally = {0};
	double growth = 0;

	take_nodes(&tally, NODE("a", 10) "," NODE("b", 10));
	take(&tally, LISTED("a", 5) "," LISTED("b", 5), GROUP("x", 10), 1000);
	take(&tally, LISTED("a", 5) "," LISTED("b", 5), GROUP("x", 10), 3000);
	take(&tally, LISTED("a", 5) "," LOST("b"), GROUP("x", 5), 5000);
	assert_false(trend_per_minute(&tally.trend, &growth));
	assert_false(trend_per_minute(&tally.groups[0]->trend, &growth));
	expect_shown(&tally, "[x=5]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trends),
		cmocka_unit_test(test_many_counts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_mark_stays_on_its_group),
		cmocka_unit_test(test_groups_that_come_and_go),
		cmocka_unit_test(test_values_of_any_bytes),
		cmocka_unit_test(test_time_until_full),
		cmocka_unit_test(test_not_growing),
		cmocka_unit_test(test_a_node_that_is_lost_is_no_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
