/*
 * Sweeps: list, plan, kill, verify; survivors, dying ones, newcomers; who comes back.
 */
#include "sweep_fixture.h"

static void test_all(void **state)
{
	struct sweep_fixture *fixture = *state;

	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	/* The daemon's own connection. */
	assert_int_equal(fixture->node->counts.found, N_SESSIONS + 1);
	assert_int_equal(fixture->node->counts.is_protected, 1);
	assert_int_equal(fixture->node->counts.extra, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), 0);
	assert_false(fixture->node->is_failed);
	assert_true(fixture->node->was_reached);
	assert_string_equal(fixture->node->server, "redis 7.2.0");
	assert_string_equal(fixture->node->run_id, "first");
	/* List, one kill of a type, list. */
	assert_int_equal(fixture->node->n_commands, 3);
	assert_int_equal(fixture->report->n_warnings, 0);
}

static void test_selected(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_add(fixture->server, "other", 7);
	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(fixture->node->counts.unmatched, 8);
	assert_int_equal(peer_server_count(fixture->server, NULL), 7);
	assert_int_equal(n_kills_by_id(fixture), N_SESSIONS);
}

/* More victims than one CLIENT LIST ID asks for. */
static void test_many_selected(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->has_multi_id = true;
	peer_server_add(fixture->server, "many", 6000);
	request_finish(&fixture->request);
	fixture->request = fixture_request("many");
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, 6000, 0, 0);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
	/* List, 6 kills, and 4 lists by ids. */
	assert_int_equal(fixture->node->n_commands, 11);
}

static void test_nobody_selected(void **state)
{
	struct sweep_fixture *fixture = *state;

	request_finish(&fixture->request);
	fixture->request = fixture_request("nobody");
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, 0, 0, 0);
	assert_int_equal(fixture->node->n_commands, 1);
}

static void test_nobody_there(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_restart(fixture->server, "empty");
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, 0, 0, 0);
	assert_int_equal(fixture->node->counts.found, 1);
	assert_int_equal(fixture->node->n_commands, 2);
}

static void test_dry_run(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.is_dry_run = true;
	sweep_go(fixture);
	wait_done(fixture);
	assert_int_equal(fixture->node->counts.matched, N_SESSIONS);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL TYPE normal SKIPME"), 0);
	assert_int_equal(fixture->node->n_steps, 1);
	assert_string_equal(fixture->node->plan[0].command, "CLIENT KILL TYPE normal SKIPME yes");
}

static void test_refused_by_the_job(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	sweep_cancel(fixture->sweep, true);
	assert_int_equal(fixture->n_done, 0);
	wait_done(fixture);
	expect_counts(fixture, 0, 0, N_SESSIONS);
	assert_false(fixture->node->is_failed);
	assert_int_equal(peer_server_count(fixture->server, NULL), N_SESSIONS);
}

/* ---- what is left ---- */

static void test_survivor_is_killed_again(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_lives = 2;
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	/* By its id alone, twice. */
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL TYPE normal SKIPME"), 1);
	assert_int_equal(n_kills_by_id(fixture), 2);
}

/* It is no quarrel: three rounds, then it is a survivor, whatever the server claimed. */
static void test_survivor_survives(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_lives = 100;
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS - 1, 0, 1);
	assert_false(fixture->node->is_failed);
	assert_int_equal(n_kills_by_id(fixture), 2);
}

static void test_dying(void **state)
{
	struct sweep_fixture *fixture = *state;

	for (uint64_t i = 0; i < 5; i++) {
		peer_server_find(fixture->server, fixture->first_id + i)->n_looks = 3;
	}
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	/* Killed once, looked at until they were gone. */
	assert_int_equal(n_kills_by_id(fixture), 0);
	assert_int_equal(fixture->report->n_warnings, 0);
}

/* One survives, one is dying: the survivor is killed again, the dying one does not count twice. */
static void test_dying_and_surviving(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_find(fixture->server, fixture->first_id)->n_lives = 1;
	peer_server_find(fixture->server, fixture->first_id + 1)->n_looks = 4;
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

/* Ended by themselves between the listing and their turn. */
static void test_gone(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	request_finish(&fixture->request);
	fixture->request = fixture_request("app");
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	for (uint64_t i = 0; i < 3; i++) {
		peer_server_find(fixture->server, fixture->first_id + i)->is_gone = true;
	}
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS - 3, 3, 0);
}

/* Listed for the first time when all is done: with a limit it takes nobody more than was agreed. */
static void test_late_beyond_the_limit(void **state)
{
	struct sweep_fixture *fixture = *state;
	struct peer_session *late = peer_server_find(fixture->server, fixture->first_id + 5);

	fixture->is_manual = true;
	fixture->request.has_max = true;
	fixture->request.max = N_SESSIONS;
	late->is_gone = true;
	late->n_lives = 1; /* the set hits it in vain */
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	late->is_gone = false;
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS - 1, 0, 1);
	assert_non_null(strstr(fixture->node->error, "not checked for"));
	assert_non_null(peer_server_find(fixture->server, fixture->first_id + 5));
}

/* The same where a set is killed: what the server counts tells. */
static void test_gone_from_a_set(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	for (uint64_t i = 0; i < 3; i++) {
		peer_server_find(fixture->server, fixture->first_id + i)->is_gone = true;
	}
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS - 3, 3, 0);
}

/* Newcomers that a set command hits stand outside the sums. */
static void test_extra(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	peer_server_add(fixture->server, "new", 5);
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(fixture->node->counts.extra, 5);
}

/* Who comes after the kill is not touched. */
static void test_newcomers_live(void **state)
{
	struct sweep_fixture *fixture = *state;

	sweep_go(fixture);
	peer_stop_at(fixture->peer, "CLIENT KILL TYPE");
	sweep_wait(fixture, peer_is_stopped(fixture->peer));
	/* The verification finds the connection waiting behind the kill. */
	peer_go_on(fixture->peer);
	peer_server_add(fixture->server, "new", 5);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(peer_server_count(fixture->server, "new"), 5);
}

/* ---- one command ---- */

/* Half have left and others have come since the listing: a set command hits the others too. */
static void test_newcomers_in_a_set(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	for (uint64_t i = 0; i < 5; i++) {
		peer_server_find(fixture->server, fixture->first_id + i)->is_gone = true;
	}
	peer_server_add(fixture->server, "app", 7);
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS - 5, 5, 0);
	assert_int_equal(fixture->node->counts.extra, 7);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL TYPE normal SKIPME"), 1);
	assert_int_equal(fixture->report->n_warnings, 0);
}

/* The same where the server does not tell how many have connected: it is asked who is there. */
static void test_set_without_number(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->tells_connections = false;
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(fixture->node->counts.extra, 0);
	assert_int_equal(peer_n_commands(fixture->peer, "INFO stats"), 0);
	assert_int_equal(fixture->node->n_commands, 4);
}

static char *answer_and_let_in(void *context, const struct peer_command *command)
{
	struct sweep_fixture *fixture = context;

	peer_server_add(fixture->server, "app", 3);
	return peer_server_reply(fixture->server, command);
}

/* Somebody comes between the question and the command: what is not known is said. */
static void test_newcomer_at_the_last_moment(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->is_manual = true;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_PLANNED);
	peer_add(fixture->peer, (struct peer_rule){
					.prefix = "CLIENT KILL TYPE normal SKIPME",
					.reply_fn = answer_and_let_in,
					.context = fixture,
					.times = 1,
				});
	sweep_kill(fixture->sweep);
	wait_done(fixture);
	assert_true(fixture_has_warning(
		fixture->report, "node: up to 3 of the killed may have connected"));
}

/* A set command that the server does not take: a warning, and then by ids. */
static void test_set_refused(void **state)
{
	struct sweep_fixture *fixture = *state;

	peer_server_add(fixture->server, "sub", 1);
	sweep_go(fixture);
	peer_on(fixture->peer, "CLIENT KILL TYPE", "-ERR not today\r\n");
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS + 1, 0, 0);
	assert_true(fixture_has_warning(fixture->report, "node: ERR not today"));
	assert_int_equal(n_kills_by_id(fixture), N_SESSIONS + 1);
}

static void test_child_holds_sockets(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->has_libs = false;
	fixture->server->has_child = true;
	fixture->server->child_s = 5;
	sweep_go(fixture);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(peer_n_commands(fixture->peer, "INFO persistence"), 1);
	assert_true(fixture_has_warning(fixture->report, "node: a child of the server"));
}

/* The sessions of these servers are five seconds old: the child has not got their sockets. */
static void test_child_older_than_sessions(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->server->has_libs = false;
	fixture->server->has_child = true;
	fixture->server->child_s = 60;
	sweep_go(fixture);
	wait_done(fixture);
	assert_int_equal(peer_n_commands(fixture->peer, "INFO persistence"), 1);
	assert_int_equal(fixture->report->n_warnings, 0);
}

/* ---- WATCH ---- */

static void test_watch(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.watch_ms = 100;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_WATCH);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_int_equal(fixture->n_watching, 1);
	peer_server_add(fixture->server, "app", 4);
	peer_server_add(fixture->server, "stranger", 2);
	wait_done(fixture);
	assert_int_equal(fixture->report->reconnected, 4);
	assert_int_equal(fixture->n_respawns, 1);
	assert_int_equal(peer_server_count(fixture->server, NULL), 6);
}

static void test_watch_cancelled(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.watch_ms = 60 * 1000;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_WATCH);
	sweep_cancel(fixture->sweep, false);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
}

static void test_watch_lost(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.watch_ms = 60 * 1000;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_WATCH);
	peer_hang_up(fixture->peer);
	wait_done(fixture);
	expect_counts(fixture, N_SESSIONS, 0, 0);
	assert_false(fixture->node->is_failed);
	assert_true(fixture_has_warning(fixture->report,
		"node: who came back is not known to the end: the server closed the connection"));
}

static void test_watch_lost_while_looking(void **state)
{
	struct sweep_fixture *fixture = *state;

	fixture->request.watch_ms = 50;
	sweep_go(fixture);
	wait_state(fixture, SWEEP_WATCH);
	cut_at(fixture, "CLIENT LIST", false);
	wait_done(fixture);
	assert_true(fixture_has_warning(fixture->report, "node: who came back is not known"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWEEP_ROW(test_all),
		SWEEP_ROW(test_selected),
		SWEEP_ROW(test_many_selected),
		SWEEP_ROW(test_nobody_selected),
		SWEEP_ROW(test_nobody_there),
		SWEEP_ROW(test_dry_run),
		SWEEP_ROW(test_refused_by_the_job),
		SWEEP_ROW(test_survivor_is_killed_again),
		SWEEP_ROW(test_survivor_survives),
		SWEEP_ROW(test_dying),
		SWEEP_ROW(test_dying_and_surviving),
		SWEEP_ROW(test_gone),
		SWEEP_ROW(test_late_beyond_the_limit),
		SWEEP_ROW(test_gone_from_a_set),
		SWEEP_ROW(test_extra),
		SWEEP_ROW(test_newcomers_live),
		SWEEP_ROW(test_newcomers_in_a_set),
		SWEEP_ROW(test_set_without_number),
		SWEEP_ROW(test_newcomer_at_the_last_moment),
		SWEEP_ROW(test_set_refused),
		SWEEP_ROW(test_child_holds_sockets),
		SWEEP_ROW(test_child_older_than_sessions),
		SWEEP_ROW(test_watch),
		SWEEP_ROW(test_watch_cancelled),
		SWEEP_ROW(test_watch_lost),
		SWEEP_ROW(test_watch_lost_while_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
