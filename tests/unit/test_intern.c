/*
 * Interned strings: numbers in the order of appearance, whatever the bytes and however many.
 */
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/intern.h"

static void test_numbers(void **state UNUSED)
{
	struct intern intern = {.seed = 7};

	assert_int_equal(intern_find(&intern, SLICE_LITERAL("app")), INTERN_NONE);
	assert_int_equal(intern_add(&intern, SLICE_LITERAL("app")), 0);
	assert_int_equal(intern_add(&intern, SLICE_LITERAL("")), 1);
	assert_int_equal(intern_add(&intern, (struct slice){NULL, 0}), 1);
	assert_int_equal(intern_add(&intern, SLICE_LITERAL("a\0b")), 2);
	assert_int_equal(intern_add(&intern, SLICE_LITERAL("a\0c")), 3);
	assert_int_equal(intern_add(&intern, SLICE_LITERAL("app")), 0);
	assert_int_equal(intern_find(&intern, SLICE_LITERAL("a\0c")), 3);
	assert_int_equal(intern_find(&intern, SLICE_LITERAL("a")), INTERN_NONE);
	assert_int_equal(intern.n, 4);
	assert_true(slice_is_equal(intern_get(&intern, 2), SLICE_LITERAL("a\0b")));
	assert_int_equal(intern_get(&intern, 1).len, 0);
	intern_finish(&intern);
	intern_finish(&intern);
}

static void test_many(void **state UNUSED)
{
	enum { N = 20000 };
	struct intern intern = {0};
	char text[64];

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < N; i++) {
			snprintf(text, sizeof(text), "client-with-a-common-beginning-%u", i);
			assert_int_equal(intern_add(&intern, slice_of(text)), i);
		}
	}
	assert_int_equal(intern.n, N);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "client-with-a-common-beginning-%u", i);
		assert_true(slice_is(intern_get(&intern, i), text));
	}
	intern_finish(&intern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
