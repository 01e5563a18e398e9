/*
 * Tables: alignment, empty columns, narrow screens.
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
#include "cli/print/table.h"
#include "cli/terminal/text.h"

static const struct table_column COLUMNS[] = {
	{"NAME", "name", TABLE_TEXT, 6, TABLE_NEEDED},
	{"NOTE", "note", TABLE_TEXT, 0, TABLE_OPTIONAL},
	{"COUNT", "count", TABLE_COUNT, 0, TABLE_NEEDED},
};

struct row {
	const char *name;
	const char *note;
	uint64_t count;
};

static const struct row PLAIN[] = {{"orders", "hot", 18000}, {"r-8", "", 7}};
static const struct row WITHOUT_NOTES[] = {{"orders", "", 1}};
static const struct row LONG[] = {{"a-very-long-instance-name", "noted", 1234567}};
static const struct row HOSTILE[] = {{"a\033[2J\n", "", 1}, {"\xe6\xbc\xa2\xe6\xbc\xa2", "", 22}};

static const struct table_case {
	const char *name;
	const struct row *rows;
	size_t n_rows;
	size_t width;
	size_t indent;
	const char *expected;
} CASES[] = {
	{"numbers to the right", PLAIN, 2, 0, 0,
		"NAME    NOTE   COUNT\n"
		"orders  hot   18,000\n"
		"r-8                7\n"},
	{"no rows: titles of nothing", PLAIN, 0, 0, 0, "\n"},
	{"an empty column is left out", WITHOUT_NOTES, 1, 0, 0,
		"NAME    COUNT\n"
		"orders      1\n"},
	{"indented", WITHOUT_NOTES, 1, 0, 2,
		"  NAME    COUNT\n"
		"  orders      1\n"},
	{"exactly as wide as the screen", LONG, 1, 43, 0,
		"NAME                       NOTE       COUNT\n"
		"a-very-long-instance-name  noted  1,234,567\n"},
	{"one less: the name gives way", LONG, 1, 42, 0,
		"NAME                      NOTE       COUNT\n"
		"a-very-long-instance-na\xe2\x80\xa6  noted  1,234,567\n"},
	{"the optional column goes and its room is given back", LONG, 1, 23, 0,
		"NAME              COUNT\n"
		"a-very-long\xe2\x80\xa6  1,234,567\n"},
	{"too narrow for anything: figures stay whole", LONG, 1, 5, 0,
		"NAME        COUNT\n"
		"a-ver\xe2\x80\xa6  1,234,567\n"},
	{"escapes and wide characters are counted", HOSTILE, 2, 0, 0,
		"NAME        COUNT\n"
		"a\\x1b[2J\\n      1\n"
		"\xe6\xbc\xa2\xe6\xbc\xa2           22\n"},
};

static char *print(const struct table_case *table_case, bool has_colour)
{
	CLEANUP(table_free_p) struct table *table = table_new(COLUMNS, ARRAY_SIZE(COLUMNS));
	char *text = NULL;
	size_t n_bytes = 0;
	struct screen screen = {
		.file = open_memstream(&text, &n_bytes),
		.width = table_case->width,
		.has_colour = has_colour,
	};

	assert_non_null(screen.file);
	for (size_t i = 0; i < table_case->n_rows; i++) {
		json_auto_t *object =
			json_pack("{s:I}", "count", (json_int_t)table_case->rows[i].count);

		table_add(table, object);
		table_set(table, "name", slice_of(table_case->rows[i].name));
		table_set(table, "note", slice_of(table_case->rows[i].note));
		table_style(table, "note", TERM_BAD);
	}
	table_print(table, &screen, table_case->indent);
	fclose(screen.file);
	return text;
}

static void test_layout(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		char *text = print(&CASES[i], false);

		if (strcmp(text, CASES[i].expected) != 0) {
			fail_msg("%s: %s instead of %s", CASES[i].name, text, CASES[i].expected);
		}
		free(text);
	}
}

/* Colour stands around the text, takes no columns, and is always ended. */
static void test_colour(void **state UNUSED)
{
	char *text = print(&CASES[0], true);

	assert_string_equal(text, "\033[1mNAME\033[0m    \033[1mNOTE\033[0m   \033[1mCOUNT\033[0m\n"
				  "orders  \033[31mhot\033[0m   18,000\n"
				  "r-8                7\n");
	free(text);
}

/* What an object does not tell is empty, and so is a column that nobody tells anything in. */
static void test_kinds(void **state UNUSED)
{
	static const struct table_column KINDS[] = {
		{"TEXT", "text", TABLE_TEXT, 0, TABLE_NEEDED},
		{"FIGURE", "text", TABLE_FIGURE, 0, TABLE_NEEDED},
		{"NUMBER", "n", TABLE_NUMBER, 0, TABLE_NEEDED},
		{"COUNT", "n", TABLE_COUNT, 0, TABLE_NEEDED},
		{"NONZERO", "zero", TABLE_NONZERO, 0, TABLE_NEEDED},
		{"ZERO", "zero", TABLE_COUNT, 0, TABLE_NEEDED},
		{"TOOK", "ms", TABLE_DURATION, 0, TABLE_NEEDED},
		{"AGE", "n", TABLE_SECONDS, 0, TABLE_NEEDED},
		{"SIZE", "n", TABLE_SIZE, 0, TABLE_NEEDED},
		{"NOTHING", "nothing", TABLE_COUNT, 0, TABLE_NEEDED},
	};
	CLEANUP(table_free_p) struct table *table = table_new(KINDS, ARRAY_SIZE(KINDS));
	json_auto_t *object = json_pack("{s:s, s:i, s:i, s:f, s:n}", "text", "a", "n", 1234, "zero",
		0, "ms", 312.4, "nothing");
	json_auto_t *later = json_pack("{s:i}", "ms", 1234);
	char *text = NULL;
	size_t n_bytes = 0;
	struct screen screen = {.file = open_memstream(&text, &n_bytes)};

	assert_non_null(screen.file);
	table_add(table, object);
	table_add(table, later);
	table_print(table, &screen, 0);
	fclose(screen.file);
	assert_string_equal(text, "TEXT  FIGURE  NUMBER  COUNT  ZERO    TOOK      AGE    SIZE\n"
				  "a          a    1234  1,234     0  312 ms  20m 34s  1.2 KB\n"
				  "                                    1.2 s\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_kinds),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
