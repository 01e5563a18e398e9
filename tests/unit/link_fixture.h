/*
 * A link and the scripted server that it leads to, in one event loop. Setup and teardown of cmocka.
 * The server answers the handshake like a Redis 7.0; a test adds rules on top.
 */
#ifndef TESTS_UNIT_LINK_FIXTURE_H
#define TESTS_UNIT_LINK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>

#include "base/clock.h"
#include "peer_script.h"
#include "redis/link.h"
#include "redis/reply.h"
#include "scratch.h"

/* Long enough for a busy machine, short enough to wait for. */
#define FIXTURE_COMMAND_TIMEOUT_MS 150

struct fixture {
	struct scratch *scratch;
	struct event_base *loop;
	struct peer *peer;
	struct endpoint endpoint;
	struct link_opts opts;
	struct link *link;
	int64_t keepalive_ms; /* 0: as usual */
	bool asks_for_filters;
	struct link_watcher watcher;
	struct calls calls;
	int n_late;
	int n_stepped;
	char states[256]; /* a letter for each state that was told: C H R B, L for LATE */
	char client_command[16];
};

/* What came of a command. */
struct outcome {
	struct fixture *fixture;
	int n_replies;
	int n_lost;
	int n_lines;
	enum reply_type type;
	char text[256]; /* of the reply, or why there is none */
	int resend;     /* what link_send() says in the callback */
};

static const struct peer_rule fixture_redis[] = {
	{.prefix = "CLIENT ID", .reply = ":7\r\n"},
	{.prefix = "CLIENT SETNAME sesskilld:", .reply = "+OK\r\n"},
	{.prefix = "CLIENT NO-EVICT on", .reply = "+OK\r\n"},
	{.prefix = "HELLO",
		.reply = "*6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n"
			 "$6\r\n7.0.15\r\n$2\r\nid\r\n:7\r\n"},
	{.prefix = "INFO",
		.reply = "$76\r\nredis_version:7.0.15\r\nrun_id:abcdef\r\n"
			 "role:master\r\nconnected_clients:3\r\nx:1\r\n\r\n"},
	{.prefix = "CLIENT LIST ID 92", .reply = "$0\r\n\r\n"},
	{.prefix = "CLIENT KILL", .reply = "-ERR syntax error\r\n"},
	{.prefix = "CLIENT KILL TYPE", .reply = ":0\r\n"},
	{.prefix = "CLIENT KILL USER", .reply = ":0\r\n"},
	{.prefix = "CLIENT KILL LADDR", .reply = ":0\r\n"},
	{.prefix = "PING", .reply = "+PONG\r\n"},
};

static void fixture_on_changed(struct link_watcher *watcher, enum link_state state)
{
	struct fixture *fixture =
		(struct fixture *)((char *)watcher - offsetof(struct fixture, watcher));
	size_t n = strlen(fixture->states);

	assert_int_equal(link_state(fixture->link), state);
	assert_true(n + 1 < sizeof(fixture->states));
	fixture->states[n] = "RLHCB"[state];
}

static void fixture_make_link(struct fixture *fixture)
{
	struct link_world world = {
		.loop = fixture->loop,
		.keepalive_ms = fixture->keepalive_ms,
		.asks_for_filters = fixture->asks_for_filters,
	};

	fixture->link = link_new(&world, &fixture->endpoint, &fixture->opts);
}

/* Not started yet: the link anew. */
static UNUSED void fixture_make_again(struct fixture *fixture)
{
	link_unwatch(fixture->link, &fixture->watcher);
	link_unref(fixture->link);
	fixture_make_link(fixture);
	link_watch(fixture->link, &fixture->watcher);
}

/* With the options as they are now. */
static UNUSED void fixture_go(struct fixture *fixture)
{
	link_change(fixture->link, &fixture->endpoint, &fixture->opts);
	link_start(fixture->link);
}

static int fixture_setup(void **state)
{
	struct fixture *fixture = mem_new(struct fixture);
	void *scratch;

	if (scratch_setup(&scratch) != 0) {
		free(fixture);
		return -1;
	}
	fixture->scratch = scratch;
	fixture->loop = event_base_new();
	fixture->peer = peer_new(fixture->loop, fixture->scratch->path);
	for (size_t i = 0; i < ARRAY_SIZE(fixture_redis); i++) {
		peer_add(fixture->peer, fixture_redis[i]);
	}
	fixture->endpoint.path = fixture->scratch->path;
	memcpy(fixture->client_command, "CLIENT", sizeof("CLIENT"));
	fixture->opts = (struct link_opts){
		.connect_timeout_ms = 500,
		.command_timeout_ms = FIXTURE_COMMAND_TIMEOUT_MS,
		.client_command = fixture->client_command,
	};
	calls_init(&fixture->calls, NULL);
	fixture_make_link(fixture);
	fixture->watcher.changed_fn = fixture_on_changed;
	link_watch(fixture->link, &fixture->watcher);
	*state = fixture;
	return 0;
}

static int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	void *scratch = fixture->scratch;

	calls_drop(&fixture->calls);
	if (fixture->link != NULL) {
		link_unwatch(fixture->link, &fixture->watcher);
		link_unref(fixture->link);
	}
	peer_free(fixture->peer);
	event_base_free(fixture->loop);
	free(fixture);
	return scratch_teardown(&scratch);
}

#define fixture_wait(fixture, condition) peer_wait((fixture)->loop, condition)

static UNUSED bool fixture_is(const struct fixture *fixture, enum link_state state)
{
	return link_state(fixture->link) == state;
}

/* Until a handshake ended without success. */
static UNUSED void fixture_wait_refused(struct fixture *fixture)
{
	fixture_wait(fixture, strstr(fixture->states, "HB") != NULL);
}

static UNUSED void fixture_start(struct fixture *fixture)
{
	peer_listen(fixture->peer);
	fixture_go(fixture);
	/* Nothing happens before the call returned. */
	assert_string_equal(fixture->states, "");
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
}

static UNUSED void fixture_on_line(void *context, struct slice line UNUSED)
{
	((struct outcome *)context)->n_lines++;
}

static int fixture_send(struct outcome *outcome, const char *word, const char *other_word);

static void fixture_on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct outcome *outcome = context;

	if (reply == NULL) {
		outcome->n_lost++;
		snprintf(outcome->text, sizeof(outcome->text), "%s", lost);
		outcome->resend = fixture_send(outcome, "PING", NULL);
		return;
	}
	assert_null(lost);
	outcome->n_replies++;
	outcome->type = reply->type;
	snprintf(outcome->text, sizeof(outcome->text), "%.*s", SLICE_ARG(reply->text));
}

/* Not for the context of a test: the callback may fire only later. */
static int fixture_send(struct outcome *outcome, const char *word, const char *other_word)
{
	struct slice argv[] = {slice_of(word), slice_of(other_word)};
	struct link_command command = {
		.argv = argv,
		.argc = other_word != NULL ? 2 : 1,
		.reply_fn = fixture_on_reply,
		.context = outcome,
		.owner = &outcome->fixture->calls,
	};

	return link_send(outcome->fixture->link, &command);
}

static UNUSED void fixture_command(
	struct fixture *fixture, struct outcome *outcome, const char *word, const char *other_word)
{
	*outcome = (struct outcome){.fixture = fixture};
	assert_int_equal(fixture_send(outcome, word, other_word), 0);
	assert_int_equal(outcome->n_replies + outcome->n_lost, 0);
}

static UNUSED void fixture_expect_lost(struct outcome *outcome, const char *words)
{
	fixture_wait(outcome->fixture, outcome->n_lost > 0);
	assert_string_equal(outcome->text, words);
	assert_int_equal(outcome->resend, -ENOTCONN);
	/* Never again. */
	fixture_wait(outcome->fixture, fixture_is(outcome->fixture, LINK_READY));
	assert_int_equal(outcome->n_lost, 1);
	assert_int_equal(outcome->n_replies, 0);
}

#define FIXTURE_ROW(function) \
	cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

#endif
