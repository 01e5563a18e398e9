/*
 * Jobs over one instance with a fake server, for the programs that test them. Orders are numbered:
 * "ID-0", "ID-1", and so on, and each accepted one must have been answered once in the end.
 */
#ifndef JOBS_FIXTURE_H
#define JOBS_FIXTURE_H

#include "base/log.h"
#include "kill/jobs.h"
#include "kill_fixture.h"

#define MAX_ORDERS 1200
#define N_SESSIONS 10

struct answer {
	char id[UUID_TEXT_BYTES];
	struct jobs_fixture *fixture;
	int n;
	int n_events;
	enum report_state state;
	struct counts counts;
	char run_id[UUID_TEXT_BYTES]; /* request_id of the report */
	char error[256];
	void (*then_fn)(struct answer *answer); /* in the callback */
	void (*meanwhile_fn)(struct answer *answer, enum job_event event);
};

struct jobs_fixture {
	struct kill_fixture base;
	struct peer_server *server;
	struct audit_opts audit_opts;
	struct audit *audit;
	struct jobs *jobs;
	struct caller caller;
	struct answer *answers;
	size_t n_answers;
	int n_idle;
};

static void on_done(void *context, const char *request_id, const struct report *report)
{
	struct answer *answer = context;

	answer->n++;
	assert_string_equal(request_id, answer->id);
	answer->state = report->state;
	answer->counts = report->counts;
	snprintf(answer->run_id, sizeof(answer->run_id), "%s", report->request_id);
	snprintf(answer->error, sizeof(answer->error), "%s",
		report->error != NULL ? report->error : "");
	if (answer->then_fn != NULL) {
		answer->then_fn(answer);
	}
}

static void on_event(void *context, const char *request_id, enum job_event event,
	const struct report *report UNUSED)
{
	struct answer *answer = context;

	assert_string_equal(request_id, answer->id);
	assert_int_equal(answer->n, 0);
	answer->n_events++;
	if (answer->meanwhile_fn != NULL) {
		answer->meanwhile_fn(answer, event);
	}
}

static void on_idle(void *context)
{
	((struct jobs_fixture *)context)->n_idle++;
}

static int setup(void **state)
{
	struct jobs_fixture *fixture = mem_new(struct jobs_fixture);

	fixture_init(&fixture->base, 1);
	fixture->server = &fixture->base.servers[0];
	peer_server_add(fixture->server, "app", N_SESSIONS);
	log_set_level(LOG_LEVEL_ERROR);
	fixture->audit = audit_new(&fixture->audit_opts);
	fixture->jobs = jobs_new(fixture->base.loop, fixture->base.instances, fixture->audit);
	fixture->answers = mem_alloc_array(MAX_ORDERS, sizeof(struct answer));
	*state = fixture;
	return 0;
}

/* Every accepted order is answered once; the end is that of the daemon. */
static int teardown(void **state)
{
	struct jobs_fixture *fixture = *state;

	if (fixture->n_idle == 0) {
		jobs_stop(fixture->jobs, clock_monotonic_ms(), on_idle, fixture);
	}
	fixture_wait(&fixture->base, fixture->n_idle > 0);
	peer_turn(fixture->base.loop);
	assert_int_equal(fixture->n_idle, 1);
	for (size_t i = 0; i < fixture->n_answers; i++) {
		assert_int_equal(fixture->answers[i].n, 1);
	}
	jobs_free(fixture->jobs);
	audit_free(fixture->audit);
	fixture_finish(&fixture->base);
	free(fixture->answers);
	free(fixture);
	return 0;
}

static int try_submit(struct jobs_fixture *fixture, struct request *request, struct answer *answer,
	struct err *err)
{
	struct jobs_order order = {
		.request_id = answer->id,
		.action = "test",
		.instance = fixture->base.instance,
		.caller = &fixture->caller,
		.request = request,
		.done_fn = on_done,
		.event_fn = on_event,
		.context = answer,
	};

	answer->fixture = fixture;
	snprintf(answer->id, sizeof(answer->id), "ID-%zu", fixture->n_answers);
	return jobs_submit(fixture->jobs, &order, err);
}

static struct answer *submit(struct jobs_fixture *fixture, struct request request)
{
	struct answer *answer = &fixture->answers[fixture->n_answers];
	struct err err;

	assert_int_equal(try_submit(fixture, &request, answer, &err), 0);
	request_finish(&request); /* what a run that was there already did not take over */
	assert_int_equal(answer->n, 0);
	fixture->n_answers++;
	return answer;
}

/* A kill that runs and is held up by the server. */
static struct answer *submit_held(struct jobs_fixture *fixture)
{
	struct answer *answer;

	fixture_start(&fixture->base);
	peer_stop_at(fixture->server->peer, "CLIENT KILL");
	answer = submit(fixture, fixture_request(NULL));
	fixture_wait(&fixture->base, peer_is_stopped(fixture->server->peer));
	return answer;
}

static void go_on(struct jobs_fixture *fixture)
{
	peer_go_on(fixture->server->peer);
}

static void wait_for(struct jobs_fixture *fixture, const struct answer *answer)
{
	fixture_wait(&fixture->base, answer->n > 0);
}

static bool is_known(struct jobs_fixture *fixture, const char *id, struct jobs_view *ret_view)
{
	return jobs_find(fixture->jobs, slice_of(id), ret_view);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
