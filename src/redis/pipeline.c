/*
 * The pipeline of a connection: calls go out as they come, as far as the server's receive buffer is
 * sure to take them; replies come back in order; and the oldest call that is not answered in its
 * time makes the connection late.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "redis/call.h"
#include "redis/handshake.h"
#include "redis/timer.h"

/* Of what came before the end of a connection: the server's last words, or a listing's rest. */
#define MAX_DRAINED_BYTES (32 * 1024)

/* ---- sending ---- */

static void restart_deadline(struct connection *connection)
{
	const struct call *oldest = TAILQ_FIRST(&connection->calls);

	if (oldest == NULL || connection->is_late) {
		event_del(connection->deadline);
	} else {
		timer_start(connection->deadline, oldest->timeout_ms);
	}
}

static void send_what_fits(struct connection *connection)
{
	struct call *call;

	TAILQ_FOREACH(call, &connection->calls, entry)
	{
		if (call->is_sent) {
			continue;
		}
		if (connection->n_unread_bytes > 0 &&
			connection->n_unread_bytes + call->n_bytes > CONNECTION_MAX_UNREAD_BYTES) {
			return;
		}
		connection->n_unread_bytes += call->n_bytes;
		call->is_sent = true;
		evbuffer_add_buffer(bufferevent_get_output(connection->socket), call->bytes);
	}
}

static void enqueue(
	struct connection *connection, const struct link_command *command, bool is_secret)
{
	struct call *call = call_new(connection, command, is_secret);

	CHECK(connection->socket != NULL);
	if (call == TAILQ_FIRST(&connection->calls)) {
		restart_deadline(connection);
	}
	send_what_fits(connection);
}

void connection_turn(
	struct connection *connection, bool is_aside, const struct link_command *command)
{
	struct slice argv[] = {
		slice_of(is_aside ? "SUBSCRIBE" : "UNSUBSCRIBE"), slice_of(connection->name)};
	struct link_command turn = *command;

	turn.argv = argv;
	turn.argc = ARRAY_SIZE(argv);
	connection->is_aside = is_aside;
	enqueue(connection, &turn, false);
}

/* What is sent behind it finds an ordinary connection: the server takes one after the other. */
void connection_come_back(struct connection *connection)
{
	connection_turn(connection, false, &(struct link_command){0});
}

void connection_call(struct connection *connection, const struct link_command *command)
{
	if (connection->is_aside) {
		connection_come_back(connection);
	}
	enqueue(connection, command, false);
}

void connection_call_secret(struct connection *connection, const struct link_command *command)
{
	enqueue(connection, command, true);
}

/* ---- receiving ---- */

/* By somebody else than the handshake. */
static bool is_asked(const struct connection *connection, const struct call *call)
{
	return connection->state == CONNECTION_READY && call != NULL;
}

/* READY was a promise, and this answer breaks it. */
static void check_promise(
	struct connection *connection, const struct call *call, const struct reply *reply)
{
	char words[CONNECTION_MAX_WORDS];

	if (connection->state != CONNECTION_READY || call->permission < 0 ||
		!handshake_is_denial(connection, (enum link_permission)call->permission, reply,
			words, sizeof(words))) {
		return;
	}
	connection->server.missing |= UINT32_C(1) << call->permission;
	connection_unprove(connection, words);
}

/* The server answers: the next one has its own time. */
static void note_progress(struct connection *connection)
{
	bool was_late = connection->is_late || connection->is_suspect;

	connection->is_late = false;
	connection->is_suspect = false;
	connection->last_reply_ms = clock_monotonic_ms();
	restart_deadline(connection);
	if (was_late) {
		connection->in.changed_fn(connection, connection->in.context);
	}
}

/*
 * What others publish to the channel of one that has stepped aside is no answer. None of the calls
 * has an answer that looks like it.
 */
static bool is_message(const struct reply *reply)
{
	return reply->type == REPLY_ARRAY && reply->n_elements > 0 &&
	       slice_is(reply->elements[0]->text, "message");
}

/* It is where the server says that it is, once nothing is on its way that changes it. */
static void note_turn(
	struct connection *connection, const struct call *call, const struct reply *reply)
{
	if (reply->type != REPLY_ERROR) {
		connection->is_subscribed = call->is_turn_aside;
	} else if (!call->is_turn_aside && connection->is_subscribed) {
		connection_close(connection, LINK_TROUBLE_LOST, reply->text.data);
		return;
	}
	if (connection->n_turning == 0) {
		connection->is_aside = connection->is_subscribed;
	}
}

/* Somebody may have waited for this to be the last one of its kind. */
static bool is_end_of_wait(const struct connection *connection, const struct call *call)
{
	return (call->is_set && connection->n_sets == 0) ||
	       (call->is_turn && connection->n_turning == 0) ||
	       (connection->is_surplus && !connection_is_busy(connection));
}

static void answer(struct connection *connection, struct call *call, struct reply *reply)
{
	bool is_told;

	call_leave(call);
	connection->n_unread_bytes -= call->n_bytes;
	send_what_fits(connection);
	connection->has_listed |= call->is_whole_listing && reply->type == REPLY_LISTING;
	check_promise(connection, call, reply);
	note_progress(connection);
	call_complete(call, reply, NULL);
	if (call->is_turn && connection->state != CONNECTION_CLOSED) {
		note_turn(connection, call, reply);
	}
	is_told = is_end_of_wait(connection, call);
	call_free(call);
	if (is_told) {
		connection->in.changed_fn(connection, connection->in.context);
	}
}

/* A listing that keeps coming is no silence. */
static void on_unfinished(struct connection *connection, const struct call *oldest, bool has_come)
{
	if (oldest != NULL && has_come) {
		note_progress(connection);
	}
	if (is_asked(connection, oldest) && FAULT(LINK_CUT, oldest->name)) {
		connection_close(
			connection, LINK_TROUBLE_LOST, "connection lost: a fault of a test");
	}
}

/* False: nothing more is to be read. */
static bool deliver(struct connection *connection, struct call *oldest, struct reply *reply)
{
	if (connection->may_get_messages && is_message(reply)) {
		return true;
	}
	if (is_asked(connection, oldest) && FAULT(LINK_LOST, oldest->name)) {
		connection_close(
			connection, LINK_TROUBLE_LOST, "connection lost: a fault of a test");
		return false;
	}
	if (oldest == NULL) {
		/* Nothing was asked: the server's last words before it closes. */
		handshake_take_last_words(connection, reply);
		return false;
	}
	answer(connection, oldest, reply);
	return true;
}

/* Hands over one reply. False: there is none yet, or the connection is done for. */
static bool take_reply(struct connection *connection, struct evbuffer *input)
{
	struct call *oldest = TAILQ_FIRST(&connection->calls);
	struct reply *reply = NULL;
	size_t n_before = evbuffer_get_length(input);
	bool is_delivered;
	struct err err;

	if (oldest != NULL && !oldest->is_sent) {
		oldest = NULL;
	}
	/* The analyzer does not see that TAILQ_REMOVE unlinked what the last call freed. */
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	switch (resp_read(connection->resp, input, oldest != NULL ? oldest->line_fn : NULL,
		oldest != NULL ? oldest->context : NULL, &reply, &err)) {
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	case RESP_AGAIN:
		on_unfinished(connection, oldest, evbuffer_get_length(input) < n_before);
		return false;
	case RESP_BROKEN:
		connection_close(connection, LINK_TROUBLE_LOST, err.text);
		return false;
	case RESP_REPLY:
		break;
	}
	is_delivered = deliver(connection, oldest, reply);
	resp_release(reply);
	return is_delivered;
}

static void read_replies(struct connection *connection)
{
	struct bufferevent *socket = connection->socket;

	/* A callback may have ended this connection. */
	while (connection->socket == socket && socket != NULL &&
		evbuffer_get_length(bufferevent_get_input(socket)) > 0 &&
		take_reply(connection, bufferevent_get_input(socket))) {
	}
}

/*
 * A server that never stops talking would be the only one who is heard. After so much it has one
 * turn in the queue of everybody, which is over when it is read there.
 */
static void yield_in_time(struct connection *connection, size_t n_bytes)
{
	bool was_yielding = connection->is_yielding;

	connection->n_hurried_bytes = was_yielding ? 0 : connection->n_hurried_bytes + n_bytes;
	connection->is_yielding = connection->n_hurried_bytes > CONNECTION_MAX_HURRIED_BYTES;
	if (connection->is_yielding != was_yielding) {
		connection_set_priority(connection);
	}
}

void pipeline_on_readable(struct bufferevent *socket, void *context)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;

	guard_enter(guard);
	yield_in_time(connection, evbuffer_get_length(bufferevent_get_input(socket)));
	read_replies(connection);
	guard_leave(guard);
}

/*
 * A server that is full says so and closes: the words may still be in the socket. The bufferevent
 * keeps everybody else from adding to its input. Of a listing that was cut off the rest is of no
 * use, and others wait meanwhile.
 */
void pipeline_drain(struct connection *connection)
{
	struct bufferevent *socket = connection->socket;
	bool has_tls = bufferevent_openssl_get_ssl(socket) != NULL;
	int n_left = MAX_DRAINED_BYTES, n = has_tls ? 0 : 1;

	evbuffer_unfreeze(bufferevent_get_input(socket), 0);
	while (n > 0 && n_left > 0) {
		n = evbuffer_read(bufferevent_get_input(socket), bufferevent_getfd(socket), n_left);
		n_left -= MAX(n, 0);
	}
	read_replies(connection);
}

/* ---- late ---- */

void pipeline_on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;
	const struct call *oldest = TAILQ_FIRST(&connection->calls);

	CHECK(oldest != NULL);
	guard_enter(guard);
	snprintf(connection->words, sizeof(connection->words), "no answer to %s within %lld ms",
		oldest->name, (long long)oldest->timeout_ms);
	connection->trouble = LINK_TROUBLE_PASSING;
	connection->is_late = true;
	connection->late_since_ms = clock_monotonic_ms() - oldest->timeout_ms;
	connection->in.changed_fn(connection, connection->in.context);
	if (connection->state != CONNECTION_CLOSED) {
		char words[CONNECTION_MAX_WORDS];

		memcpy(words, connection->words, sizeof(words));
		call_tell_owners(connection, words);
	}
	guard_leave(guard);
}
