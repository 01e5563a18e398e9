/*
 * The parts of a live screen: bars, lines that fit, keys, and the selector of a marked group.
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
#include "cli/terminal/human.h"
#include "cli/terminal/canvas.h"
#include "cli/terminal/live.h"
#include "cli/top/top.h"

/* ---- bars ---- */

static const struct bar_case {
	double share;
	size_t columns;
	const char *in_utf8;
	const char *in_ascii;
} BAR_CASES[] = {
	{1, 4, "\u2588\u2588\u2588\u2588", "####"},
	{0.5, 4, "\u2588\u2588", "##"},
	{0.53125, 4, "\u2588\u2588\u258f", "##"},
	{0.25, 2, "\u258c", "#"},
	{0, 4, "\u258f", "#"},
	{0.5, 0, "", ""},
	{7, 2, "\u2588\u2588", "##"},
	{-1, 2, "\u258f", "#"},
};

static void test_bars(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(BAR_CASES); i++) {
		const struct bar_case *c = &BAR_CASES[i];

		assert_string_equal(human_bar(c->share, c->columns).text, c->in_utf8);
		assert_non_null(setlocale(LC_CTYPE, "C"));
		assert_string_equal(human_bar(c->share, c->columns).text, c->in_ascii);
		assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	}
	assert_int_equal(strlen(human_bar(1, 1000).text), BAR_MAX_COLUMNS * 3);
}

/* ---- canvas ---- */

static void draw_all(struct canvas *canvas)
{
	canvas_begin(canvas);
	canvas_word(canvas, "head\033[2J", TERM_BOLD);
	canvas_gap(canvas, 1);
	canvas_format(canvas, TERM_PLAIN, "%d", 12345);
	canvas_end_line(canvas);
	canvas->base = TERM_MARKED;
	canvas_cell(canvas, slice_of("\u6f22\u6f22"), TERM_PLAIN, 6, false);
	canvas_cell(canvas, slice_of("7"), TERM_PLAIN, 3, true);
	canvas_gap(canvas, 1);
	canvas_cell(canvas, slice_of("\u6f22\u6f22\u6f22"), TERM_PLAIN, 4, false);
	canvas_cell(canvas, slice_of("8"), TERM_PLAIN, 1, false);
	canvas_end_line(canvas);
	canvas_wrap(canvas, slice_of("some words too long for it"), TERM_PLAIN, 2);
	canvas_skip_to(canvas, 5);
	canvas_word(canvas, "foot", TERM_PLAIN);
	canvas_end_line(canvas);
	canvas_word(canvas, "beyond", TERM_PLAIN);
	canvas_end_line(canvas);
	canvas_end(canvas);
}

static const struct canvas_case {
	const char *name;
	struct screen screen;
	size_t height;
	const char *expected;
} CANVAS_CASES[] = {
	{"plain lines", {.width = 20}, 6,
		"head\\x1b[2J 12345\n"
		"\u6f22\u6f22    7 \u6f22\u2026 8\n"
		"some words too long\n"
		"for it\n"
		"\n"
		"foot\n"},
	{"cut at the width", {.width = 8}, 6,
		"head\u2026\n"
		"\u6f22\u6f22\n"
		"some\n"
		"words t\u2026\n"
		"\n"
		"foot\n"},
	{"a cell that does not fit", {.width = 12}, 2,
		"head\\x1b[2J\n"
		"\u6f22\u6f22    7 \u2026\n"},
	{"cut at the height", {.width = 20}, 2,
		"head\\x1b[2J 12345\n"
		"\u6f22\u6f22    7 \u6f22\u2026 8\n"},
	{"with a cursor", {.width = 20, .has_cursor = true}, 6,
		"\033[Hhead\\x1b[2J 12345\033[K\r\n"
		"\u6f22\u6f22    7 \u6f22\u2026 8\033[K\r\n"
		"some words too long\033[K\r\n"
		"for it\033[K\r\n"
		"\033[K\r\n"
		"foot\033[K"},
	{"higher than it is drawn", {.width = 20, .has_cursor = true}, 8,
		"\033[Hhead\\x1b[2J 12345\033[K\r\n"
		"\u6f22\u6f22    7 \u6f22\u2026 8\033[K\r\n"
		"some words too long\033[K\r\n"
		"for it\033[K\r\n"
		"\033[K\r\n"
		"foot\033[K\r\n"
		"beyond\033[K\r\n"
		"\033[J"},
	{"with colour", {.width = 20, .has_cursor = true, .has_colour = true}, 2,
		"\033[H\033[1mhead\\x1b[2J\033[0m 12345\033[K\r\n"
		"\033[7m\u6f22\u6f22\033[0m\033[7m    \033[0m\033[7m7\033[0m\033[7m "
		"\033[0m\033[7m\u6f22\u2026\033[0m\033[7m \033[0m\033[7m8\033[0m\033[K"},
};

static void test_canvas(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(CANVAS_CASES); i++) {
		const struct canvas_case *c = &CANVAS_CASES[i];
		struct canvas canvas = {.screen = c->screen, .height = c->height};
		CLEANUP(mem_free_p) char *text = NULL;
		size_t n_bytes = 0;

		canvas.screen.file = open_memstream(&text, &n_bytes);
		assert_non_null(canvas.screen.file);
		draw_all(&canvas);
		fclose(canvas.screen.file);
		if (strcmp(text, c->expected) != 0) {
			fail_msg("%s:\n%s\ninstead of\n%s", c->name, text, c->expected);
		}
	}
}

/* ---- keys ---- */

static const struct keys_case {
	const char *bytes;
	int keys[6]; /* 0: the end */
} KEYS_CASES[] = {
	{"", {0}},
	{"sK", {'s', 'K'}},
	{"\033", {KEY_ESCAPE}},
	{"\033[A\033OB", {KEY_UP, KEY_DOWN}},
	{"\033[5~j\033[6~", {KEY_PAGE_UP, 'j', KEY_PAGE_DOWN}},
	{"\033[H\033OF\033[1~\033[4~", {KEY_HOME, KEY_END, KEY_HOME, KEY_END}},
	/* Keys that mean nothing leave no letters behind. */
	{"\033[1;5Kq", {KEY_OTHER, 'q'}},
	{"\033[200~K", {KEY_OTHER, 'K'}},
	{"\033[12", {KEY_OTHER}},
	{"\033OPq", {KEY_OTHER, 'q'}},
	{"\033q", {KEY_ESCAPE, 'q'}},
	{"\n\r\b\x7f", {KEY_ENTER, KEY_ENTER, KEY_ERASE, KEY_ERASE}},
	{"\xc3\xa9", {0xc3, 0xa9}},
};

static void test_keys(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(KEYS_CASES); i++) {
		struct slice rest = slice_of(KEYS_CASES[i].bytes);
		size_t n = 0;
		int key;

		while (live_next_key(&rest, &key)) {
			assert_int_equal(key, KEYS_CASES[i].keys[n++]);
		}
		assert_int_equal(KEYS_CASES[i].keys[n], 0);
	}
}

/* ---- selectors of groups ---- */

static const struct selector_case {
	const char *field;
	const char *value;
	const char *expected; /* NULL: refused */
	const char *words;
} SELECTOR_CASES[] = {
	{"name", "worker", "name = worker", NULL},
	{"name", "two words = 'one' \"x\"", "name = two words = 'one' \"x\"", NULL},
	{"name", "\u6f22", "name = \u6f22", NULL},
	{"name", "", "name != ?*", NULL},
	{"lib-name", "jedis", "lib-name = jedis", NULL},
	{"cmd", "client|list", "cmd = client|list", NULL},
	{"db", "3", "db = 3", NULL},
	{"addr", "10.0.0.1", "addr = 10.0.0.1", NULL},
	{"addr", "2001:db8::1", "addr = 2001:db8::1", NULL},
	{"addr", "unix", "addr = unix", NULL},
	{"addr", "?", NULL, "* and ?"},
	{"addr", "10.0.0.1:80", NULL, "it is no address"},
	{"addr", "::ffff:10.0.0.1", NULL, "plain IPv4"},
	{"addr", "", NULL, "without addr"},
	{"db", "", NULL, "without db"},
	{"name", "a*", NULL, "* and ?"},
	{"name", "a?", NULL, "* and ?"},
	{"name", "a,b", NULL, "a comma"},
	{"name", " a", NULL, "blanks"},
	{"name", "a\t", NULL, "a control character"},
	{"name", "\xef\xbf\xbd", NULL, "no text"},
	{"name", "(others)", NULL, "many groups"},
	{"flags", "N", NULL, "groups by flags"},
	{"idle", "5", NULL, "groups by idle"},
	{"laddr", "127.0.0.1:6379", NULL, "groups by laddr"},
	{"process", "redis-cli", NULL, "groups by process"},
};

static void test_selectors_of_groups(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(SELECTOR_CASES); i++) {
		const struct selector_case *c = &SELECTOR_CASES[i];
		struct err err = {""};
		CLEANUP(mem_free_p)
		char *text = top_group_selector(slice_of(c->field), slice_of(c->value), &err);

		if (c->expected != NULL) {
			assert_non_null(text);
			assert_string_equal(text, c->expected);
		} else {
			assert_null(text);
			assert_non_null(strstr(err.text, c->words));
		}
	}
}

static void test_a_group_with_a_nul_is_refused(void **state UNUSED)
{
	struct err err = {""};

	assert_null(top_group_selector(slice_of("name"), SLICE_LITERAL("a\0b"), &err));
	assert_non_null(strstr(err.text, "a control character"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_canvas),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_selectors_of_groups),
		cmocka_unit_test(test_a_group_with_a_nul_is_refused),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
