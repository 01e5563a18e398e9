/*
 * Plots, and the histories that they are made of.
 */
#include <locale.h>
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
#include "cli/field.h"
#include "cli/print/timeline.h"
#include "cli/terminal/plot.h"
#include "cli/top/recent.h"

static const struct plot_point POINTS[] = {
	{0, true}, {1, true}, {400, true}, {0, false}, {800, true}, {1600, true}, {9999, true}};

/* All of it, line by line. */
static char *draw(const struct plot *plot)
{
	char *text = NULL;
	size_t size = 0;
	struct canvas canvas = {
		.screen = {.file = open_memstream(&text, &size), .width = 40},
		.height = SIZE_MAX,
	};

	for (size_t row = 0; row < plot->n_rows; row++) {
		plot_row(&canvas, plot, row, TERM_PLAIN);
		canvas_end_line(&canvas);
	}
	plot_ground(&canvas, plot);
	canvas_end_line(&canvas);
	fclose(canvas.screen.file);
	return text;
}

static void expect(const struct plot *plot, const char *text)
{
	CLEANUP(mem_free_p) char *drawn = draw(plot);

	assert_string_equal(drawn, text);
}

static void test_rows(void **state UNUSED)
{
	struct plot plot = {
		.points = POINTS,
		.n = ARRAY_SIZE(POINTS),
		.top = 1600,
		.n_rows = 2,
	};

	expect(&plot, "     \u2588\u2588\n \u2581\u2584 \u2588\u2588\u2588\n"
		      "\u2500\u2500\u2500 \u2500\u2500\u2500\n");
	plot.has_line = true;
	expect(&plot,
		"\u2504\u2504\u2504\u2504\u2504\u2588\u2588\n \u2581\u2584 \u2588\u2588\u2588\n"
		"\u2500\u2500\u2500 \u2500\u2500\u2500\n");
	assert_non_null(setlocale(LC_CTYPE, "C"));
	expect(&plot, "-----##\n .: ###\n--- ---\n");
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	plot.n = 0;
	expect(&plot, "\n\n\n");
}

static void test_sums(void **state UNUSED)
{
	assert_int_equal(plot_most(POINTS, ARRAY_SIZE(POINTS)), 9999);
	assert_int_equal(plot_sum(POINTS, ARRAY_SIZE(POINTS)), 12800);
	assert_int_equal(plot_most(POINTS, 0), 0);
}

static const char ANSWER[] =
	"{\"since\":\"2026-11-30T03:00:00.500Z\",\"until\":\"2026-11-30T03:00:30.500Z\","
	"\"step_ms\":5000,\"nodes\":[{\"samples\":["
	"{\"time\":\"2026-11-30T02:59:00.000Z\",\"clients\":99},"
	"{\"time\":\"2026-11-30T03:00:00.499Z\",\"clients\":5,\"new\":1},"
	"{\"time\":\"2026-11-30T03:00:05.500Z\",\"clients\":3,\"new\":2,\"refused\":7},"
	"{\"time\":\"2026-11-30T03:00:25.500Z\",\"clients\":4},"
	"{\"time\":\"2026-11-30T03:00:30.500Z\",\"clients\":99},"
	"{\"time\":\"soon\",\"clients\":99},{}]}]}";

static void expect_points(
	const struct timeline *timeline, enum history_figure figure, const int64_t *values)
{
	for (size_t i = 0; i < timeline->n; i++) {
		const struct plot_point *point = &timeline->figures[figure][i];

		assert_int_equal(point->is_known ? (int64_t)point->value : -1, values[i]);
	}
}

/* What lies outside is not there; a column of several steps has the most, or all that came. */
static void test_columns(void **state UNUSED)
{
	struct timeline *timeline = mem_new(struct timeline);
	json_auto_t *answer = field_load(slice_of(ANSWER));
	const json_t *node = json_array_get(json_object_get(answer, "nodes"), 0);

	assert_true(timeline_begin(timeline, answer, 100));
	assert_int_equal(timeline->n, 6);
	timeline_add(timeline, answer, node);
	expect_points(timeline, HISTORY_CLIENTS, (int64_t[]){5, 3, -1, -1, -1, 4});
	expect_points(timeline, HISTORY_REFUSED, (int64_t[]){-1, 7, -1, -1, -1, -1});
	assert_true(timeline_begin(timeline, answer, 4));
	assert_int_equal(timeline->n, 3);
	timeline_add(timeline, answer, node);
	expect_points(timeline, HISTORY_CLIENTS, (int64_t[]){5, -1, 4});
	expect_points(timeline, HISTORY_NEW, (int64_t[]){3, -1, -1});
	/* Of two nodes the sum. */
	timeline_add(timeline, answer, node);
	expect_points(timeline, HISTORY_CLIENTS, (int64_t[]){10, -1, 8});
	assert_true(timeline_begin(timeline, answer, 1));
	assert_int_equal(timeline->n, 1);
	assert_true(timeline_begin(timeline, answer, 0));
	assert_false(timeline_begin(timeline, node, 10));
	free(timeline);
}

/* ---- the last minutes, for top ---- */

static void take(struct recent *recent, const char *first, const char *second)
{
	CLEANUP(mem_free_p)
	char *text = mem_printf(
		"{\"since\":\"2026-11-30T03:00:00.000Z\",\"until\":\"2026-11-30T03:05:00.000Z\","
		"\"step_ms\":5000,\"nodes\":[{\"address\":\"a\",\"samples\":[%s]},"
		"{\"address\":\"b\",\"samples\":[%s]}]}",
		first, second);
	json_auto_t *answer = field_load(slice_of(text));

	assert_non_null(answer);
	recent_take(recent, answer);
}

#define SAMPLE(time, clients, refused)                                                            \
	"{\"time\":\"2026-11-30T03:0" time ".000Z\",\"clients\":" #clients ",\"maxclients\":100," \
	"\"refused\":" #refused "}"

static void test_full(void **state UNUSED)
{
	CLEANUP(recent_finish) struct recent recent = {0};

	take(&recent, SAMPLE("4:55", 99, 0), SAMPLE("4:55", 7, 0));
	assert_null(recent.full);
	assert_int_equal(recent.n_refused, 0);
	assert_int_equal(
		plot_most(recent.timeline.figures[HISTORY_CLIENTS], recent.timeline.n), 106);
	/* In the last minute; the present step may be too young to have been told. */
	take(&recent, SAMPLE("4:50", 50, 0),
		SAMPLE("3:55", 7, 5) "," SAMPLE("4:00", 100, 9) "," SAMPLE("4:50", 100, 900));
	assert_string_equal(recent.full, "b");
	assert_int_equal(recent.n_refused, 909);
	/* It has room again. */
	take(&recent, SAMPLE("4:20", 100, 9), SAMPLE("4:50", 100, 0) "," SAMPLE("4:55", 3, 0));
	assert_null(recent.full);
	assert_int_equal(recent.n_refused, 9);
	/* The bus of a cluster takes places, too: who refuses is full. */
	take(&recent, SAMPLE("4:55", 90, 1), "");
	assert_string_equal(recent.full, "a");
	recent_take(&recent, NULL);
	assert_int_equal(recent.n_nodes, 0);
	assert_null(recent.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_full),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
