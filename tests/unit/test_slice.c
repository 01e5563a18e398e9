/*
 * Borrowed text: comparing, trimming, splitting, wildcards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/slice.h"

static void test_equal(void **state UNUSED)
{
	struct slice absent = {NULL, 0};

	assert_true(slice_is(SLICE_LITERAL("abc"), "abc"));
	assert_false(slice_is(SLICE_LITERAL("abc"), "abd"));
	assert_false(slice_is(SLICE_LITERAL("abc"), "ab"));
	assert_false(slice_is(SLICE_LITERAL("a\0b"), "a"));
	assert_true(slice_is_equal(SLICE_LITERAL("a\0b"), SLICE_LITERAL("a\0b")));
	assert_true(slice_is(absent, ""));
	assert_null(slice_of(NULL).data);
	assert_true(slice_is_nocase(SLICE_LITERAL("Kill"), "kILL"));
	assert_false(slice_is_nocase(SLICE_LITERAL("kill"), "kills"));
	/* Letters alone are folded: '@' and '`' differ by the same bit. */
	assert_false(slice_is_nocase(SLICE_LITERAL("@"), "`"));
	assert_false(slice_is_nocase(SLICE_LITERAL("\xc3\x84"), "\xc3\xa4"));
}

static void test_compare(void **state UNUSED)
{
	struct slice absent = {NULL, 0};

	assert_int_equal(slice_compare(absent, SLICE_LITERAL("")), 0);
	assert_true(slice_compare(absent, SLICE_LITERAL("a")) < 0);
	assert_true(slice_compare(SLICE_LITERAL("ab"), SLICE_LITERAL("a")) > 0);
	assert_true(slice_compare(SLICE_LITERAL("ab"), SLICE_LITERAL("b")) < 0);
	assert_true(slice_compare(SLICE_LITERAL("a\xff"), SLICE_LITERAL("a\x01")) > 0);
	assert_int_equal(slice_compare(SLICE_LITERAL("a\0b"), SLICE_LITERAL("a\0b")), 0);
}

static void test_ends(void **state UNUSED)
{
	assert_true(slice_has_prefix(SLICE_LITERAL("unix:///run"), "unix://"));
	assert_false(slice_has_prefix(SLICE_LITERAL("uni"), "unix://"));
	assert_true(slice_has_prefix((struct slice){NULL, 0}, ""));
	assert_true(slice_has_suffix(SLICE_LITERAL("a.sock:0"), ":0"));
	assert_false(slice_has_suffix(SLICE_LITERAL("0"), ":0"));
	assert_true(slice_has_char(SLICE_LITERAL("a\0b"), 'b'));
	assert_true(slice_has_char(SLICE_LITERAL("a\0b"), '\0'));
	assert_false(slice_has_char((struct slice){NULL, 0}, 'a'));
}

static void test_trim(void **state UNUSED)
{
	assert_true(slice_is(slice_trim(SLICE_LITERAL(" \t a b\t ")), "a b"));
	assert_true(slice_is(slice_trim(SLICE_LITERAL("\n")), "\n"));
	assert_int_equal(slice_trim(SLICE_LITERAL("   ")).len, 0);
	assert_int_equal(slice_trim((struct slice){NULL, 0}).len, 0);
	assert_true(slice_is(slice_skip(SLICE_LITERAL("abc"), 2), "c"));
	assert_int_equal(slice_skip(SLICE_LITERAL("abc"), 9).len, 0);
}

static void test_next(void **state UNUSED)
{
	static const struct {
		const char *text;
		size_t n;
		const char *parts[4];
	} rows[] = {
		{"a,b,c", 3, {"a", "b", "c"}},
		{"a", 1, {"a"}},
		{"", 1, {""}},
		{",", 2, {"", ""}},
		{"a,,b", 3, {"a", "", "b"}},
		{"a,", 2, {"a", ""}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice rest = slice_of(rows[i].text);
		struct slice part;
		size_t n = 0;

		while (slice_next(&rest, ',', &part)) {
			assert_in_range(n, 0, rows[i].n - 1);
			assert_true(slice_is(part, rows[i].parts[n]));
			n++;
		}
		assert_int_equal(n, rows[i].n);
		assert_false(slice_next(&rest, ',', &part));
	}
}

static void test_copy(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *copy = slice_copy((struct slice){"abcdef", 3});
	CLEANUP(mem_free_p) char *empty = slice_copy((struct slice){NULL, 0});

	assert_string_equal(copy, "abc");
	assert_string_equal(empty, "");
}

static void test_wildcards(void **state UNUSED)
{
	static const struct {
		const char *text;
		const char *pattern;
		bool is_matching;
	} rows[] = {
		{"", "", true},
		{"", "*", true},
		{"", "**", true},
		{"", "?", false},
		{"a", "", false},
		{"abc", "abc", true},
		{"abc", "ab", false},
		{"abc", "abcd", false},
		{"abc", "a*", true},
		{"abc", "*c", true},
		{"abc", "*b*", true},
		{"abc", "a?c", true},
		{"abc", "a?", false},
		{"abc", "????", false},
		{"abc", "???*", true},
		{"abc", "*?*?*?*", true},
		{"abc", "*?*?*?*?*", false},
		{"aab", "*ab", true},
		{"mississippi", "*iss*ippi", true},
		{"mississippi", "*iss*issi", false},
		{"a*b", "a*b", true},
		{"a.b", "a.b", true},
		{"axb", "a.b", false},
		{"a[b]", "a[b]", true}, /* no classes, no escapes */
		{"ab", "a[b]", false},
		{"Abc", "abc", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (slice_matches_wildcard(slice_of(rows[i].text), slice_of(rows[i].pattern)) !=
			rows[i].is_matching) {
			fail_msg("\"%s\" by \"%s\"", rows[i].text, rows[i].pattern);
		}
	}
	assert_true(slice_matches_wildcard(SLICE_LITERAL("a\0b"), SLICE_LITERAL("a?b")));
}

/* A character may have several bytes; a byte that is no part of one counts as one. */
static void test_wildcards_count_characters(void **state UNUSED)
{
	static const struct {
		const char *text, *pattern;
		bool is_matching;
	} rows[] = {
		{"caf\xc3\xa9", "caf?", true},
		{"caf\xc3\xa9", "caf??", false},
		{"caf\xc3\xa9", "?????", false},
		{"caf\xc3\xa9", "*\xc3\xa9", true},
		{"caf\xc3\xa9", "*?\xc3\xa9", true},
		{"\xe2\x82\xac\xf0\x9f\x90\xb1", "??", true},
		{"\xe2\x82\xac\xf0\x9f\x90\xb1", "?", false},
		{"\xe2\x82\xac\xf0\x9f\x90\xb1", "*?*?*", true},
		{"\xe2\x82\xac\xf0\x9f\x90\xb1", "*?*?*?*", false},
		/* No UTF-8: a stray byte, an overlong form, a surrogate, one that breaks off. */
		{"a\xff", "a?", true},
		{"a\xc0\xaf", "a?", false},
		{"a\xc0\xaf", "a??", true},
		{"a\xed\xa0\x80", "a???", true},
		{"a\xe2\x82", "a??", true},
		/* Half a character is none. */
		{"\xc3\xa9", "\xc3?", false},
		{"\xc3\xa9", "\xc3*", false},
		{"\xc3\xa9", "*\xa9", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (slice_matches_wildcard(slice_of(rows[i].text), slice_of(rows[i].pattern)) !=
			rows[i].is_matching) {
			fail_msg("row %zu: \"%s\" by \"%s\"", i, rows[i].text, rows[i].pattern);
		}
	}
}

/* What takes for ever with the usual recursion, here within a second even when instrumented. */
static void test_no_pattern_blows_up(void **state UNUSED)
{
	enum { N_TEXT = 20000, N_STARS = 1000 };
	CLEANUP(mem_free_p) char *text = mem_alloc(N_TEXT);
	CLEANUP(mem_free_p) char *pattern = mem_alloc(2 * N_STARS + 1);
	int64_t begin_ms = clock_monotonic_ms();

	memset(text, 'a', N_TEXT);
	for (size_t i = 0; i < N_STARS; i++) {
		memcpy(pattern + 2 * i, "*a", 2);
	}
	pattern[2 * N_STARS] = 'b';
	assert_false(slice_matches_wildcard(
		(struct slice){text, N_TEXT}, (struct slice){pattern, 2 * N_STARS + 1}));
	assert_true(slice_matches_wildcard(
		(struct slice){text, N_TEXT}, (struct slice){pattern, 2 * N_STARS}));
	assert_in_range(clock_monotonic_ms() - begin_ms, 0, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_wildcards_count_characters),
		cmocka_unit_test(test_no_pattern_blows_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
