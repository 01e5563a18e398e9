/*
 * Requests: which are the same, which nodes they mean, and the class that each session falls into
 * by what is asked and what is protected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/request.h"

static void add(struct selectors *list, const char *text)
{
	struct err err;

	if (text != NULL && !selectors_add(list, slice_of(text), &err)) {
		fail_msg("%s: %s", text, err.text);
	}
}

static void test_judge(void **state UNUSED)
{
	static const struct {
		const char *match; /* NULL: all */
		const char *except;
		const char *protect;
		const char *line;
		enum request_class expected;
	} rows[] = {
		{NULL, NULL, NULL, "id=5 flags=N user=app", REQUEST_MATCHED},
		{NULL, NULL, NULL, "id=5 flags=P user=app", REQUEST_MATCHED},
		{NULL, NULL, NULL, "id=5 flags=O user=app", REQUEST_MATCHED},
		{NULL, NULL, NULL, "id=5 flags=S", REQUEST_PROTECTED},
		{NULL, NULL, NULL, "id=5 flags=M", REQUEST_PROTECTED},
		{NULL, NULL, NULL, "id=5 flags=I", REQUEST_PROTECTED},
		{NULL, NULL, NULL, "id=5 flags=N age=2 cmd=psync", REQUEST_PROTECTED},
		{NULL, NULL, NULL, "id=1 flags=N", REQUEST_PROTECTED}, /* own */
		{NULL, NULL, NULL, "id=3 flags=N", REQUEST_PROTECTED}, /* own, too */
		{NULL, "user = app", NULL, "id=5 flags=N user=app", REQUEST_PROTECTED},
		{NULL, "user = app", NULL, "id=5 flags=N user=web", REQUEST_MATCHED},
		{NULL, "user = app", NULL, "id=5 flags=N", REQUEST_MATCHED},
		{NULL, NULL, "user = app", "id=5 flags=N user=app", REQUEST_PROTECTED},
		{NULL, "user = web", "user = app", "id=5 flags=N user=ops", REQUEST_MATCHED},
		{"user = app", NULL, NULL, "id=5 flags=N user=app", REQUEST_MATCHED},
		{"user = app", NULL, NULL, "id=5 flags=N user=web", REQUEST_UNMATCHED},
		{"user = app", NULL, NULL, "id=5 flags=N", REQUEST_UNMATCHED},
		{"user = app", NULL, NULL, "id=1 flags=N user=app", REQUEST_PROTECTED},
		{"user = app", NULL, NULL, "id=1 flags=N user=web", REQUEST_UNMATCHED},
		{"type = replica", NULL, NULL, "id=5 flags=S", REQUEST_PROTECTED},
		{"user = app", "name = x", NULL, "id=5 flags=N user=app name=x", REQUEST_PROTECTED},
		{"user = app", "name = x", NULL, "id=5 flags=N user=web name=x", REQUEST_UNMATCHED},
	};
	static const struct protection_own own[] = {{.id = 1}, {.id = 3}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selectors protect = {0};
		struct protection protection = {.family = SERVER_REDIS,
			.own = own,
			.n_own = 2,
			.n_known = 2,
			.configured = &protect};
		struct request request;
		struct session session;
		struct err err;

		request_init(&request);
		request.is_all = rows[i].match == NULL;
		add(&request.match, rows[i].match);
		add(&request.except, rows[i].except);
		add(&protect, rows[i].protect);
		assert_int_equal(session_parse(slice_of(rows[i].line), SERVER_REDIS,
					 SLICE_LITERAL("node"), &session, &err),
			0);
		if (request_judge(&request, &protection, &session) != rows[i].expected) {
			fail_msg("%s: all=%d", rows[i].line, request.is_all);
		}
		request_finish(&request);
		selectors_finish(&protect);
	}
}

/* What was told elsewhere counts only with the mark of that very connection. */
static void test_own_by_mark(void **state UNUSED)
{
	static const struct protection_own own[] = {
		{.id = 1, .mark = "sesskilld:1"},
		{.id = 5, .field = SESSION_NAME, .mark = "sesskilld:5"},
		{.id = 0, .field = SESSION_NAME, .mark = "sesskilld:9"},
		{.id = 7, .field = SESSION_ADDR, .mark = "10.0.0.7:7"},
		{.id = 8, .field = SESSION_ADDR},
		{.id = 10, .field = SESSION_NAME, .mark = "sesskilld:10", .address = "10.0.0.7:10"},
	};
	static const struct {
		const char *line;
		bool is_own;
	} rows[] = {
		{"id=1 flags=N", true},
		{"id=2 flags=N name=sesskilld:1", false},
		{"id=5 flags=N name=sesskilld:5", true},
		{"id=5 flags=N name=sesskilld:6", false},
		{"id=5 flags=N name=sesskilld:55", false},
		{"id=5 flags=N", false},
		{"id=6 flags=N name=sesskilld:5", false},
		{"id=6 flags=N name=sesskilld:9", true},
		{"id=7 addr=10.0.0.7:7 flags=N", true},
		{"id=7 addr=10.0.0.7:70 flags=N", false},
		{"id=8 addr=10.0.0.7:7 flags=N", false},
		{"id=8 addr= flags=N name=", false},
		{"id=10 addr=10.0.0.7:10 flags=N name=", true}, /* it had none yet */
		{"id=10 addr=10.0.0.7:11 flags=N name=", false},
		{"id=11 addr=10.0.0.7:10 flags=N name=", false},
	};
	struct selectors protect = {0};
	struct protection protection = {.family = SERVER_REDIS,
		.own = own,
		.n_own = ARRAY_SIZE(own),
		.n_known = ARRAY_SIZE(own),
		.configured = &protect};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session session;
		struct err err;

		assert_int_equal(session_parse(slice_of(rows[i].line), SERVER_REDIS,
					 SLICE_LITERAL("node"), &session, &err),
			0);
		if (protection_is_own(&protection, &session) != rows[i].is_own) {
			fail_msg("%s", rows[i].line);
		}
	}
}

/* A set is judged as a whole; our connection is left out by the command, a second one is not. */
static void test_judge_set(void **state UNUSED)
{
	static const struct protection_own own[] = {{.id = 1}, {.id = 3}};
	struct selectors protect = {0};
	struct protection protection = {.family = SERVER_REDIS,
		.own = own,
		.n_own = 1,
		.n_known = 1,
		.configured = &protect};
	struct request request;
	struct session set = {.open_fields = UINT64_MAX, .least_age_s = -1, .least_idle_s = -1};

	request_init(&request);
	request.is_all = true;
	assert_int_equal(request_judge(&request, &protection, &set), REQUEST_MATCHED);
	protection.n_own = protection.n_known = 2;
	assert_int_equal(request_judge(&request, &protection, &set), REQUEST_OPEN);
	protection.n_own = protection.n_known = 1;
	set.type = SESSION_TYPE_REPLICA;
	assert_int_equal(request_judge(&request, &protection, &set), REQUEST_PROTECTED);
	set.type = SESSION_TYPE_NORMAL;
	add(&request.except, "name = ops-*");
	assert_int_equal(request_judge(&request, &protection, &set), REQUEST_OPEN);
	request.is_all = false;
	add(&request.match, "user = app");
	set.open_fields &= ~(UINT64_C(1) << SESSION_USER);
	set.values[SESSION_USER] = SLICE_LITERAL("web");
	assert_int_equal(request_judge(&request, &protection, &set), REQUEST_UNMATCHED);
	request_finish(&request);
}

/* One change each, by which a request is no longer the same. */
static void change(struct request *request, unsigned which)
{
	switch (which) {
	case 0:
		request->is_all = !request->is_all;
		break;
	case 1:
		request->is_dry_run = true;
		break;
	case 2:
		request->has_max = true;
		break;
	case 3:
		request->max = 5;
		break;
	case 4:
		request->pace = PACE_GENTLE;
		break;
	case 5:
		request->stall_budget_ms = 9;
		break;
	case 6:
		request->timeout_ms++;
		break;
	case 7:
		request->break_busy = true;
		break;
	case 8:
		request->watch_ms = 1;
		break;
	case 9:
		add(&request->match, "user = web");
		break;
	case 10:
		add(&request->except, "user = web");
		break;
	default:
		request->nodes = mem_alloc_array(1, sizeof(char *));
		request->nodes[0] = mem_copy_text("a:1", 3);
		request->n_nodes = 1;
		break;
	}
}

static void test_same(void **state UNUSED)
{
	for (unsigned which = 0; which < 12; which++) {
		struct request a, b;

		request_init(&a);
		request_init(&b);
		add(&a.match, "user = app");
		add(&b.match, "user = app");
		b.reason = mem_copy_text("why", 3); /* makes no difference */
		assert_true(request_is_same(&a, &b));
		change(&b, which);
		if (request_is_same(&a, &b)) {
			fail_msg("change %u", which);
		}
		change(&a, which);
		assert_true(request_is_same(&a, &b));
		request_finish(&a);
		request_finish(&b);
	}
}

static void test_nodes(void **state UNUSED)
{
	struct request request, moved;

	request_init(&request);
	assert_int_equal(request.timeout_ms, REQUEST_DEFAULT_TIMEOUT_MS);
	assert_int_equal(request.n_nodes, 0);
	change(&request, 11);
	assert_int_equal(request.n_nodes, 1);
	request_move(&moved, &request);
	assert_int_equal(request.n_nodes, 0);
	assert_int_equal(moved.n_nodes, 1);
	request_finish(&moved);
	request_finish(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_own_by_mark),
		cmocka_unit_test(test_judge_set),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
