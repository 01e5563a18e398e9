/*
 * The two ends of a session, and which of them look like one host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/ends.h"

static bool read_ends(const char *line, struct ends *ret_ends)
{
	struct session session;
	struct err err;

	assert_int_equal(
		session_parse(slice_of(line), SERVER_REDIS, SLICE_LITERAL("node"), &session, &err),
		0);
	return ends_of(&session, ret_ends);
}

static void test_one_host(void **state UNUSED)
{
	static const struct {
		const char *line;
		bool is_known;
		bool is_one_host;
	} rows[] = {
		{"id=1 addr=/run/a:0 laddr=/run/a:0 fd=8", true, true},
		{"id=1 addr=[/run/a]:0 fd=8", true, true},
		{"id=1 addr=127.0.0.1:5 laddr=127.0.0.1:6379", true, true},
		{"id=1 addr=127.9.9.9:5 laddr=127.0.0.1:6379", true, true},
		{"id=1 addr=[::1]:5 laddr=[::1]:6379", true, true},
		{"id=1 addr=[::ffff:127.0.0.1]:5 laddr=[::ffff:127.0.0.1]:6379", true, true},
		{"id=1 addr=10.0.0.1:5 laddr=10.0.0.1:6379", true, true},
		{"id=1 addr=[fe80::1]:5 laddr=[fe80::1]:6379", true, true},
		{"id=1 addr=10.0.0.2:5 laddr=10.0.0.1:6379", true, false},
		{"id=1 addr=[fe80::2]:5 laddr=[fe80::1]:6379", true, false},
		/* Servers before 6.2 do not say where a session came in. */
		{"id=1 addr=127.0.0.1:5", false, false},
		{"id=1 addr=?:0 laddr=?:0", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ends ends;

		assert_int_equal(read_ends(rows[i].line, &ends), rows[i].is_known);
		if (rows[i].is_known) {
			assert_int_equal(ends_is_one_host(&ends), rows[i].is_one_host);
		}
	}
}

static void test_numbers(void **state UNUSED)
{
	struct ends ends;

	assert_true(read_ends("id=1 addr=/run/a:0 fd=17 age=90", &ends));
	assert_int_equal(ends.fd, 17);
	assert_true(read_ends("id=1 addr=/run/a:0 fd=-1 age=99999999999", &ends));
	assert_int_equal(ends.fd, -1);
}

/* IPv4 is the same whichever way it is written; ports and families tell addresses apart. */
static void test_equal(void **state UNUSED)
{
	struct ends v4, mapped, v6;

	assert_true(read_ends("id=1 addr=127.0.0.1:5 laddr=127.0.0.1:6", &v4));
	assert_true(
		read_ends("id=1 addr=[::ffff:127.0.0.1]:5 laddr=[::ffff:127.0.0.1]:6", &mapped));
	assert_true(read_ends("id=1 addr=[7f00:1::]:5 laddr=[7f00:1::]:6", &v6));
	assert_true(ends_address_is_equal(&v4.client, &mapped.client));
	assert_false(ends_address_is_equal(&v4.client, &v4.server));
	assert_false(ends_address_is_equal(&v4.client, &v6.client));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_host),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
