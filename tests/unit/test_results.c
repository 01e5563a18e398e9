/*
 * Requests by ids, and what became of each session: from the lines of a listing to the results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "snapshot_lines.h"

#define NODE "10.0.0.1:6379"
#define OWN_ID 100

/* A server with one listing, and who asks for what. */
struct scene {
	struct request request;
	struct selectors protect;
	struct protection_own own[1];
	struct protection protection;
	struct caps caps;
	struct sources sources;
	struct results results;
	struct snapshot snapshot;
};

static int setup(void **state)
{
	struct scene *scene = mem_new(struct scene);

	request_init(&scene->request);
	scene->request.wants_results = true;
	scene->own[0].id = OWN_ID;
	scene->protection = (struct protection){
		.family = SERVER_REDIS,
		.own = scene->own,
		.n_own = 1,
		.n_known = 1,
		.configured = &scene->protect,
	};
	scene->caps.family = SERVER_REDIS;
	caps_set(&scene->caps, CAP_KILL_TYPE);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	snapshot_finish(&scene->snapshot);
	results_finish(&scene->results);
	sources_finish(&scene->sources);
	selectors_finish(&scene->protect);
	request_finish(&scene->request);
	free(scene);
	return 0;
}

static void ask_for(struct scene *scene, const uint64_t *ids, size_t n)
{
	uint64_t *copy = mem_alloc_array(n, sizeof(uint64_t));

	memcpy(copy, ids, n * sizeof(uint64_t));
	request_set_ids(&scene->request, copy, n);
}

static void begin(struct scene *scene)
{
	snapshot_finish(&scene->snapshot);
	snapshot_init(&scene->snapshot, &scene->request, &scene->protection, &scene->caps,
		SLICE_LITERAL(NODE), &scene->sources, OWN_ID);
	snapshot_want_results(&scene->snapshot, &scene->results);
}

static void list(struct scene *scene, uint64_t id, const char *user, const char *flags)
{
	CLEANUP(mem_free_p)
	char *line = mem_printf("id=%llu addr=1.2.3.4:%llu name= age=9 idle=5 flags=%s db=3 "
				"cmd=get user=%s",
		(unsigned long long)id, (unsigned long long)id, flags, user);

	snapshot_add_line(&scene->snapshot, slice_of(line));
}

/* Everybody who was listed, of every class. */
static void list_crowd(struct scene *scene)
{
	begin(scene);
	list(scene, 1, "app", "N");
	list(scene, 2, "app", "b");
	list(scene, 3, "kept", "N");
	list(scene, 4, "ops", "N");
	list(scene, 5, "app", "S");
	list(scene, OWN_ID, "sesskill", "N");
	snapshot_add_line(&scene->snapshot, SLICE_LITERAL("id=6 addr=1.2.3.4:6 age=x"));
	snapshot_seal(&scene->snapshot);
}

static struct result *find(struct scene *scene, uint64_t id)
{
	struct result *found = NULL;

	for (size_t i = 0; i < scene->results.n; i++) {
		if (scene->results.items[i].id == id) {
			assert_null(found);
			found = &scene->results.items[i];
		}
	}
	return found;
}

static void assert_fate(struct scene *scene, uint64_t id, enum result_fate fate)
{
	struct result *result = find(scene, id);

	assert_non_null(result);
	assert_int_equal(result->fate, fate);
	assert_true(slice_is(results_text(&scene->results, result->node), NODE));
}

static void protect_some(struct scene *scene)
{
	struct err err;

	selectors_add_exact(&scene->request.except, SESSION_USER, SLICE_LITERAL("kept"));
	assert_true(selectors_add(&scene->protect, SLICE_LITERAL("user = ops,kept"), &err));
}

/* 1 is not listed any more, 2 still is. */
static void verify(struct scene *scene)
{
	snapshot_verify_begin(&scene->snapshot);
	snapshot_verify_line(&scene->snapshot,
		SLICE_LITERAL("id=2 addr=1.2.3.4:2 name= age=9 idle=5 flags=N db=3 cmd=get "
			      "user=app"));
	snapshot_verify_end(&scene->snapshot);
}

static void test_ids(void **state)
{
	struct scene *scene = *state;
	static const uint64_t ids[] = {77, 6, 5, 4, 3, 2, 1, OWN_ID, 1};

	protect_some(scene);
	ask_for(scene, ids, ARRAY_SIZE(ids));
	list_crowd(scene);
	assert_int_equal(scene->snapshot.counts.matched, 2);
	verify(scene);
	snapshot_settle_results(&scene->snapshot, RESULT_TIMED_OUT);
	assert_fate(scene, 1, RESULT_KILLED);
	assert_fate(scene, 2, RESULT_TIMED_OUT);
	assert_fate(scene, 3, RESULT_IGNORED);
	assert_fate(scene, 4, RESULT_PROTECTED);
	assert_fate(scene, 5, RESULT_SYSTEM);
	assert_fate(scene, OWN_ID, RESULT_SYSTEM);
	assert_fate(scene, 77, RESULT_GONE);
	/* Its line says nothing about who it is. */
	assert_fate(scene, 6, RESULT_TIMED_OUT);
	assert_int_equal(scene->results.n, 8);
	assert_int_equal(scene->results.n_by_fate[RESULT_SYSTEM], 2);
	assert_int_equal(scene->results.n_by_fate[RESULT_TIMED_OUT], 2);
}

static void test_some_ids(void **state)
{
	struct scene *scene = *state;
	static const uint64_t ids[] = {2};

	ask_for(scene, ids, ARRAY_SIZE(ids));
	list_crowd(scene);
	assert_int_equal(scene->snapshot.counts.matched, 1);
	scene->snapshot.entries[1].fate = SNAPSHOT_GONE;
	snapshot_settle_results(&scene->snapshot, RESULT_SURVIVED);
	assert_int_equal(scene->results.n, 1);
	assert_fate(scene, 2, RESULT_GONE);
}

static void test_all(void **state)
{
	struct scene *scene = *state;

	protect_some(scene);
	scene->request.is_all = true;
	list_crowd(scene);
	verify(scene);
	snapshot_settle_results(&scene->snapshot, RESULT_SURVIVED);
	assert_fate(scene, 1, RESULT_KILLED);
	assert_fate(scene, 2, RESULT_SURVIVED);
	assert_fate(scene, 3, RESULT_IGNORED);
	assert_fate(scene, 4, RESULT_PROTECTED);
	assert_fate(scene, 5, RESULT_SYSTEM);
	assert_int_equal(scene->results.n, 7);
}

static void test_description(void **state)
{
	struct scene *scene = *state;
	static const uint64_t ids[] = {1, 2};
	const struct result *result;

	ask_for(scene, ids, ARRAY_SIZE(ids));
	list_crowd(scene);
	result = find(scene, 1);
	assert_true(slice_is(results_text(&scene->results, result->user), "app"));
	assert_true(slice_is(results_text(&scene->results, result->address), "1.2.3.4:1"));
	assert_true(slice_is(results_text(&scene->results, result->command), "get"));
	assert_int_equal(result->db, 3);
	assert_int_equal(result->idle_s, 5);
	assert_false(result->is_active);
	assert_true(find(scene, 2)->is_active); /* blocked in its command */
}

/* After a loss of the connection before the kill the listing is another one. */
static void test_listed_anew(void **state)
{
	struct scene *scene = *state;

	scene->request.is_all = true;
	list_crowd(scene);
	begin(scene);
	list(scene, 9, "app", "N");
	snapshot_seal(&scene->snapshot);
	snapshot_settle_results(&scene->snapshot, RESULT_SURVIVED);
	assert_int_equal(scene->results.n, 1);
	assert_int_equal(scene->results.n_by_fate[RESULT_SURVIVED], 1);
}

static void test_limit(void **state)
{
	struct scene *scene = *state;

	scene->request.is_all = true;
	begin(scene);
	for (uint64_t id = 1; id <= RESULTS_MAX + 10; id++) {
		list(scene, id, "app", "N");
	}
	snapshot_seal(&scene->snapshot);
	snapshot_end_all(&scene->snapshot, SNAPSHOT_ENDED);
	snapshot_settle_results(&scene->snapshot, RESULT_SURVIVED);
	assert_int_equal(scene->results.n, RESULTS_MAX);
	/* Our own has its id in the range. */
	assert_int_equal(scene->results.n_by_fate[RESULT_KILLED], RESULTS_MAX + 9);
}

static void test_long_texts(void **state)
{
	struct scene *scene = *state;
	CLEANUP(mem_free_p) char *user = mem_alloc(1001);

	memset(user, 'u', 1000);
	scene->request.is_all = true;
	begin(scene);
	list(scene, 1, user, "N");
	snapshot_seal(&scene->snapshot);
	assert_int_equal(
		results_text(&scene->results, find(scene, 1)->user).len, RESULTS_MAX_TEXT_BYTES);
}

/* Newcomers have other ids: no set command is exact, whoever is listed. */
static void test_ids_go_by_ids(void **state)
{
	struct scene *scene = *state;
	struct plan_opts opts = {.pace = PACE_FAST};
	static const uint64_t ids[] = {1, 2};
	struct plan plan;

	ask_for(scene, ids, ARRAY_SIZE(ids));
	begin(scene);
	list(scene, 1, "app", "N");
	list(scene, 2, "app", "N");
	snapshot_seal(&scene->snapshot);
	plan_init(&plan, &scene->snapshot, &opts);
	assert_int_equal(plan.n_steps, 1);
	assert_int_equal(plan.steps[0].kind, PLAN_STEP_IDS);
	assert_int_equal(plan.steps[0].n, 2);
	plan_finish(&plan);
}

/* A request that asks for nothing is not one for everything. */
static void test_nothing_asked_for(void **state)
{
	struct scene *scene = *state;

	list_crowd(scene);
	assert_int_equal(scene->snapshot.counts.matched, 0);
}

static void test_same(void **state)
{
	struct scene *scene = *state;
	static const uint64_t two[] = {2, 1}, same[] = {1, 2, 2}, other[] = {1, 3};
	struct request request;

	request_init(&request);
	ask_for(scene, two, ARRAY_SIZE(two));
	request_set_ids(&request, memcpy(mem_alloc(sizeof(same)), same, sizeof(same)), 3);
	assert_false(request_is_same(&scene->request, &request));
	request.wants_results = true;
	assert_true(request_is_same(&scene->request, &request));
	request_set_ids(&request, memcpy(mem_alloc(sizeof(other)), other, sizeof(other)), 2);
	assert_false(request_is_same(&scene->request, &request));
	request_finish(&request);
}

/* Commas and wildcards in an exact value mean themselves. */
static void test_exact(void **state)
{
	static const char *const users[] = {"a*", "a,b", "?", "plain", " x"};

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		struct selector *selector = selector_new_exact(SESSION_USER, slice_of(users[i]));

		for (size_t k = 0; k < ARRAY_SIZE(users); k++) {
			struct session session = {.values[SESSION_USER] = slice_of(users[k])};

			assert_int_equal(selector_test(selector, &session),
				i == k ? SELECTOR_YES : SELECTOR_NO);
		}
		selector_free(selector);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_some_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_description, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listed_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids_go_by_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same, setup, teardown),
		cmocka_unit_test(test_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
