/*
 * Reports: sums that add up, the state and the words that follow from the nodes, bounded lists.
 */
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/report.h"

#define MAX_NODES 3

struct node_row {
	const char *error; /* NULL: fine */
	struct counts counts;
};

#define COUNTS(matched_, killed_, gone_, survivors_)                                               \
	{                                                                                          \
		.found = (matched_) + 3, .unmatched = 1, .is_protected = 2, .matched = (matched_), \
		.killed = (killed_), .gone = (gone_), .survivors = (survivors_)                    \
	}
#define NOTHING   \
	{         \
		0 \
	}

static const struct state_row {
	size_t n_nodes;
	struct node_row nodes[MAX_NODES];
	bool is_dry_run;
	bool is_too_many;
	enum report_state expected;
	const char *words; /* NULL: none */
} state_rows[] = {
	{1, {{NULL, COUNTS(5, 5, 0, 0)}}, false, false, REPORT_DONE, NULL},
	{1, {{NULL, COUNTS(5, 2, 3, 0)}}, false, false, REPORT_DONE, NULL},
	{1, {{NULL, COUNTS(0, 0, 0, 0)}}, false, false, REPORT_DONE, NULL},
	{1, {{NULL, COUNTS(5, 0, 0, 0)}}, true, false, REPORT_DRY_RUN, NULL},
	{1, {{NULL, COUNTS(5, 0, 0, 5)}}, false, true, REPORT_FAILED,
		"5 sessions survived, 5 of them on n0"},
	{1, {{NULL, COUNTS(5, 3, 0, 2)}}, false, false, REPORT_PARTIAL,
		"2 sessions survived, 2 of them on n0"},
	{2, {{NULL, COUNTS(5, 5, 0, 0)}, {NULL, COUNTS(4, 1, 0, 3)}}, false, false, REPORT_PARTIAL,
		"3 sessions survived, 3 of them on n1"},
	{1, {{"down", NOTHING}}, false, false, REPORT_FAILED,
		"1 of 1 nodes failed (n0: down); 0 sessions killed, 0 survived"},
	{1, {{"lost", COUNTS(5, 3, 0, 2)}}, false, false, REPORT_PARTIAL,
		"1 of 1 nodes failed (n0: lost); 3 sessions killed, 2 survived"},
	{1, {{"lost", COUNTS(5, 0, 0, 5)}}, false, false, REPORT_FAILED,
		"1 of 1 nodes failed (n0: lost); 0 sessions killed, 5 survived"},
	{3, {{NULL, COUNTS(5, 5, 0, 0)}, {"down", NOTHING}, {"full", NOTHING}}, false, false,
		REPORT_PARTIAL, "2 of 3 nodes failed (n1: down); 5 sessions killed, 0 survived"},
	{2, {{NULL, COUNTS(0, 0, 0, 0)}, {"down", NOTHING}}, false, false, REPORT_PARTIAL,
		"1 of 2 nodes failed (n1: down); 0 sessions killed, 0 survived"},
	{2, {{NULL, COUNTS(5, 0, 0, 0)}, {"down", NOTHING}}, true, false, REPORT_PARTIAL,
		"1 of 2 nodes failed (n1: down); 0 sessions killed, 0 survived"},
	{0, {{NULL, NOTHING}}, false, false, REPORT_FAILED, NULL},
};

static void add_nodes(struct report *report, const struct state_row *row)
{
	for (size_t i = 0; i < row->n_nodes; i++) {
		char address[24];
		struct report_node *node;

		snprintf(address, sizeof(address), "n%zu", i);
		node = report_add_node(report, address);
		node->counts = row->nodes[i].counts;
		if (row->nodes[i].error != NULL) {
			report_node_fail(node, row->nodes[i].error);
		}
	}
}

static void test_states(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_rows); i++) {
		const struct state_row *row = &state_rows[i];
		struct report *report = report_new("ID", "orders", 1000);

		add_nodes(report, row);
		report->is_too_many = row->is_too_many;
		report_close(report, row->is_dry_run, 42);
		if (report->state != row->expected) {
			fail_msg("row %zu: %s", i, report_state_name(report->state));
		}
		assert_true(counts_is_consistent(&report->counts, row->is_dry_run));
		assert_int_equal(report->elapsed_ms, 42);
		if (row->words != NULL) {
			assert_string_equal(report->error, row->words);
		} else {
			assert_null(report->error);
		}
		report_free(report);
	}
	report_free(NULL);
}

static void test_cancelled(void **state UNUSED)
{
	struct report *report = report_new("ID", "orders", 1000);

	add_nodes(report, &state_rows[6]);
	report->state = REPORT_CANCELLED;
	report_close(report, false, 1);
	assert_int_equal(report->state, REPORT_CANCELLED);
	assert_int_equal(report->counts.survivors, 3);
	report_free(report);
}

static void test_consistency(void **state UNUSED)
{
	static const struct {
		struct counts counts;
		bool is_dry_run;
		bool is_consistent;
	} rows[] = {
		{COUNTS(5, 1, 2, 2), false, true},
		{COUNTS(5, 1, 2, 1), false, false},
		{COUNTS(5, 1, 2, 3), false, false},
		{COUNTS(5, 0, 0, 0), false, false},
		{COUNTS(5, 0, 0, 0), true, true},
		{COUNTS(5, 1, 2, 2), true, false},
		{{.found = 5, .matched = 4, .killed = 4}, false, false},
		{{.found = 4, .matched = 4, .killed = 4, .extra = 9}, false, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(counts_is_consistent(&rows[i].counts, rows[i].is_dry_run),
			rows[i].is_consistent);
	}
}

static void test_sums(void **state UNUSED)
{
	struct counts sum = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	struct counts part = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
	struct counts expected = {11, 22, 33, 44, 55, 66, 77, 88, 99, 110};

	counts_add(&sum, &part);
	assert_memory_equal(&sum, &expected, sizeof(sum));
}

static void test_warnings(void **state UNUSED)
{
	struct report *report = report_new("ID", "orders", 1000);

	for (int i = 0; i < 3; i++) {
		report_warn(report, "%s: %d lines", "n0", 5);
		report_warn(report, "another");
	}
	assert_int_equal(report->n_warnings, 2);
	assert_string_equal(report->warnings[0], "n0: 5 lines");
	assert_string_equal(report->warnings[1], "another");
	for (int i = 0; i < 2 * REPORT_MAX_WARNINGS; i++) {
		report_warn(report, "warning %d", i);
	}
	assert_int_equal(report->n_warnings, REPORT_MAX_WARNINGS);
	report_free(report);
}

static void test_largest_sources(void **state UNUSED)
{
	enum { N = 3 * REPORT_MAX_SOURCES };
	struct report *report = report_new("ID", "orders", 1000);

	for (unsigned i = 0; i < N; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.0.0.%03u", i);
		/* All numbers once, in an order of no meaning. */
		report_add_source(report, address, "u", "n", "l")->found = i * 7 % N;
	}
	report_add_source(report, "9.9.9.9", "u", "n", "l")->found = N - 1;
	report_close(report, false, 1);
	assert_int_equal(report->n_sources, REPORT_MAX_SOURCES);
	assert_int_equal(report->sources[0].found, N - 1);
	assert_string_equal(report->sources[1].address, "9.9.9.9");
	for (unsigned i = 1; i < REPORT_MAX_SOURCES; i++) {
		assert_int_equal(report->sources[i].found, N - i);
	}
	report_free(report);
}

static void test_steps(void **state UNUSED)
{
	struct report *report = report_new("ID", "orders", 1000);
	struct report_node *node = report_add_node(report, "n0");

	report_node_add_step(node, "CLIENT KILL TYPE normal SKIPME yes", 5);
	report_node_add_step(node, "CLIENT KILL ID 7 SKIPME yes", 1);
	assert_int_equal(node->n_steps, 2);
	assert_int_equal(node->plan[1].expect, 1);
	report_node_clear_steps(node);
	assert_int_equal(node->n_steps, 0);
	report_node_add_step(node, "x", 1);
	assert_string_equal(node->plan[0].command, "x");
	assert_false(report_was_any_node_reached(report));
	node->was_reached = true;
	assert_true(report_was_any_node_reached(report));
	report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_consistency),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_largest_sources),
		cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
