/*
 * Rules of fault points: which of the passes fail, and which rules are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "base/fault.h"

static void set_rules(const char *rules)
{
	struct err err = {""};

	assert_int_equal(fault_set_rules(rules, &err), 0);
}

static void test_which_passes(void **state UNUSED)
{
	static const struct {
		const char *rules;
		const char
			*expected; /* of five passes with the word KILL, '!' for those that fail */
	} rows[] = {
		{NULL, "....."},
		{"", "....."},
		{"sweep.reset", "!...."},
		{"sweep.reset@3", "..!.."},
		{"sweep.reset@2*3", ".!!!."},
		{"sweep.reset:KILL@2", ".!..."},
		{"sweep.reset:LIST", "....."},
		{"link.reset:KILL", "....."},
		{"sweep.reset:KILL,sweep.reset@2", "!!..."},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char passes[6] = "";

		set_rules(rows[i].rules);
		for (size_t pass = 0; pass < 5; pass++) {
			passes[pass] = fault_strikes(FAULT_SWEEP_RESET, "KILL") ? '!' : '.';
		}
		assert_string_equal(passes, rows[i].expected);
	}
}

/* A word that is asked for is no match for a point that has none. */
static void test_without_word(void **state UNUSED)
{
	set_rules("record.sync:LIST,record.write");
	assert_false(fault_strikes(FAULT_RECORD_SYNC, NULL));
	assert_true(fault_strikes(FAULT_RECORD_WRITE, NULL));
}

static void test_no_rules(void **state UNUSED)
{
	static const char too_many[] =
		"dial.silent,dial.silent,dial.silent,dial.silent,dial.silent,dial.silent,"
		"dial.silent,dial.silent,dial.silent";
	static const char *const rows[] = {
		"sweep",
		",",
		"sweep.reset@0",
		"sweep.reset*0",
		"sweep.reset@99999999999999999999",
		"sweep.reset:a word that is longer than any there is",
		too_many,
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {""};

		assert_int_equal(fault_set_rules(rows[i], &err), -EINVAL);
		assert_true(err.text[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which_passes),
		cmocka_unit_test(test_without_word),
		cmocka_unit_test(test_no_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
