/*
 * Error texts: facts, prefixes, errno words, and what is cut when it is too long.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void test_words(void **state UNUSED)
{
	struct err err;

	err_set(&err, "port %d is taken", 6379);
	assert_string_equal(err.text, "port 6379 is taken");
	err_prefix(&err, "instance %s", "orders");
	err_prefix(&err, "%s:%d", "sesskilld.yaml", 12);
	assert_string_equal(err.text, "sesskilld.yaml:12: instance orders: port 6379 is taken");
	err_set_errno(&err, ENOENT, "cannot open %s", "/x");
	assert_string_equal(err.text, "cannot open /x: No such file or directory");
}

static void test_nobody_listens(void **state UNUSED)
{
	err_set(NULL, "x");
	err_prefix(NULL, "x");
	err_set_errno(NULL, ENOENT, "x");
}

static void test_cut(void **state UNUSED)
{
	char longer[2 * ERR_MAX_BYTES];
	struct err err;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&err, "%s", longer);
	assert_int_equal(strlen(err.text), ERR_MAX_BYTES - 1);
	err_prefix(&err, "who");
	assert_memory_equal(err.text, "who: xxx", 8);
	assert_int_equal(strlen(err.text), ERR_MAX_BYTES - 1);
	err_prefix(&err, "%s", longer);
	assert_int_equal(strlen(err.text), ERR_MAX_BYTES - 1);
	err_set_errno(&err, ENOENT, "%s", longer);
	assert_int_equal(strlen(err.text), ERR_MAX_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
