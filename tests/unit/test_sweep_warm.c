/*
 * What a gentle sweep looks up before it lists: which ids, when at all, and what comes of it when
 * that goes wrong. The listing and the kill must be what they would be without.
 */
#include "sweep_fixture.h"

#define MANY 3000

/* One millisecond: some 200 sessions at once. */
static void begin_gently(struct sweep_fixture *fixture)
{
	fixture->request.pace = PACE_GENTLE;
	fixture->request.stall_budget_ms = 1;
	sweep_begin(fixture, 0);
}

static void start_many(struct sweep_fixture *fixture)
{
	fixture->server->tells_connections = true;
	fixture->server->has_multi_id = true;
	peer_server_add(fixture->server, "app", MANY);
	fixture_start(&fixture->base);
}

/* Look-ups by id; what the handshake probes with is none of them. */
static size_t n_look_ups(const struct sweep_fixture *fixture)
{
	return peer_n_commands(fixture->peer, "CLIENT LIST ID ") -
	       peer_n_commands(fixture->peer, "CLIENT LIST ID 9223372036854775807");
}

static size_t n_listings(const struct sweep_fixture *fixture)
{
	return peer_n_commands(fixture->peer, "CLIENT LIST") -
	       peer_n_commands(fixture->peer, "CLIENT LIST ID ");
}

static void expect_all_killed(struct sweep_fixture *fixture)
{
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
	expect_counts(fixture, N_SESSIONS + MANY, 0, 0);
	assert_int_equal(fixture->node->counts.found, N_SESSIONS + MANY + 1);
	assert_int_equal(fixture->node->counts.extra, 0);
}

/* In groups, from the first, before the listing; the listing is what counts. */
static void test_groups(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	begin_gently(fixture);
	assert_int_equal(sweep_state_of(fixture->sweep), SWEEP_WARM);
	fixture_wait(&fixture->base, sweep_state_of(fixture->sweep) != SWEEP_WARM);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT LIST ID 1 2 3 "), 1);
	/* 500 ids, at most twice as many each time. */
	assert_true(n_look_ups(fixture) >= 3);
	expect_all_killed(fixture);
	assert_int_equal(n_listings(fixture), 2);
}

/* Who came since the server last told is looked up too, as long as there is somebody. */
static void test_beyond_what_was_told(void **state)
{
	struct sweep_fixture *fixture = *state;
	size_t n_before;

	start_many(fixture);
	peer_server_add(fixture->server, "late", 20000);
	begin_gently(fixture);
	fixture_wait(&fixture->base, sweep_state_of(fixture->sweep) != SWEEP_WARM);
	n_before = n_look_ups(fixture);
	/* No more than 5,000 ids at once. */
	assert_true(n_before >= 1 + 20000 / 5000);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS + MANY + 20000, 0, 0);
}

static void test_fast(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	fixture->request.stall_budget_ms = 1;
	sweep_begin(fixture, 0);
	assert_int_equal(sweep_state_of(fixture->sweep), SWEEP_LIST);
	expect_all_killed(fixture);
	assert_int_equal(n_look_ups(fixture), 0);
}

/* The whole listing fits into the budget. */
static void test_few(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->tells_connections = true;
	fixture_start(&fixture->base);
	begin_gently(fixture);
	assert_int_equal(sweep_state_of(fixture->sweep), SWEEP_LIST);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(n_look_ups(fixture), 0);
}

/* It does not say how many connections there were: nothing to count up to. */
static void test_not_told(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	fixture->server->tells_connections = false;
	peer_server_restart(fixture->server, "second");
	peer_server_add(fixture->server, "app", N_SESSIONS + MANY);
	fixture_wait(&fixture->base, link_state(fixture_link(&fixture->base, 0)) != LINK_READY);
	fixture_wait(&fixture->base, link_state(fixture_link(&fixture->base, 0)) == LINK_READY);
	begin_gently(fixture);
	assert_int_equal(sweep_state_of(fixture->sweep), SWEEP_LIST);
	expect_all_killed(fixture);
}

/* The listing is tried all the same, and says what is wrong if it is refused as well. */
static void test_refused(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	peer_add(fixture->peer, (struct peer_rule){
					.prefix = "CLIENT LIST ID 1 ",
					.reply = "-ERR not today\r\n",
					.times = 1,
				});
	begin_gently(fixture);
	expect_all_killed(fixture);
	assert_int_equal(n_look_ups(fixture), 1);
	assert_int_equal(fixture->report->n_warnings, 0);
}

static void test_lost(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	cut_at(fixture, "CLIENT LIST ID 1 ", true);
	begin_gently(fixture);
	wait_state(fixture, SWEEP_WAIT_LINK);
	expect_all_killed(fixture);
	assert_int_equal(fixture->report->n_warnings, 0);
}

static void test_cancelled(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	begin_gently(fixture);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	assert_int_equal(n_listings(fixture), 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS + MANY);
}

static void test_deadline(void **state)
{
	struct sweep_fixture *fixture = *state;

	start_many(fixture);
	peer_stop_at(fixture->peer, "CLIENT LIST ID 1 ");
	fixture->request.pace = PACE_GENTLE;
	fixture->request.stall_budget_ms = 1;
	sweep_begin(fixture, 50);
	expect_failure(fixture, "the deadline passed during the listing");
	peer_go_on(fixture->peer);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS + MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWEEP_ROW(test_groups),
		SWEEP_ROW(test_beyond_what_was_told),
		SWEEP_ROW(test_fast),
		SWEEP_ROW(test_few),
		SWEEP_ROW(test_not_told),
		SWEEP_ROW(test_refused),
		SWEEP_ROW(test_lost),
		SWEEP_ROW(test_cancelled),
		SWEEP_ROW(test_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
