/*
 * Guards without a world: when their conditions hold, what their time is, what they remember.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "guard/guard_opts.h"
#include "guard/guard_state.h"
#include "scratch.h"

#define HOUR_MS (INT64_C(60) * 60 * 1000)

static const struct row {
	const char *kind;
	const char *bound; /* NULL: it is none */
	struct condition_figures now, before;
	bool holds;
} rows[] = {
	{"clients", "> 80%", {5, 81, 100, 0, 0}, {0}, true},
	{"clients", "> 80%", {5, 80, 100, 0, 0}, {0}, false},
	{"clients", ">= 80%", {5, 80, 100, 0, 0}, {0}, true},
	{"clients", "> 80%", {5, 81, -1, 0, 0}, {0}, false},
	{"clients", ">4000", {5, 4001, -1, 0, 0}, {0}, true},
	{"clients", "< 3", {5, -1, 100, 0, 0}, {0}, false},
	{"free", "< 500", {5, 501, 1000, 0, 0}, {0}, true},
	{"free", "< 500", {5, 500, 1000, 0, 0}, {0}, false},
	{"free", "< 500", {5, 490, 1000, 11, 0}, {0}, true},
	{"free", "<= 10%", {5, 900, 1000, 0, 0}, {0}, true},
	{"free", "< 500", {5, 501, -1, 0, 0}, {0}, false},
	{"growth", "> 300/m", {20000, 200, 0, 0, 0}, {10000, 149, 0, 0, 0}, true},
	{"growth", "> 300/m", {20000, 200, 0, 0, 0}, {10000, 150, 0, 0, 0}, false},
	{"growth", "> 300/m", {20000, 200, 0, 0, 0}, {0}, false},
	{"growth", "> 1/h", {20000, 100, 0, 0, 0}, {10000, 150, 0, 0, 0}, false},
	{"rejected", "> 0", {20000, 0, 0, 0, 6}, {10000, 0, 0, 0, 5}, true},
	{"rejected", "> 0", {20000, 0, 0, 0, 5}, {10000, 0, 0, 0, 5}, false},
	{"rejected", "> 0", {20000, 0, 0, 0, 5}, {0}, false},
	{"rejected", ">= 0", {20000, 0, 0, 0, 2}, {10000, 0, 0, 0, 5}, false},
	{"rejected", "> 30/m", {20000, 0, 0, 0, 11}, {10000, 0, 0, 0, 5}, true},
	{"clients", NULL, {0}, {0}, false},
	{"clients", "", {0}, {0}, false},
	{"clients", "80%", {0}, {0}, false},
	{"clients", "> 101%", {0}, {0}, false},
	{"clients", "> -1", {0}, {0}, false},
	{"clients", "> 5/m", {0}, {0}, false},
	{"growth", "> 5", {0}, {0}, false},
	{"growth", "> 5/x", {0}, {0}, false},
	{"growth", "> 5%/m", {0}, {0}, false},
	{"matched", "> 5%", {0}, {0}, false},
	{"rejected", "=> 5", {0}, {0}, false},
	{"growth", "> 300/5m", {0}, {0}, false},
	{"growth", "> 9000000000000000000/m", {0}, {0}, false},
};

static void test_conditions(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct condition condition;
		enum condition_kind kind;
		struct err err;
		bool is_bound;

		assert_true(condition_find_kind(slice_of(row->kind), &kind));
		if (row->bound == NULL) {
			continue;
		}
		is_bound = condition_parse(kind, slice_of(row->bound), &condition, &err);
		if (is_bound != (row->now.at_ms > 0) ||
			(is_bound && condition_holds(&condition, &row->now, &row->before) !=
					     row->holds)) {
			fail_msg("row %zu: %s %s", i, row->kind, row->bound);
		}
	}
}

static void test_printed(void **state UNUSED)
{
	static const char *const texts[][2] = {
		{"clients", "> 80%"}, {"growth", ">= 300/m"}, {"rejected", "< 5/h"}};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP(mem_free_p) char *expected = mem_printf("%s %s", texts[i][0], texts[i][1]);
		CLEANUP(mem_free_p) char *printed = NULL;
		struct condition condition;
		enum condition_kind kind;

		assert_true(condition_find_kind(slice_of(texts[i][0]), &kind));
		assert_true(condition_parse(kind, slice_of(texts[i][1]), &condition, NULL));
		printed = condition_print(&condition);
		assert_string_equal(printed, expected);
	}
}

/* 2026-11-29, in the local time of the test, which is UTC. */
static int64_t at(int hour, int minute)
{
	return INT64_C(1795910400) * 1000 + (hour * 60 + minute) * INT64_C(60000);
}

static void test_hours(void **state UNUSED)
{
	struct guard_opts night = {.hours = {true, 22 * 60, 30 * 60}};
	struct guard_opts day = {.hours = {true, 8 * 60, 17 * 60}};
	struct guard_opts always = {.name = NULL};

	setenv("TZ", "UTC", 1);
	tzset();
	assert_true(guard_opts_is_in_hours(&night, at(22, 0)));
	assert_true(guard_opts_is_in_hours(&night, at(5, 59)));
	assert_false(guard_opts_is_in_hours(&night, at(6, 0)));
	assert_false(guard_opts_is_in_hours(&night, at(21, 59)));
	assert_true(guard_opts_is_in_hours(&day, at(8, 0)));
	assert_false(guard_opts_is_in_hours(&day, at(17, 0)));
	assert_true(guard_opts_is_in_hours(&always, at(3, 0)));
}

static void test_state(void **state)
{
	const struct scratch *scratch = *state;
	const struct caller caller = {.uid = 7, .user = "sre"};
	CLEANUP(mem_free_p) char *path = mem_printf("%s/guards.json", scratch->path);
	struct guard_state *guards = guard_state_load(path);
	struct err err;

	assert_false(guard_state_is_held(guards));
	assert_int_equal(guard_state_act(guards, "g", "i", 10 * HOUR_MS, HOUR_MS, &err), 0);
	assert_int_equal(guard_state_act(guards, "g", "i", 11 * HOUR_MS - 1, HOUR_MS, &err), 0);
	assert_int_equal(guard_state_act(guards, "g", "other", 11 * HOUR_MS, HOUR_MS, &err), 0);
	assert_int_equal(guard_state_hold(guards, &caller, &err), 0);
	guard_state_free(guards);

	guards = guard_state_load(path);
	assert_true(guard_state_is_held(guards));
	assert_non_null(strstr(guard_state_words(guards), "held by sre (uid 7) since 20"));
	assert_int_equal(guard_state_n_acts(guards, "g", "i", 10 * HOUR_MS - 1), 2);
	assert_int_equal(guard_state_n_acts(guards, "g", "i", 10 * HOUR_MS), 1);
	assert_int_equal(guard_state_n_acts(guards, "g", "nothing", 0), 0);
	/* The clock was set back: what is still to come counts. */
	assert_int_equal(guard_state_n_acts(guards, "g", "i", -HOUR_MS), 2);
	/* A reload may ask for a longer time: they are kept for days. */
	assert_int_equal(guard_state_act(guards, "g", "i", 12 * HOUR_MS, HOUR_MS, &err), 0);
	assert_int_equal(guard_state_n_acts(guards, "g", "i", 0), 3);
	assert_int_equal(guard_state_act(guards, "g", "i", 400 * HOUR_MS, HOUR_MS, &err), 0);
	assert_int_equal(guard_state_n_acts(guards, "g", "i", 0), 1);
	guard_state_take_back(guards, "g", "i");
	assert_int_equal(guard_state_n_acts(guards, "g", "i", 0), 0);
	assert_int_equal(guard_state_resume(guards, &err), 0);
	guard_state_free(guards);

	guards = guard_state_load(path);
	assert_false(guard_state_is_held(guards));
	guard_state_free(guards);
	unlink(path);
}

static void test_nowhere(void **state UNUSED)
{
	const struct caller caller = {.uid = 7};
	struct guard_state *guards = guard_state_load(NULL);
	struct err err;

	assert_int_equal(guard_state_act(guards, "g", "i", 5, 10, &err), 0);
	assert_int_equal(guard_state_n_acts(guards, "g", "i", 0), 1);
	assert_true(guard_state_hold(guards, &caller, &err) < 0);
	assert_true(guard_state_is_held(guards));
	guard_state_free(guards);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_printed),
		cmocka_unit_test(test_hours),
		cmocka_unit_test_setup_teardown(test_state, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
