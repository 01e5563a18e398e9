/*
 * Sweeps whose connection is lost, in every state: to a server that is still the same, to another
 * process, to one that does not tell.
 */
#include "sweep_fixture.h"

/* ---- the same server ---- */

static void test_in_list(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT LIST", false);
	sweep_begin(fixture, 0);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(fixture->n_planned, 1);
	/* Nothing was killed yet: there is nothing to tell. */
	assert_int_equal(fixture->report->n_warnings, 0);
}

/* Half of the listing came: it counts for nothing. */
static void test_in_the_middle_of_the_listing(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	peer_add(fixture->peer, (struct peer_rule){
					.prefix = "CLIENT LIST",
					.reply = "$1000\r\nid=1 flags=N\nid=777 flags=N\nid=2",
					.closes = true,
					.times = 1,
				});
	sweep_begin(fixture, 0);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(fixture->node->counts.found, N_SESSIONS + 1);
}

/* The plan is void: it is made anew. */
static void test_in_planned(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	peer_hang_up(fixture->peer);
	peer_server_add(fixture->server, "new", 3);
	wait_state(fixture, SWEEP_WAIT_LINK);
	sweep_wait(fixture, fixture->n_planned == 2);
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS + 3, 0, 0);
}

/* The command was carried out, its answer is lost. */
static void test_in_kill_unheard(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT KILL", true);
	sweep_begin(fixture, 0);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(n_kills_by_id(fixture), 0);
	assert_true(fixture_has_warning(
		fixture->report, "node: the connection was lost during the kill and opened again"));
}

/* The command was never seen: its victims are killed after all, newcomers are not. */
static void test_in_kill_unseen(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT KILL", false);
	sweep_begin(fixture, 0);
	wait_state(fixture, SWEEP_WAIT_LINK);
	peer_server_add(fixture->server, "new", 3);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(n_kills_by_id(fixture), N_SESSIONS);
	assert_int_equal(peer_server_count(fixture->server, "new"), 3);
}

static void test_in_the_middle_of_a_kill_by_ids(void **state)
{
	struct sweep_fixture *fixture = *state;
	CLEANUP(mem_free_p)
	char *tenth = mem_printf("CLIENT KILL ID %llu", (unsigned long long)fixture->first_id + 9);

	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	fixture_start(&fixture->base);
	cut_at(fixture, tenth, false);
	sweep_begin(fixture, 0);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), 0);
}

static void test_in_verify(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	cut_at(fixture, "CLIENT LIST", false);
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL TYPE normal SKIPME"), 1);
}

/* Several listings are in flight, and all of them are lost. */
static void test_in_verify_by_ids(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	fixture->server->has_multi_id = true;
	fixture->server->has_libs = false;
	peer_server_add(fixture->server, "many", 12000);
	request_finish(&fixture->request);
	fixture->request = fixture_request("many");
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	cut_at(fixture, "INFO persistence", false);
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, 12000, 0, 0);
}

static void test_in_look_again(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_looks = 6;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_LOOK_AGAIN);
	peer_hang_up(fixture->peer);
	wait_state(fixture, SWEEP_WAIT_LINK);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

/* Again and again, until nothing is left. */
static void test_again_and_again(void **state)
{
	struct sweep_fixture *fixture = *state;

	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT LIST", false);
	cut_at(fixture, "CLIENT KILL ID", true);
	sweep_begin(fixture, 0);
	wait_state(fixture, SWEEP_WAIT_LINK);
	sweep_wait(fixture, fixture->n_planned == 1);
	cut_at(fixture, "CLIENT LIST ID", false);
	wait_done(fixture);
	assert_int_equal(fixture->node->counts.survivors, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), 0);
}

/* ---- another process ---- */

/* A restart while nothing was killed yet: its new sessions are the ones to kill. */
static void test_restart_before_the_kill(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	peer_server_restart(fixture->server, "second");
	peer_server_add(fixture->server, "app", 3);
	sweep_wait(fixture, fixture->n_planned == 2);
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, 3, 0, 0);
	assert_string_equal(fixture->node->run_id, "second");
}

/* The old sessions ended with the old process; the new ones are none of the request's. */
static void restart_during_kill(struct sweep_fixture *fixture, const char *run_id)
{
	fixture_start(&fixture->base);
	peer_stop_at(fixture->peer, "CLIENT KILL");
	sweep_begin(fixture, 0);
	sweep_wait(fixture, peer_is_stopped(fixture->peer));
	peer_server_restart(fixture->server, run_id);
	peer_go_on(fixture->peer);
}

static void test_restart_in_kill(void **state)
{
	struct sweep_fixture *fixture = *state;

	restart_during_kill(fixture, "second");
	peer_server_add(fixture->server, "app", 5);
	wait_done(fixture);
	expect_counts(fixture, 0, N_SESSIONS, 0);
	assert_false(fixture->node->is_failed);
	assert_true(fixture_has_warning(
		fixture->report, "node: the server was restarted during the kill"));
	assert_int_equal(peer_server_count(fixture->server, NULL), 5);
}

/* Many have connected since: ids are as high as before. Only the run_id tells. */
static void test_restart_with_high_ids(void **state)
{
	struct sweep_fixture *fixture = *state;

	restart_during_kill(fixture, "second");
	peer_server_add(fixture->server, "app", 500);
	wait_done(fixture);
	assert_int_equal(fixture->node->counts.survivors, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), 500);
	assert_true(fixture_has_warning(
		fixture->report, "node: the server was restarted during the kill"));
}

static void test_restart_in_look_again(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_looks = 100;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_LOOK_AGAIN);
	peer_server_restart(fixture->server, "second");
	wait_done(fixture);
	assert_int_equal(fixture->node->counts.survivors, 0);
	assert_int_equal(fixture->node->counts.killed, N_SESSIONS);
}

/* ---- one that does not tell ---- */

static void test_no_run_id(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->run_id = NULL;
	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT KILL", false);
	sweep_begin(fixture, 0);
	expect_failure(fixture,
		"the connection was lost, and the server does not tell whether it is still the "
		"same process");
	assert_int_equal(n_kills_by_id(fixture), 0);
}

/* Ids that start anew show it all the same. */
static void test_no_run_id_but_low_ids(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->run_id = NULL;
	restart_during_kill(fixture, NULL);
	wait_done(fixture);
	assert_false(fixture->node->is_failed);
	assert_int_equal(fixture->node->counts.survivors, 0);
	assert_true(fixture_has_warning(
		fixture->report, "node: the server was restarted during the kill"));
}

/* Told before, and not any more (INFO is not allowed now): no proof that it is another process. */
static void test_run_id_not_told_any_more(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT KILL", false);
	peer_on(fixture->peer, "INFO", "-NOPERM this user has no permissions\r\n");
	sweep_begin(fixture, 0);
	expect_failure(fixture,
		"the connection was lost, and the server does not tell whether it is still the "
		"same process");
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
	expect_counts(fixture, 0, 0, N_SESSIONS);
}

/* ---- gone for good ---- */

static void test_does_not_come_back(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture_start(&fixture->base);
	cut_at(fixture, "CLIENT KILL", true);
	sweep_begin(fixture, 200);
	peer_close(fixture->peer);
	expect_failure(fixture,
		"no connection before the deadline: cannot connect: No such file or "
		"directory");
	assert_true(fixture->node->was_reached);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWEEP_ROW(test_in_list),
		SWEEP_ROW(test_in_the_middle_of_the_listing),
		SWEEP_ROW(test_in_planned),
		SWEEP_ROW(test_in_kill_unheard),
		SWEEP_ROW(test_in_kill_unseen),
		SWEEP_ROW(test_in_the_middle_of_a_kill_by_ids),
		SWEEP_ROW(test_in_verify),
		SWEEP_ROW(test_in_verify_by_ids),
		SWEEP_ROW(test_in_look_again),
		SWEEP_ROW(test_again_and_again),
		SWEEP_ROW(test_restart_before_the_kill),
		SWEEP_ROW(test_restart_in_kill),
		SWEEP_ROW(test_restart_with_high_ids),
		SWEEP_ROW(test_restart_in_look_again),
		SWEEP_ROW(test_no_run_id),
		SWEEP_ROW(test_no_run_id_but_low_ids),
		SWEEP_ROW(test_run_id_not_told_any_more),
		SWEEP_ROW(test_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
