/*
 * One sweep over one scripted server. The test decides when it goes on from PLANNED; the counts
 * must add up whenever anybody looks.
 */
#ifndef TESTS_UNIT_SWEEP_FIXTURE_H
#define TESTS_UNIT_SWEEP_FIXTURE_H

#include "kill/batch.h"
#include "kill/sweep.h"
#include "kill_fixture.h"

#define N_SESSIONS 20

struct sweep_fixture {
	struct kill_fixture base;
	struct peer_server *server; /* the one of base */
	struct peer *peer;          /* its */
	struct request request;
	struct sources sources;
	struct report *report;
	struct report_node *node;
	struct sweep *sweep;
	bool is_manual; /* stays in PLANNED */
	int n_planned;
	int n_watching;
	int n_respawns;
	int n_done;
	struct batch *late; /* whose answers may come late */
	int n_late;
	uint64_t n_late_claimed;
	uint64_t first_id; /* of N_SESSIONS named "app" */
};

static void check_counts(const struct sweep_fixture *fixture)
{
	assert_true(counts_is_consistent(&fixture->node->counts, fixture->request.is_dry_run));
}

static void on_planned(struct sweep_fixture *fixture)
{
	fixture->n_planned++;
	assert_int_equal(sweep_state_of(fixture->sweep), SWEEP_PLANNED);
	check_counts(fixture);
	if (!fixture->is_manual) {
		sweep_kill(fixture->sweep);
	}
}

static void on_event(void *context, enum job_event event)
{
	struct sweep_fixture *fixture = context;

	switch (event) {
	case JOB_LISTED:
		on_planned(fixture);
		break;
	case JOB_WAITING:
	case JOB_LATE:
		break;
	case JOB_VERIFIED:
		fixture->n_watching++;
		check_counts(fixture);
		break;
	case JOB_RECONNECTED:
		fixture->n_respawns++;
		break;
	case JOB_DONE:
		fixture->n_done++;
		assert_int_equal(sweep_state_of(fixture->sweep), SWEEP_DONE);
		check_counts(fixture);
		break;
	}
}

static void on_late_answer(void *context, const struct batch_result *result)
{
	struct sweep_fixture *fixture = context;

	fixture->n_late++;
	fixture->n_late_claimed += result->n_claimed;
}

static void on_late(void *context, const struct sweep *sweep UNUSED, struct batch *batch)
{
	struct sweep_fixture *fixture = context;

	assert_null(fixture->late);
	fixture->late = batch;
	(void)batch_cut(batch, on_late_answer, fixture);
}

static int sweep_setup(void **state)
{
	struct sweep_fixture *fixture = mem_new(struct sweep_fixture);

	fixture_init(&fixture->base, 1);
	fixture->server = &fixture->base.servers[0];
	fixture->server->tells_connections = true;
	fixture->peer = fixture->server->peer;
	fixture->first_id = peer_server_add(fixture->server, "app", N_SESSIONS);
	fixture->request = fixture_request(NULL);
	fixture->report = report_new("id", "one", 0);
	fixture->node = report_add_node(fixture->report, "node");
	*state = fixture;
	return 0;
}

/* The sweep is over, and nothing happens any more. */
static int sweep_teardown(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_turn(fixture->base.loop);
	assert_int_equal(fixture->n_done, fixture->sweep != NULL);
	sweep_free(fixture->sweep);
	batch_free(fixture->late);
	peer_turn(fixture->base.loop);
	assert_int_equal(fixture->server->n_own_ends, 0);
	fixture_finish(&fixture->base);
	sources_finish(&fixture->sources);
	report_free(fixture->report);
	request_finish(&fixture->request);
	free(fixture);
	return 0;
}

/* On a link that is there, READY or not; 0: no deadline that matters. */
static UNUSED void sweep_begin(struct sweep_fixture *fixture, int64_t time_ms)
{
	struct sweep_inputs inputs = {
		.loop = fixture->base.loop,
		.instances = fixture->base.instances,
		.instance = fixture->base.instance,
		.link = fixture_link(&fixture->base, 0),
		.request = &fixture->request,
		.sources = &fixture->sources,
		.report = fixture->report,
		.node = fixture->node,
		.deadline_ms = clock_monotonic_ms() + (time_ms > 0 ? time_ms : 60 * 1000),
		.event_fn = on_event,
		.late_fn = on_late,
		.context = fixture,
	};

	fixture->sweep = sweep_new(&inputs);
	sweep_start(fixture->sweep);
	/* Nobody is called before the call returned. */
	assert_int_equal(fixture->n_planned + fixture->n_done, 0);
}

/* All up to the sweep, which begins. */
static UNUSED void sweep_go(struct sweep_fixture *fixture)
{
	fixture_start(&fixture->base);
	sweep_begin(fixture, 0);
}

/* Turns the loop until the condition holds; the counts add up all the while. */
#define sweep_wait(fixture, condition) \
	fixture_wait(&(fixture)->base, \
		(sweep_refresh((fixture)->sweep), check_counts(fixture), (condition)))

static UNUSED void wait_state(struct sweep_fixture *fixture, enum sweep_state state)
{
	sweep_wait(fixture, sweep_state_of(fixture->sweep) == state);
}

static UNUSED void wait_done(struct sweep_fixture *fixture)
{
	sweep_wait(fixture, fixture->n_done > 0);
}

/* Who sends this command is cut off: once it is done, or instead. */
static UNUSED void cut_at(struct sweep_fixture *fixture, const char *prefix, bool is_done)
{
	peer_add(fixture->peer, (struct peer_rule){
					.prefix = prefix,
					.reply_fn = is_done ? peer_server_do_unheard : NULL,
					.context = fixture->server,
					.closes = true,
					.times = 1,
				});
}

/* matched = killed + gone + survivors. */
static UNUSED void expect_counts(
	struct sweep_fixture *fixture, uint64_t killed, uint64_t gone, uint64_t survivors)
{
	const struct counts *counts = &fixture->node->counts;

	assert_int_equal(counts->matched, killed + gone + survivors);
	assert_int_equal(counts->killed, killed);
	assert_int_equal(counts->gone, gone);
	assert_int_equal(counts->survivors, survivors);
}

/* Without the probes of the handshake. */
static UNUSED size_t n_kills_by_id(const struct sweep_fixture *fixture)
{
	return peer_n_commands(fixture->peer, "CLIENT KILL ID ") -
	       peer_n_commands(fixture->peer, "CLIENT KILL ID 9223372036854775807");
}

static UNUSED void expect_failure(struct sweep_fixture *fixture, const char *words)
{
	wait_done(fixture);
	assert_true(fixture->node->is_failed);
	assert_string_equal(fixture->node->error, words);
}

#define SWEEP_ROW(function) cmocka_unit_test_setup_teardown(function, sweep_setup, sweep_teardown)

#endif
