/*
 * Several users: nobody's kills wait or are refused for those of another for longer than a turn,
 * and nobody's reports are forgotten for them.
 */
#include "jobs_fixture.h"

#define ANN 1000
#define BOB 2000

static struct answer *submit_as(struct jobs_fixture *fixture, uid_t uid, struct request request)
{
	struct caller before = fixture->caller;
	struct answer *answer;

	fixture->caller.uid = uid;
	fixture->caller.is_own = uid == 0;
	answer = submit(fixture, request);
	fixture->caller = before;
	return answer;
}

static int try_as(struct jobs_fixture *fixture, uid_t uid, struct request request)
{
	struct answer answer = {0};
	struct err err;
	int r;

	fixture->caller.uid = uid;
	r = try_submit(fixture, &request, &answer, &err);
	fixture->caller.uid = 0;
	request_finish(&request);
	return r;
}

/* No two of them are the same. */
static struct request another(struct jobs_fixture *fixture)
{
	struct request request = fixture_request("app");

	request.timeout_ms += (int64_t)fixture->n_answers;
	return request;
}

static void fill(struct jobs_fixture *fixture, uid_t uid, int n)
{
	for (int i = 0; i < n; i++) {
		submit_as(fixture, uid, another(fixture));
	}
}

static struct request request_for_all(void)
{
	struct request request;

	request_init(&request);
	request.is_all = true;
	return request;
}

static void test_limits_of_each(void **state)
{
	struct jobs_fixture *fixture = *state;

	submit_held(fixture);
	fill(fixture, ANN, JOBS_MAX_WAITING);
	assert_int_equal(try_as(fixture, ANN, fixture_request("x")), JOBS_E_TOO_MANY);
	for (uid_t i = 0; i < JOBS_SHARES - 1; i++) {
		fill(fixture, BOB + i, JOBS_MAX_WAITING);
	}
	/* All together have no more either; but who has none has one, and root his own. */
	submit_as(fixture, BOB + JOBS_SHARES, another(fixture));
	assert_int_equal(try_as(fixture, BOB + JOBS_SHARES, fixture_request("y")), JOBS_E_TOO_MANY);
	submit_as(fixture, 0, fixture_request("x"));
	/* A kill of all is not kept out by those of some. */
	fill(fixture, 0, JOBS_MAX_WAITING - 1);
	assert_int_equal(try_as(fixture, 0, fixture_request("y")), JOBS_E_TOO_MANY);
	submit_as(fixture, 0, request_for_all());
	submit_as(fixture, ANN, request_for_all());
	go_on(fixture);
}

static void expect_second_waits(struct answer *answer)
{
	assert_int_equal(answer->fixture->answers[2].n, 0);
}

/* One of each user in turn, the oldest first. */
static void test_turns(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *bobs;

	submit_held(fixture);
	submit_as(fixture, ANN, another(fixture));
	submit_as(fixture, ANN, another(fixture));
	bobs = submit_as(fixture, BOB, another(fixture));
	bobs->then_fn = expect_second_waits;
	go_on(fixture);
	wait_for(fixture, &fixture->answers[2]);
	assert_int_equal(bobs->n, 1);
}

/* Who waits for a node keeps nobody waiting; but only so many may. */
static void test_waiting_for_a_node(void **state)
{
	struct jobs_fixture *fixture = *state;

	fixture_connect(&fixture->base, 0);
	for (int i = 0; i < JOBS_MAX_RUNS; i++) {
		submit_as(fixture, ANN, another(fixture));
	}
	assert_int_equal(jobs_load(fixture->jobs, fixture->base.instance).n_running, JOBS_MAX_RUNS);
	assert_int_equal(try_as(fixture, ANN, fixture_request("x")), JOBS_E_TOO_MANY);
	submit_as(fixture, BOB, another(fixture));
}

/* Nor do the dry runs of a user push out his kills. */
static void test_memory(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *anns, *bobs;
	struct jobs_view view;

	fixture_start(&fixture->base);
	anns = submit_as(fixture, ANN, fixture_request(NULL));
	wait_for(fixture, anns);
	bobs = submit_as(fixture, BOB, fixture_request(NULL));
	wait_for(fixture, bobs);
	for (size_t i = 0; i < JOBS_MAX_REMEMBERED + 5; i++) {
		struct request request = fixture_request(NULL);

		request.is_dry_run = true;
		wait_for(fixture, submit_as(fixture, BOB, request));
	}
	assert_true(is_known(fixture, anns->id, &view));
	assert_true(is_known(fixture, bobs->id, &view));
	assert_false(is_known(fixture, "ID-2", &view));
	assert_true(is_known(fixture, "ID-106", &view));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_limits_of_each),
		ROW(test_turns),
		ROW(test_waiting_for_a_node),
		ROW(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
