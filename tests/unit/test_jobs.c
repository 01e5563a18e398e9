/*
 * Requests and runs: who shares one, who waits, limits, ends before the end, what is remembered.
 */
#include "jobs_fixture.h"

static void expect_refused(
	struct jobs_fixture *fixture, struct request request, int expected, const char *words)
{
	struct answer answer = {0};
	struct err err;

	assert_int_equal(try_submit(fixture, &request, &answer, &err), expected);
	assert_string_equal(err.text, words);
	assert_int_equal(answer.n, 0);
	request_finish(&request);
}

/* ---- running and sharing ---- */

static void test_one(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer;
	struct jobs_view view;

	fixture_start(&fixture->base);
	answer = submit(fixture, fixture_request(NULL));
	assert_int_equal(jobs_load(fixture->jobs, fixture->base.instance).n_running, 1);
	wait_for(fixture, answer);
	assert_int_equal(answer->state, REPORT_DONE);
	assert_int_equal(answer->counts.killed, N_SESSIONS);
	assert_true(answer->n_events > 0);
	assert_true(is_known(fixture, "id-0", &view)); /* letters of any case */
	assert_int_equal(view.report->state, REPORT_DONE);
	assert_true(view.request->is_all);
	assert_false(is_known(fixture, "ID-1", &view));
	assert_int_equal(jobs_load(fixture->jobs, fixture->base.instance).n_running, 0);
}

/* Those who come while one runs wait for the next, all together. */
static void test_sharing(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *running = submit_held(fixture);
	struct answer *second = submit(fixture, fixture_request(NULL));
	struct answer *third = submit(fixture, fixture_request(NULL));
	struct answer *other = submit(fixture, fixture_request("app"));
	struct jobs_load load = jobs_load(fixture->jobs, fixture->base.instance);

	assert_int_equal(load.n_running, 1);
	assert_int_equal(load.n_waiting, 2);
	go_on(fixture);
	wait_for(fixture, running);
	/* Accepted after the first began: none of its business. */
	assert_int_equal(second->n + third->n + other->n, 0);
	peer_server_add(fixture->server, "late", 3);
	wait_for(fixture, other);
	assert_string_equal(running->run_id, "ID-0");
	assert_string_equal(second->run_id, "ID-1");
	assert_string_equal(third->run_id, "ID-1");
	assert_string_equal(other->run_id, "ID-3");
	assert_int_equal(second->counts.killed, 3);
	assert_int_equal(third->counts.killed, 3);
}

/* The reason is each request's own and keeps nobody from sharing. */
static void test_reasons_differ(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct request first = fixture_request(NULL);
	struct request second = fixture_request(NULL);
	struct answer *answers[2];

	submit_held(fixture);
	first.reason = mem_copy_text("leak", 4);
	second.reason = mem_copy_text("storm", 5);
	answers[0] = submit(fixture, first);
	answers[1] = submit(fixture, second);
	go_on(fixture);
	wait_for(fixture, answers[1]);
	assert_string_equal(answers[0]->run_id, answers[1]->run_id);
}

static void test_dry_runs_wait_for_nobody(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	struct answer *held, *dry;

	fixture_start(&fixture->base);
	/* The kill waits for its connection, so to speak: its time runs. */
	peer_stop(fixture->server->peer);
	held = submit(fixture, fixture_request(NULL));
	request.is_dry_run = true;
	dry = submit(fixture, request);
	assert_int_equal(jobs_load(fixture->jobs, fixture->base.instance).n_waiting, 0);
	go_on(fixture);
	wait_for(fixture, dry);
	wait_for(fixture, held);
	assert_int_equal(dry->state, REPORT_DRY_RUN);
	assert_string_equal(dry->run_id, dry->id);
}

/* Who only looks who comes back keeps nobody waiting. */
static void test_watching_keeps_nobody_waiting(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	struct answer *watching, *next;

	fixture_start(&fixture->base);
	request.watch_ms = 60 * 1000;
	watching = submit(fixture, request);
	next = submit(fixture, fixture_request(NULL));
	wait_for(fixture, next);
	assert_int_equal(watching->n, 0);
	assert_true(jobs_cancel(fixture->jobs, slice_of(watching->id)));
	wait_for(fixture, watching);
}

/* ---- limits ---- */

static void test_too_many_waiting(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *running = submit_held(fixture);

	for (int i = 0; i < JOBS_MAX_WAITING; i++) {
		struct request request = fixture_request("app");

		request.timeout_ms += i;
		submit(fixture, request);
	}
	expect_refused(fixture, fixture_request("x"), JOBS_E_TOO_MANY,
		"too many kills of this instance are waiting already");
	/* Who can share is no burden. */
	submit(fixture, fixture_request("app"));
	go_on(fixture);
	wait_for(fixture, running);
	fixture_wait(
		&fixture->base, jobs_load(fixture->jobs, fixture->base.instance).n_waiting < 16);
	submit(fixture, fixture_request("app"));
}

static void test_too_many_tickets(void **state)
{
	struct jobs_fixture *fixture = *state;

	submit_held(fixture);
	for (int i = 0; i < JOBS_MAX_TICKETS - 1; i++) {
		submit(fixture, fixture_request("app"));
	}
	expect_refused(fixture, fixture_request("app"), JOBS_E_TOO_MANY,
		"too many requests for this instance are not answered yet");
	go_on(fixture);
	wait_for(fixture, &fixture->answers[JOBS_MAX_TICKETS - 1]);
	assert_string_equal(fixture->answers[JOBS_MAX_TICKETS - 1].run_id, "ID-1");
}

static void test_too_many_dry_runs(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct request request = fixture_request(NULL);

	fixture_start(&fixture->base);
	peer_stop(fixture->server->peer);
	request.is_dry_run = true;
	for (int i = 0; i < JOBS_MAX_DRY_RUNS; i++) {
		submit(fixture, request);
		request = fixture_request(NULL);
		request.is_dry_run = true;
	}
	expect_refused(fixture, request, JOBS_E_TOO_MANY,
		"too many dry runs of this instance are under way");
	go_on(fixture);
}

/* The time of a request runs while it waits. */
static void test_time_is_up_while_waiting(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *running = submit_held(fixture);
	struct request request = fixture_request("app");
	struct answer *late;

	request.timeout_ms = 50;
	late = submit(fixture, request);
	wait_for(fixture, late);
	assert_int_equal(running->n, 0);
	assert_int_equal(late->state, REPORT_FAILED);
	assert_string_equal(late->error, "another kill of the instance ran until the deadline");
	go_on(fixture);
	wait_for(fixture, running);
	assert_int_equal(running->state, REPORT_DONE);
	/* Nothing of it was asked of the server. */
	assert_int_equal(peer_n_accepted(fixture->server->peer), 1);
}

/* ---- ends before the end ---- */

static void test_detached(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer = submit_held(fixture);
	struct jobs_view view;

	jobs_detach(fixture->jobs, answer->id);
	jobs_detach(fixture->jobs, "unknown");
	go_on(fixture);
	fixture_wait(&fixture->base,
		is_known(fixture, answer->id, &view) && view.report->state == REPORT_DONE);
	peer_turn(fixture->base.loop);
	assert_int_equal(answer->n, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), 0);
	answer->n = 1; /* as the teardown wants it */
}

static void test_cancel_waiting(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *running = submit_held(fixture);
	struct answer *waiting = submit(fixture, fixture_request(NULL));
	struct answer *sharing = submit(fixture, fixture_request(NULL));

	assert_true(jobs_cancel(fixture->jobs, slice_of(waiting->id)));
	assert_int_equal(waiting->n, 0);
	assert_false(jobs_cancel(fixture->jobs, slice_of(waiting->id)));
	assert_false(jobs_cancel(fixture->jobs, slice_of("unknown")));
	wait_for(fixture, sharing);
	assert_int_equal(waiting->state, REPORT_CANCELLED);
	assert_string_equal(waiting->error, "cancelled before it started");
	assert_int_equal(running->n, 0);
	go_on(fixture);
	wait_for(fixture, running);
	assert_int_equal(running->state, REPORT_DONE);
	assert_false(jobs_cancel(fixture->jobs, slice_of(running->id)));
}

static void test_cancel_running(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *running = submit_held(fixture);
	struct answer *next = submit(fixture, fixture_request("app"));

	assert_true(jobs_cancel(fixture->jobs, slice_of(running->id)));
	assert_true(jobs_cancel(fixture->jobs, slice_of(running->id)));
	go_on(fixture);
	wait_for(fixture, next);
	assert_int_equal(running->state, REPORT_CANCELLED);
	assert_int_equal(next->state, REPORT_DONE);
}

/* ---- in the callback ---- */

static void submit_another(struct answer *answer)
{
	submit(answer->fixture, fixture_request(NULL));
}

static void cancel_the_next(struct answer *answer)
{
	assert_true(jobs_cancel(answer->fixture->jobs, slice_of("ID-1")));
	assert_false(jobs_cancel(answer->fixture->jobs, slice_of(answer->id)));
	jobs_detach(answer->fixture->jobs, answer->id);
}

static void test_submit_when_called(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *first;

	fixture_start(&fixture->base);
	first = submit(fixture, fixture_request(NULL));
	first->then_fn = submit_another;
	fixture_wait(&fixture->base, fixture->answers[1].n > 0);
	assert_string_equal(fixture->answers[1].run_id, "ID-1");
}

static void test_cancel_when_called(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *first = submit_held(fixture);
	struct answer *next = submit(fixture, fixture_request("app"));

	first->then_fn = cancel_the_next;
	go_on(fixture);
	wait_for(fixture, next);
	assert_int_equal(next->state, REPORT_CANCELLED);
}

/* ---- the end of the daemon ---- */

static void test_stop(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *running = submit_held(fixture);
	struct answer *waiting = submit(fixture, fixture_request("app"));

	jobs_stop(fixture->jobs, clock_monotonic_ms() + 5000, on_idle, fixture);
	expect_refused(
		fixture, fixture_request(NULL), JOBS_E_STOPPING, "the daemon is shutting down");
	wait_for(fixture, waiting);
	assert_int_equal(waiting->state, REPORT_CANCELLED);
	assert_string_equal(waiting->error, "the daemon is shutting down");
	assert_int_equal(fixture->n_idle, 0);
	go_on(fixture);
	fixture_wait(&fixture->base, fixture->n_idle > 0);
	assert_int_equal(running->state, REPORT_DONE);
}

/* The time that is given is over: what runs is cancelled. */
static void test_stop_in_time(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer;

	fixture_connect(&fixture->base, 0);
	answer = submit(fixture, fixture_request(NULL));
	jobs_stop(fixture->jobs, clock_monotonic_ms() + 50, on_idle, fixture);
	fixture_wait(&fixture->base, fixture->n_idle > 0);
	assert_int_equal(answer->state, REPORT_CANCELLED);
}

static void test_stop_at_rest(void **state)
{
	struct jobs_fixture *fixture = *state;

	jobs_stop(fixture->jobs, clock_monotonic_ms() + 5000, on_idle, fixture);
	assert_int_equal(fixture->n_idle, 0);
	fixture_wait(&fixture->base, fixture->n_idle > 0);
}

/* ---- what is remembered and recorded ---- */

static void count_view(void *context, const struct jobs_view *view)
{
	char *newest = context;

	if (newest[0] == '\0') {
		snprintf(newest, UUID_TEXT_BYTES, "%s", view->request_id);
	}
	newest[UUID_TEXT_BYTES]++;
}

static void test_memory(void **state)
{
	struct jobs_fixture *fixture = *state;
	char newest[UUID_TEXT_BYTES + 1] = ""; /* and how many */
	struct jobs_view view;

	fixture_start(&fixture->base);
	for (size_t i = 0; i < JOBS_MAX_REMEMBERED + 5; i++) {
		wait_for(fixture, submit(fixture, fixture_request(NULL)));
	}
	jobs_each(fixture->jobs, count_view, newest);
	assert_string_equal(newest, "ID-104");
	assert_int_equal(newest[UUID_TEXT_BYTES], JOBS_MAX_REMEMBERED);
	assert_false(is_known(fixture, "ID-4", &view));
	assert_true(is_known(fixture, "ID-5", &view));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_one),
		ROW(test_sharing),
		ROW(test_reasons_differ),
		ROW(test_dry_runs_wait_for_nobody),
		ROW(test_watching_keeps_nobody_waiting),
		ROW(test_too_many_waiting),
		ROW(test_too_many_tickets),
		ROW(test_too_many_dry_runs),
		ROW(test_time_is_up_while_waiting),
		ROW(test_detached),
		ROW(test_cancel_waiting),
		ROW(test_cancel_running),
		ROW(test_submit_when_called),
		ROW(test_cancel_when_called),
		ROW(test_stop),
		ROW(test_stop_in_time),
		ROW(test_stop_at_rest),
		ROW(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
