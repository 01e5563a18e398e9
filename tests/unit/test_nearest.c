/*
 * Which word was probably meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/nearest.h"

static void test_words(void **state UNUSED)
{
	static const struct {
		const char *wanted;
		const char *found; /* NULL: none */
	} rows[] = {
		{"user", "user"},
		{"usr", "user"},
		{"USER", "user"},
		{"idel", "idle"},
		{"tot_mem", "tot-mem"},
		{"totmem", "tot-mem"},
		{"leeky", "leaky"},
		{"ab", NULL},
		{"", NULL},
		{"something else", NULL},
		{"0123456789012345678901234567890123456789012345678901234567890123456789", NULL},
	};
	static const char *const words[] = {"idle", "user", "tot-mem", "leaky", "",
		"0123456789012345678901234567890123456789012345678901234567890123456780"};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nearest nearest = nearest_to(slice_of(rows[i].wanted));

		for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
			nearest_try(&nearest, slice_of(words[k]));
		}
		if (rows[i].found == NULL) {
			assert_int_equal(nearest.found.len, 0);
		} else {
			assert_true(slice_is(nearest.found, rows[i].found));
		}
	}
}

/* Of two that are as near the first. */
static void test_first(void **state UNUSED)
{
	struct nearest nearest = nearest_to(SLICE_LITERAL("abcx"));

	nearest_try(&nearest, SLICE_LITERAL("abca"));
	nearest_try(&nearest, SLICE_LITERAL("abcb"));
	assert_true(slice_is(nearest.found, "abca"));
	nearest_try(&nearest, SLICE_LITERAL("abcx"));
	assert_true(slice_is(nearest.found, "abcx"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
