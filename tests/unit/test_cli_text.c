/*
 * Untrusted text on a terminal: what is shown, and in how many columns.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "base/macros.h"
#include "cli/terminal/text.h"

#define TEXT(literal) SLICE_LITERAL(literal)

struct put_case {
	const char *name;
	struct slice input;
	size_t max_columns;
	const char *expected;
	size_t columns;
};

static const struct put_case PUT_CASES[] = {
	{"plain", {"app-1", 5}, TEXT_NO_LIMIT, "app-1", 5},
	{"empty", {"", 0}, TEXT_NO_LIMIT, "", 0},
	{"absent", {NULL, 0}, TEXT_NO_LIMIT, "", 0},
	{"colour sequence", {"\033[31mred", 8}, TEXT_NO_LIMIT, "\\x1b[31mred", 11},
	{"line feed, return, tab", {"a\nb\rc\td", 7}, TEXT_NO_LIMIT, "a\\nb\\rc\\td", 10},
	{"NUL", {"a\0b", 3}, TEXT_NO_LIMIT, "a\\x00b", 6},
	{"DEL and bell", {"\x7f\a", 2}, TEXT_NO_LIMIT, "\\x7f\\x07", 8},
	{"C1 in UTF-8",
		{"\xc2\x9b"
		 "2J",
			4},
		TEXT_NO_LIMIT, "\\u009b2J", 8},
	{"C1 as a bare byte",
		{"\x9b"
		 "2J",
			3},
		TEXT_NO_LIMIT, "\\x9b2J", 6},
	{"accent", {"caf\xc3\xa9", 5}, TEXT_NO_LIMIT, "caf\xc3\xa9", 4},
	{"combining accent", {"e\xcc\x81x", 4}, TEXT_NO_LIMIT, "e\xcc\x81x", 2},
	{"wide", {"\xe6\xbc\xa2", 3}, TEXT_NO_LIMIT, "\xe6\xbc\xa2", 2},
	{"override",
		{"a\xe2\x80\xae"
		 "b",
			5},
		TEXT_NO_LIMIT, "a\\u202eb", 8},
	{"isolate", {"\xe2\x81\xa6", 3}, TEXT_NO_LIMIT, "\\u2066", 6},
	{"zero width space", {"\xe2\x80\x8b", 3}, TEXT_NO_LIMIT, "\\u200b", 6},
	{"tag", {"\xf3\xa0\x81\x81", 4}, TEXT_NO_LIMIT, "\\U000e0041", 10},
	{"cut-off sequence", {"a\xe2\x82", 3}, TEXT_NO_LIMIT, "a\\xe2\\x82", 9},
	{"overlong slash", {"\xc0\xaf", 2}, TEXT_NO_LIMIT, "\\xc0\\xaf", 8},
	{"overlong escape", {"\xe0\x80\x9b", 3}, TEXT_NO_LIMIT, "\\xe0\\x80\\x9b", 12},
	{"surrogate", {"\xed\xa0\x80", 3}, TEXT_NO_LIMIT, "\\xed\\xa0\\x80", 12},
	{"beyond Unicode", {"\xf4\x90\x80\x80", 4}, TEXT_NO_LIMIT, "\\xf4\\x90\\x80\\x80", 16},
	{"just fits", {"abcde", 5}, 5, "abcde", 5},
	{"cut", {"abcdef", 6}, 5, "abcd\xe2\x80\xa6", 5},
	{"cut before a wide one",
		{"ab\xe6\xbc\xa2"
		 "d",
			6},
		4, "ab\xe2\x80\xa6", 3},
	{"an escape is not cut in the middle", {"ab\033cd", 5}, 6, "ab\xe2\x80\xa6", 3},
	{"one column", {"abc", 3}, 1, "\xe2\x80\xa6", 1},
	{"no column", {"abc", 3}, 0, "", 0},
};

static char *put(struct slice input, size_t max_columns, size_t *ret_columns)
{
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *stream = open_memstream(&text, &n_bytes);

	assert_non_null(stream);
	*ret_columns = text_put(stream, input, max_columns);
	fclose(stream);
	return text;
}

static void test_put(void **state UNUSED)
{
	assert_true(text_is_utf8());
	for (size_t i = 0; i < ARRAY_SIZE(PUT_CASES); i++) {
		const struct put_case *put_case = &PUT_CASES[i];
		size_t columns;
		char *text = put(put_case->input, put_case->max_columns, &columns);

		if (strcmp(text, put_case->expected) != 0) {
			fail_msg("%s: %s instead of %s", put_case->name, text, put_case->expected);
		}
		assert_int_equal(columns, put_case->columns);
		if (put_case->max_columns == TEXT_NO_LIMIT) {
			assert_int_equal(text_width(put_case->input), put_case->columns);
		}
		free(text);
	}
}

/* Whatever the bytes: printable UTF-8 comes out, in the columns that were counted. */
static void test_put_every_pair(void **state UNUSED)
{
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		char bytes[3] = {(char)(pair >> 8), (char)(pair & 0xff), 'x'};
		size_t columns;
		char *text = put((struct slice){bytes, sizeof(bytes)}, TEXT_NO_LIMIT, &columns);
		mbstate_t shift = {0};

		for (const char *at = text; *at != '\0';) {
			wchar_t code;
			size_t n = mbrtowc(&code, at, 4, &shift);

			assert_in_range(n, 1, 4);
			assert_in_range(code, 0x20, 0x10ffff);
			assert_false(code >= 0x7f && code < 0xa0);
			at += n;
		}
		assert_int_equal(text_width(slice_of(text)), columns);
		free(text);
	}
}

static void test_put_without_utf8(void **state UNUSED)
{
	size_t columns;
	char *text;

	assert_non_null(setlocale(LC_CTYPE, "C"));
	text = put(TEXT("caf\xc3\xa9 long"), TEXT_NO_LIMIT, &columns);
	assert_string_equal(text, "caf\\u00e9 long");
	free(text);
	text = put(TEXT("abcdef"), 4, &columns);
	assert_string_equal(text, "abc~");
	free(text);
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void test_put_json(void **state UNUSED)
{
	static const struct {
		struct slice input;
		const char *expected;
	} CASES[] = {
		{{"{\"a\": [1,\n\t\"\xc3\xa9\"]}\n", 18}, "{\"a\": [1,\n\t\"\xc3\xa9\"]}\n"},
		{{"\"\xc2\x9b"
		  "2J\"",
			 6},
			"\"\\u009b2J\""},
		{{"\"\x7f\"", 3}, "\"\\u007f\""},
		{{"\"\xf3\xa0\x81\x81\"", 6}, "\"\\udb40\\udc41\""},
		{{"\x1b[2J", 4}, "\\u001b[2J"},
		{{"\xff", 1}, "?"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		char *text = NULL;
		size_t n_bytes = 0;
		FILE *stream = open_memstream(&text, &n_bytes);

		assert_non_null(stream);
		text_put_json(stream, CASES[i].input);
		fclose(stream);
		assert_string_equal(text, CASES[i].expected);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_every_pair),
		cmocka_unit_test(test_put_without_utf8),
		cmocka_unit_test(test_put_json),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
