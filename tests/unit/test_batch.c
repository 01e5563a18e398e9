/*
 * Batchs: how much is in flight, bursts that follow what is measured, ends in the middle.
 */
#include "kill/batch.h"
#include "link_fixture.h"
#include "snapshot_lines.h"

#define FIRST_ID 100

struct batch_fixture {
	struct fixture *base;
	struct request request;
	struct selectors none;
	struct protection protection;
	struct caps caps;
	struct sources sources;
	struct snapshot snapshot;
	struct plan plan;
	struct batch *batch;
	int n_done;
	struct batch_result result;
	size_t n_kills;       /* commands that the server saw */
	size_t most_at_once;  /* in flight while the server answered, since the last reset */
	int64_t us_per_kill;  /* that the server takes */
	size_t refuses_at;    /* likewise */
	size_t stops_at;      /* the batch is stopped at this one */
	size_t misses;        /* the first so many kills find nobody */
	uint64_t last_n_hits; /* ids of the last command */
};

static size_t n_in_flight(const struct batch_fixture *fixture)
{
	return batch_n_in_flight(fixture->batch);
}

static void take_time(int64_t us)
{
	int64_t end_us = clock_monotonic_us() + us;

	while (clock_monotonic_us() < end_us) {
	}
}

static char *answer_kill(void *context, const struct peer_command *command)
{
	struct batch_fixture *fixture = context;
	size_t n_ids = command->argc - 5; /* CLIENT KILL ID ... SKIPME yes */

	fixture->n_kills++;
	fixture->last_n_hits = n_ids;
	fixture->most_at_once = MAX(fixture->most_at_once, n_in_flight(fixture));
	if (fixture->us_per_kill > 0) {
		take_time(fixture->us_per_kill);
	}
	if (fixture->n_kills == fixture->stops_at) {
		batch_stop(fixture->batch);
	}
	if (fixture->n_kills == fixture->refuses_at) {
		return mem_printf("-NOPERM no\r\n");
	}
	return mem_printf(":%zu\r\n", fixture->n_kills <= fixture->misses ? 0 : n_ids);
}

static void on_done(void *context, const struct batch_result *result)
{
	struct batch_fixture *fixture = context;

	fixture->n_done++;
	fixture->result = *result;
	assert_int_equal(n_in_flight(fixture), 0);
}

static bool always(void *context)
{
	(void)context;
	return true;
}

static int setup(void **state)
{
	struct batch_fixture *fixture = mem_new(struct batch_fixture);
	void *base;

	if (fixture_setup(&base) != 0) {
		return -1;
	}
	fixture->base = base;
	fixture->base->opts.command_timeout_ms = 10 * 1000;
	fixture_start(fixture->base);
	peer_add(fixture->base->peer,
		(struct peer_rule){
			.prefix = "CLIENT KILL ID", .reply_fn = answer_kill, .context = fixture});
	fixture->batch = batch_new(fixture->base->link, always, on_done, fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct batch_fixture *fixture = *state;
	void *base = fixture->base;

	assert_int_equal(fixture->n_done, 1);
	batch_free(fixture->batch);
	plan_finish(&fixture->plan);
	snapshot_finish(&fixture->snapshot);
	sources_finish(&fixture->sources);
	request_finish(&fixture->request);
	free(fixture);
	return fixture_teardown(&base);
}

/* A plan for `n` victims by id. */
static void fire(struct batch_fixture *fixture, size_t n, bool has_multi_id, int64_t budget_ms)
{
	struct plan_opts opts = {
		.pace = budget_ms > 0 ? PACE_GENTLE : PACE_FAST,
		.stall_budget_ms = budget_ms,
		.by_id_only = true,
	};

	request_init(&fixture->request);
	fixture->request.is_all = true;
	fixture->protection.configured = &fixture->none;
	if (has_multi_id) {
		caps_set(&fixture->caps, CAP_MULTI_ID);
	}
	snapshot_init(&fixture->snapshot, &fixture->request, &fixture->protection, &fixture->caps,
		SLICE_LITERAL("node"), &fixture->sources, 7);
	for (size_t i = 0; i < n; i++) {
		char line[64];

		snprintf(line, sizeof(line), "id=%zu addr=10.0.0.1:5 flags=N name=a", FIRST_ID + i);
		snapshot_add_line(&fixture->snapshot, slice_of(line));
	}
	snapshot_seal(&fixture->snapshot);
	plan_init(&fixture->plan, &fixture->snapshot, &opts);
	batch_send(fixture->batch, &fixture->plan, &fixture->snapshot, NULL);
	assert_int_equal(fixture->n_done, 0);
}

static void wait_done(struct batch_fixture *fixture)
{
	fixture_wait(fixture->base, fixture->n_done > 0);
}

static void test_single_ids(void **state)
{
	struct batch_fixture *fixture = *state;

	fire(fixture, 3000, false, 0);
	/* The window is full from the start. */
	assert_int_equal(n_in_flight(fixture), 768);
	wait_done(fixture);
	assert_int_equal(fixture->result.outcome, BATCH_DONE);
	assert_int_equal(fixture->result.n_claimed, 3000);
	assert_int_equal(fixture->result.n_commands, 3000);
	assert_int_equal(fixture->result.n_extra, 0);
	assert_int_equal(fixture->n_kills, 3000);
	assert_int_equal(fixture->most_at_once, 768);
	assert_string_equal(fixture->result.error, "");
}

static void test_many_ids_in_one(void **state)
{
	struct batch_fixture *fixture = *state;

	fire(fixture, 10500, true, 0);
	assert_int_equal(n_in_flight(fixture), 4);
	wait_done(fixture);
	assert_int_equal(fixture->result.n_claimed, 10500);
	assert_int_equal(fixture->n_kills, 11);
	assert_int_equal(fixture->last_n_hits, 500);
}

static void test_one_victim(void **state)
{
	struct batch_fixture *fixture = *state;

	fire(fixture, 1, true, 5);
	wait_done(fixture);
	assert_int_equal(fixture->result.n_claimed, 1);
}

/* Whom the server did not hit is marked, where one command is for one; a listing tells the rest. */
static void test_gone(void **state)
{
	struct batch_fixture *fixture = *state;

	fixture->misses = 3;
	fire(fixture, 10, false, 0);
	wait_done(fixture);
	assert_int_equal(fixture->result.n_claimed, 7);
	assert_int_equal(snapshot_n_pending(&fixture->snapshot), 10);
	assert_true(snapshot_find(&fixture->snapshot, FIRST_ID)->is_missed);
	assert_false(snapshot_find(&fixture->snapshot, FIRST_ID + 3)->is_missed);
}

/* ---- bursts ---- */

/*
 * A kill takes 1 ms, the budget is 5 ms: whatever the plan thought, the bursts soon have no more
 * than fit.
 */
static void test_burst_shrinks(void **state)
{
	struct batch_fixture *fixture = *state;
	size_t n_first;

	fixture->us_per_kill = 1000;
	fire(fixture, 400, false, 5);
	n_first = n_in_flight(fixture);
	assert_in_range(n_first, 20, 400);
	fixture_wait(fixture->base, fixture->n_kills > n_first + 20);
	fixture->most_at_once = 0;
	wait_done(fixture);
	assert_in_range(fixture->most_at_once, 1, 6);
	assert_int_equal(fixture->result.n_claimed, 400);
}

/* The same with many ids in a command: the commands get smaller. */
static void test_command_shrinks(void **state)
{
	struct batch_fixture *fixture = *state;

	fixture->us_per_kill = 10000;
	fire(fixture, 2000, true, 5);
	assert_int_equal(n_in_flight(fixture), 1);
	fixture_wait(fixture->base, fixture->n_kills >= 2);
	fixture->us_per_kill = 0;
	wait_done(fixture);
	assert_int_equal(fixture->most_at_once, 1);
	assert_int_equal(fixture->result.n_claimed, 2000);
	assert_true(fixture->n_kills > 6);
}

/* A server that is faster than thought gets more, step by step. */
static void test_burst_grows(void **state)
{
	struct batch_fixture *fixture = *state;
	size_t n_first;

	fixture->us_per_kill = 300;
	fire(fixture, 1000, false, 2);
	n_first = n_in_flight(fixture);
	fixture_wait(fixture->base, fixture->n_kills > n_first + 50);
	fixture->us_per_kill = 0;
	fixture->most_at_once = 0;
	wait_done(fixture);
	assert_true(fixture->most_at_once > 5);
	assert_int_equal(fixture->result.n_claimed, 1000);
}

/* ---- ends in the middle ---- */

static void test_stopped(void **state)
{
	struct batch_fixture *fixture = *state;

	fixture->stops_at = 100;
	fire(fixture, 3000, false, 0);
	wait_done(fixture);
	assert_int_equal(fixture->result.outcome, BATCH_DONE);
	/* All that was in flight is counted; what waited to be sent was taken back. */
	assert_in_range(fixture->result.n_claimed, 200, 768);
	assert_int_equal(fixture->result.n_claimed, fixture->n_kills);
}

static void test_stopped_in_a_burst(void **state)
{
	struct batch_fixture *fixture = *state;

	fixture->stops_at = 2;
	fire(fixture, 3000, false, 5);
	wait_done(fixture);
	assert_int_equal(fixture->result.n_claimed, fixture->n_kills);
	assert_true(fixture->n_kills < 3000);
}

static void test_refused(void **state)
{
	struct batch_fixture *fixture = *state;

	fixture->refuses_at = 100;
	fire(fixture, 3000, false, 0);
	wait_done(fixture);
	assert_int_equal(fixture->result.outcome, BATCH_REFUSED);
	assert_string_equal(fixture->result.error,
		"NOPERM no (the instance's user needs +client|list and +client|kill)");
	assert_int_equal(fixture->result.n_claimed, fixture->n_kills - 1);
	assert_in_range(fixture->n_kills, 768, 768 + 100);
}

/* An error about one command stops nothing. */
static void test_errors(void **state)
{
	struct batch_fixture *fixture = *state;

	peer_once(fixture->base->peer, "CLIENT KILL ID 103", "-ERR first\r\n");
	peer_once(fixture->base->peer, "CLIENT KILL ID 104", "-ERR second\r\n");
	peer_once(fixture->base->peer, "CLIENT KILL ID 105", "+OK\r\n");
	peer_once(fixture->base->peer, "CLIENT KILL ID 106", ":-1\r\n");
	fire(fixture, 20, false, 0);
	wait_done(fixture);
	assert_int_equal(fixture->result.outcome, BATCH_DONE);
	assert_string_equal(fixture->result.error, "ERR first");
	assert_int_equal(fixture->result.n_claimed, 16);
}

/* What was in flight may have been carried out: it is presumed, not claimed. */
static void test_lost(void **state)
{
	struct batch_fixture *fixture = *state;

	peer_drop_at(fixture->base->peer, "CLIENT KILL ID 199");
	fire(fixture, 3000, false, 0);
	wait_done(fixture);
	assert_int_equal(fixture->result.outcome, BATCH_LOST);
	assert_true(strlen(fixture->result.lost) > 0);
	assert_int_equal(
		fixture->result.n_claimed + fixture->result.n_presumed, fixture->result.n_commands);
	assert_true(fixture->result.n_claimed <= 99);
	assert_true(fixture->result.n_commands < 3000);
}

static void test_lost_in_a_burst(void **state)
{
	struct batch_fixture *fixture = *state;

	peer_drop_at(fixture->base->peer, "CLIENT KILL ID 101");
	fire(fixture, 3000, false, 5);
	wait_done(fixture);
	assert_int_equal(fixture->result.outcome, BATCH_LOST);
	assert_int_equal(
		fixture->result.n_claimed + fixture->result.n_presumed, fixture->result.n_commands);
}

/* A server that counts more than it was given ids is not believed beyond them. */
static void test_more_hits_than_ids(void **state)
{
	struct batch_fixture *fixture = *state;

	peer_on(fixture->base->peer, "CLIENT KILL ID", ":1000\r\n");
	fire(fixture, 5, false, 0);
	wait_done(fixture);
	assert_int_equal(fixture->result.n_claimed, 5);
	assert_int_equal(fixture->result.n_extra, 5 * 999);
}

static void test_stall_is_measured(void **state)
{
	struct batch_fixture *fixture = *state;

	fixture->us_per_kill = 3000;
	fire(fixture, 5, false, 0);
	wait_done(fixture);
	assert_in_range(fixture->result.max_stall_us, 3000, 5000000);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_single_ids),
		ROW(test_many_ids_in_one),
		ROW(test_one_victim),
		ROW(test_gone),
		ROW(test_burst_shrinks),
		ROW(test_command_shrinks),
		ROW(test_burst_grows),
		ROW(test_stopped),
		ROW(test_stopped_in_a_burst),
		ROW(test_refused),
		ROW(test_errors),
		ROW(test_lost),
		ROW(test_lost_in_a_burst),
		ROW(test_more_hits_than_ids),
		ROW(test_stall_is_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
