/*
 * Jobs: all nodes at once, the limit that they share, nodes that fail, a cancel.
 */
#include "kill/job.h"
#include "kill_fixture.h"

#define N_SERVERS 3

struct job_fixture {
	struct kill_fixture base;
	struct job *job;
	int n_listed;
	int n_verified;
	int n_done;
};

static void on_event(void *context, enum job_event event)
{
	struct job_fixture *fixture = context;

	switch (event) {
	case JOB_LISTED:
		fixture->n_listed++;
		break;
	case JOB_VERIFIED:
		fixture->n_verified++;
		break;
	case JOB_RECONNECTED:
	case JOB_WAITING:
	case JOB_LATE:
		break;
	case JOB_DONE:
		fixture->n_done++;
		break;
	}
}

/* Server i has 10 * (i + 1) sessions: 60 together. */
static int setup(void **state)
{
	struct job_fixture *fixture = mem_new(struct job_fixture);

	fixture_init(&fixture->base, N_SERVERS);
	for (size_t i = 0; i < N_SERVERS; i++) {
		static const char *const run_ids[] = {"first", "second", "third"};

		fixture->base.servers[i].run_id = run_ids[i];
		peer_server_add(&fixture->base.servers[i], "app", 10 * (i + 1));
	}
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct job_fixture *fixture = *state;

	peer_turn(fixture->base.loop);
	assert_int_equal(fixture->n_done, 1);
	job_free(fixture->job);
	fixture_finish(&fixture->base);
	free(fixture);
	return 0;
}

static void start(struct job_fixture *fixture, struct request *request, int64_t time_ms)
{
	fixture->job = job_new(fixture->base.loop, fixture->base.instances, fixture->base.instance,
		request, "id", on_event, fixture);
	assert_false(job_is_started(fixture->job));
	job_start(fixture->job, clock_monotonic_ms() + time_ms);
	assert_int_equal(fixture->n_done + fixture->n_listed, 0);
}

static const struct report *wait_done(struct job_fixture *fixture)
{
	const struct report *report;

	fixture_wait(&fixture->base,
		(report = job_report(fixture->job), counts_is_consistent(&report->counts, false)) &&
			fixture->n_done > 0);
	assert_true(job_is_done(fixture->job));
	return job_report(fixture->job);
}

static size_t n_left(const struct job_fixture *fixture)
{
	size_t n = 0;

	for (size_t i = 0; i < N_SERVERS; i++) {
		n += peer_server_count(&fixture->base.servers[i], NULL);
	}
	return n;
}

static void test_all_nodes(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_start(&fixture->base);
	start(fixture, &request, 5000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_DONE);
	assert_int_equal(report->counts.killed, 60);
	assert_int_equal(report->counts.found, 60 + N_SERVERS);
	assert_int_equal(report->n_nodes, N_SERVERS);
	assert_int_equal(report->nodes[2].counts.killed, 30);
	assert_int_equal(fixture->n_listed, N_SERVERS);
	assert_int_equal(fixture->n_verified, N_SERVERS);
	assert_null(report->error);
	assert_int_equal(n_left(fixture), 0);
}

static void test_one_node(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_start(&fixture->base);
	request.nodes = mem_alloc_array(1, sizeof(char *));
	request.nodes[0] = slice_copy(slice_of(link_address(fixture_link(&fixture->base, 1))));
	request.n_nodes = 1;
	start(fixture, &request, 5000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_DONE);
	assert_int_equal(report->n_nodes, 1);
	assert_int_equal(report->counts.killed, 20);
	assert_int_equal(n_left(fixture), 40);
}

/* It was a node when the request was made: passing over it would look like success. */
static void test_node_that_is_none(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_start(&fixture->base);
	request.nodes = mem_alloc_array(1, sizeof(char *));
	request.nodes[0] = mem_copy_text("elsewhere", 9);
	request.n_nodes = 1;
	start(fixture, &request, 5000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_FAILED);
	assert_string_equal(report->nodes[0].error, "no node of this instance any more");
	assert_int_equal(n_left(fixture), 60);
}

static void test_dry_run(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_start(&fixture->base);
	request.is_dry_run = true;
	start(fixture, &request, 5000);
	fixture_wait(&fixture->base, fixture->n_done > 0);
	report = job_report(fixture->job);
	assert_int_equal(report->state, REPORT_DRY_RUN);
	assert_int_equal(report->counts.matched, 60);
	assert_int_equal(n_left(fixture), 60);
}

/* ---- nodes that fail ---- */

static void start_without_the_last(struct job_fixture *fixture)
{
	for (size_t i = 0; i < N_SERVERS - 1; i++) {
		peer_listen(fixture->base.servers[i].peer);
	}
	fixture_connect(&fixture->base, 0);
}

/* One is not there: the others are done long before its time is up. */
static void test_one_fails(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	start_without_the_last(fixture);
	start(fixture, &request, 300);
	fixture_wait(&fixture->base, n_left(fixture) == 30);
	assert_int_equal(fixture->n_done, 0);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_PARTIAL);
	assert_int_equal(report->counts.killed, 30);
	assert_true(report->nodes[2].is_failed);
	assert_false(report->nodes[1].is_failed);
	assert_non_null(strstr(report->error, "1 of 3 nodes failed"));
	assert_true(report_was_any_node_reached(report));
}

static void test_all_fail(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_connect(&fixture->base, 0);
	start(fixture, &request, 60);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_FAILED);
	assert_false(report_was_any_node_reached(report));
}

static void test_time_was_up_before(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_start(&fixture->base);
	start(fixture, &request, -1000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_FAILED);
	assert_int_equal(n_left(fixture), 60);
}

/* ---- the limit ---- */

static void start_with_max(struct job_fixture *fixture, uint64_t max, int64_t time_ms)
{
	struct request request = fixture_request(NULL);

	request.has_max = true;
	request.max = max;
	start(fixture, &request, time_ms);
}

static void test_max_is_enough(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	fixture_start(&fixture->base);
	start_with_max(fixture, 60, 5000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_DONE);
	assert_int_equal(report->counts.killed, 60);
}

/* Each node alone is under it. */
static void test_max_is_exceeded(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	fixture_start(&fixture->base);
	start_with_max(fixture, 59, 5000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_FAILED);
	assert_true(report->is_too_many);
	assert_string_equal(
		report->error, "60 sessions would be killed, more than max 59; none was");
	assert_int_equal(report->counts.survivors, 60);
	assert_int_equal(n_left(fixture), 60);
}

/* The last node is late: nobody is killed before it has said how many it has. */
static void test_max_waits_for_the_last(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	fixture_start(&fixture->base);
	peer_stop(fixture->base.servers[2].peer);
	start_with_max(fixture, 60, 5000);
	fixture_wait(&fixture->base, fixture->n_listed == 2);
	for (int i = 0; i < 20; i++) {
		peer_turn(fixture->base.loop);
	}
	assert_int_equal(n_left(fixture), 60);
	peer_go_on(fixture->base.servers[2].peer);
	report = wait_done(fixture);
	assert_int_equal(report->counts.killed, 60);
}

/* A node that refuses is out; the others need not wait for it. */
static void test_max_with_a_refusing_node(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	fixture_start(&fixture->base);
	peer_once(fixture->base.servers[2].peer, "CLIENT LIST", "-NOPERM no\r\n");
	start_with_max(fixture, 30, 5000);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_PARTIAL);
	assert_int_equal(report->counts.killed, 30);
	assert_true(report->nodes[2].is_failed);
}

/* The same when what is left is too much. */
static void test_max_exceeded_with_a_refusing_node(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	fixture_start(&fixture->base);
	peer_once(fixture->base.servers[0].peer, "CLIENT LIST", "-NOPERM no\r\n");
	start_with_max(fixture, 30, 5000);
	report = wait_done(fixture);
	assert_true(report->is_too_many);
	assert_int_equal(n_left(fixture), 60);
}

/* A node that cannot be reached has until the deadline, and then so had the others. */
static void test_max_with_a_missing_node(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	start_without_the_last(fixture);
	start_with_max(fixture, 60, 200);
	report = wait_done(fixture);
	assert_int_equal(n_left(fixture), 60);
	assert_int_equal(report->state, REPORT_FAILED);
}

/* ---- cancel ---- */

static void test_cancel_at_the_barrier(void **state)
{
	struct job_fixture *fixture = *state;
	const struct report *report;

	fixture_start(&fixture->base);
	peer_stop(fixture->base.servers[2].peer);
	start_with_max(fixture, 60, 5000);
	fixture_wait(&fixture->base, fixture->n_listed == 2);
	job_cancel(fixture->job, false);
	job_cancel(fixture->job, false);
	peer_go_on(fixture->base.servers[2].peer);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_CANCELLED);
	assert_int_equal(n_left(fixture), 60);
	assert_int_equal(report->counts.killed, 0);
}

static void test_cancel_at_once(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	const struct report *report;

	fixture_start(&fixture->base);
	start(fixture, &request, 5000);
	job_cancel(fixture->job, false);
	report = wait_done(fixture);
	assert_int_equal(report->state, REPORT_CANCELLED);
	assert_int_equal(n_left(fixture), 60);
	/* Too late. */
	job_cancel(fixture->job, false);
}

static void test_abandoned(void **state)
{
	struct job_fixture *fixture = *state;
	struct request request = fixture_request(NULL);

	fixture_start(&fixture->base);
	fixture->job = job_new(fixture->base.loop, fixture->base.instances, fixture->base.instance,
		&request, "id", on_event, fixture);
	job_abandon(fixture->job, REPORT_CANCELLED, "words");
	assert_true(job_is_done(fixture->job));
	assert_string_equal(job_report(fixture->job)->error, "words");
	job_cancel(fixture->job, false);
	fixture->n_done = 1; /* nobody is told: the caller knows */
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_all_nodes),
		ROW(test_one_node),
		ROW(test_node_that_is_none),
		ROW(test_dry_run),
		ROW(test_one_fails),
		ROW(test_all_fail),
		ROW(test_time_was_up_before),
		ROW(test_max_is_enough),
		ROW(test_max_is_exceeded),
		ROW(test_max_waits_for_the_last),
		ROW(test_max_with_a_refusing_node),
		ROW(test_max_exceeded_with_a_refusing_node),
		ROW(test_max_with_a_missing_node),
		ROW(test_cancel_at_the_barrier),
		ROW(test_cancel_at_once),
		ROW(test_abandoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
