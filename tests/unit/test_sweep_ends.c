/*
 * Sweeps that end early: the deadline, a cancel and a refusal in every state, servers that do not
 * answer, busy scripts.
 */
#include "sweep_fixture.h"

/* ---- the deadline ---- */

static void test_deadline_without_a_link(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_connect(&fixture->base, 0);
	sweep_begin(fixture, 60);
	expect_failure(fixture,
		"no connection before the deadline: cannot connect: No such file or "
		"directory");
	assert_false(fixture->node->was_reached);
	expect_counts(fixture, 0, 0, 0);
}

/* The server hangs at the command; the connection goes with what is in flight. */
static void hang_at(struct sweep_fixture *fixture, const char *prefix)
{
	fixture->is_manual = true;
	fixture_start(&fixture->base);
	sweep_begin(fixture, 400);
	wait_state(fixture, SWEEP_PLANNED);
	peer_stop_at(fixture->peer, prefix);
	sweep_kill(fixture->sweep);
}

static void test_deadline_in_list(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	peer_stop_at(fixture->peer, "CLIENT LIST");
	sweep_begin(fixture, 60);
	expect_failure(fixture, "the deadline passed during the listing");
	expect_counts(fixture, 0, 0, 0);
}

static void test_deadline_in_planned(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	fixture_start(&fixture->base);
	sweep_begin(fixture, 60);
	expect_failure(fixture, "the deadline passed before the kill");
	expect_counts(fixture, 0, 0, N_SESSIONS);
}

static void test_deadline_in_kill(void **state)
{
	struct sweep_fixture *fixture = *state;

	hang_at(fixture, "CLIENT KILL");
	expect_failure(fixture, "the deadline passed during the kill");
	expect_counts(fixture, 0, 0, N_SESSIONS);
	/* What is in flight is not known; the connection stays, and the answer comes late. */
	assert_int_equal(fixture->node->n_in_flight, N_SESSIONS);
	assert_true(fixture_has_warning(fixture->report,
		"node: 20 sessions are named by commands that the server has not answered"));
	assert_int_equal(fixture->n_late, 0);
	peer_go_on(fixture->peer);
	sweep_wait(fixture, fixture->n_late == 1);
	assert_int_equal(fixture->n_late_claimed, N_SESSIONS);
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

/* Only what was sent can be carried out: the rest waits in the daemon and never is. */
static void test_deadline_in_a_kill_by_ids(void **state)
{
	struct sweep_fixture *fixture = *state;
	const struct counts *counts = &fixture->node->counts;

	peer_server_add(fixture->server, "app", 1000);
	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	hang_at(fixture, "CLIENT KILL");
	expect_failure(fixture, "the deadline passed during the kill");
	assert_int_equal(counts->matched, 1000 + N_SESSIONS);
	assert_int_equal(counts->survivors, 1000 + N_SESSIONS);
	assert_in_range(fixture->node->n_in_flight, 300, 700);
	peer_go_on(fixture->peer);
	sweep_wait(fixture, fixture->n_late == 1);
	assert_int_equal(fixture->n_late_claimed, fixture->node->n_in_flight);
	assert_int_equal(peer_server_count(fixture->server, NULL),
		1000 + N_SESSIONS - fixture->node->n_in_flight);
}

/* What is in flight is lost with the connection: it never will be known. */
static void test_lost_after_the_deadline(void **state)
{
	struct sweep_fixture *fixture = *state;

	hang_at(fixture, "CLIENT KILL");
	wait_done(fixture);
	peer_hang_up(fixture->peer);
	sweep_wait(fixture, fixture->n_late == 1);
	assert_int_equal(fixture->n_late_claimed, 0);
	peer_go_on(fixture->peer);
}

static void test_deadline_in_verify(void **state)
{
	struct sweep_fixture *fixture = *state;

	hang_at(fixture, "CLIENT LIST");
	expect_failure(fixture, "the deadline passed during the verification");
	/* Nobody could verify it: it is what the server said. */
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

static void test_deadline_in_look_again(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_looks = 1000000;
	fixture_start(&fixture->base);
	/* In the middle of a pause: the last of those that grow ends after 254 ms. */
	sweep_begin(fixture, 350);
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
	expect_counts(fixture, N_SESSIONS - 1, 0, 1);
	assert_true(fixture_has_warning(fixture->report,
		"node: sessions were still being closed by the server at the deadline"));
}

/* ---- cancel ---- */

static void test_cancel_without_a_link(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_connect(&fixture->base, 0);
	sweep_begin(fixture, 0);
	sweep_cancel(fixture->sweep, false);
	assert_int_equal(fixture->n_done, 0);
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
}

static void test_cancel_in_list(void **state)
{
	struct sweep_fixture *fixture = *state;

	sweep_go(fixture);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	assert_int_equal(fixture->n_planned, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
}

static void test_cancel_in_planned(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	expect_counts(fixture, 0, 0, N_SESSIONS);
}

/* What is in flight is answered and counted; what is not sent yet never is. */
static void test_cancel_in_kill(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_add(fixture->server, "app", 1000);
	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	fixture_start(&fixture->base);
	peer_stop_at(fixture->peer, "CLIENT KILL");
	sweep_begin(fixture, 0);
	sweep_wait(fixture, peer_is_stopped(fixture->peer));
	sweep_cancel(fixture->sweep, false);
	sweep_cancel(fixture->sweep, false);
	peer_go_on(fixture->peer);
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
	assert_in_range(fixture->node->counts.killed, 1, 999);
	assert_int_equal(fixture->node->counts.killed, n_kills_by_id(fixture));
	assert_int_equal(fixture->node->counts.survivors, peer_server_count(fixture->server, NULL));
}

static void test_cancel_in_verify(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	sweep_kill(fixture->sweep);
	wait_state(fixture, SWEEP_VERIFY);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

static void test_cancel_in_look_again(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_looks = 1000000;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_LOOK_AGAIN);
	sweep_cancel(fixture->sweep, false);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS - 1, 0, 1);
}

/* Cancelled, and the connection is lost with what is in flight. */
static void test_cancel_and_loss(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	peer_stop_at(fixture->peer, "CLIENT KILL");
	sweep_begin(fixture, 0);
	sweep_wait(fixture, peer_is_stopped(fixture->peer));
	sweep_cancel(fixture->sweep, false);
	peer_hang_up(fixture->peer);
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
}

/* ---- refusals ---- */

static void test_refused_in_list(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	peer_once(fixture->peer, "CLIENT LIST", "-NOPERM no permissions\r\n");
	sweep_begin(fixture, 0);
	expect_failure(fixture, "NOPERM no permissions (the instance's user needs +client|list and "
				"+client|kill)");
	assert_true(fixture->node->was_reached);
}

static void test_odd_answer_in_list(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	peer_once(fixture->peer, "CLIENT LIST", "+OK\r\n");
	sweep_begin(fixture, 0);
	expect_failure(fixture, "the server's answer is of an unexpected type");
}

static void test_refused_in_kill(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	peer_once(fixture->peer, "CLIENT KILL", "-NOPERM no permissions\r\n");
	sweep_begin(fixture, 0);
	expect_failure(fixture, "NOPERM no permissions (the instance's user needs +client|list and "
				"+client|kill)");
	expect_counts(fixture, 0, 0, N_SESSIONS);
}

/* An error about one command first: the refusal is what ends it. */
static void test_refused_after_an_error(void **state)
{
	struct sweep_fixture *fixture = *state;

	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	fixture_start(&fixture->base);
	peer_on(fixture->peer, "CLIENT KILL", "-BUSY a script\r\n");
	peer_once(fixture->peer, "CLIENT KILL", "-ERR something\r\n");
	sweep_begin(fixture, 0);
	expect_failure(fixture,
		"BUSY a script (a script or function runs: end it with break_busy, or wait)");
}

static void test_refused_in_verify(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	peer_once(fixture->peer, "CLIENT LIST", "-BUSY a script\r\n");
	sweep_kill(fixture->sweep);
	expect_failure(fixture,
		"BUSY a script (a script or function runs: end it with break_busy, or wait)");
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

/* ---- servers that do not answer ---- */

/* It is not asked again: what it was sent it may carry out yet. */
static void test_unresponsive(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_listen(fixture->peer);
	fixture_connect(&fixture->base, 80);
	fixture_wait(&fixture->base, link_state(fixture_link(&fixture->base, 0)) == LINK_READY);
	peer_stop_at(fixture->peer, "CLIENT KILL");
	sweep_begin(fixture, 0);
	expect_failure(fixture, "no answer to CLIENT KILL within 100 ms");
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL TYPE normal SKIPME"), 0);
	peer_go_on(fixture->peer);
}

static void test_unresponsive_in_list(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_listen(fixture->peer);
	fixture_connect(&fixture->base, 80);
	fixture_wait(&fixture->base, link_state(fixture_link(&fixture->base, 0)) == LINK_READY);
	peer_stop_at(fixture->peer, "CLIENT LIST");
	sweep_begin(fixture, 0);
	expect_failure(fixture, "no answer to CLIENT LIST within 80 ms");
	peer_go_on(fixture->peer);
}

/* ---- busy scripts ---- */

static void begin_busy(struct sweep_fixture *fixture, const char *script_reply)
{
	fixture->request.break_busy = true;
	fixture_start(&fixture->base);
	peer_on(fixture->peer, "SCRIPT KILL", script_reply);
	peer_once(fixture->peer, "CLIENT LIST", "-BUSY a script\r\n");
	sweep_begin(fixture, 0);
}

static void test_break_busy(void **state)
{
	struct sweep_fixture *fixture = *state;

	begin_busy(fixture, "+OK\r\n");
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_true(
		fixture_has_warning(fixture->report, "node: a running script was ended to get in"));
}

static void test_break_busy_refused(void **state)
{
	struct sweep_fixture *fixture = *state;

	begin_busy(fixture, "-UNKILLABLE it wrote\r\n");
	expect_failure(fixture, "UNKILLABLE it wrote");
}

/* A dry run changes nothing. */
static void test_no_break_busy_in_a_dry_run(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.is_dry_run = true;
	begin_busy(fixture, "+OK\r\n");
	expect_failure(fixture,
		"BUSY a script (a script or function runs: end it with break_busy, or wait)");
	assert_int_equal(peer_n_commands(fixture->peer, "SCRIPT KILL"), 0);
}

static void test_lost_in_break_busy(void **state)
{
	struct sweep_fixture *fixture = *state;

	begin_busy(fixture, "+OK\r\n");
	sweep_wait(fixture, peer_n_commands(fixture->peer, "SCRIPT KILL") == 1);
	wait_state(fixture, SWEEP_BUSY_AGAIN);
	peer_close(fixture->peer);
	peer_hang_up(fixture->peer);
	wait_state(fixture, SWEEP_WAIT_LINK);
	peer_listen(fixture->peer);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

static void test_lost_with_script_kill_in_flight(void **state)
{
	struct sweep_fixture *fixture = *state;

	begin_busy(fixture, "+OK\r\n");
	peer_drop_at(fixture->peer, "SCRIPT KILL");
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

static void test_deadline_in_break_busy(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.break_busy = true;
	fixture_start(&fixture->base);
	peer_on(fixture->peer, "SCRIPT KILL", "+OK\r\n");
	peer_on(fixture->peer, "CLIENT LIST", "-BUSY a script\r\n");
	sweep_begin(fixture, 100);
	wait_done(fixture);
	assert_true(fixture->node->is_failed);
}

static void test_cancel_in_break_busy(void **state)
{
	struct sweep_fixture *fixture = *state;

	begin_busy(fixture, "+OK\r\n");
	wait_state(fixture, SWEEP_BUSY_AGAIN);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWEEP_ROW(test_deadline_without_a_link),
		SWEEP_ROW(test_deadline_in_list),
		SWEEP_ROW(test_deadline_in_planned),
		SWEEP_ROW(test_deadline_in_kill),
		SWEEP_ROW(test_deadline_in_a_kill_by_ids),
		SWEEP_ROW(test_lost_after_the_deadline),
		SWEEP_ROW(test_deadline_in_verify),
		SWEEP_ROW(test_deadline_in_look_again),
		SWEEP_ROW(test_cancel_without_a_link),
		SWEEP_ROW(test_cancel_in_list),
		SWEEP_ROW(test_cancel_in_planned),
		SWEEP_ROW(test_cancel_in_kill),
		SWEEP_ROW(test_cancel_in_verify),
		SWEEP_ROW(test_cancel_in_look_again),
		SWEEP_ROW(test_cancel_and_loss),
		SWEEP_ROW(test_refused_in_list),
		SWEEP_ROW(test_odd_answer_in_list),
		SWEEP_ROW(test_refused_in_kill),
		SWEEP_ROW(test_refused_after_an_error),
		SWEEP_ROW(test_refused_in_verify),
		SWEEP_ROW(test_unresponsive),
		SWEEP_ROW(test_unresponsive_in_list),
		SWEEP_ROW(test_break_busy),
		SWEEP_ROW(test_break_busy_refused),
		SWEEP_ROW(test_no_break_busy_in_a_dry_run),
		SWEEP_ROW(test_lost_in_break_busy),
		SWEEP_ROW(test_lost_with_script_kill_in_flight),
		SWEEP_ROW(test_deadline_in_break_busy),
		SWEEP_ROW(test_cancel_in_break_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
