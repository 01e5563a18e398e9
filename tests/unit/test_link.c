/*
 * Links: coming up, what the handshake learns, refusals, losses on the way, coming back.
 */
#include "link_fixture.h"

static void test_comes_up(void **state)
{
	struct fixture *fixture = *state;
	const struct link_server *server;

	assert_true(fixture_is(fixture, LINK_BACKOFF));
	fixture_start(fixture);
	server = link_server(fixture->link);
	assert_string_equal(fixture->states, "CHR");
	assert_string_equal(link_error(fixture->link), "");
	assert_string_equal(link_address(fixture->link), fixture->scratch->path);
	assert_true(link_ready_since_ms(fixture->link) > 0);
	assert_string_equal(server->name, "redis");
	assert_string_equal(server->version, "7.0.15");
	assert_string_equal(server->run_id, "abcdef");
	assert_string_equal(server->role, "master");
	assert_int_equal(server->own_id, 7);
	assert_int_equal(server->n_clients, 3);
	assert_int_equal(server->max_clients, -1);
	assert_int_equal(server->missing, 0);
	assert_int_equal(server->caps.bits, 1 << CAP_NO_EVICT | 1 << CAP_LIST_ID |
						    1 << CAP_KILL_TYPE | 1 << CAP_KILL_USER |
						    1 << CAP_KILL_LADDR);
	assert_int_equal(peer_n_commands(fixture->peer, "AUTH"), 0);
}

static void test_not_there_yet(void **state)
{
	struct fixture *fixture = *state;

	fixture_go(fixture);
	fixture_wait(fixture, strlen(fixture->states) >= 4);
	assert_memory_equal(fixture->states, "CBCB", 4);
	assert_string_equal(link_error(fixture->link), "cannot connect: No such file or directory");
	peer_listen(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
}

static void test_accepted_and_silent(void **state)
{
	struct fixture *fixture = *state;

	peer_listen(fixture->peer);
	peer_stop(fixture->peer);
	fixture_go(fixture);
	fixture_wait(fixture, fixture_is(fixture, LINK_HANDSHAKE));
	fixture_wait(fixture, fixture_is(fixture, LINK_LATE));
	assert_string_equal(link_error(fixture->link), "no answer to CLIENT ID within 150 ms");
	assert_int_equal(link_trouble(fixture->link), LINK_TROUBLE_PASSING);
	peer_go_on(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	/* It was the same connection. */
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

/* Refusals that may pass: the steps are tried again on the connection that there is. */
static void test_refused(void **state)
{
	static const struct {
		const char *command, *reply, *words;
	} rows[] = {
		{"CLIENT ID", "-NOAUTH Authentication required.\r\n",
			"NOAUTH Authentication required. (the instance needs a password-file or "
			"credential)"},
		{"CLIENT ID", "-LOADING Redis is loading the dataset in memory\r\n",
			"LOADING Redis is loading the dataset in memory"},
		{"CLIENT SETNAME", "-MASTERDOWN Link with MASTER is down\r\n",
			"MASTERDOWN Link with MASTER is down"},
		{"CLIENT NO-EVICT", "-BUSY Redis is busy running a script.\r\n",
			"BUSY Redis is busy running a script."},
		{"CLIENT LIST ID", "-NOPERM this user has no permissions\r\n",
			"user \"default\" may not run client|list; grant it with: "
			"ACL SETUSER default +client|list; to keep it: ACL SAVE or CONFIG REWRITE"},
		{"CLIENT KILL ID", "-NOPERM this user has no permissions\r\n",
			"user \"default\" may not run client|kill; grant it with: "
			"ACL SETUSER default +client|kill; to keep it: ACL SAVE or CONFIG REWRITE"},
	};
	struct fixture *fixture = *state;

	peer_listen(fixture->peer);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		peer_once(fixture->peer, rows[i].command, rows[i].reply);
		memset(fixture->states, 0, sizeof(fixture->states));
		if (i == 0) {
			fixture_go(fixture);
		} else {
			peer_hang_up(fixture->peer);
		}
		fixture_wait(fixture, strstr(fixture->states, "HB") != NULL);
		assert_string_equal(link_error(fixture->link), rows[i].words);
		assert_int_equal(link_ready_since_ms(fixture->link), 0);
		fixture_wait(fixture, fixture_is(fixture, LINK_READY));
		assert_string_equal(link_error(fixture->link), "");
		assert_int_equal(peer_n_accepted(fixture->peer), i + 1);
	}
}

/* Neither name nor shelter from eviction is worth a refusal. */
static void test_optional_permissions(void **state)
{
	static const char noperm[] = "-NOPERM this user has no permissions\r\n";
	struct fixture *fixture = *state;

	peer_on(fixture->peer, "CLIENT ID", noperm);
	peer_on(fixture->peer, "CLIENT SETNAME", noperm);
	peer_on(fixture->peer, "CLIENT NO-EVICT",
		"-NOPERM User app has no permissions to run the 'client|no-evict' command\r\n");
	peer_on(fixture->peer, "INFO", noperm);
	fixture_start(fixture);
	assert_int_equal(link_server(fixture->link)->missing,
		1 << LINK_PERMISSION_CLIENT_ID | 1 << LINK_PERMISSION_CLIENT_SETNAME |
			1 << LINK_PERMISSION_CLIENT_NO_EVICT | 1 << LINK_PERMISSION_INFO);
	/* HELLO told both. */
	assert_int_equal(link_server(fixture->link)->own_id, 7);
	assert_string_equal(link_server(fixture->link)->name, "redis");
	assert_string_equal(link_server(fixture->link)->run_id, "");
}

/* Servers before 7.0 do not have it, and say the same as of what is not allowed. */
static void test_old_server_without_no_evict(void **state)
{
	struct fixture *fixture = *state;

	peer_on(fixture->peer, "CLIENT NO-EVICT",
		"-NOPERM this user has no permissions to run the 'client' command or its "
		"subcommand\r\n");
	fixture_start(fixture);
	assert_int_equal(link_server(fixture->link)->missing, 0);
}

/* What comes of a listing where the name of the connection stands for %s. */
struct listing_script {
	const char *lines[3];
	char name[64];
};

static char *take_name(void *context, const struct peer_command *command)
{
	struct listing_script *script = context;

	snprintf(script->name, sizeof(script->name), "%.*s", SLICE_ARG(command->argv[2]));
	return mem_printf("+OK\r\n");
}

static char *list_script(void *context, const struct peer_command *command UNUSED)
{
	const struct listing_script *script = context;
	char text[512] = "";

	for (size_t i = 0; i < ARRAY_SIZE(script->lines) && script->lines[i] != NULL; i++) {
		const char *line = script->lines[i];
		const char *mark = strchr(line, '?');
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%.*s%s%s\n",
			(int)(mark != NULL ? mark - line : (ptrdiff_t)strlen(line)), line,
			mark != NULL ? script->name : "", mark != NULL ? mark + 1 : "");
	}
	return mem_printf("$%zu\r\n%s\r\n", strlen(text), text);
}

/* Redis before 5.0 tells nobody his id: it is that of the session with the connection's name. */
static void test_own_id_by_name(void **state)
{
	static const char nameless[] =
		"the server does not tell this connection's id; sesskilld would not know itself";
	static const struct {
		const char *version;
		const char *lines[3];
		uint64_t own_id;
		const char *words;
	} rows[] = {
		{"4.0.14", {"id=3 addr=1.1.1.1:1 name= flags=N", "id=4 name=? flags=N"}, 4, NULL},
		{"2.8.12", {"id=4 name=x flags=N", "id=5 addr=a b name=? age=1 flags=N"}, 5, NULL},
		{"4.0.14", {"id=3 name= flags=N", "id=4 name=sesskilld:0 flags=N"}, 0, nameless},
		{"4.0.14", {"id=3 name=?0 flags=N", "id=4 name=0? flags=N"}, 0, nameless},
		{"4.0.14", {"id=3 name=? flags=N", "id=4 name=? flags=N"}, 0, nameless},
		{"4.0.14", {NULL}, 0,
			"Redis 4.0.14 is too old: a session has an id that it can be ended by "
			"since Redis 2.8.12"},
		{"2.8.12", {"addr=1.1.1.1:1 name=? flags=N"}, 0,
			"Redis 2.8.12 is too old: a session has an id that it can be ended by "
			"since Redis 2.8.12"},
		{"2.8.9", {"id=4 name=? flags=N"}, 0,
			"Redis 2.8.9 is too old: a session has an id that it can be ended by "
			"since Redis 2.8.12"},
	};
	struct fixture *fixture = *state;
	static const char unknown[] =
		"-ERR Syntax error, try CLIENT (LIST | KILL | GETNAME | SETNAME | PAUSE)\r\n";

	peer_on(fixture->peer, "CLIENT", unknown);
	peer_on(fixture->peer, "CLIENT KILL ID 92", ":0\r\n");
	peer_on(fixture->peer, "HELLO", "-ERR unknown command 'HELLO'\r\n");
	peer_listen(fixture->peer);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct listing_script script;
		CLEANUP(mem_free_p)
		char *info = mem_printf("$%zu\r\nredis_version:%s\r\n",
			strlen("redis_version:") + strlen(rows[i].version), rows[i].version);

		memcpy(script.lines, rows[i].lines, sizeof(script.lines));
		peer_on(fixture->peer, "INFO", info);
		peer_add(fixture->peer, (struct peer_rule){.prefix = "CLIENT SETNAME",
						.reply_fn = take_name,
						.context = &script});
		peer_add(fixture->peer, (struct peer_rule){.prefix = "CLIENT LIST",
						.reply_fn = list_script,
						.context = &script});
		peer_add(fixture->peer,
			(struct peer_rule){.prefix = "CLIENT LIST ID", .reply = unknown});
		fixture_make_again(fixture);
		memset(fixture->states, 0, sizeof(fixture->states));
		fixture_go(fixture);
		if (rows[i].words == NULL) {
			fixture_wait(fixture, fixture_is(fixture, LINK_READY));
			assert_int_equal(link_server(fixture->link)->own_id, rows[i].own_id);
		} else {
			fixture_wait_refused(fixture);
			assert_string_equal(link_error(fixture->link), rows[i].words);
			assert_int_equal(link_trouble(fixture->link), LINK_TROUBLE_FINAL);
		}
		peer_hang_up(fixture->peer);
		link_retire(fixture->link, "the next row");
	}
}

/*
 * How filters combine is asked before two are sent together, and whatever the server takes the
 * words for, nobody but the asker can be hit: each kill names an id that nobody has, or its own.
 */
static void test_filters(void **state)
{
	static const struct {
		const char *name;
		struct peer_rule with_address; /* CLIENT KILL ID <own> ADDR 0.0.0.0:0 SKIPME no */
		struct peer_rule alone;        /* CLIENT KILL ID <own> SKIPME no */
		bool are_anded;
		size_t n_asked;
	} rows[] = {
		{"AND", {.reply = ":0\r\n"}, {.reply = ":1\r\n", .closes = true}, true, 1},
		{"OR", {.reply = ":1\r\n", .closes = true}, {.reply = ":1\r\n"}, false, 1},
		{"OR, and the answer is lost", {.closes = true}, {.closes = true}, false, 3},
		{"one filter only", {.reply = "-ERR syntax error\r\n"}, {.reply = ":1\r\n"}, false,
			3},
		{"another id than it said", {.reply = ":0\r\n"}, {.reply = ":0\r\n"}, false, 3},
	};
	struct fixture *fixture = *state;

	fixture->asks_for_filters = true;
	peer_on(fixture->peer, "CLIENT SETNAME", "-ERR no names\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct peer_rule with_address = rows[i].with_address;
		struct peer_rule alone = rows[i].alone;
		static const char *const run_ids[] = {"$10\r\nrun_id:a\r\n\r\n",
			"$10\r\nrun_id:b\r\n\r\n", "$10\r\nrun_id:c\r\n\r\n",
			"$10\r\nrun_id:d\r\n\r\n", "$10\r\nrun_id:e\r\n\r\n"};
		size_t n_types = peer_n_commands(fixture->peer, "CLIENT KILL TYPE");
		size_t n_asked = peer_n_commands(fixture->peer, "CLIENT KILL ID 7 ADDR");

		with_address.prefix = "CLIENT KILL ID 7 ADDR 0.0.0.0:0 SKIPME no";
		alone.prefix = "CLIENT KILL ID 7 SKIPME no";
		peer_add(fixture->peer, with_address);
		peer_add(fixture->peer, alone);
		/* Another process each time. */
		peer_on(fixture->peer, "INFO", run_ids[i]);
		if (i == 0) {
			fixture_make_again(fixture);
			fixture_start(fixture);
		} else {
			peer_hang_up(fixture->peer);
			fixture_wait(fixture, !fixture_is(fixture, LINK_READY));
			fixture_wait(fixture, fixture_is(fixture, LINK_READY));
		}
		fixture_wait(fixture, peer_n_commands(fixture->peer, "CLIENT KILL ID 7 ADDR") ==
					      n_asked + rows[i].n_asked);
		fixture_wait(fixture, link_n_connections(fixture->link) == 1);
		if (rows[i].are_anded) {
			fixture_wait(fixture,
				caps_has(&link_server(fixture->link)->caps, CAP_KILL_TYPE));
		} else if (peer_n_commands(fixture->peer, "CLIENT KILL TYPE") > n_types ||
			   link_server(fixture->link)->caps.bits != UINT32_C(1) << CAP_NO_EVICT) {
			fail_msg("%s: probed all the same", rows[i].name);
		}
	}
}

/* The one that asks is told the id of somebody else: it does not end him. */
static void test_filters_by_a_wrong_id(void **state)
{
	struct fixture *fixture = *state;

	fixture->asks_for_filters = true;
	peer_on(fixture->peer, "CLIENT LIST ID 7", "$32\r\nid=7 addr=10.0.0.1:1 name=other\n\r\n");
	peer_on(fixture->peer, "CLIENT LIST", "$32\r\nid=7 addr=10.0.0.1:1 name=other\n\r\n");
	fixture_make_again(fixture);
	fixture_start(fixture);
	fixture_wait(fixture, peer_n_accepted(fixture->peer) >= 4);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL ID 7"), 0);
}

static char *fill_up(void *context, const struct peer_command *command UNUSED)
{
	peer_turn_away(context, "-ERR max number of clients reached\r\n");
	return mem_printf(":0\r\n");
}

/* The last place is the link's; how filters combine is asked when there is room again. */
static void test_filters_of_a_full_server(void **state)
{
	struct fixture *fixture = *state;

	fixture->asks_for_filters = true;
	peer_on(fixture->peer, "CLIENT SETNAME", "-ERR no names\r\n");
	fixture->keepalive_ms = 50;
	peer_add(fixture->peer, (struct peer_rule){.prefix = "CLIENT KILL ID 92",
					.reply_fn = fill_up,
					.context = fixture->peer,
					.times = 1});
	peer_on(fixture->peer, "CLIENT KILL ID 7 ADDR", ":0\r\n");
	peer_add(fixture->peer,
		(struct peer_rule){
			.prefix = "CLIENT KILL ID 7 SKIPME", .reply = ":1\r\n", .closes = true});
	fixture_make_again(fixture);
	fixture_start(fixture);
	assert_int_equal(peer_n_accepted(fixture->peer), 2);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL TYPE"), 0);
	peer_turn_away(fixture->peer, NULL);
	fixture_wait(fixture, caps_has(&link_server(fixture->link)->caps, CAP_KILL_TYPE));
	assert_int_equal(peer_n_accepted(fixture->peer), 3);
}

static void test_only_questions(void **state)
{
	struct fixture *fixture = *state;

	fixture->opts.is_for_questions = true;
	peer_on(fixture->peer, "CLIENT ID", "-ERR unknown command\r\n");
	peer_on(fixture->peer, "HELLO", "-ERR unknown command\r\n");
	fixture_start(fixture);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT KILL"), 0);
}

static void test_renamed_client_command(void **state)
{
	struct fixture *fixture = *state;

	memcpy(fixture->client_command, "XCLIENT", sizeof("XCLIENT"));
	peer_on(fixture->peer, "XCLIENT", "+OK\r\n");
	peer_on(fixture->peer, "XCLIENT ID", ":7\r\n");
	fixture_start(fixture);
	assert_int_equal(peer_n_commands(fixture->peer, "CLIENT"), 0);
	assert_true(peer_n_commands(fixture->peer, "XCLIENT KILL ID") > 0);
}

/* Lost at each command of the handshake: opened anew, and whatever was learned is learned again. */
static void test_lost_in_handshake(void **state)
{
	static const char *const commands[] = {"CLIENT ID", "CLIENT SETNAME", "HELLO", "INFO",
		"CLIENT LIST ID", "CLIENT KILL ID", "CLIENT KILL DB"};
	struct fixture *fixture = *state;

	peer_listen(fixture->peer);
	fixture_go(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		peer_drop_at(fixture->peer, commands[i]);
		if (i > 0) {
			peer_hang_up(fixture->peer);
		}
		memset(fixture->states, 0, sizeof(fixture->states));
		fixture_wait(fixture, strstr(fixture->states, "HB") != NULL);
		assert_non_null(strstr(link_error(fixture->link), "connection"));
		fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	}
}

static void test_lost_when_ready(void **state)
{
	struct fixture *fixture = *state;

	fixture_start(fixture);
	peer_hang_up(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_BACKOFF));
	assert_string_equal(link_error(fixture->link), "the server closed the connection");
	assert_int_equal(link_ready_since_ms(fixture->link), 0);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_string_equal(fixture->states, "CHRBCHR");
	assert_int_equal(peer_n_accepted(fixture->peer), 2);
}

/* The connection that a refusal left open is closed by the server before the next attempt. */
static void test_lost_after_refusal(void **state)
{
	struct fixture *fixture = *state;

	peer_listen(fixture->peer);
	peer_once(fixture->peer, "CLIENT ID", "-NOAUTH Authentication required.\r\n");
	fixture_go(fixture);
	fixture_wait(fixture,
		fixture_is(fixture, LINK_BACKOFF) && link_n_connections(fixture->link) == 1);
	peer_hang_up(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(peer_n_accepted(fixture->peer), 2);
}

/*
 * A server without room says so and closes before it has read anything: the words are kept, however
 * the end of the connection shows, and every free place is competed for.
 */
static void test_no_room(void **state)
{
	struct fixture *fixture = *state;
	size_t n_seen = 0;

	peer_turn_away(fixture->peer, "-ERR max number of clients reached\r\n");
	peer_listen(fixture->peer);
	fixture_go(fixture);
	while (n_seen < 40) {
		memset(fixture->states, 0, sizeof(fixture->states));
		fixture_wait(fixture, strchr(fixture->states, 'B') != NULL);
		assert_string_equal(link_error(fixture->link), "ERR max number of clients reached");
		assert_int_equal(link_trouble(fixture->link), LINK_TROUBLE_FULL);
		n_seen++;
	}
	peer_turn_away(fixture->peer, NULL);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(link_trouble(fixture->link), LINK_TROUBLE_NONE);
}

/* Where nobody answers haste is of no use, whoever waits. */
static void test_backoff(void **state)
{
	struct fixture *fixture = *state;
	int64_t begin_ms = clock_monotonic_ms();
	size_t n = 0;

	link_want(fixture->link);
	fixture_go(fixture);
	while (clock_monotonic_ms() < begin_ms + 500) {
		peer_turn(fixture->loop);
	}
	for (const char *at = fixture->states; *at != '\0'; at++) {
		n += *at == 'C';
	}
	/* At 0 and, +-50 %, 100 and 300 ms. */
	assert_in_range(n, 2, 5);
	assert_int_equal(link_trouble(fixture->link), LINK_TROUBLE_PASSING);
	peer_listen(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	link_unwant(fixture->link);
}

/* ---- watchers ---- */

struct leaver {
	struct link_watcher watcher;
	struct link *link;
	int n_calls;
};

static void leave(struct link_watcher *watcher, enum link_state state UNUSED)
{
	struct leaver *leaver = (struct leaver *)watcher;

	leaver->n_calls++;
	link_unwatch(leaver->link, watcher);
}

static void test_watchers_leave_when_called(void **state)
{
	struct fixture *fixture = *state;
	struct leaver leavers[3];

	for (size_t i = 0; i < ARRAY_SIZE(leavers); i++) {
		leavers[i] = (struct leaver){{leave, NULL}, fixture->link, 0};
		link_watch(fixture->link, &leavers[i].watcher);
	}
	fixture_start(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(leavers); i++) {
		assert_int_equal(leavers[i].n_calls, 1);
	}
	assert_string_equal(fixture->states, "CHR");
}

/* ---- the end ---- */

static void free_link(struct fixture *fixture)
{
	link_unwatch(fixture->link, &fixture->watcher);
	link_unref(fixture->link);
	fixture->link = NULL;
	peer_turn(fixture->loop);
	peer_turn(fixture->loop);
}

static void test_freed_in_every_state(void **state)
{
	struct fixture *fixture = *state;

	peer_listen(fixture->peer);
	peer_once(fixture->peer, "CLIENT KILL ID", "-NOPERM no\r\n");
	for (enum link_state at = LINK_READY; at <= LINK_BACKOFF; at++) {
		if (at == LINK_LATE) {
			continue;
		}
		fixture_go(fixture);
		fixture_wait(fixture, fixture_is(fixture, at));
		free_link(fixture);
		fixture_make_link(fixture);
		memset(fixture->states, 0, sizeof(fixture->states));
		link_watch(fixture->link, &fixture->watcher);
	}
}

static void test_references(void **state)
{
	struct fixture *fixture = *state;

	fixture_start(fixture);
	assert_ptr_equal(link_ref(fixture->link), fixture->link);
	link_unref(fixture->link);
	assert_true(fixture_is(fixture, LINK_READY));
	assert_int_equal(peer_n_connections(fixture->peer), 1);
	free_link(fixture);
	fixture_wait(fixture, peer_n_connections(fixture->peer) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_comes_up),
		FIXTURE_ROW(test_not_there_yet),
		FIXTURE_ROW(test_accepted_and_silent),
		FIXTURE_ROW(test_refused),
		FIXTURE_ROW(test_optional_permissions),
		FIXTURE_ROW(test_old_server_without_no_evict),
		FIXTURE_ROW(test_own_id_by_name),
		FIXTURE_ROW(test_filters),
		FIXTURE_ROW(test_filters_by_a_wrong_id),
		FIXTURE_ROW(test_filters_of_a_full_server),
		FIXTURE_ROW(test_only_questions),
		FIXTURE_ROW(test_renamed_client_command),
		FIXTURE_ROW(test_lost_in_handshake),
		FIXTURE_ROW(test_lost_when_ready),
		FIXTURE_ROW(test_lost_after_refusal),
		FIXTURE_ROW(test_no_room),
		FIXTURE_ROW(test_backoff),
		FIXTURE_ROW(test_watchers_leave_when_called),
		FIXTURE_ROW(test_freed_in_every_state),
		FIXTURE_ROW(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
