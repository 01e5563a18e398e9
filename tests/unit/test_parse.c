/*
 * Numbers, durations, sizes and truth values: what is read, and that nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/parse.h"

/* For good rows; a failed read must leave the output alone. */
#define UNTOUCHED 77

static void test_u64(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is_good;
		uint64_t value;
	} rows[] = {
		{"0", true, 0}, {"007", true, 7}, {"6379", true, 6379},
		{"18446744073709551615", true, UINT64_MAX}, {"18446744073709551616", false, 0},
		{"99999999999999999999", false, 0}, {"", false, 0}, {"-1", false, 0},
		{"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"1\n", false, 0},
		{"0x10", false, 0}, {"1e3", false, 0}, {"1.0", false, 0},
		{"\xd9\xa1", false, 0}, /* an Arabic digit one */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = UNTOUCHED;

		if (parse_u64(slice_of(rows[i].text), &value) != rows[i].is_good) {
			fail_msg("\"%s\"", rows[i].text);
		}
		assert_true(value == (rows[i].is_good ? rows[i].value : UNTOUCHED));
	}
}

static void test_i64(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is_good;
		int64_t value;
	} rows[] = {
		{"-1", true, -1},
		{"-0", true, 0},
		{"42", true, 42},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775807", true, -INT64_MAX},
		{"9223372036854775808", false, 0},
		{"-9223372036854775808", false, 0}, /* no server has it, no person means it */
		{"-", false, 0},
		{"--1", false, 0},
		{"- 1", false, 0},
		{"", false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t value = UNTOUCHED;

		if (parse_i64(slice_of(rows[i].text), &value) != rows[i].is_good) {
			fail_msg("\"%s\"", rows[i].text);
		}
		assert_true(value == (rows[i].is_good ? rows[i].value : UNTOUCHED));
	}
}

static void test_duration(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t unit_ms;
		bool is_good;
		int64_t value;
	} rows[] = {
		{"250ms", 0, true, 250},
		{"90s", 0, true, 90 * 1000},
		{"5m", 0, true, 5 * 60 * 1000},
		{"2h", 0, true, 2 * 60 * 60 * 1000},
		{"1d", 0, true, 24 * 60 * 60 * 1000},
		{"1D", 0, true, 24 * 60 * 60 * 1000},
		{"0s", 0, true, 0},
		{"90", 1000, true, 90 * 1000},
		{"90", 0, false, 0},
		{"9223372036854775807ms", 0, true, INT64_MAX},
		{"9223372036854775808ms", 0, false, 0},
		{"9223372036854775807s", 0, false, 0},
		{"18446744073709551615d", 0, false, 0},
		{"", 1000, false, 0},
		{"s", 1000, false, 0},
		{"1 s", 1000, false, 0},
		{"1.5s", 1000, false, 0},
		{"-1s", 1000, false, 0},
		{"1s1", 1000, false, 0},
		{"1y", 1000, false, 0},
		{"1sec", 1000, false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t value = UNTOUCHED;

		if (parse_duration_ms(slice_of(rows[i].text), rows[i].unit_ms, &value) !=
			rows[i].is_good) {
			fail_msg("\"%s\"", rows[i].text);
		}
		assert_true(value == (rows[i].is_good ? rows[i].value : UNTOUCHED));
	}
}

static void test_size(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is_good;
		uint64_t value;
	} rows[] = {
		{"65536", true, 65536},
		{"1b", true, 1},
		{"64kb", true, 64 << 10},
		{"64KB", true, 64 << 10},
		{"10mb", true, 10 << 20},
		{"1Gb", true, 1 << 30},
		{"17179869184gb", false, 0},
		{"17179869183gb", true, UINT64_C(17179869183) << 30},
		{"10k", false, 0},
		{"10 mb", false, 0},
		{"mb", false, 0},
		{"", false, 0},
		{"-1kb", false, 0},
		{"1tb", false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = UNTOUCHED;

		if (parse_size_bytes(slice_of(rows[i].text), &value) != rows[i].is_good) {
			fail_msg("\"%s\"", rows[i].text);
		}
		assert_true(value == (rows[i].is_good ? rows[i].value : UNTOUCHED));
	}
}

static void test_bool(void **state UNUSED)
{
	static const char *const bad[] = {"", "True", "TRUE", "yes", "on", "1", "true ", "tru"};
	bool value = false;

	assert_true(parse_bool(slice_of("true"), &value) && value);
	assert_true(parse_bool(slice_of("false"), &value) && !value);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(parse_bool(slice_of(bad[i]), &value));
	}
}

/* The length decides, not a NUL; and a NUL is no digit. */
static void test_borrowed(void **state UNUSED)
{
	uint64_t value = 0;

	assert_true(parse_u64((struct slice){"12345", 3}, &value));
	assert_int_equal(value, 123);
	assert_false(parse_u64(SLICE_LITERAL("12\0"), &value));
	assert_false(parse_u64((struct slice){NULL, 0}, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_borrowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
