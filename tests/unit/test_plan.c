/*
 * The rules of the kill plan, one by one, in the words that a dry run shows: whole types, cells,
 * ids, and what they cost at which pace. That no plan hits anybody else is test_plan_property.
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

#define MAX_GROUPS 5
#define MAX_STEPS 5
#define FIRST_ID 10

#define TYPE_CAP LISTED_CAP(KILL_TYPE)
#define OLD (TYPE_CAP | LISTED_CAP(KILL_USER) | LISTED_CAP(KILL_LADDR))
#define NEW (OLD | LISTED_CAP(KILL_MAXAGE))
#define RICH                                                                               \
	(NEW | LISTED_CAP(KILL_NAME) | LISTED_CAP(KILL_IDLE) | LISTED_CAP(KILL_LIB_NAME) | \
		LISTED_CAP(KILL_LIB_VER) | LISTED_CAP(KILL_DB))

#define ON(server, caps_) .family = SERVER_##server, .caps = (caps_)
#define FAST                                             \
	{                                                \
		.pace = PACE_FAST, .stall_budget_ms = 25 \
	}
#define GENTLE(ms)                                           \
	{                                                    \
		.pace = PACE_GENTLE, .stall_budget_ms = (ms) \
	}

#define ALL_NORMAL "CLIENT KILL TYPE normal SKIPME yes"
#define ALL_PUBSUB "CLIENT KILL TYPE pubsub SKIPME yes"

struct group {
	size_t n;
	const char *text; /* behind the id */
};

struct step {
	const char *words;
	size_t n;     /* victims */
	size_t burst; /* 0: not paced */
};

static const struct plan_row {
	const char *name;
	struct listed_opts listed;
	struct group groups[MAX_GROUPS];
	struct plan_opts opts;
	struct step steps[MAX_STEPS];
} rows[] = {
	{"nobody", {ON(REDIS, OLD)}, {{0}}, FAST, {{0}}},
	{"both types", {ON(REDIS, OLD)}, {{3, "flags=N"}, {2, "flags=P"}}, FAST,
		{{ALL_NORMAL, 3, 0}, {ALL_PUBSUB, 2, 0}}},
	{"one is enough for a type", {ON(REDIS, OLD)}, {{1, "flags=P"}}, FAST,
		{{ALL_PUBSUB, 1, 0}}},
	{"no TYPE, no sets", {ON(REDIS, LISTED_CAP(KILL_USER))}, {{2, "flags=N"}}, FAST,
		{{"CLIENT KILL ID 10 SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a second attempt is by id", {ON(REDIS, OLD | LISTED_CAP(MULTI_ID))}, {{3, "flags=N"}},
		{.pace = PACE_FAST, .stall_budget_ms = 25, .by_id_only = true},
		{{"CLIENT KILL ID 10 11 12 TYPE normal SKIPME yes", 3, 0}}},
	{"another link of ours", {ON(REDIS, OLD), .other_own_id = 10},
		{{2, "flags=N"}, {2, "flags=P"}}, FAST,
		{{"CLIENT KILL ID 11 TYPE normal SKIPME yes", 1, 0},
			{"CLIENT KILL ID 12 TYPE pubsub SKIPME yes, and 1 more such commands", 2,
				0}}},
	{"replicas are of no type that is killed", {ON(REDIS, OLD)},
		{{2, "flags=N"}, {1, "flags=S"}, {1, "flags=M"}}, FAST, {{ALL_NORMAL, 2, 0}}},
	{"a replica before its PSYNC is like all", {ON(REDIS, OLD)},
		{{2, "flags=N"}, {1, "flags=N age=1 cmd=psync"}, {2, "flags=P"}}, FAST,
		{{ALL_NORMAL, 3, 0}, {ALL_PUBSUB, 2, 0}}},
	{"but not of those who are selected", {ON(REDIS, OLD), .match = {"user = app"}},
		{{2, "flags=N user=app"}, {1, "flags=N user=app age=1 cmd=psync"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal USER app SKIPME yes, and 1 more such commands", 2,
			0}}},
	{"an unreadable line", {ON(REDIS, OLD)}, {{2, "flags=N"}, {1, "flags=N flags=N"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 2 more such commands", 3, 0}}},
	{"a type", {ON(REDIS, OLD), .match = {"type = pubsub"}}, {{2, "flags=N"}, {2, "flags=P"}},
		FAST, {{ALL_PUBSUB, 2, 0}}},
	/* Cells. */
	{"a user", {ON(REDIS, OLD), .match = {"user = app"}},
		{{2, "flags=N user=app"}, {2, "flags=N user=web"}, {2, "flags=P user=app"}}, FAST,
		{{"CLIENT KILL TYPE normal USER app SKIPME yes", 2, 0},
			{"CLIENT KILL TYPE pubsub USER app SKIPME yes", 2, 0}}},
	{"users by pattern", {ON(REDIS, OLD), .match = {"user = a*"}},
		{{2, "flags=N user=app"}, {2, "flags=N user=api"}, {1, "flags=N user=web"}}, FAST,
		{{"CLIENT KILL TYPE normal USER app SKIPME yes", 2, 0},
			{"CLIENT KILL TYPE normal USER api SKIPME yes", 2, 0}}},
	{"all but a user", {ON(REDIS, OLD), .except = {"user = web"}},
		{{2, "flags=N user=app"}, {1, "flags=N user=web"}}, FAST,
		{{"CLIENT KILL TYPE normal USER app SKIPME yes", 2, 0}}},
	{"a cell of one is an id", {ON(REDIS, OLD), .match = {"user = app"}},
		{{1, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal USER app SKIPME yes", 1, 0}}},
	{"no USER on this server", {ON(REDIS, TYPE_CAP), .match = {"user = app"}},
		{{2, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a name that nobody can filter on", {ON(REDIS, OLD), .match = {"name = job"}},
		{{2, "flags=N name=job"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a name", {ON(VALKEY, RICH), .match = {"name = job"}}, {{2, "flags=N name=job"}}, FAST,
		{{"CLIENT KILL TYPE normal NAME job SKIPME yes", 2, 0}}},
	{"a name, but for a user that is protected",
		{ON(VALKEY, RICH), .match = {"name = job"}, .protect = {"user = ops"}},
		{{2, "flags=N name=job user=app"}, {2, "flags=N name=job user=ops"}}, FAST,
		{{"CLIENT KILL TYPE normal USER app NAME job SKIPME yes", 2, 0}}},
	{"a protected name that newcomers could have",
		{ON(REDIS, OLD), .match = {"user = app"}, .protect = {"name = ops-*"}},
		{{2, "flags=N user=app name=x"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal USER app SKIPME yes, and 1 more such commands", 2,
			0}}},
	{"a protected field that the server has for nobody",
		{ON(REDIS, OLD), .match = {"user = app"}, .protect = {"omem > 1mb"}},
		{{2, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL TYPE normal USER app SKIPME yes", 2, 0}}},
	{"a name that Garnet shows when there is one",
		{ON(GARNET, OLD), .match = {"user = app"}, .protect = {"name = ops-*"}},
		{{2, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal USER app SKIPME yes, and 1 more such commands", 2,
			0}}},
	{"where it was reached", {ON(REDIS, OLD), .match = {"laddr = 10.0.0.0/8"}},
		{{2, "flags=N laddr=10.0.0.1:6379"}, {1, "flags=N laddr=/run/r:0"}}, FAST,
		{{"CLIENT KILL TYPE normal LADDR 10.0.0.1:6379 SKIPME yes", 2, 0}}},
	{"a Unix socket has no filter", {ON(REDIS, OLD), .match = {"laddr = unix"}},
		{{2, "flags=N laddr=/run/r:0"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"where it comes from has none either", {ON(VALKEY, RICH), .match = {"addr = 10.0.0.1"}},
		{{2, "flags=N addr=10.0.0.1:7"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a library and a database",
		{ON(VALKEY, RICH), .match = {"lib = jedis", "lib-ver = 4*", "db = 1,2"}},
		{{2, "flags=N lib-name=jedis lib-ver=4.1 db=2"},
			{3, "flags=N lib-name=jedis lib-ver=5 db=2"}},
		FAST,
		{{"CLIENT KILL TYPE normal LIB-NAME jedis LIB-VER 4.1 DB 2 SKIPME yes", 2, 0}}},
	{"another node", {ON(REDIS, OLD), .match = {"node = 10.0.0.8:*"}}, {{2, "flags=N"}}, FAST,
		{{0}}},
	{"this node", {ON(REDIS, OLD), .match = {"node = 10.0.0.9:*"}}, {{2, "flags=N"}}, FAST,
		{{ALL_NORMAL, 2, 0}}},
	/* Bounds: the young ones in the cell do no harm. */
	{"an age", {ON(REDIS, NEW), .match = {"age >= 1m"}},
		{{2, "flags=N age=70"}, {3, "flags=N age=5"}}, FAST,
		{{"CLIENT KILL TYPE normal MAXAGE 60 SKIPME yes", 2, 0}}},
	{"the stronger of two", {ON(REDIS, NEW), .match = {"age > 60", "age >= 10"}},
		{{2, "flags=N age=70"}}, FAST,
		{{"CLIENT KILL TYPE normal MAXAGE 61 SKIPME yes", 2, 0}}},
	{"an age and a user", {ON(REDIS, NEW), .match = {"age > 60", "user = app"}},
		{{2, "flags=N age=70 user=app"}, {3, "flags=N age=5 user=app"},
			{2, "flags=N age=99 user=web"}},
		FAST, {{"CLIENT KILL TYPE normal USER app MAXAGE 61 SKIPME yes", 2, 0}}},
	{"no MAXAGE", {ON(REDIS, OLD), .match = {"age > 60"}}, {{2, "flags=N age=70"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"an idle time", {ON(VALKEY, RICH), .match = {"idle > 5m"}},
		{{2, "flags=N idle=400"}, {1, "flags=N idle=0"}}, FAST,
		{{"CLIENT KILL TYPE normal IDLE 301 SKIPME yes", 2, 0}}},
	{"both", {ON(VALKEY, RICH), .match = {"idle > 1", "age > 2"}},
		{{2, "flags=N idle=4 age=9"}}, FAST,
		{{"CLIENT KILL TYPE normal MAXAGE 3 IDLE 2 SKIPME yes", 2, 0}}},
	{"a bound from above", {ON(REDIS, NEW), .match = {"age < 60"}}, {{2, "flags=N age=7"}},
		FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"except the young", {ON(REDIS, NEW), .match = {"age > 60"}, .except = {"age < 61"}},
		{{2, "flags=N age=70"}}, FAST,
		{{"CLIENT KILL TYPE normal MAXAGE 61 SKIPME yes", 2, 0}}},
	/* A limit: nobody who connects later, and nobody who is too young now. */
	{"a limit", {ON(REDIS, OLD), .has_max = true}, {{2, "flags=N"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a limit for a user", {ON(REDIS, OLD), .has_max = true, .match = {"user = app"}},
		{{2, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal USER app SKIPME yes, and 1 more such commands", 2,
			0}}},
	{"a limit, older than the kill may take",
		{ON(REDIS, NEW), .has_max = true, .match = {"age > 60"}}, {{2, "flags=N age=70"}},
		FAST, {{"CLIENT KILL TYPE normal MAXAGE 61 SKIPME yes", 2, 0}}},
	{"a limit, not older than that", {ON(REDIS, NEW), .has_max = true, .match = {"age >= 60"}},
		{{2, "flags=N age=70"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a limit, and somebody grows old",
		{ON(REDIS, NEW), .has_max = true, .match = {"age > 60"}},
		{{2, "flags=N age=70"}, {1, "flags=N age=60"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	{"a limit, but idle is not old",
		{ON(VALKEY, RICH), .has_max = true, .match = {"idle > 5m"}},
		{{2, "flags=N idle=400"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 1 more such commands", 2, 0}}},
	/* Ids. */
	{"many ids a command", {ON(VALKEY, LISTED_CAP(MULTI_ID))}, {{2500, "flags=N"}}, FAST,
		{{"CLIENT KILL ID 10 11 12 13 14 ... (1000 ids) SKIPME yes, and 2 more such "
		  "commands",
			2500, 0}}},
	{"a cell is not worth a walk",
		{ON(VALKEY, RICH | LISTED_CAP(MULTI_ID)), .match = {"user = app"}},
		{{1000, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL ID 10 11 12 13 14 ... (1000 ids) TYPE normal USER app SKIPME yes",
			1000, 0}}},
	{"now it is", {ON(VALKEY, RICH | LISTED_CAP(MULTI_ID)), .match = {"user = app"}},
		{{1001, "flags=N user=app"}}, FAST,
		{{"CLIENT KILL TYPE normal USER app SKIPME yes", 1001, 0}}},
	{"Dragonfly takes an id and nothing else", {ON(DRAGONFLY, 0)},
		{{3, "fd=9 name= tid=1 age=1 idle=1 lib-name= lib-ver="}}, FAST,
		{{"CLIENT KILL ID 10, and 2 more such commands", 3, 0}}},
	/* 1,000 at 13 us and a walk of 25 us. */
	{"gentle: a set above the budget", {ON(REDIS, OLD)}, {{1000, "flags=N"}}, GENTLE(10),
		{{"CLIENT KILL ID 10 TYPE normal SKIPME yes, and 999 more such commands", 1000,
			262}}},
	{"gentle: a set within it", {ON(REDIS, OLD)}, {{100, "flags=N"}}, GENTLE(10),
		{{ALL_NORMAL, 100, 100}}},
	{"gentle: ids together", {ON(VALKEY, OLD | LISTED_CAP(MULTI_ID))}, {{1000, "flags=N"}},
		GENTLE(10),
		{{"CLIENT KILL ID 10 11 12 13 14 ... (767 ids) TYPE normal SKIPME yes, and 1 more "
		  "such commands",
			1000, 767}}},
	{"gentle: never less than one", {ON(REDIS, 0)}, {{100000, "flags=N"}}, GENTLE(1),
		{{"CLIENT KILL ID 10 SKIPME yes, and 99999 more such commands", 100000, 1}}},
	/* Old servers search the subscribers of every channel. */
	{"many subscriptions", {ON(REDIS, OLD)}, {{400, "flags=P sub=100"}, {2, "flags=N"}}, FAST,
		{{ALL_NORMAL, 2, 0},
			{"CLIENT KILL ID 10 TYPE pubsub SKIPME yes, and 399 more such commands",
				400, 59}}},
	{"more than there can be", {ON(REDIS, OLD)}, {{2, "flags=P sub=9223372036854775807"}}, FAST,
		{{"CLIENT KILL ID 10 TYPE pubsub SKIPME yes, and 1 more such commands", 2, 1}}},
	{"few subscriptions", {ON(REDIS, OLD)}, {{400, "flags=P sub=1"}}, FAST,
		{{ALL_PUBSUB, 400, 0}}},
	{"a server that looks them up", {ON(REDIS, NEW)}, {{400, "flags=P sub=100"}}, FAST,
		{{ALL_PUBSUB, 400, 0}}},
};

static void check_steps(const struct plan *plan, const struct plan_row *row)
{
	size_t n = 0;

	for (; n < plan->n_steps; n++) {
		const struct plan_step *step = &plan->steps[n];
		char *words = plan_step_print(plan, step, SLICE_LITERAL("CLIENT"));

		if (n == MAX_STEPS || row->steps[n].words == NULL ||
			strcmp(words, row->steps[n].words) != 0 || step->n != row->steps[n].n ||
			step->victims_per_burst != row->steps[n].burst) {
			fail_msg("%s: step %zu: %s; %zu victims, burst %zu", row->name, n, words,
				step->n, step->victims_per_burst);
		}
		free(words);
	}
	if (n < MAX_STEPS && row->steps[n].words != NULL) {
		fail_msg("%s: no \"%s\"", row->name, row->steps[n].words);
	}
}

/* Every victim stands in exactly one step, ids ascending. */
static void check_victims(const struct plan *plan, const char *name)
{
	assert_int_equal(plan->n_victims, snapshot_n_pending(plan->snapshot));
	for (size_t i = 0; i < plan->n_steps; i++) {
		uint64_t last = 0;

		for (size_t k = 0; k < plan->steps[i].n; k++) {
			const struct snapshot_entry *victim =
				plan_step_victim(plan, &plan->steps[i], k);

			if (!snapshot_is_victim(victim) || victim->id <= last) {
				fail_msg("%s: id %llu", name, (unsigned long long)victim->id);
			}
			last = victim->id;
		}
	}
}

static void test_rules(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct listed listed;
		struct plan plan;
		uint64_t id = FIRST_ID;

		listed_begin(&listed, &rows[i].listed);
		for (size_t k = 0; k < MAX_GROUPS && rows[i].groups[k].n > 0; k++) {
			listed_many(&listed, id, rows[i].groups[k].n, rows[i].groups[k].text);
			id += rows[i].groups[k].n;
		}
		snapshot_seal(&listed.snapshot);
		plan_init(&plan, &listed.snapshot, &rows[i].opts);
		check_steps(&plan, &rows[i]);
		check_victims(&plan, rows[i].name);
		plan_finish(&plan);
		plan_finish(&plan);
		listed_finish(&listed);
	}
}

/* Who has no cell is known to no set: then nothing but known cells and ids. */
static void test_too_many_cells(void **state UNUSED)
{
	static const struct listed_opts opts = {ON(REDIS, OLD), .except = {"user = nobody"}};
	static const struct plan_opts fast = FAST;
	struct listed listed;
	struct plan plan;
	char text[32];

	listed_begin(&listed, &opts);
	listed_many(&listed, 10, 3, "flags=N user=first");
	for (unsigned i = 0; i < SNAPSHOT_MAX_CELLS; i++) {
		snprintf(text, sizeof(text), "flags=N user=u%u", i);
		listed_many(&listed, 20 + i, 1, text);
	}
	snapshot_seal(&listed.snapshot);
	plan_init(&plan, &listed.snapshot, &fast);
	assert_int_equal(plan.n_steps, 2);
	assert_int_equal(plan.steps[0].kind, PLAN_STEP_CELL);
	assert_int_equal(plan.steps[0].n, 3);
	assert_int_equal(plan.steps[1].kind, PLAN_STEP_IDS);
	assert_int_equal(plan.steps[1].n, SNAPSHOT_MAX_CELLS);
	plan_finish(&plan);
	/* One that is internal, in a known cell, is seen although there are too many. */
	listed_line(&listed, "id=9000 flags=I user=first");
	snapshot_seal(&listed.snapshot);
	plan_init(&plan, &listed.snapshot, &fast);
	assert_int_equal(plan.n_steps, 1);
	assert_int_equal(plan.steps[0].kind, PLAN_STEP_IDS);
	plan_finish(&plan);
	listed_finish(&listed);
}

/* ---- by the kernel ---- */

struct cut_row {
	const char *name;
	size_t n;
	size_t n_with_socket;
	uint32_t caps;
	struct plan_opts opts;
	size_t n_cut;
	size_t burst;
};

#define KERNEL .stall_budget_ms = 25, .has_kernel = true

static const struct cut_row cut_rows[] = {
	{"one command an id", 1000, 1000, OLD, {.pace = PACE_FAST, KERNEL}, 1000, PLAN_MAX_CUT},
	{"those by a Unix socket go by id", 1000, 900, OLD, {.pace = PACE_FAST, KERNEL}, 900,
		PLAN_MAX_CUT},
	{"a walk over a few costs nothing", 20, 20, OLD, {.pace = PACE_FAST, KERNEL}, 0, 0},
	{"many ids in a command", 1000, 1000, OLD | LISTED_CAP(MULTI_ID),
		{.pace = PACE_FAST, KERNEL}, 0, 0},
	{"wanted in any case", 20, 20, OLD | LISTED_CAP(MULTI_ID),
		{.pace = PACE_FAST, KERNEL, .wants_kernel = true}, 20, PLAN_MAX_CUT},
	{"within the budget", 1000, 1000, OLD,
		{.pace = PACE_GENTLE, .stall_budget_ms = 1, .has_kernel = true}, 1000, 67},
	{"a second attempt", 1000, 1000, OLD, {.pace = PACE_FAST, KERNEL, .by_id_only = true}, 0,
		0},
	{"without it", 1000, 1000, OLD, {.pace = PACE_FAST, .stall_budget_ms = 25}, 0, 0},
};

static void check_cut(const struct cut_row *row)
{
	const struct listed_opts opts = {
		.family = SERVER_REDIS, .caps = row->caps, .match = {"name = x"}};
	struct listed listed;
	struct plan plan;
	size_t n_cut = 0, n = 0;

	listed_begin(&listed, &opts);
	for (size_t i = 0; i < row->n; i++) {
		listed_many(&listed, FIRST_ID + i, 1, "flags=N name=x");
		if (i < row->n_with_socket) {
			snapshot_note_socket(&listed.snapshot, (uint32_t)i);
		}
	}
	snapshot_seal(&listed.snapshot);
	plan_init(&plan, &listed.snapshot, &row->opts);
	for (size_t i = 0; i < plan.n_steps; i++) {
		const struct plan_step *step = &plan.steps[i];

		n += step->n;
		if (step->kind == PLAN_STEP_CUT) {
			CLEANUP(mem_free_p)
			char *words = plan_step_print(&plan, step, SLICE_LITERAL("CLIENT"));
			CLEANUP(mem_free_p)
			char *expected = mem_printf("cut %zu sockets at the kernel", row->n_cut);

			n_cut += step->n;
			assert_string_equal(words, expected);
			assert_int_equal(step->victims_per_burst, row->burst);
		}
	}
	assert_int_equal(n, row->n);
	assert_int_equal(n_cut, row->n_cut);
	assert_false(plan_has_sets(&plan));
	plan_finish(&plan);
	listed_finish(&listed);
}

static void test_kernel(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(cut_rows); i++) {
		print_message("# %s\n", cut_rows[i].name);
		check_cut(&cut_rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_too_many_cells),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
