/*
 * Bodies of requests: forms, JSON, and what is neither.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "control/body.h"

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"

static const struct row {
	const char *type;
	const char *body;
	enum body_result expected;
	const char *words; /* "name=value;" for each; or those of the error */
} rows[] = {
	{NULL, "", BODY_READ, ""},
	{"text/plain", "", BODY_READ, ""},
	{FORM, "a=1&b=%20", BODY_READ, "a=1;b= ;"},
	{"Application/X-WWW-Form-UrlEncoded ; charset=utf-8", "a=1", BODY_READ, "a=1;"},
	{FORM, "a=%", BODY_MALFORMED,
		"parameter a: the value has a '%' that is not followed by two hexadecimal digits"},
	{FORM, "{\"all\":true}", BODY_MALFORMED,
		"the body looks like JSON: send it with the header \"Content-Type: "
		"application/json\""},
	{FORM, " \r\n[1]", BODY_MALFORMED,
		"the body looks like JSON: send it with the header \"Content-Type: "
		"application/json\""},
	{JSON, "{}", BODY_READ, ""},
	{"APPLICATION/JSON;charset=utf-8", "{\"a\":\"x y\"}", BODY_READ, "a=x y;"},
	{JSON, "{\"a\":true,\"b\":false,\"c\":12,\"d\":-3,\"e\":1.5}", BODY_READ,
		"a=true;b=false;c=12;d=-3;e=1.5;"},
	{JSON, "{\"all\":true,\"dry_run\":[]}", BODY_MALFORMED,
		"parameter dry_run: the list is empty"},
	{FORM, "\xef\xbb\xbf{\"all\":true}", BODY_MALFORMED,
		"the body looks like JSON: send it with the header \"Content-Type: " JSON "\""},
	{FORM, "&{\"all\":true}", BODY_MALFORMED,
		"the body looks like JSON: send it with the header \"Content-Type: " JSON "\""},
	{JSON, "{\"match\":[\"user = app\",\"idle > 1h\"]}", BODY_READ,
		"match=user = app;match=idle > 1h;"},
	{JSON, "{\"a\":1,\"a\":1}", BODY_MALFORMED,
		"the body is no JSON: line 1 column 10: duplicate object key near '\"a\"'"},
	{JSON, "a=1", BODY_MALFORMED,
		"the body is no JSON: line 1 column 1: '[' or '{' expected near 'a'"},
	{JSON, "[]", BODY_MALFORMED, "the body is no JSON object"},
	{JSON, "{\"a\":null}", BODY_MALFORMED,
		"parameter a: expected a string, a number or a boolean"},
	{JSON, "{\"a\":{}}", BODY_MALFORMED,
		"parameter a: expected a string, a number or a boolean"},
	{JSON, "{\"a\":[[1]]}", BODY_MALFORMED,
		"parameter a: expected a string, a number or a boolean"},
	{JSON, "{\"\":1}", BODY_MALFORMED, "a parameter has no name"},
	{NULL, "a=1", BODY_UNSUPPORTED, "the body has no Content-Type: expected " FORM " or " JSON},
	{"text/plain", "a=1", BODY_UNSUPPORTED,
		"Content-Type \"text/plain\": expected " FORM " or " JSON},
	{"multipart/form-data; boundary=x", "a=1", BODY_UNSUPPORTED,
		"Content-Type \"multipart/form-data\": expected " FORM " or " JSON},
	{"", "a=1", BODY_UNSUPPORTED, "Content-Type \"\": expected " FORM " or " JSON},
};

static void print_params(const struct params *params, char *text, size_t n_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < params->n; i++) {
		used += (size_t)snprintf(text + used, n_bytes - used, "%s=%.*s;",
			params->items[i].name, SLICE_ARG(params->items[i].value));
	}
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct params params = {0};
		struct err err = {""};
		char text[256];

		assert_int_equal(body_read(&params, slice_of(rows[i].type), slice_of(rows[i].body),
					 false, &err),
			rows[i].expected);
		print_params(&params, text, sizeof(text));
		assert_string_equal(rows[i].expected == BODY_READ ? text : err.text, rows[i].words);
		params_finish(&params);
	}
}

/* An API whose lists are texts, and whose clients send more than is known. */
static void test_lenient(void **state)
{
	struct params params = {0};
	struct err err;
	char text[256];

	assert_int_equal(body_read(&params, slice_of(JSON),
				 slice_of("{\"SessionIds\":[1,\"2\"],\"x\":null,\"y\":{\"a\":[]}}"),
				 true, &err),
		BODY_READ);
	print_params(&params, text, sizeof(text));
	assert_string_equal(text, "SessionIds=[1,\"2\"];y={\"a\":[]};");
	params_finish(&params);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lenient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
