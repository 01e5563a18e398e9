/*
 * Steps as commands: the very arguments, in portions, and in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "listed.h"
#include "model/plan.h"

static const struct plan_opts fast = {.pace = PACE_FAST, .stall_budget_ms = 25};

/* The arguments with a blank between them; on the heap. */
static char *joined(const struct plan_command *command)
{
	char *text = mem_alloc(1);

	for (size_t i = 0; i < command->argc; i++) {
		char *longer =
			mem_printf("%s%s%.*s", text, i > 0 ? " " : "", SLICE_ARG(command->argv[i]));

		free(text);
		text = longer;
	}
	return text;
}

/* A step is worked off in portions: by what the server takes, and by what the caller wants. */
static void test_portions(void **state UNUSED)
{
	static const struct listed_opts opts = {
		.family = SERVER_VALKEY, .caps = LISTED_CAP(MULTI_ID)};
	static const struct {
		size_t offset;
		size_t most;
		size_t n;
		const char *text;
	} portions[] = {
		{0, SIZE_MAX, 4,
			"CLIENT KILL ID 18446744073709551610 18446744073709551611 "
			"18446744073709551612 18446744073709551613 SKIPME yes"},
		{0, 1, 1, "CLIENT KILL ID 18446744073709551610 SKIPME yes"},
		{1, 2, 2, "CLIENT KILL ID 18446744073709551611 18446744073709551612 SKIPME yes"},
		{3, 5, 1, "CLIENT KILL ID 18446744073709551613 SKIPME yes"},
	};
	struct plan_command command = {0};
	struct listed listed;
	struct plan plan;

	listed_begin(&listed, &opts);
	listed_many(&listed, UINT64_C(18446744073709551610), 4, "flags=N");
	snapshot_seal(&listed.snapshot);
	plan_init(&plan, &listed.snapshot, &fast);
	assert_int_equal(plan.n_steps, 1);
	for (size_t i = 0; i < ARRAY_SIZE(portions); i++) {
		size_t n = plan_step_command(&plan, &plan.steps[0], portions[i].offset,
			portions[i].most, SLICE_LITERAL("CLIENT"), &command);
		CLEANUP(mem_free_p) char *text = joined(&command);

		assert_int_equal(n, portions[i].n);
		assert_string_equal(text, portions[i].text);
	}
	plan_command_finish(&command);
	plan_command_finish(&command);
	plan_finish(&plan);
	listed_finish(&listed);
}

/* A set is one command, however few were wanted, under whatever name the server has for CLIENT. */
static void test_set(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_REDIS,
		.caps = LISTED_CAP(KILL_TYPE) | LISTED_CAP(KILL_USER) | LISTED_CAP(KILL_MAXAGE),
		.match = {"user = *", "age >= 18446744073s"}};
	struct plan_command command = {0};
	struct listed listed;
	struct plan plan;

	listed_begin(&listed, &opts);
	listed_many(&listed, 10, 3, "flags=P user=caf\xc3\xa9=1 age=18446744073");
	snapshot_seal(&listed.snapshot);
	plan_init(&plan, &listed.snapshot, &fast);
	assert_int_equal(plan.n_steps, 1);
	assert_int_equal(
		plan_step_command(&plan, &plan.steps[0], 0, 1, SLICE_LITERAL("renamed"), &command),
		3);
	{
		CLEANUP(mem_free_p) char *text = joined(&command);

		assert_string_equal(text, "renamed KILL TYPE pubsub USER caf\xc3\xa9=1 MAXAGE "
					  "18446744073 SKIPME yes");
	}
	plan_command_finish(&command);
	plan_finish(&plan);
	listed_finish(&listed);
}

static void test_words(void **state UNUSED)
{
	static const struct {
		size_t n;
		size_t burst;
		uint32_t caps;
		const char *words;
	} rows[] = {
		{1, 0, 0, "X KILL ID 10 SKIPME yes"},
		{2, 0, 0, "X KILL ID 10 SKIPME yes, and 1 more such commands"},
		{5, 0, LISTED_CAP(MULTI_ID), "X KILL ID 10 11 12 13 14 SKIPME yes"},
		{6, 0, LISTED_CAP(MULTI_ID), "X KILL ID 10 11 12 13 14 ... (6 ids) SKIPME yes"},
		{7, 3, LISTED_CAP(MULTI_ID),
			"X KILL ID 10 11 12 SKIPME yes, and 2 more such commands"},
		{1001, 0, LISTED_CAP(MULTI_ID),
			"X KILL ID 10 11 12 13 14 ... (1000 ids) SKIPME yes, and 1 more such "
			"commands"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct listed_opts opts = {.family = SERVER_REDIS, .caps = rows[i].caps};
		struct listed listed;
		struct plan plan;
		char *words;

		listed_begin(&listed, &opts);
		listed_many(&listed, 10, rows[i].n, "flags=N");
		snapshot_seal(&listed.snapshot);
		plan_init(&plan, &listed.snapshot, &fast);
		plan.steps[0].victims_per_burst = rows[i].burst;
		words = plan_step_print(&plan, &plan.steps[0], SLICE_LITERAL("X"));
		assert_string_equal(words, rows[i].words);
		free(words);
		plan_finish(&plan);
		listed_finish(&listed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_portions),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
