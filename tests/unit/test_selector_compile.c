/*
 * Expressions: what is one, and the exact words and column for what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/wildcard.h"
#include "model/selector.h"

static void test_good(void **state UNUSED)
{
	static const struct {
		const char *text;
		enum session_field field;
	} rows[] = {
		{"user = app", SESSION_USER},
		{"user=app", SESSION_USER},
		{"User = app", SESSION_USER},
		{"  user  = app  ", SESSION_USER},
		{"user!=app", SESSION_USER},
		{"user = app, web ,ops-*", SESSION_USER},
		{"name = a=b", SESSION_NAME},
		{"name = a b", SESSION_NAME},
		{"name = >=", SESSION_NAME},
		{"name = caf\xc3\xa9", SESSION_NAME},
		{"lib = redis-py", SESSION_LIB_NAME},
		{"lib-name = redis-py", SESSION_LIB_NAME},
		{"lib-ver = 5.*", SESSION_LIB_VER},
		{"flags = b", SESSION_FLAGS},
		{"flags != S,M", SESSION_FLAGS},
		{"type = normal,pubsub", SESSION_TYPE},
		{"type = slave", SESSION_TYPE},
		{"type = pub*", SESSION_TYPE},
		{"node = 10.0.0.?:6379", SESSION_NODE},
		{"addr = 10.0.0.0/8, unix,[::1]:5", SESSION_ADDR},
		{"laddr != 10.0.0.1:6379", SESSION_LADDR},
		{"age >= 5m", SESSION_AGE},
		{"age>1500ms", SESSION_AGE},
		{"idle < 10", SESSION_IDLE},
		{"idle != 1,2,3d", SESSION_IDLE},
		{"db = 0", SESSION_DB},
		{"fd = -1", SESSION_FD},
		{"omem > 64kb", SESSION_OMEM},
		{"tot-mem <= 1GB", SESSION_TOT_MEM},
		{"tot_mem > 1mb", SESSION_TOT_MEM},
		{"MEMORY > 1mb", SESSION_TOT_MEM},
		{"command = get", SESSION_CMD},
		{"Source = 10.0.0.0/8", SESSION_ADDR},
		{"library = jedis", SESSION_LIB_NAME},
		{"name = salt and pepper", SESSION_NAME},
		{"name = this or that=1", SESSION_NAME},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {""};
		struct selector *selector = selector_new(slice_of(rows[i].text), &err);

		if (selector == NULL) {
			fail_msg("%s: %s", rows[i].text, err.text);
		}
		assert_int_equal(selector_field(selector), rows[i].field);
		assert_string_equal(selector_text(selector), rows[i].text);
		selector_free(selector);
	}
	selector_free(NULL);
}

static void test_bad(void **state UNUSED)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{"", "column 1: expected a field name"},
		{"   ", "column 4: expected a field name"},
		{"= app", "column 1: expected a field name"},
		{"usr = app", "column 1: unknown field \"usr\"; did you mean \"user\"?"},
		{"  usr = app", "column 3: unknown field \"usr\"; did you mean \"user\"?"},
		{"colour = red", "column 1: unknown field \"colour\""},
		{"totmem > 1mb", "column 1: unknown field \"totmem\"; did you mean \"tot-mem\"?"},
		{"state = blocked",
			"column 1: unknown field \"state\"; STATE is made of flags and type: "
			"type = pubsub, flags = b (blocked), x (MULTI), O (monitor)"},
		{"user = app and idle > 1h",
			"column 12: \"and\" does not join expressions: give each as a match of its "
			"own, all must hold"},
		{"idle > 1h && user=app",
			"column 11: \"&&\" does not join expressions: give each as a match of its "
			"own, all must hold"},
		{"name = app, idle > 1h", "column 13: a second expression: give each as a match of "
					  "its own, all must hold"},
		{"name = app; idle > 1h", "column 13: a second expression: give each as a match of "
					  "its own, all must hold"},
		{"name != app idle>1h", "column 13: a second expression: give each as a match of "
					"its own, all must hold"},
		{"name = idle > 1h", "column 8: a second expression: give each as a match of its "
				     "own, all must hold"},
		{"name == app", "column 7: expected one of = != < <= > >="},
		{"name =! app", "column 7: expected one of = != < <= > >="},
		{"idle => 5", "column 7: expected one of = != < <= > >="},
		{"name = \"app\"",
			"column 8: a value takes no quotes, but for \"\" where it is empty"},
		{"user = x,'app'",
			"column 10: a value takes no quotes, but for \"\" where it is empty"},
		{"user = app OR user = web",
			"column 12: \"OR\" does not join expressions: alternatives of one field "
			"stand behind commas, others are requests of their own"},
		{"user", "column 5: expected one of = != < <= > >="},
		{"user app", "column 6: expected one of = != < <= > >="},
		{"user ! app", "column 6: expected one of = != < <= > >="},
		{"user1 = app", "column 5: expected one of = != < <= > >="},
		{"user < app", "column 6: \"user\" takes = and != only"},
		{"flags >= b", "column 7: \"flags\" takes = and != only"},
		{"addr > 10.0.0.1", "column 6: \"addr\" takes = and != only"},
		{"user =", "column 7: a value is missing"},
		{"user = ", "column 7: a value is missing"},
		{"user = app,", "column 12: a value is missing"},
		{"user = app,,web", "column 12: a value is missing"},
		{"user = , app", "column 8: a value is missing"},
		{"flags = bx", "column 9: \"bx\" is no flag; expected one letter"},
		{"flags = b,xx", "column 11: \"xx\" is no flag; expected one letter"},
		{"type = norm",
			"column 8: unknown type \"norm\"; expected normal, pubsub, replica or "
			"master"},
		{"type = normal, Pubsub",
			"column 16: unknown type \"Pubsub\"; expected normal, pubsub, replica or "
			"master"},
		{"age > x",
			"column 7: \"x\" is no duration; expected one such as 90s, 5m, 2h or 1d"},
		{"age > -5",
			"column 7: \"-5\" is no duration; expected one such as 90s, 5m, 2h or 1d"},
		{"age > 5w",
			"column 7: \"5w\" is no duration; expected one such as 90s, 5m, 2h or 1d"},
		{"age > 9223372036854775807d", "column 7: \"9223372036854775807d\" is no duration; "
					       "expected one such as 90s, 5m, 2h or 1d"},
		{"age > 5,6", "column 9: an order takes one value"},
		{"db < 1, 2", "column 9: an order takes one value"},
		{"omem > 5x",
			"column 8: \"5x\" is no size; expected one such as 65536, 64kb or 10mb"},
		{"omem > 9223372036854775808", "column 8: \"9223372036854775808\" is no size; "
					       "expected one such as 65536, 64kb or 10mb"},
		{"db = one", "column 6: \"one\" is no number"},
		{"db = 1.5", "column 6: \"1.5\" is no number"},
		{"db == 1", "column 5: expected one of = != < <= > >="},
		{"addr = host",
			"column 8: \"host\" is no address; expected an IP, a CIDR, ip:port, "
			"[v6]:port or unix"},
		{"addr = unix, 10.0.0.1/8",
			"column 14: \"10.0.0.1/8\" has bits set behind its prefix"},
		{"user = a\nb", "column 9: a control character"},
		{"\tuser = a", "column 1: a control character"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {""};

		assert_null(selector_new(slice_of(rows[i].text), &err));
		assert_string_equal(err.text, rows[i].words);
	}
}

/* "name = x,x,...": so many values, so many bytes. */
static char *long_text(size_t n_values, size_t n_bytes)
{
	char *text = mem_alloc(n_bytes + 8);

	memcpy(text, "name = x", 8);
	for (size_t i = 1; i < n_values; i++) {
		memcpy(text + 6 + 2 * i, ",x", 2);
	}
	memset(text + 6 + 2 * n_values, 'x', n_bytes - 6 - 2 * n_values);
	text[n_bytes] = '\0';
	return text;
}

static void test_limits(void **state UNUSED)
{
	static const struct {
		size_t n_values;
		size_t n_bytes;
		const char *words; /* NULL: fine */
	} rows[] = {
		{SELECTOR_MAX_VALUES, 1000, NULL},
		{SELECTOR_MAX_VALUES + 1, 1000, "column 520: more than 256 values"},
		{1, SELECTOR_MAX_BYTES, NULL},
		{1, SELECTOR_MAX_BYTES + 1, "column 4097: longer than 4096 bytes"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_free_p) char *text = long_text(rows[i].n_values, rows[i].n_bytes);
		struct err err = {""};
		struct selector *selector = selector_new(slice_of(text), &err);

		assert_true((selector != NULL) == (rows[i].words == NULL));
		if (rows[i].words != NULL) {
			assert_string_equal(err.text, rows[i].words);
		}
		selector_free(selector);
	}
}

static void test_lower_bound(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t bound; /* -1: says nothing of the kind */
	} rows[] = {
		{"age > 60", 61},
		{"age >= 60", 60},
		{"age > 1m", 61},
		{"age > 1500ms", 2},
		{"age >= 1500ms", 2},
		{"age >= 1ms", 1},
		{"age > 0", 1},
		{"age >= 0", 0},
		{"idle >= 2h", 7200},
		{"age = 60", -1},
		{"age != 60", -1},
		{"age < 60", -1},
		{"age <= 60", -1},
		{"db > 3", -1},
		{"name = x", -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;
		struct selector *selector = selector_new(slice_of(rows[i].text), &err);
		int64_t bound = -1;

		assert_non_null(selector);
		assert_true(selector_lower_bound(selector, &bound) == (rows[i].bound >= 0));
		assert_int_equal(bound, rows[i].bound);
		selector_free(selector);
	}
}

static void test_lists(void **state UNUSED)
{
	struct selectors a = {0}, b = {0};
	struct err err;

	assert_true(selectors_is_equal(&a, &b));
	assert_true(selectors_add(&a, SLICE_LITERAL("user = app"), &err));
	assert_false(selectors_add(&a, SLICE_LITERAL("usr = app"), &err));
	assert_true(selectors_add(&a, SLICE_LITERAL("age > 5"), &err));
	assert_int_equal(a.n, 2);
	assert_true(selectors_fields(&a) ==
		    ((UINT64_C(1) << SESSION_USER) | (UINT64_C(1) << SESSION_AGE)));
	assert_true(selectors_add(&b, SLICE_LITERAL("user = app"), &err));
	assert_false(selectors_is_equal(&a, &b));
	assert_true(selectors_add(&b, SLICE_LITERAL("age > 6"), &err));
	assert_false(selectors_is_equal(&a, &b));
	assert_true(selectors_is_equal(&a, &a));
	selectors_finish(&a);
	selectors_finish(&b);
	assert_int_equal(a.n, 0);
}

/* What a caller may write of it all together; the one too many is not in the list. */
static void test_asked_lists(void **state UNUSED)
{
	struct selectors list = {0};
	struct err err;

	for (size_t i = 0; i < SELECTORS_MAX_WILDCARDS; i++) {
		assert_true(selectors_add_asked(&list, SLICE_LITERAL("name = a*"), &err));
	}
	assert_false(selectors_add_asked(&list, SLICE_LITERAL("user = a?"), &err));
	assert_string_equal(err.text, "more than 16 values with wildcards in all");
	assert_int_equal(list.n, SELECTORS_MAX_WILDCARDS);
	while (list.n < SELECTORS_MAX_VALUES) {
		assert_true(selectors_add_asked(&list, SLICE_LITERAL("id = 1"), &err));
	}
	assert_false(selectors_add_asked(&list, SLICE_LITERAL("id = 1"), &err));
	assert_string_equal(err.text, "more than 1024 values in all");
	/* What the administrator writes has no such limit. */
	assert_true(selectors_add(&list, SLICE_LITERAL("id = 1"), &err));
	selectors_finish(&list);
}

static void test_long_patterns(void **state UNUSED)
{
	char text[WILDCARD_MAX_CHARACTERS + 16];
	struct selector *selector;
	struct err err;

	memset(text, 'a', sizeof(text));
	memcpy(text, "name = *", 8);
	selector = selector_new((struct slice){text, 8 + WILDCARD_MAX_CHARACTERS}, &err);
	assert_non_null(selector);
	selector_free(selector);
	assert_null(selector_new((struct slice){text, 9 + WILDCARD_MAX_CHARACTERS}, &err));
	assert_string_equal(
		err.text, "column 8: more than 127 characters in a value with wildcards");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lower_bound),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_asked_lists),
		cmocka_unit_test(test_long_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
