/*
 * Parameters of kill tasks: what they mean, and the words about what is wrong with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "control/das/das.h"

struct row {
	const char *text;
	const char *expected; /* see describe(); or the words of the error */
};

static const struct row good[] = {
	{"KillAllSessions=true", "all"},
	{"KillAllSessions=True&DbUser=a&DbUserPassword=b", "all"},
	{"KillAllSessions=true&SessionIds=nonsense", "all"},
	{"KillAllSessions=false&SessionIds=[7]", "ids 7"},
	{"SessionIds=[3,1,2,1]", "ids 1 2 3"},
	{"SessionIds=%5B%2212%22%2C+9%5D", "ids 9 12"},
	{"SessionIds=[9223372036854775807]", "ids 9223372036854775807"},
	{"SessionIds=[1]&SessionIds=[1]", "ids 1"},
	{"SessionIds=[1]&NodeId=127.0.0.1:7000", "ids 1 on 127.0.0.1:7000"},
	{"SessionIds=[1]&IgnoredUsers=[]", "ids 1"},
	{"SessionIds=[1]&IgnoredUsers=[\"a\",\"b c\"]", "ids 1 but user = a but user = b c"},
	{"KillAllSessions=TRUE&IgnoredUsers=[\"a*\",\"b,c\",\"d?\",\" e\"]",
		"all but user is a* but user is b,c but user is d? but user is  e"},
};

static const struct row bad[] = {
	{"", "SessionIds is missing, and KillAllSessions is not true"},
	{"KillAllSessions=false", "SessionIds is missing, and KillAllSessions is not true"},
	{"KillAllSessions=", "KillAllSessions is empty"},
	{"KillAllSessions=1", "KillAllSessions: \"1\" is neither true nor false"},
	{"KillAllSessions=true&KillAllSessions=false",
		"parameter KillAllSessions: given more than once with different values"},
	{"SessionIds=", "SessionIds is empty"},
	{"SessionIds=[]", "SessionIds names no session"},
	{"SessionIds=[1", "SessionIds is no JSON array"},
	{"SessionIds=[1]x", "SessionIds is no JSON array"},
	{"SessionIds=1", "SessionIds is no JSON array"},
	{"SessionIds=null", "SessionIds is no JSON array"},
	{"SessionIds={}", "SessionIds is no JSON array"},
	{"SessionIds=['1']", "SessionIds is no JSON array"},
	{"SessionIds=[1,0]", "SessionIds: element 2 is no session id"},
	{"SessionIds=[-1]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[1.0]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[true]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[null]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[\"\"]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[\"0\"]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[\"%2b1\"]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[\"9223372036854775808\"]", "SessionIds: element 1 is no session id"},
	{"SessionIds=[9223372036854775808]", "SessionIds is no JSON array"},
	{"SessionIds=[1]&IgnoredUsers=", "IgnoredUsers is empty"},
	{"SessionIds=[1]&IgnoredUsers=a", "IgnoredUsers is no JSON array"},
	{"SessionIds=[1]&IgnoredUsers=[\"a\",1]", "IgnoredUsers: element 2 is no name of a user"},
	{"SessionIds=[1]&IgnoredUsers=[\"\"]", "IgnoredUsers: element 1 is no name of a user"},
	{"SessionIds=[1]&IgnoredUsers=[\"a\\u0000b\"]", "IgnoredUsers is no JSON array"},
	{"SessionIds=[1]&NodeId=", "NodeId is empty"},
	{"SessionIds=[1]&NodeId=a&NodeId=b",
		"parameter NodeId: given more than once with different values"},
};

/* "all" or "ids ...", then " but ..." for each who is kept, then " on ..." for the node. */
static void describe(const struct request *request, char *text, size_t n_bytes)
{
	FILE *out = fmemopen(text, n_bytes, "w");

	fputs(request->is_all ? "all" : "ids", out);
	for (size_t i = 0; i < request->n_ids; i++) {
		fprintf(out, " %llu", (unsigned long long)request->ids[i]);
	}
	for (size_t i = 0; i < request->except.n; i++) {
		fprintf(out, " but %s", selector_text(request->except.items[i]));
	}
	for (size_t i = 0; i < request->n_nodes; i++) {
		fprintf(out, " on %s", request->nodes[i]);
	}
	fclose(out);
}

static bool read_text(const char *text, struct request *request, struct err *err)
{
	struct params params = {0};
	bool is_good;

	request_init(request);
	assert_true(params_add(&params, slice_of(text), err));
	is_good = das_read_task(&params, request, err);
	params_finish(&params);
	return is_good;
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct request request;
		struct err err;
		char text[512] = "";

		if (!read_text(good[i].text, &request, &err)) {
			fail_msg("%s: %s", good[i].text, err.text);
		}
		describe(&request, text, sizeof(text));
		assert_string_equal(text, good[i].expected);
		assert_true(request.wants_results);
		request_finish(&request);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct request request;
		struct err err;

		if (read_text(bad[i].text, &request, &err)) {
			fail_msg("%s is taken", bad[i].text);
		}
		assert_string_equal(err.text, bad[i].expected);
		request_finish(&request);
	}
}

/* `prefix`, then "[E,E,...]" with `n` elements. */
static char *with_list(const char *prefix, const char *element, size_t n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "%s[", prefix);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s%s", i > 0 ? "," : "", element);
	}
	fputc(']', out);
	fclose(out);
	return text;
}

static void assert_limit(const char *prefix, const char *element, size_t most, const char *expected)
{
	for (size_t n = most; n <= most + 1; n++) {
		CLEANUP(mem_free_p) char *text = with_list(prefix, element, n);
		struct request request;
		struct err err;

		assert_int_equal(read_text(text, &request, &err), n == most);
		if (n > most) {
			assert_string_equal(err.text, expected);
		}
		request_finish(&request);
	}
}

static void test_limits(void **state)
{
	assert_limit("SessionIds=", "7", REQUEST_MAX_IDS, "SessionIds: more than 10000 elements");
	assert_limit("KillAllSessions=true&IgnoredUsers=", "\"a\"", DAS_MAX_IGNORED_USERS,
		"IgnoredUsers: more than 256 elements");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
