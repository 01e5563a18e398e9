/*
 * Random UUIDs: their form, and that they differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/uuid.h"

static void assert_is_form(const char *uuid)
{
	/* X is a digit, V one of 8 9 A B. */
	static const char form[] = "XXXXXXXX-XXXX-4XXX-VXXX-XXXXXXXXXXXX";

	assert_int_equal(strlen(uuid), sizeof(form) - 1);
	for (size_t i = 0; uuid[i] != '\0'; i++) {
		const char *allowed = form[i] == 'X'   ? "0123456789ABCDEF"
				      : form[i] == 'V' ? "89AB"
				      : form[i] == '4' ? "4"
						       : "-";

		assert_non_null(strchr(allowed, uuid[i]));
	}
}

static void test_form(void **state UNUSED)
{
	char first[UUID_TEXT_BYTES];
	char next[UUID_TEXT_BYTES];

	uuid_make(first);
	assert_is_form(first);
	for (int i = 0; i < 1000; i++) {
		uuid_make(next);
		assert_is_form(next);
		assert_string_not_equal(first, next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
