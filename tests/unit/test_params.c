/*
 * Query strings and form bodies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "control/params.h"

struct row {
	const char *text;
	const char *expected; /* "name=value;" for each, decoded; or the words of the error */
};

static const struct row good[] = {
	{"", ""},
	{"&", ""},
	{"&&a=1&&b=2&", "a=1;b=2;"},
	{"a", "a=;"},
	{"a=", "a=;"},
	{"a=b=c", "a=b=c;"},
	{"a=1&a=2", "a=1;a=2;"},
	{"a=x+y%20z%2b%2B", "a=x y z++;"},
	{"%61%3d=%26", "a==&;"},
	{"a=*()!~'/:,\"<>", "a=*()!~'/:,\"<>;"},
	{"a=%e4%FF\xc3\xa4", "a=\xe4\xff\xc3\xa4;"},
	{"a=%0a", "a=\n;"},
	{"A=1&a=2", "A=1;a=2;"},
};

static const struct row bad[] = {
	{"match=%", "parameter match: the value has a '%' that is not followed by two hexadecimal "
		    "digits"},
	{"ok=1&x=%4", "parameter x: the value has a '%' that is not followed by two hexadecimal "
		      "digits"},
	{"x=%g0",
		"parameter x: the value has a '%' that is not followed by two hexadecimal digits"},
	{"x=%0g",
		"parameter x: the value has a '%' that is not followed by two hexadecimal digits"},
	{"x=%+1",
		"parameter x: the value has a '%' that is not followed by two hexadecimal digits"},
	{"%zz=1",
		"parameter %zz: the name has a '%' that is not followed by two hexadecimal digits"},
	{"x=a%00b", "parameter x: the value has a NUL byte"},
	{"x%00y=b", "parameter x%00y: the name has a NUL byte"},
	{"=1", "a parameter has no name"},
	{"a=1&=", "a parameter has no name"},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct params params = {0};
		char text[256] = "";

		assert_true(params_add(&params, slice_of(good[i].text), NULL));
		for (size_t j = 0; j < params.n; j++) {
			size_t used = strlen(text);

			snprintf(text + used, sizeof(text) - used, "%s=%.*s;", params.items[j].name,
				SLICE_ARG(params.items[j].value));
		}
		assert_string_equal(text, good[i].expected);
		params_finish(&params);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct params params = {0};
		struct err err;

		assert_false(params_add(&params, slice_of(bad[i].text), &err));
		assert_string_equal(err.text, bad[i].expected);
		params_finish(&params);
	}
}

/* NULs as they are, and nothing at all. */
static void test_raw_bytes(void **state)
{
	struct params params = {0};
	struct err err;

	assert_true(params_add(&params, (struct slice){NULL, 0}, &err));
	assert_int_equal(params.n, 0);
	assert_false(params_add(&params, SLICE_LITERAL("a=b\0c"), &err));
	assert_string_equal(err.text, "parameter a: the value has a NUL byte");
	params_finish(&params);
}

static void test_limits(void **state)
{
	CLEANUP(mem_free_p) char *text = mem_alloc(3 * PARAMS_MAX_VALUE_BYTES + 8);
	struct params params = {0};
	struct err err;

	/* The limit is that of the decoded value. */
	memcpy(text, "v=", 2);
	for (size_t i = 0; i < PARAMS_MAX_VALUE_BYTES; i++) {
		memcpy(text + 2 + 3 * i, "%41", 3);
	}
	assert_true(params_add(&params, slice_of(text), &err));
	assert_int_equal(params_get(&params, "v").len, PARAMS_MAX_VALUE_BYTES);
	memcpy(text + 2 + 3 * PARAMS_MAX_VALUE_BYTES, "B", 2);
	assert_false(params_add(&params, slice_of(text), &err));
	assert_string_equal(err.text, "parameter v: the value is longer than 8192 bytes");
	memset(text, 'n', PARAMS_MAX_VALUE_BYTES + 1);
	text[PARAMS_MAX_VALUE_BYTES + 1] = '\0';
	assert_false(params_add(&params, slice_of(text), &err));
	assert_non_null(strstr(err.text, "nnn: the name is longer than 8192 bytes"));
	assert_true(strlen(err.text) < 160);
	params_finish(&params);

	for (int i = 0; i < PARAMS_MAX; i++) {
		assert_true(params_add(&params, SLICE_LITERAL("a=1"), &err));
	}
	assert_false(params_add(&params, SLICE_LITERAL("b=1"), &err));
	assert_string_equal(err.text, "parameter b: more than 256 parameters");
	params_finish(&params);
}

/* The one list that may be long. */
static void test_long_list(void **state)
{
	const size_t most = PARAMS_MAX_LONG_BYTES;
	CLEANUP(mem_free_p) char *text = mem_alloc(most + 16);
	struct params params = {0};
	struct err err;

	memcpy(text, "SessionIds=", 11);
	memset(text + 11, '1', most);
	assert_true(params_add(&params, slice_of(text), &err));
	assert_int_equal(params_get(&params, "SessionIds").len, most);
	text[11 + most] = '1';
	assert_false(params_add(&params, slice_of(text), &err));
	assert_string_equal(err.text, "parameter SessionIds: the value is longer than 65536 bytes");
	params_finish(&params);
}

static void test_get(void **state)
{
	struct params params = {0};
	struct slice value = SLICE_LITERAL("untouched");
	struct err err;

	/* The query, then the body. */
	assert_true(params_add(&params, slice_of("InstanceId=r-1&twice=x&empty="), &err));
	assert_true(params_add(&params, slice_of("twice=x&InstanceId=r-2&instanceid=r-3"), &err));

	assert_true(slice_is(params_get(&params, "InstanceId"), "r-1"));
	assert_true(slice_is(params_get(&params, "instanceid"), "r-3"));
	assert_null(params_get(&params, "Instance").data);
	assert_non_null(params_get(&params, "empty").data);
	assert_int_equal(params_get(&params, "empty").len, 0);

	assert_false(params_get_single(&params, "InstanceId", &value, &err));
	assert_string_equal(
		err.text, "parameter InstanceId: given more than once with different values");
	assert_true(slice_is(value, "untouched"));
	assert_true(params_get_single(&params, "twice", &value, &err));
	assert_true(slice_is(value, "x"));
	assert_true(params_get_single(&params, "none", &value, &err));
	assert_null(value.data);
	params_finish(&params);
	params_finish(&params);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_raw_bytes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
