/*
 * Compiled patterns: they say what slice_matches_wildcard() says, whose table test_slice.c has, and
 * no pattern makes them read a text more than once.
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
#include "base/wildcard.h"

#define N_CASES 200000
#define LONG_TEXT_BYTES ((size_t)64 * 1024 * 1024)

static bool is_matching(struct slice text, struct slice pattern)
{
	struct wildcard *wildcard = wildcard_new(pattern);
	bool result;

	assert_non_null(wildcard);
	result = wildcard_matches(wildcard, text);
	wildcard_free(wildcard);
	return result;
}

/* Out of few letters, so that much fits; some are characters of two bytes, or halves of them. */
static struct slice make_text(char *bytes, const char *const *pieces, size_t n_pieces)
{
	size_t n = (size_t)(rand() % 9);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const char *piece = pieces[(size_t)rand() % n_pieces];

		memcpy(bytes + len, piece, strlen(piece));
		len += strlen(piece);
	}
	return (struct slice){bytes, len};
}

static void test_as_the_simple_one(void **state UNUSED)
{
	static const char *const letters[] = {"a", "b", "\xc3\xa9", "\xc3", "\xa9", "\xe2\x82\xac"};
	static const char *const signs[] = {
		"a", "b", "\xc3\xa9", "\xc3", "\xe2\x82\xac", "*", "?", "*"};
	char text_bytes[32], pattern_bytes[32];

	srand(7);
	for (int i = 0; i < N_CASES; i++) {
		struct slice text = make_text(text_bytes, letters, ARRAY_SIZE(letters));
		struct slice pattern = make_text(pattern_bytes, signs, ARRAY_SIZE(signs));

		if (is_matching(text, pattern) != slice_matches_wildcard(text, pattern)) {
			fail_msg("\"%.*s\" by \"%.*s\"", SLICE_ARG(text), SLICE_ARG(pattern));
		}
	}
}

/* A pattern of every length, over the ends of the words that hold its states. */
static void test_every_length(void **state UNUSED)
{
	char bytes[WILDCARD_MAX_CHARACTERS + 3];

	memset(bytes, 'a', sizeof(bytes));
	for (size_t n = 1; n <= WILDCARD_MAX_CHARACTERS; n++) {
		struct slice exact = {bytes + 1, n};
		struct slice longer = {bytes + 1, n + 1};
		struct slice starred = {bytes, n + 1};

		assert_true(is_matching(exact, exact));
		assert_false(is_matching(longer, exact));
		assert_false(is_matching(exact, (struct slice){bytes + 1, n - 1}));
		bytes[0] = '*';
		assert_true(is_matching(longer, starred));
		assert_false(is_matching((struct slice){bytes + 1, n - 1}, starred));
		bytes[n] = 'b';
		assert_true(is_matching((struct slice){bytes + 1, n}, starred));
		assert_false(is_matching(longer, starred));
		bytes[n] = 'a';
	}
}

static void test_too_long(void **state UNUSED)
{
	char bytes[2 * WILDCARD_MAX_CHARACTERS + 2];

	for (size_t i = 0; i < sizeof(bytes); i += 2) {
		memcpy(bytes + i, "*a", 2);
	}
	assert_null(wildcard_new((struct slice){bytes, sizeof(bytes)}));
	assert_true(is_matching(SLICE_LITERAL("a"), SLICE_LITERAL("*a*")));
	wildcard_free(NULL);
}

/* One that goes back to its last star would take minutes. */
static void test_reads_once(void **state UNUSED)
{
	char *text CLEANUP(mem_free_p) = mem_alloc(LONG_TEXT_BYTES);
	char pattern[WILDCARD_MAX_CHARACTERS + 1];

	memset(text, 'a', LONG_TEXT_BYTES);
	memset(pattern, 'a', sizeof(pattern));
	pattern[0] = '*';
	pattern[sizeof(pattern) - 1] = 'b';
	assert_false(is_matching(
		(struct slice){text, LONG_TEXT_BYTES}, (struct slice){pattern, sizeof(pattern)}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_simple_one),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_reads_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
