/*
 * What expressions say about sessions, and about sets of sessions of which not all is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/selector.h"

#define LINE                                                                               \
	"id=7 addr=10.0.0.7:50412 laddr=/run/a b.sock:0 fd=-1 name=app-1 age=90 idle=5 "   \
	"flags=xb db=3 sub=2 qbuf=65536 events=r cmd=client|list user=caf\xc3\xa9 resp=3 " \
	"lib-name= lib-ver=5.0.1"

static struct selector *compiled(const char *text)
{
	struct err err;
	struct selector *selector = selector_new(slice_of(text), &err);

	if (selector == NULL) {
		fail_msg("%s: %s", text, err.text);
	}
	return selector;
}

static enum selector_verdict verdict(const char *text, const struct session *session)
{
	struct selector *selector = compiled(text);
	enum selector_verdict result = selector_test(selector, session);

	selector_free(selector);
	return result;
}

static void read_session(const char *line, struct session *session)
{
	struct err err;

	assert_int_equal(session_parse(slice_of(line), SERVER_REDIS, SLICE_LITERAL("10.0.0.9:6379"),
				 session, &err),
		0);
}

static void test_session(void **state UNUSED)
{
	static const char *const yes[] = {"user = caf\xc3\xa9", "user = x,caf\xc3\xa9",
		"user = caf?", "user != app", "name = app-*", "name = *", "name = ?pp-1",
		"name != app,app-2", "name != *2", "name != \"\"", "lib = *", "lib != redis-py",
		"lib-ver = 5.*", "cmd = client|*", "events = r", "flags = x", "flags = b",
		"flags = S,b", "flags != S", "flags != S,M", "type = normal", "type = norm*",
		"type = pubsub,normal", "type != pubsub", "node = 10.0.0.9:6379",
		"node = 10.0.0.?:*", "addr = 10.0.0.7", "addr = 10.0.0.0/29",
		"addr = 10.0.0.7:50412", "addr = unix,10.0.0.7", "addr != 10.0.0.8", "addr != unix",
		"laddr = unix", "laddr != 0.0.0.0/0", "id = 7", "id = 6,7", "id != 6", "id > 6",
		"id >= 7", "id < 8", "id <= 7", "fd = -1", "fd < 0", "db = 3", "db != 0", "sub > 1",
		"resp = 3", "age = 90", "age >= 90", "age >= 1m", "age > 89", "age > 89999ms",
		"age < 2m", "age <= 90s", "age != 1m,2m", "idle < 10", "idle = 5000ms",
		"qbuf = 64kb", "qbuf >= 65536", "qbuf < 1mb"};
	static const char *const no[] = {"user = cafe", "user = caf??", "user = CAF*",
		"user != caf\xc3\xa9", "user != x,caf?", "name = app", "name = app-1 x",
		"name != app-*", "name != *", "name = \"\"", "lib = ?*", "lib-ver = 5", "flags = N",
		"flags = S", "flags != x", "flags != S,b", "type = pubsub", "type != normal",
		"type = replica", "node = 10.0.0.9", "node != 10.0.0.9:6379", "addr = 10.0.0.8",
		"addr = unix", "addr = 10.0.0.7:50413", "addr != 10.0.0.0/8", "laddr = 0.0.0.0/0",
		"laddr != unix", "id = 6", "id > 7", "id >= 8", "id < 7", "id != 6,7", "db < 3",
		"age > 90", "age < 90", "age > 90s", "age = 1m", "age >= 90001ms", "idle > 5",
		"qbuf > 64kb", "qbuf = 65535",
		/* Not given: never, whatever the operator. */
		"omem = 0", "omem != 1", "omem >= 0", "psub != 5", "lib-ver != *", "phase != x",
		"io-thread < 9"};
	struct session session;

	read_session(LINE, &session);
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (verdict(yes[i], &session) != SELECTOR_YES) {
			fail_msg("%s: expected yes", yes[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		if (verdict(no[i], &session) != SELECTOR_NO) {
			fail_msg("%s: expected no", no[i]);
		}
	}
}

/* Numbers at the edge of what fits; UBSan watches. */
static void test_huge_numbers(void **state UNUSED)
{
	static const struct {
		const char *line;
		const char *text;
		enum selector_verdict expected;
	} rows[] = {
		{"id=1 age=9223372036854775807", "age > 5", SELECTOR_NO},
		{"id=1 age=-9223372036854775807", "age < 5", SELECTOR_NO},
		{"id=1 age=-1", "age < 5", SELECTOR_YES},
		{"id=1 name=", "name = \"\"", SELECTOR_YES},
		{"id=1 name=", "name = x,\"\"", SELECTOR_YES},
		{"id=1 name=", "name != \"\"", SELECTOR_NO},
		{"id=1 name=\"\"", "name = \"\"", SELECTOR_NO},
		{"id=1", "name = \"\"", SELECTOR_NO},
		{"id=1 age=9223372036854775", "age > 5", SELECTOR_YES},
		{"id=1 age=99999999999999999999", "age > 5", SELECTOR_NO},
		{"id=1 qbuf=9223372036854775807", "qbuf > 1gb", SELECTOR_YES},
		{"id=1 qbuf=99999999999999999999", "qbuf > 1gb", SELECTOR_NO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session session;

		read_session(rows[i].line, &session);
		if (verdict(rows[i].text, &session) != rows[i].expected) {
			fail_msg("%s of %s", rows[i].text, rows[i].line);
		}
	}
}

/* Of a set: its type and user are known, its age is at least 60, all else may be anything. */
static void test_set(void **state UNUSED)
{
	static const struct {
		const char *text;
		enum selector_verdict expected;
	} rows[] = {
		{"user = app", SELECTOR_YES},
		{"user != app", SELECTOR_NO},
		{"user = web", SELECTOR_NO},
		{"type = normal", SELECTOR_YES},
		{"name = x", SELECTOR_OPEN},
		{"name != x", SELECTOR_OPEN},
		{"name = *", SELECTOR_OPEN},
		{"flags != b", SELECTOR_OPEN},
		{"addr = 0.0.0.0/0", SELECTOR_OPEN},
		{"db = 0", SELECTOR_OPEN},
		{"id > 5", SELECTOR_OPEN},
		{"age >= 60", SELECTOR_YES},
		{"age > 59", SELECTOR_YES},
		{"age > 59999ms", SELECTOR_YES},
		{"age > 60", SELECTOR_OPEN},
		{"age >= 61", SELECTOR_OPEN},
		{"age < 60", SELECTOR_NO},
		{"age <= 59", SELECTOR_NO},
		{"age <= 60", SELECTOR_OPEN},
		{"age < 61", SELECTOR_OPEN},
		{"age = 60", SELECTOR_OPEN},
		{"age = 5", SELECTOR_OPEN},
		{"age != 5", SELECTOR_OPEN},
		{"idle >= 0", SELECTOR_OPEN},
		/* The server gives it for nobody. */
		{"lib = x", SELECTOR_NO},
		{"lib != x", SELECTOR_NO},
	};
	struct session set = {.open_fields = UINT64_MAX, .least_age_s = 60, .least_idle_s = -1};

	set.values[SESSION_USER] = SLICE_LITERAL("app");
	set.values[SESSION_TYPE] = SLICE_LITERAL("normal");
	set.open_fields &= ~((UINT64_C(1) << SESSION_USER) | (UINT64_C(1) << SESSION_TYPE) |
			     (UINT64_C(1) << SESSION_LIB_NAME));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum selector_verdict found = verdict(rows[i].text, &set);

		if (found != rows[i].expected) {
			fail_msg("%s: expected %d, found %d", rows[i].text, (int)rows[i].expected,
				(int)found);
		}
	}
	set.least_age_s = INT64_MAX;
	assert_int_equal(verdict("age >= 1", &set), SELECTOR_OPEN);
}

/* Each letter is a selector with that verdict about the set of the test. */
static void fill_list(struct selectors *list, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		const char *text = *letters == 'y'   ? "user = app"
				   : *letters == 'n' ? "user = web"
						     : "name = x";
		struct err err;

		assert_true(selectors_add(list, slice_of(text), &err));
	}
}

static void test_lists(void **state UNUSED)
{
	static const struct {
		const char *letters;
		enum selector_verdict all;
		enum selector_verdict any;
	} rows[] = {
		{"", SELECTOR_YES, SELECTOR_NO},
		{"y", SELECTOR_YES, SELECTOR_YES},
		{"n", SELECTOR_NO, SELECTOR_NO},
		{"o", SELECTOR_OPEN, SELECTOR_OPEN},
		{"yn", SELECTOR_NO, SELECTOR_YES},
		{"yo", SELECTOR_OPEN, SELECTOR_YES},
		{"oy", SELECTOR_OPEN, SELECTOR_YES},
		{"no", SELECTOR_NO, SELECTOR_OPEN},
		{"on", SELECTOR_NO, SELECTOR_OPEN},
		{"ony", SELECTOR_NO, SELECTOR_YES},
		{"yyy", SELECTOR_YES, SELECTOR_YES},
	};
	struct session set = {.open_fields = UINT64_C(1) << SESSION_NAME};

	set.values[SESSION_USER] = SLICE_LITERAL("app");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selectors list = {0};

		fill_list(&list, rows[i].letters);
		assert_int_equal(selectors_test_all(&list, &set), rows[i].all);
		assert_int_equal(selectors_test_any(&list, &set), rows[i].any);
		selectors_finish(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_huge_numbers),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
