/*
 * The form of times, and that the monotonic clock is one.
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

static void test_rfc3339(void **state UNUSED)
{
	static const struct {
		int64_t wall_ms;
		const char *expected;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{999, "1970-01-01T00:00:00.999Z"},
		{INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
		{INT64_C(1796104223007), "2026-12-01T05:50:23.007Z"},
		{INT64_C(4102444799999), "2099-12-31T23:59:59.999Z"},
		{INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
	};
	char text[CLOCK_RFC3339_BYTES];

	setenv("TZ", "America/Caracas", 1); /* which must not matter */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		clock_format_rfc3339(rows[i].wall_ms, text);
		assert_string_equal(text, rows[i].expected);
	}
}

static void test_clocks(void **state UNUSED)
{
	int64_t before_us = clock_monotonic_us();
	int64_t ms = clock_monotonic_ms();
	int64_t after_us = clock_monotonic_us();

	assert_in_range(ms, before_us / 1000, after_us / 1000);
	assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
