/*
 * Histories: holes, turns of the ring, minutes, counters that begin anew, and their size.
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
#include "base/mem.h"
#include "model/history.h"
#include "model/history_events.h"

/* Some minute's beginning, long after the start. */
#define BEGIN_MS (1000 * HISTORY_LONG_STEP_MS)
#define SHORT HISTORY_SHORT_STEP_MS
#define LONG HISTORY_LONG_STEP_MS
#define UNKNOWN HISTORY_UNKNOWN

static void add(struct history *history, int64_t at_ms, int64_t n_clients, int64_t n_connections,
	int64_t n_rejected)
{
	history_add(history, at_ms,
		&(struct history_figures){
			.n_clients = n_clients,
			.max_clients = 1000,
			.n_blocked = n_clients / 10,
			.n_connections = n_connections,
			.n_rejected = n_rejected,
		});
}

static void expect(const struct history *history, int64_t from_ms, int64_t step_ms,
	uint32_t n_clients, uint32_t n_new, uint32_t n_refused)
{
	struct history_sample sample;

	assert_true(history_read(history, from_ms, step_ms, &sample));
	assert_int_equal(sample.figures[HISTORY_CLIENTS], n_clients);
	assert_int_equal(sample.figures[HISTORY_MAX_CLIENTS], 1000);
	assert_int_equal(sample.figures[HISTORY_BLOCKED], n_clients / 10);
	assert_int_equal(sample.figures[HISTORY_NEW], n_new);
	assert_int_equal(sample.figures[HISTORY_REFUSED], n_refused);
}

static void expect_hole(const struct history *history, int64_t from_ms, int64_t step_ms)
{
	struct history_sample sample;

	assert_false(history_read(history, from_ms, step_ms, &sample));
	for (unsigned i = 0; i < HISTORY_N_FIGURES; i++) {
		assert_int_equal(sample.figures[i], UNKNOWN);
	}
}

static int setup(void **state)
{
	*state = mem_new(struct history);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void test_size(void **state UNUSED)
{
	assert_true(sizeof(struct history) + sizeof(struct history_events) <= HISTORY_MAX_BYTES);
	assert_true(sizeof(struct history) >= 20 * (HISTORY_N_SHORT + HISTORY_N_LONG));
	assert_int_equal(HISTORY_SHORT_MS, 60 * 60 * 1000);
	assert_int_equal(HISTORY_LONG_MS, 24 * 60 * 60 * 1000);
}

static void test_empty(void **state)
{
	expect_hole(*state, 0, SHORT);
	expect_hole(*state, BEGIN_MS, LONG);
}

/* The first look has nothing to compare with; each step has its largest, and what came in it. */
static void test_steps(void **state)
{
	struct history *history = *state;

	add(history, BEGIN_MS, 50, 700, 3);
	expect(history, BEGIN_MS, SHORT, 50, UNKNOWN, UNKNOWN);
	add(history, BEGIN_MS + 2000, 90, 745, 3);
	add(history, BEGIN_MS + 4000, 20, 750, 10);
	expect(history, BEGIN_MS, SHORT, 90, 50, 7);
	add(history, BEGIN_MS + 6000, 30, 760, 10);
	expect(history, BEGIN_MS, SHORT, 90, 50, 7);
	expect(history, BEGIN_MS + SHORT, SHORT, 30, 10, 0);
	expect(history, BEGIN_MS, LONG, 90, 60, 7);
	/* By two steps at once, and by twenty. */
	expect(history, BEGIN_MS, 2 * SHORT, 90, 60, 7);
	expect(history, BEGIN_MS, 11 * SHORT, 90, 60, 7);
	expect_hole(history, BEGIN_MS + 2 * SHORT, SHORT);
	expect_hole(history, BEGIN_MS - SHORT, SHORT);
	expect_hole(history, BEGIN_MS - LONG, LONG);
}

static void test_gap(void **state)
{
	struct history *history = *state;

	add(history, BEGIN_MS, 50, 100, 0);
	add(history, BEGIN_MS + 4 * SHORT, 60, 140, 8);
	expect(history, BEGIN_MS, SHORT, 50, UNKNOWN, UNKNOWN);
	for (int64_t i = 1; i < 4; i++) {
		expect_hole(history, BEGIN_MS + i * SHORT, SHORT);
	}
	/* It came at some time in the silence, which was short. */
	expect(history, BEGIN_MS + 4 * SHORT, SHORT, 60, 40, 8);
	/* After a long one nobody knows when. */
	add(history, BEGIN_MS + 10 * LONG, 70, 5000, 900);
	expect(history, BEGIN_MS + 10 * LONG, SHORT, 70, UNKNOWN, UNKNOWN);
	expect_hole(history, BEGIN_MS + 9 * LONG, LONG);
	expect(history, BEGIN_MS, LONG, 60, 40, 8);
	add(history, BEGIN_MS + 10 * LONG + 1000, 70, 5001, 900);
	expect(history, BEGIN_MS + 10 * LONG, SHORT, 70, 1, 0);
}

/* A restart, or CONFIG RESETSTAT. */
static void test_counters_that_fall(void **state)
{
	struct history *history = *state;

	add(history, BEGIN_MS, 50, 700, 30);
	add(history, BEGIN_MS + SHORT, 50, 710, 31);
	add(history, BEGIN_MS + 2 * SHORT, 5, 4, 0);
	expect(history, BEGIN_MS + 2 * SHORT, SHORT, 5, UNKNOWN, UNKNOWN);
	add(history, BEGIN_MS + 3 * SHORT, 5, 6, 2);
	expect(history, BEGIN_MS + 3 * SHORT, SHORT, 5, 2, 2);
	/* Another process, which has counted further already. */
	history_restart(history);
	add(history, BEGIN_MS + 4 * SHORT, 9, 9000, 5000);
	expect(history, BEGIN_MS + 4 * SHORT, SHORT, 9, UNKNOWN, UNKNOWN);
	expect(history, BEGIN_MS, LONG, 50, 12, 3);
}

static void test_figures_that_are_not_given(void **state)
{
	struct history *history = *state;
	struct history_figures few = {4, -1, -1, -1, -1};
	struct history_sample sample;

	for (int64_t i = 0; i < 3; i++) {
		history_add(history, BEGIN_MS + i * 1000, &few);
	}
	assert_true(history_read(history, BEGIN_MS, SHORT, &sample));
	assert_int_equal(sample.figures[HISTORY_CLIENTS], 4);
	for (unsigned i = HISTORY_MAX_CLIENTS; i < HISTORY_N_FIGURES; i++) {
		assert_int_equal(sample.figures[i], UNKNOWN);
	}
	/* More than can be kept is much, and not unknown. */
	few.n_clients = INT64_MAX;
	history_add(history, BEGIN_MS + 4000, &few);
	assert_true(history_read(history, BEGIN_MS, SHORT, &sample));
	assert_int_equal(sample.figures[HISTORY_CLIENTS], UINT32_MAX - 1);
}

/* Two days, every five seconds: the last hour and the last day are there, and nothing before. */
static void test_turns(void **state)
{
	struct history *history = *state;
	int64_t n = 2 * HISTORY_LONG_MS / SHORT, end_ms = BEGIN_MS + n * SHORT;
	struct history_sample sample;

	for (int64_t i = 0; i < n; i++) {
		add(history, BEGIN_MS + i * SHORT + 1, 10 + i % 12, 3 * i, i / 6);
	}
	for (int64_t i = 1; i <= HISTORY_N_SHORT; i++) {
		assert_true(history_read(history, end_ms - i * SHORT, SHORT, &sample));
		assert_int_equal(sample.figures[HISTORY_CLIENTS], 10 + (n - i) % 12);
		assert_int_equal(sample.figures[HISTORY_NEW], 3);
	}
	expect_hole(history, end_ms - (HISTORY_N_SHORT + 1) * SHORT, SHORT);
	for (int64_t i = 1; i <= HISTORY_N_LONG; i++) {
		assert_true(history_read(history, end_ms - i * LONG, LONG, &sample));
		assert_int_equal(sample.figures[HISTORY_CLIENTS], 21);
		assert_int_equal(sample.figures[HISTORY_NEW], 36);
		assert_int_equal(sample.figures[HISTORY_REFUSED], 2);
	}
	expect_hole(history, end_ms - (HISTORY_N_LONG + 1) * LONG, LONG);
	/* Silence for longer than it all lasts. */
	add(history, end_ms + 3 * HISTORY_LONG_MS, 1, 1, 1);
	expect_hole(history, end_ms - LONG, LONG);
	expect_hole(history, end_ms + 3 * HISTORY_LONG_MS - LONG, LONG);
	expect_hole(history, end_ms + 3 * HISTORY_LONG_MS - SHORT, SHORT);
	expect(history, end_ms + 3 * HISTORY_LONG_MS, LONG, 1, UNKNOWN, UNKNOWN);
}

/* In the first hours of a machine the monotonic clock is younger than the rings are long. */
static void test_young_clock(void **state)
{
	struct history *history = *state;

	add(history, 1, 5, 0, 0);
	add(history, SHORT, 6, 2, 0);
	expect(history, 0, SHORT, 5, UNKNOWN, UNKNOWN);
	expect(history, SHORT, SHORT, 6, 2, 0);
	expect_hole(history, -SHORT, SHORT);
	expect_hole(history, -HISTORY_LONG_MS, LONG);
}

static void test_choice_of_steps(void **state UNUSED)
{
	static const struct {
		int64_t since_ms;
		size_t n_nodes;
		int64_t step_ms;
	} rows[] = {
		{1000, 1, SHORT},
		{HISTORY_SHORT_MS, 1, SHORT},
		{HISTORY_SHORT_MS + 1, 1, LONG},
		{HISTORY_LONG_MS, 1, LONG},
		{HISTORY_LONG_MS, 0, LONG},
		{HISTORY_LONG_MS, 6, LONG},
		{HISTORY_LONG_MS, 7, 2 * LONG},
		{HISTORY_SHORT_MS, 13, SHORT},
		{HISTORY_SHORT_MS, 1000, 72 * SHORT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			history_step_ms(rows[i].since_ms, rows[i].n_nodes, 10000), rows[i].step_ms);
	}
}

/* ---- events ---- */

static void add_event(struct history_events *events, enum history_event_kind kind, unsigned number)
{
	struct history_event *event = history_events_add(events, kind, number);

	snprintf(event->request_id, sizeof(event->request_id), "%u", number);
}

static void test_events(void **state UNUSED)
{
	struct history_events *events = mem_new(struct history_events);

	for (unsigned i = 0; i < HISTORY_MAX_EVENTS + 10; i++) {
		add_event(events, HISTORY_KILL, i);
	}
	assert_int_equal(events->n, HISTORY_MAX_EVENTS);
	assert_int_equal(events->items[0].at_ms, 10);
	assert_null(history_events_find_kill(events, "9"));
	assert_int_equal(history_events_find_kill(events, "10")->at_ms, 10);
	/* A link that comes and goes drives out its own, once it has half of the room. */
	for (unsigned i = 1000; i < 3000; i++) {
		add_event(events, i % 2 == 0 ? HISTORY_LINK_LOST : HISTORY_LINK_BACK, i);
	}
	assert_int_equal(events->n, HISTORY_MAX_EVENTS);
	assert_non_null(history_events_find_kill(events, "97"));
	assert_non_null(history_events_find_kill(events, "60"));
	assert_int_equal(events->items[HISTORY_MAX_EVENTS - 1].at_ms, 2999);
	free(events);
}

static void test_texts_are_cut(void **state UNUSED)
{
	char text[8];

	history_event_set(text, sizeof(text), NULL);
	assert_string_equal(text, "");
	history_event_set(text, sizeof(text), "1234567");
	assert_string_equal(text, "1234567");
	history_event_set(text, sizeof(text), "12345678");
	assert_string_equal(text, "1234567");
	history_event_set(text, sizeof(text), "123456é");
	assert_string_equal(text, "123456");
}

static void test_names(void **state UNUSED)
{
	for (unsigned i = 0; i < HISTORY_N_FIGURES; i++) {
		assert_non_null(history_figure_name((enum history_figure)i));
	}
	for (unsigned i = 0; i < HISTORY_N_KINDS; i++) {
		assert_non_null(history_event_name((enum history_event_kind)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters_that_fall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_figures_that_are_not_given, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_young_clock, setup, teardown),
		cmocka_unit_test(test_choice_of_steps),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_texts_are_cut),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
