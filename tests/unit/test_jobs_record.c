/*
 * What is in the record when: nothing starts before its intent is on the disk, nobody is answered
 * before his outcome is; and what happens when it cannot be.
 */
#include "jobs_fixture.h"

#include "fake_sync.h"

static size_t count_text(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
		n++;
	}
	return n;
}

/* Every ticket has its own lines; the intent is there before anything is sent. */
static void test_record(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *last;
	CLEANUP(mem_free_p) char *before = NULL;
	CLEANUP(mem_free_p) char *after = NULL;
	struct err err;

	fixture->audit_opts.file = fixture->base.scratch->path;
	assert_int_equal(audit_open(fixture->audit, &err), 0);
	submit_held(fixture);
	submit(fixture, fixture_request(NULL));
	last = submit(fixture, fixture_request(NULL));
	before = scratch_read(fixture->base.scratch->path);
	assert_int_equal(count_text(before, "\"event\":\"intent\""), 3);
	assert_int_equal(count_text(before, "\"event\":\"outcome\""), 0);
	go_on(fixture);
	wait_for(fixture, last);
	after = scratch_read(fixture->base.scratch->path);
	assert_int_equal(count_text(after, "\"event\":\"outcome\""), 3);
	assert_int_equal(count_text(after, "ID-2"), 2);
}

/* A record that cannot be written, where it must be: nothing happens. */
static void test_record_required(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct request request = fixture_request(NULL);
	struct answer answer = {0};
	struct jobs_view view;
	struct err err;

	fixture_start(&fixture->base);
	fixture->audit_opts.is_required = true;
	fixture->audit_opts.file = fixture->base.scratch->directory;
	assert_int_equal(try_submit(fixture, &request, &answer, &err), JOBS_E_AUDIT);
	assert_true(slice_has_prefix(slice_of(err.text), "the audit log is required: "));
	assert_false(is_known(fixture, answer.id, &view));
	peer_turn(fixture->base.loop);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
	request_finish(&request);
}

static void test_record_not_required(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer;
	struct jobs_view view;

	fixture_start(&fixture->base);
	fixture->audit_opts.file = fixture->base.scratch->directory;
	answer = submit(fixture, fixture_request(NULL));
	wait_for(fixture, answer);
	assert_int_equal(answer->state, REPORT_DONE);
	assert_true(is_known(fixture, answer->id, &view));
	assert_true(fixture_has_warning(view.report, "the audit log could not be written"));
}

static void open_record(struct jobs_fixture *fixture)
{
	struct err err;

	fixture->audit_opts.file = fixture->base.scratch->path;
	assert_int_equal(audit_open(fixture->audit, &err), 0);
	fixture_start(&fixture->base);
	memset(&syncs, 0, sizeof(syncs));
}

/* Different dry runs, since each of these has a run of its own and all of them run at once. */
static void submit_dry_runs(struct jobs_fixture *fixture, size_t n)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

	assert_true(n <= ARRAY_SIZE(names));
	for (size_t i = 0; i < n; i++) {
		struct request request = fixture_request(names[i]);

		request.is_dry_run = true;
		submit(fixture, request);
	}
}

/* One sync for what came in together. */
static void test_synced_together(void **state)
{
	struct jobs_fixture *fixture = *state;

	open_record(fixture);
	submit_dry_runs(fixture, 8);
	assert_int_equal(syncs.n, 0);
	assert_int_equal(jobs_load(fixture->jobs, fixture->base.instance).n_running, 0);
	fixture_wait(&fixture->base, syncs.n > 0);
	assert_int_equal(syncs.n, 1);
	for (size_t i = 0; i < 8; i++) {
		wait_for(fixture, &fixture->answers[i]);
		assert_int_equal(fixture->answers[i].state, REPORT_DRY_RUN);
	}
	assert_true(syncs.n <= 1 + 8);
}

/* Who joins a run that waits makes it wait for his intent as well. */
static void test_sharing_waits_for_the_record(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *late;

	open_record(fixture);
	syncs.is_broken = true;
	fixture->audit_opts.is_required = false;
	submit(fixture, fixture_request(NULL));
	late = submit(fixture, fixture_request(NULL));
	wait_for(fixture, late);
	assert_string_equal(late->run_id, "ID-0");
	assert_int_equal(late->state, REPORT_DONE);
}

/* Written but not on the disk, where it must be: the run fails before it has done anything. */
static void test_sync_fails(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer;

	open_record(fixture);
	fixture->audit_opts.is_required = true;
	syncs.is_broken = true;
	answer = submit(fixture, fixture_request(NULL));
	wait_for(fixture, answer);
	assert_int_equal(answer->state, REPORT_FAILED);
	assert_true(slice_has_prefix(slice_of(answer->error), "the audit log is required: "));
	assert_true(slice_has_suffix(slice_of(answer->error), "Input/output error"));
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
	assert_true(audit_n_failures(fixture->audit) >= 1);

	syncs.is_broken = false;
	answer = submit(fixture, fixture_request(NULL));
	wait_for(fixture, answer);
	assert_int_equal(answer->state, REPORT_DONE);
	assert_int_equal(peer_server_count(fixture->server, NULL), 0);
}

static void submit_next(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	syncs.is_broken = true;
	submit(context, fixture_request("app"));
}

/* In the turn of the loop in which the first is done, just before its outcome is written. */
static void submit_at_the_end(struct answer *answer, enum job_event event)
{
	if (event == JOB_VERIFIED) {
		peer_server_add(answer->fixture->server, "app", 3);
		assert_int_equal(event_base_once(answer->fixture->base.loop, -1, EV_TIMEOUT,
					 submit_next, answer->fixture, NULL),
			0);
	}
}

/* It is for the outcome of another kill that the sync fails, and the intent was in it. */
static void test_sync_of_others_fails(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *first, *next;

	open_record(fixture);
	fixture->audit_opts.is_required = true;
	first = submit(fixture, fixture_request("app"));
	first->meanwhile_fn = submit_at_the_end;
	next = &fixture->answers[1];
	wait_for(fixture, next);
	assert_int_equal(first->state, REPORT_DONE);
	assert_int_equal(next->state, REPORT_FAILED);
	assert_int_equal(peer_server_count(fixture->server, NULL), 3);
}

static void test_sync_fails_where_it_may(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer;
	struct jobs_view view;

	open_record(fixture);
	syncs.is_broken = true;
	answer = submit(fixture, fixture_request(NULL));
	wait_for(fixture, answer);
	assert_int_equal(answer->state, REPORT_DONE);
	assert_true(is_known(fixture, answer->id, &view));
	assert_true(fixture_has_warning(view.report, "the audit log could not be written"));
}

/* Before the record let it start. */
static void test_cancelled_before_the_record(void **state)
{
	struct jobs_fixture *fixture = *state;
	struct answer *answer;

	open_record(fixture);
	answer = submit(fixture, fixture_request(NULL));
	assert_true(jobs_cancel(fixture->jobs, slice_of(answer->id)));
	wait_for(fixture, answer);
	assert_int_equal(answer->state, REPORT_CANCELLED);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_record),
		ROW(test_record_required),
		ROW(test_record_not_required),
		ROW(test_synced_together),
		ROW(test_sharing_waits_for_the_record),
		ROW(test_sync_fails),
		ROW(test_sync_of_others_fails),
		ROW(test_sync_fails_where_it_may),
		ROW(test_cancelled_before_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
