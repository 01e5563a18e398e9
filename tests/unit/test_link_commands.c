/*
 * Links: commands in flight. Replies, listings, deadlines, losses, resets, the keep-alive.
 */
#include "link_fixture.h"

static void test_replies_in_order(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[3];

	fixture_start(fixture);
	peer_on(fixture->peer, "ECHO a", "$1\r\na\r\n");
	peer_on(fixture->peer, "NOPE", "-ERR unknown command\r\n");
	fixture_command(fixture, &outcomes[0], "PING", NULL);
	fixture_command(fixture, &outcomes[1], "ECHO", "a");
	fixture_command(fixture, &outcomes[2], "NOPE", NULL);
	fixture_wait(fixture, outcomes[2].n_replies > 0);
	assert_string_equal(outcomes[0].text, "PONG");
	assert_string_equal(outcomes[1].text, "a");
	assert_int_equal(outcomes[2].type, REPLY_ERROR);
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		assert_int_equal(outcomes[i].n_replies, 1);
		assert_int_equal(outcomes[i].n_lost, 0);
	}
}

static void test_not_ready(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome = {.fixture = fixture};

	assert_int_equal(fixture_send(&outcome, "PING", NULL), -ENOTCONN);
	peer_listen(fixture->peer);
	peer_stop(fixture->peer);
	fixture_go(fixture);
	fixture_wait(fixture, fixture_is(fixture, LINK_HANDSHAKE));
	assert_int_equal(fixture_send(&outcome, "PING", NULL), -ENOTCONN);
	peer_go_on(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(outcome.n_replies + outcome.n_lost, 0);
}

/* ---- deadlines ---- */

static void test_deadline_names_the_command(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[2];

	fixture_start(fixture);
	peer_on(fixture->peer, "CLIENT GETNAME", "$-1\r\n");
	peer_stop_at(fixture->peer, "CLIENT GETNAME");
	fixture_command(fixture, &outcomes[0], "CLIENT", "GETNAME");
	fixture_command(fixture, &outcomes[1], "PING", NULL);
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	assert_string_equal(link_error(fixture->link), "no answer to CLIENT GETNAME within 150 ms");
	peer_go_on(fixture->peer);
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		fixture_expect_lost(&outcomes[i], "no answer to CLIENT GETNAME within 150 ms");
	}
}

static void test_own_timeout(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome = {.fixture = fixture};
	const struct slice argv[] = {SLICE_LITERAL("PING")};
	struct link_command command = {
		.argv = argv,
		.argc = 1,
		.timeout_ms = 20,
		.reply_fn = fixture_on_reply,
		.context = &outcome,
		.owner = &fixture->calls,
	};

	fixture_start(fixture);
	peer_stop(fixture->peer);
	assert_int_equal(link_send(fixture->link, &command), 0);
	fixture_wait(fixture, outcome.n_lost > 0);
	peer_go_on(fixture->peer);
	fixture_expect_lost(&outcome, "no answer to PING within 20 ms");
}

static void wait_ms(struct fixture *fixture, int64_t ms)
{
	int64_t end_ms = clock_monotonic_ms() + ms;

	while (clock_monotonic_ms() < end_ms) {
		peer_turn(fixture->loop);
	}
}

/* The time of a command starts when it is the oldest: a long pipeline is no silence. */
static void test_deadline_of_a_pipeline(void **state)
{
	struct fixture *fixture = *state;
	static const char *const commands[] = {"ECHO 1", "ECHO 2", "ECHO 3", "ECHO 4"};
	struct outcome outcomes[4];

	fixture_start(fixture);
	peer_on(fixture->peer, "ECHO", "+OK\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		peer_stop_at(fixture->peer, commands[i]);
		fixture_command(fixture, &outcomes[i], commands[i], NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		wait_ms(fixture, FIXTURE_COMMAND_TIMEOUT_MS / 2);
		peer_go_on(fixture->peer);
	}
	fixture_wait(fixture, outcomes[3].n_replies > 0);
	assert_string_equal(fixture->states, "CHR");
}

/* ---- listings ---- */

static void send_listing(struct fixture *fixture, struct outcome *outcome)
{
	const struct slice argv[] = {SLICE_LITERAL("CLIENT"), SLICE_LITERAL("LIST")};
	struct link_command command = {
		.argv = argv,
		.argc = 2,
		.line_fn = fixture_on_line,
		.reply_fn = fixture_on_reply,
		.context = outcome,
		.owner = &fixture->calls,
	};

	*outcome = (struct outcome){.fixture = fixture};
	assert_int_equal(link_send(fixture->link, &command), 0);
}

static void test_listing_between_replies(void **state)
{
	struct fixture *fixture = *state;
	struct outcome first, listing, refused, last;

	fixture_start(fixture);
	peer_once(fixture->peer, "CLIENT LIST", "-NOPERM no\r\n");
	peer_once(fixture->peer, "CLIENT LIST", "$10\r\nid=1\nid=2\n\r\n");
	fixture_command(fixture, &first, "PING", NULL);
	send_listing(fixture, &listing);
	send_listing(fixture, &refused);
	fixture_command(fixture, &last, "PING", NULL);
	fixture_wait(fixture, last.n_replies > 0);
	assert_int_equal(listing.type, REPLY_LISTING);
	assert_int_equal(listing.n_lines, 2);
	assert_string_equal(refused.text, "NOPERM no");
	assert_int_equal(refused.n_lines, 0);
	assert_string_equal(last.text, "PONG");
}

/* A listing that keeps coming is no silence; one that stops is. */
static void test_slow_listing(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture);
	peer_on(fixture->peer, "CLIENT LIST", "$1000\r\n");
	send_listing(fixture, &outcome);
	for (int i = 0; i < 5; i++) {
		wait_ms(fixture, FIXTURE_COMMAND_TIMEOUT_MS / 2);
		peer_say(fixture->peer, "id=1 name=a\nid=2");
	}
	fixture_wait(fixture, outcome.n_lines == 5);
	assert_string_equal(fixture->states, "CHR");
	fixture_wait(fixture, outcome.n_lost == 1);
	assert_string_equal(outcome.text, "no answer to CLIENT LIST within 150 ms");
	/* The rest comes late: nobody hears of it, and the connection is as good as before. */
	peer_say(fixture->peer, "0 name=b\n");
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(outcome.n_lines, 5);
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

/* ---- losses ---- */

static void test_lost_with_commands_in_flight(void **state)
{
	struct fixture *fixture = *state;
	struct outcome first, others[3];

	fixture_start(fixture);
	peer_drop_at(fixture->peer, "ECHO");
	fixture_command(fixture, &first, "PING", NULL);
	fixture_command(fixture, &others[0], "ECHO", "a");
	fixture_command(fixture, &others[1], "PING", NULL);
	fixture_command(fixture, &others[2], "PING", NULL);
	fixture_wait(fixture, others[2].n_lost > 0);
	assert_string_equal(first.text, "PONG");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		fixture_expect_lost(&others[i], "the server closed the connection");
	}
	assert_string_equal(fixture->states, "CHRBCHR");
}

/* What the server said last is read, even when the end shows while writing. */
static void test_last_words(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[2];

	fixture_start(fixture);
	peer_say_and_hang_up(fixture->peer, "-ERR last words\r\n");
	fixture_command(fixture, &outcomes[0], "PING", NULL);
	fixture_command(fixture, &outcomes[1], "PING", NULL);
	fixture_wait(fixture, outcomes[1].n_lost > 0);
	assert_int_equal(outcomes[0].n_replies, 1);
	assert_string_equal(outcomes[0].text, "ERR last words");
}

static void test_unasked_replies(void **state)
{
	static const struct {
		const char *bytes, *words;
	} rows[] = {
		{"-ERR client evicted\r\n", "ERR client evicted"},
		{"+hello\r\n", "an unasked reply"},
		{"*1\r\n:1\r\n", "an unasked reply"},
		{"HTTP/1.1 400 Bad Request\r\n",
			"the server does not speak RESP: Protocol error, got \"H\" as reply type "
			"byte"},
	};
	struct fixture *fixture = *state;

	fixture_start(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		peer_say(fixture->peer, rows[i].bytes);
		fixture_wait(fixture, fixture_is(fixture, LINK_BACKOFF));
		assert_string_equal(link_error(fixture->link), rows[i].words);
		fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	}
}

static void test_no_resp_to_a_command(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture);
	peer_on(fixture->peer, "PING", "@1\r\n");
	fixture_command(fixture, &outcome, "PING", NULL);
	fixture_expect_lost(&outcome,
		"the server does not speak RESP: Protocol error, got \"@\" as reply type byte");
}

static void test_reset(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	link_reset(fixture->link, "nothing to reset");
	fixture_start(fixture);
	assert_string_equal(fixture->states, "CHR");
	peer_stop_at(fixture->peer, "PING");
	fixture_command(fixture, &outcome, "PING", NULL);
	link_reset(fixture->link, "given up");
	link_reset(fixture->link, "given up twice");
	/* Not before the call returned. */
	assert_int_equal(outcome.n_lost, 0);
	assert_true(fixture_is(fixture, LINK_READY));
	fixture_wait(fixture, outcome.n_lost > 0);
	peer_go_on(fixture->peer);
	fixture_expect_lost(&outcome, "given up twice");
	assert_string_equal(fixture->states, "CHRBCHR");
}

static void test_freed_with_commands_in_flight(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[2];

	fixture_start(fixture);
	peer_stop(fixture->peer);
	fixture_command(fixture, &outcomes[0], "PING", NULL);
	send_listing(fixture, &outcomes[1]);
	peer_turn(fixture->loop);
	link_unwatch(fixture->link, &fixture->watcher);
	link_unref(fixture->link);
	fixture->link = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		assert_int_equal(outcomes[i].n_replies, 0);
		assert_int_equal(outcomes[i].n_lost, 1);
	}
}

static void test_retired(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture);
	peer_stop(fixture->peer);
	fixture_command(fixture, &outcome, "PING", NULL);
	/* Not as long as somebody needs it. */
	link_want(fixture->link);
	link_retire(fixture->link, "enough");
	assert_int_equal(outcome.n_lost, 0);
	assert_true(fixture_is(fixture, LINK_READY));
	link_unwant(fixture->link);
	assert_int_equal(outcome.n_lost, 1);
	assert_string_equal(outcome.text, "enough");
	assert_false(fixture_is(fixture, LINK_READY));
	fixture_wait(fixture, peer_n_connections(fixture->peer) == 0);
}

/* ---- dropped calls ---- */

/* What comes for them is thrown away, and what comes behind is heard. */
static void test_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct outcome dropped[2], kept;
	struct calls others;
	const struct slice argv[] = {SLICE_LITERAL("PING")};
	struct link_command command = {
		.argv = argv,
		.argc = 1,
		.reply_fn = fixture_on_reply,
		.context = &kept,
		.owner = &others,
	};

	calls_init(&others, NULL);
	kept = (struct outcome){.fixture = fixture};
	fixture_start(fixture);
	peer_on(fixture->peer, "CLIENT LIST", "$10\r\nid=1\nid=2\n\r\n");
	peer_stop(fixture->peer);
	fixture_command(fixture, &dropped[0], "PING", NULL);
	send_listing(fixture, &dropped[1]);
	assert_int_equal(link_send(fixture->link, &command), 0);
	peer_turn(fixture->loop);
	calls_drop(&fixture->calls);
	assert_true(calls_is_empty(&fixture->calls));
	peer_go_on(fixture->peer);
	fixture_wait(fixture, kept.n_replies == 1);
	assert_true(calls_is_empty(&others));
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		assert_int_equal(dropped[i].n_replies + dropped[i].n_lost + dropped[i].n_lines, 0);
	}
	assert_string_equal(fixture->states, "CHR");
}

/* The server has no more unread than its receive buffer takes; what waits can be taken back. */
static void test_dropped_before_it_is_sent(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[4];
	CLEANUP(mem_free_p) char *word = mem_alloc(20 * 1024 + 1);
	size_t n_before;

	memset(word, 'x', 20 * 1024);
	fixture_start(fixture);
	peer_on(fixture->peer, "xxx", "+OK\r\n");
	peer_stop(fixture->peer);
	n_before = peer_n_commands(fixture->peer, "xxx");
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		fixture_command(fixture, &outcomes[i], word, NULL);
	}
	assert_int_equal(calls_drop_unsent(&fixture->calls), ARRAY_SIZE(outcomes) - 1);
	peer_go_on(fixture->peer);
	fixture_wait(fixture, outcomes[0].n_replies == 1);
	fixture_command(fixture, &outcomes[1], "PING", NULL);
	fixture_wait(fixture, outcomes[1].n_replies == 1);
	assert_int_equal(peer_n_commands(fixture->peer, "xxx") - n_before, 1);
}

static void on_late(struct calls *calls, const char *words)
{
	struct fixture *fixture =
		(struct fixture *)((char *)calls - offsetof(struct fixture, calls));

	assert_string_equal(words, "no answer to PING within 150 ms");
	fixture->n_late++;
}

/* An owner who wants to know waits on, and hears the late answer. */
static void test_late_answer(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcomes[3];

	fixture_start(fixture);
	fixture->calls.late_fn = on_late;
	peer_stop(fixture->peer);
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		fixture_command(fixture, &outcomes[i], "PING", NULL);
	}
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	assert_int_equal(fixture->n_late, 1);
	peer_go_on(fixture->peer);
	fixture_wait(fixture, outcomes[2].n_replies == 1);
	assert_string_equal(fixture->states, "CHRLR");
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		assert_int_equal(outcomes[i].n_replies, 1);
		assert_int_equal(outcomes[i].n_lost, 0);
	}
}

/* Another connection is tried beside the late one, and takes over only when it is proven. */
static void test_make_before_break(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture);
	/* The first connection stands still, the server does not. */
	peer_add(fixture->peer, (struct peer_rule){.prefix = "PING", .times = 1});
	fixture_command(fixture, &outcome, "PING", NULL);
	fixture_wait(fixture, strstr(fixture->states, "RL") != NULL);
	assert_true(peer_has_connection(fixture->peer, 1));
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(peer_n_accepted(fixture->peer), 2);
	fixture_wait(fixture, !peer_has_connection(fixture->peer, 1));
	fixture_command(fixture, &outcome, "PING", NULL);
	fixture_wait(fixture, outcome.n_replies == 1);
}

/* A full server has no room for another one: the late one is all there is, and it is kept. */
static void test_late_on_a_full_server(void **state)
{
	struct fixture *fixture = *state;

	fixture->keepalive_ms = 10;
	fixture_make_again(fixture);
	fixture_start(fixture);
	peer_turn_away(fixture->peer, "-ERR max number of clients reached\r\n");
	peer_add(fixture->peer, (struct peer_rule){.prefix = "INFO"});
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	fixture_wait(fixture, peer_n_accepted(fixture->peer) > 20);
	assert_string_equal(link_error(fixture->link), "no answer to INFO within 150 ms");
	peer_on(fixture->peer, "INFO", "$0\r\n\r\n");
	peer_say(fixture->peer, "$0\r\n\r\n");
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_true(peer_has_connection(fixture->peer, 1));
}

/* ---- two connections ---- */

static void test_two_connections(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;
	uint64_t serial;

	fixture->opts.n_links = 2;
	peer_on(fixture->peer, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n");
	peer_on(fixture->peer, "SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	fixture_start(fixture);
	fixture_wait(fixture, link_n_connections(fixture->link) == 2 &&
				      link_connection(fixture->link, 1).is_proven);
	serial = link_main_serial(fixture->link);
	assert_int_equal(serial, 1);
	assert_true(link_can_step_aside(fixture->link));
	/* One is lost: the other one serves at once, and the first comes back. */
	peer_drop_at(fixture->peer, "PING");
	fixture_command(fixture, &outcome, "PING", NULL);
	fixture_wait(fixture, outcome.n_lost == 1);
	assert_int_equal(outcome.resend, 0);
	assert_int_equal(link_main_serial(fixture->link), 2);
	fixture_wait(fixture, link_n_connections(fixture->link) == 2 &&
				      link_connection(fixture->link, 1).is_proven);
	/* Told once more of READY: it is by another connection. */
	assert_string_equal(fixture->states, "CHRR");
}

static void on_stepped(void *context, const char *failure)
{
	struct fixture *fixture = context;

	assert_null(failure);
	fixture->n_stepped++;
}

/* What others publish meanwhile is no answer. */
static void test_stepping_aside(void **state)
{
	struct fixture *fixture = *state;
	struct link_way way = {.done_fn = on_stepped, .context = fixture};
	struct outcome outcome;

	fixture->opts.n_links = 2;
	peer_on(fixture->peer, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n");
	peer_on(fixture->peer, "SUBSCRIBE",
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"
		"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n");
	fixture_start(fixture);
	fixture_wait(fixture, link_n_connections(fixture->link) == 2 &&
				      link_connection(fixture->link, 1).is_proven);
	link_keep_aside(fixture->link);
	assert_false(link_is_way_clear(fixture->link, true));
	assert_true(link_clear_way(fixture->link, true, &fixture->calls, &way));
	fixture_wait(fixture, fixture->n_stepped == 1);
	assert_true(link_is_way_clear(fixture->link, true));
	/* It comes back when nobody needs it aside any more. */
	link_end_aside(fixture->link);
	assert_false(link_is_way_clear(fixture->link, true));
	fixture_wait(fixture, link_is_way_clear(fixture->link, false));
	link_keep_aside(fixture->link);
	assert_true(link_clear_way(fixture->link, true, &fixture->calls, &way));
	fixture_wait(fixture, fixture->n_stepped == 2);
	link_end_aside(fixture->link);
	/* The first one is lost: what goes over the second finds it back in its place. */
	peer_drop_at(fixture->peer, "PING");
	fixture_command(fixture, &outcome, "PING", NULL);
	fixture_wait(fixture, outcome.n_lost == 1);
	assert_int_equal(outcome.resend, 0);
	fixture_wait(fixture, outcome.n_replies == 1);
	assert_string_equal(outcome.text, "PONG");
}

/* While a set command is not answered nobody is opened, comes back, or takes over. */
static void test_late_set(void **state)
{
	struct fixture *fixture = *state;
	struct link_way way = {.done_fn = on_stepped, .context = fixture};
	struct slice argv[] = {SLICE_LITERAL("SET"), SLICE_LITERAL("OFF")};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.timeout_ms = 50,
		.is_set = true,
	};

	fixture->opts.n_links = 2;
	peer_on(fixture->peer, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n");
	peer_on(fixture->peer, "SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	peer_on(fixture->peer, "SET OFF", "+OK\r\n");
	peer_add(fixture->peer, (struct peer_rule){.prefix = "SET OFF", .stops = true, .times = 1});
	fixture_start(fixture);
	fixture_wait(fixture, link_n_connections(fixture->link) == 2 &&
				      link_connection(fixture->link, 1).is_proven);
	link_keep_aside(fixture->link);
	assert_true(link_clear_way(fixture->link, true, &fixture->calls, &way));
	fixture_wait(fixture, fixture->n_stepped == 1);
	assert_int_equal(link_send(fixture->link, &command), 0);
	link_end_aside(fixture->link);
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	assert_false(link_clear_way(fixture->link, false, &fixture->calls, &way));
	assert_int_equal(peer_n_accepted(fixture->peer), 2);
	peer_go_on(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(link_main_serial(fixture->link), 1);
	fixture_wait(fixture, link_is_way_clear(fixture->link, false));
	assert_int_equal(peer_n_accepted(fixture->peer), 2);
}

/* ---- READY is the truth ---- */

static void test_denied_later(void **state)
{
	static const struct {
		const char *word, *reply, *error;
	} rows[] = {
		{"KILL", "-NOPERM no\r\n",
			"user \"default\" may not run client|kill; grant it with: "
			"ACL SETUSER default +client|kill; to keep it: ACL SAVE or CONFIG REWRITE"},
		{"LIST", "-ERR unknown command `CLIENT`, with args beginning with: `LIST`, \r\n",
			"ERR unknown command `CLIENT`; where a server has another name for CLIENT "
			"(rename-command), set client-command to it"},
	};
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_free_p) char *prefix = mem_printf("CLIENT %s", rows[i].word);

		peer_add(fixture->peer,
			(struct peer_rule){.prefix = prefix, .reply = rows[i].reply, .times = 1});
		fixture_command(fixture, &outcome, "CLIENT", rows[i].word);
		fixture_wait(fixture, outcome.n_replies == 1);
		assert_true(fixture_is(fixture, LINK_BACKOFF));
		assert_int_equal(link_trouble(fixture->link), LINK_TROUBLE_FINAL);
		assert_string_equal(link_error(fixture->link), rows[i].error);
		/* It is tried again, on the same connection. */
		fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	}
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

/* Cut off at each listing: the third time it is no chance any more. */
static void test_listing_over_the_limit(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	fixture_start(fixture);
	peer_add(fixture->peer, (struct peer_rule){.prefix = "CLIENT LIST", .closes = true});
	peer_on(fixture->peer, "CLIENT LIST ID 92", "$0\r\n\r\n");
	for (int i = 0; i < 2; i++) {
		fixture_wait(fixture, fixture_is(fixture, LINK_READY));
		send_listing(fixture, &outcome);
		fixture_wait(fixture, outcome.n_lost == 1);
	}
	fixture_wait(fixture, link_trouble(fixture->link) == LINK_TROUBLE_FINAL);
	assert_non_null(strstr(link_error(fixture->link), "client-output-buffer-limit"));
	peer_on(fixture->peer, "CLIENT LIST", "$5\r\nid=1\n\r\n");
	peer_on(fixture->peer, "CLIENT LIST ID 92", "$0\r\n\r\n");
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_string_equal(link_error(fixture->link), "");
}

/* ---- the keep-alive ---- */

static void test_keepalive(void **state)
{
	struct fixture *fixture = *state;
	size_t n_first;

	fixture->keepalive_ms = 10;
	fixture_make_again(fixture);
	fixture_start(fixture);
	n_first = peer_n_commands(fixture->peer, "INFO");
	peer_on(fixture->peer, "INFO", "$37\r\nconnected_clients:42\r\nmaxclients:99\r\n\r\n");
	fixture_wait(fixture, peer_n_commands(fixture->peer, "INFO") >= n_first + 3);
	assert_int_equal(link_server(fixture->link)->n_clients, 42);
	assert_int_equal(link_server(fixture->link)->max_clients, 99);
	assert_string_equal(link_server(fixture->link)->run_id, "abcdef");
	/* An error is an answer. */
	peer_on(fixture->peer, "INFO", "-BUSY a script\r\n");
	n_first = peer_n_commands(fixture->peer, "INFO");
	fixture_wait(fixture, peer_n_commands(fixture->peer, "INFO") >= n_first + 2);
	assert_string_equal(fixture->states, "CHR");
}

static void test_keepalive_without_answer(void **state)
{
	struct fixture *fixture = *state;

	fixture->keepalive_ms = 10;
	fixture_make_again(fixture);
	fixture_start(fixture);
	peer_stop(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	assert_string_equal(link_error(fixture->link), "no answer to INFO within 150 ms");
	peer_go_on(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

/* A server that closes idle connections is asked more often than it does so. */
static void test_keepalive_of_a_short_timeout(void **state)
{
	struct fixture *fixture = *state;
	size_t n_before;

	fixture_start(fixture);
	wait_ms(fixture, 600);
	peer_hang_up(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_BACKOFF));
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	/* Every 250 to 300 ms now, not every two seconds. */
	n_before = peer_n_commands(fixture->peer, "INFO");
	wait_ms(fixture, 1100);
	assert_in_range(peer_n_commands(fixture->peer, "INFO") - n_before, 2, 5);
}

/* ---- the password ---- */

static void use_password(struct fixture *fixture, const char *text, char *username)
{
	fixture->opts.username = username;
	fixture->opts.password_file = fixture->scratch->other_path;
	scratch_write(fixture->scratch->other_path, text);
}

static void test_password(void **state)
{
	struct fixture *fixture = *state;
	char username[] = "app";

	use_password(fixture, "first\n", username);
	peer_on(fixture->peer, "AUTH app", "-WRONGPASS invalid username-password pair\r\n");
	peer_on(fixture->peer, "AUTH app second", "+OK\r\n");
	peer_listen(fixture->peer);
	fixture_go(fixture);
	fixture_wait_refused(fixture);
	assert_string_equal(link_error(fixture->link), "WRONGPASS invalid username-password pair");
	/* Read again at each attempt. */
	scratch_write(fixture->scratch->other_path, "second\r\n");
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(peer_n_commands(fixture->peer, "AUTH app first"), 1);
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

static void test_password_that_nobody_asked_for(void **state)
{
	static const char *const replies[] = {
		"-ERR Client sent AUTH, but no password is set\r\n",
		"-ERR AUTH <password> called without any password configured for the default "
		"user. Are you sure your configuration is correct?\r\n",
	};
	struct fixture *fixture = *state;

	use_password(fixture, "x", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		peer_on(fixture->peer, "AUTH x", replies[i]);
		if (i == 0) {
			fixture_start(fixture);
		} else {
			peer_hang_up(fixture->peer);
			fixture_wait(fixture, !fixture_is(fixture, LINK_READY));
			fixture_wait(fixture, fixture_is(fixture, LINK_READY));
		}
	}
}

static void test_password_file_missing(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p)
	char *words = mem_printf("cannot read the password file %s: No such file or directory",
		fixture->scratch->other_path);

	fixture->opts.password_file = fixture->scratch->other_path;
	peer_listen(fixture->peer);
	fixture_go(fixture);
	fixture_wait_refused(fixture);
	assert_string_equal(link_error(fixture->link), words);
	assert_int_equal(peer_n_commands(fixture->peer, "AUTH"), 0);
}

/* A server that does not know AUTH repeats what it was given, the password too. */
static void test_password_in_no_words(void **state)
{
	static const char *const replies[] = {
		"-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n",
		"-ERR unknown command `AUTH`, with args beginning with: `hunter2`, \r\n",
		"-ERR wrong number of arguments for 'auth' command\r\n",
	};
	static const char *const words[] = {
		"ERR unknown command 'AUTH'",
		"ERR unknown command `AUTH`",
		"ERR wrong number of arguments for 'auth' command",
	};
	struct fixture *fixture = *state;

	use_password(fixture, "hunter2", NULL);
	peer_listen(fixture->peer);
	fixture_go(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		size_t n_before = peer_n_commands(fixture->peer, "AUTH");

		peer_on(fixture->peer, "AUTH", replies[i]);
		fixture_wait(fixture, peer_n_commands(fixture->peer, "AUTH") > n_before);
		memset(fixture->states, 0, sizeof(fixture->states));
		fixture_wait(fixture, strchr(fixture->states, 'B') != NULL);
		assert_string_equal(link_error(fixture->link), words[i]);
		assert_null(strstr(link_error(fixture->link), "hunter2"));
	}
}

/* Nor when there is no answer to it. */
static void test_password_without_answer(void **state)
{
	struct fixture *fixture = *state;

	use_password(fixture, "hunter2", NULL);
	peer_listen(fixture->peer);
	peer_stop(fixture->peer);
	fixture_go(fixture);
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	assert_string_equal(link_error(fixture->link), "no answer to AUTH within 150 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_replies_in_order),
		FIXTURE_ROW(test_not_ready),
		FIXTURE_ROW(test_deadline_names_the_command),
		FIXTURE_ROW(test_own_timeout),
		FIXTURE_ROW(test_deadline_of_a_pipeline),
		FIXTURE_ROW(test_listing_between_replies),
		FIXTURE_ROW(test_slow_listing),
		FIXTURE_ROW(test_lost_with_commands_in_flight),
		FIXTURE_ROW(test_last_words),
		FIXTURE_ROW(test_unasked_replies),
		FIXTURE_ROW(test_no_resp_to_a_command),
		FIXTURE_ROW(test_reset),
		FIXTURE_ROW(test_freed_with_commands_in_flight),
		FIXTURE_ROW(test_retired),
		FIXTURE_ROW(test_dropped),
		FIXTURE_ROW(test_dropped_before_it_is_sent),
		FIXTURE_ROW(test_late_answer),
		FIXTURE_ROW(test_make_before_break),
		FIXTURE_ROW(test_late_on_a_full_server),
		FIXTURE_ROW(test_two_connections),
		FIXTURE_ROW(test_stepping_aside),
		FIXTURE_ROW(test_late_set),
		FIXTURE_ROW(test_denied_later),
		FIXTURE_ROW(test_listing_over_the_limit),
		FIXTURE_ROW(test_keepalive),
		FIXTURE_ROW(test_keepalive_without_answer),
		FIXTURE_ROW(test_keepalive_of_a_short_timeout),
		FIXTURE_ROW(test_password),
		FIXTURE_ROW(test_password_that_nobody_asked_for),
		FIXTURE_ROW(test_password_file_missing),
		FIXTURE_ROW(test_password_in_no_words),
		FIXTURE_ROW(test_password_without_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
