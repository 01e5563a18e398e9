/*
 * sesskill top: how often it asks, what the keys change, the head of the screen.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/mem.h"
#include "cli/terminal/live.h"
#include "cli/top/top.h"

static void finish(struct top *top)
{
	tally_finish(&top->tally);
	free(top->filter);
	free(top->trial);
	free(top->notice);
}

static void press(struct top *top, const char *bytes)
{
	struct slice rest = slice_of(bytes);
	int key;

	while (live_next_key(&rest, &key)) {
		top_press(top, key);
	}
}

static const struct rest_case {
	const char *name;
	int64_t interval_ms;
	int64_t took_ms;
	bool is_stale;
	int64_t expected_ms;
} REST_CASES[] = {
	{"as wished", 2000, 30, false, 2000},
	{"a slow listing", 2000, 300, false, 6000},
	{"by hand", 2000, 30, true, 120},
	{"by hand, slow", 2000, 300, true, 1200},
	{"nothing came", 500, 0, false, 500},
};

static void test_rest(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(REST_CASES); i++) {
		const struct rest_case *c = &REST_CASES[i];
		struct top top = {.interval_ms = c->interval_ms,
			.took_ms = c->took_ms,
			.is_stale = c->is_stale};

		if (top_rest_ms(&top) != c->expected_ms) {
			fail_msg("%s: %d", c->name, (int)top_rest_ms(&top));
		}
	}
}

static const struct title_case {
	const char *name;
	int64_t took_ms;
	bool is_paused;
	size_t width;
	const char *expected;
} TITLE_CASES[] = {
	{"fast", 10, false, 60, "r-1  , 0 of 0 nodes ready                        every 2.0 s\n"},
	{"slow", 310, false, 60,
		"r-1  , 0 of 0 nodes ready  every 6.2 s: a listing takes 310 ms\n"},
	{"paused", 310, true, 60, "r-1  , 0 of 0 nodes ready                             paused\n"},
	{"no room", 10, false, 30, "r-1  , 0 of 0 nodes ready\n"},
};

static void test_title(void **state UNUSED)
{
	static const struct args NO_ARGS = {0};

	for (size_t i = 0; i < ARRAY_SIZE(TITLE_CASES); i++) {
		const struct title_case *c = &TITLE_CASES[i];
		struct top top = {.args = &NO_ARGS,
			.instance = "r-1",
			.interval_ms = 2000,
			.took_ms = c->took_ms,
			.is_paused = c->is_paused,
			.live = {.is_on = true}};
		CLEANUP(mem_free_p) char *text = NULL;
		size_t n_bytes = 0;
		struct canvas canvas = {
			.screen = {.width = MAX(strlen(c->expected) - 1, c->width)}, .height = 1};

		canvas.screen.file = open_memstream(&text, &n_bytes);
		assert_non_null(canvas.screen.file);
		top_draw_head(&canvas, &top);
		fclose(canvas.screen.file);
		if (strcmp(text, c->expected) != 0) {
			fail_msg("%s: %s", c->name, text);
		}
	}
}

static void test_fields(void **state UNUSED)
{
	CLEANUP(finish) struct top top = {.fields = {"addr", "user", "name"}, .n_fields = 3};

	press(&top, "3");
	assert_int_equal(top.field, 2);
	assert_true(top.is_stale);
	top.is_stale = false;
	press(&top, "36");
	assert_int_equal(top.field, 2); /* the same, and one that is none */
	assert_false(top.is_stale);
	press(&top, "b");
	assert_int_equal(top.field, 0);
}

static void test_typing_a_selector(void **state UNUSED)
{
	CLEANUP(finish) struct top top = {.n_fields = 1};

	press(&top, "/qK\xc3\xa9\x7f x\033[A\r");
	assert_false(top.is_editing || top.is_over || top.wants_kill);
	assert_string_equal(top.trial, "qK x");
	assert_true(top.is_stale);
	press(&top, "/abc");
	press(&top, "\033");
	assert_false(top.is_editing);
	assert_string_equal(top.trial, "qK x");
	press(&top, "/");
	for (size_t i = 0; i < 2 * TOP_MAX_FILTER_BYTES; i++) {
		press(&top, "y");
	}
	assert_int_equal(top.n_edit, TOP_MAX_FILTER_BYTES);
	for (size_t i = 0; i < 2 * TOP_MAX_FILTER_BYTES; i++) {
		press(&top, "\x7f");
	}
	press(&top, "\r");
	assert_string_equal(top.trial, "");
}

/* A key that leaves the help does nothing else; nobody is killed where nothing is marked. */
static void test_keys_that_do_nothing(void **state UNUSED)
{
	CLEANUP(finish) struct top top = {.n_fields = 1};

	press(&top, "?p");
	assert_false(top.has_help || top.is_paused);
	press(&top, "p");
	assert_true(top.is_paused);
	press(&top, "KxyzQ\033\r");
	assert_false(top.wants_kill || top.is_over);
	top.notice = mem_printf("refused");
	press(&top, "x");
	assert_null(top.notice);
	press(&top, "?q");
	assert_true(top.is_over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_title),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_typing_a_selector),
		cmocka_unit_test(test_keys_that_do_nothing),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
