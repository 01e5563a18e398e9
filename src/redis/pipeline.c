/*
 * The pipeline of a connection: calls go out as they come, as far as the server's receive buffer is
 * sure to take them; replies come back in order; and the oldest call that is not answered in its
 * time makes the connection late.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "redis/connection.h"
#include "redis/timer.h"

#define MAX_NAME_BYTES 24

struct call {
	TAILQ_ENTRY(call) entry; /* of the connection */
	TAILQ_ENTRY(call) other; /* of the owner */
	struct connection *connection;
	char name[MAX_NAME_BYTES]; /* for messages */
	int permission;            /* enum link_permission that it takes; -1: not known here */
	bool is_whole_listing;
	bool is_set;
	bool is_turn; /* SUBSCRIBE or UNSUBSCRIBE */
	bool is_turn_aside;
	bool is_sent;
	struct evbuffer *bytes; /* while it is not sent */
	size_t n_bytes;
	int64_t timeout_ms;
	listing_line_fn line_fn;
	link_reply_fn reply_fn; /* NULL: dropped */
	void *context;
	struct calls *owner; /* NULL: none, or dropped */
};

/* ---- owners ---- */

void calls_init(struct calls *calls, void (*late_fn)(struct calls *calls, const char *words))
{
	TAILQ_INIT(&calls->list);
	calls->late_fn = late_fn;
	calls->is_told = false;
}

bool calls_is_empty(const struct calls *calls)
{
	return TAILQ_EMPTY(&calls->list);
}

static void leave_owner(struct call *call)
{
	if (call->owner != NULL) {
		TAILQ_REMOVE(&call->owner->list, call, other);
		call->owner = NULL;
	}
}

static void free_call(struct call *call)
{
	leave_owner(call);
	if (call->bytes != NULL) {
		evbuffer_free(call->bytes);
	}
	free(call);
}

static void ignore_line(void *context, struct slice line)
{
	(void)context;
	(void)line;
}

static void leave_connection(struct call *call)
{
	struct connection *connection = call->connection;

	TAILQ_REMOVE(&connection->calls, call, entry);
	connection->n_sets -= call->is_set;
	connection->n_turning -= call->is_turn;
}

/* Nobody hears of it any more; one that is sent still waits for its reply, to throw it away. */
static void drop(struct call *call)
{
	if (!call->is_sent) {
		leave_connection(call);
		free_call(call);
		return;
	}
	leave_owner(call);
	call->reply_fn = NULL;
	call->line_fn = call->line_fn != NULL ? ignore_line : NULL;
}

void calls_drop(struct calls *calls)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&calls->list)) != NULL) {
		drop(call);
	}
}

size_t calls_drop_unsent(struct calls *calls)
{
	struct call *call;
	size_t n = 0;

	while ((call = TAILQ_LAST(&calls->list, call_list)) != NULL && !call->is_sent) {
		drop(call);
		n++;
	}
	return n;
}

/* Exactly once for each call that is not dropped. */
static void complete(struct call *call, const struct reply *reply, const char *lost)
{
	link_reply_fn reply_fn = call->reply_fn;
	void *context = call->context;

	leave_owner(call);
	call->reply_fn = NULL;
	call->line_fn = call->line_fn != NULL ? ignore_line : NULL;
	if (reply_fn != NULL) {
		reply_fn(context, reply, lost);
	}
}

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
		evbuffer_free(call->bytes);
		call->bytes = NULL;
	}
}

static void name_call(struct call *call, const struct link_command *command)
{
	snprintf(call->name, sizeof(call->name), "%.*s", SLICE_ARG(command->argv[0]));
	if (command->argc > 1 && command->argv[1].len < 12) {
		size_t used = strlen(call->name);

		snprintf(call->name + used, sizeof(call->name) - used, " %.*s",
			SLICE_ARG(command->argv[1]));
	}
}

/* What an error of it says about the connection. */
static void classify(struct call *call, const struct link_command *command)
{
	struct slice client = slice_of(call->connection->in.opts->client_command);
	bool is_client = command->argc > 1 && command->argv[0].len == client.len &&
			 memcmp(command->argv[0].data, client.data, client.len) == 0;

	call->permission = -1;
	call->is_set = command->is_set;
	call->is_turn_aside = slice_is(command->argv[0], "SUBSCRIBE");
	call->is_turn = call->is_turn_aside || slice_is(command->argv[0], "UNSUBSCRIBE");
	if (is_client && slice_is(command->argv[1], "LIST")) {
		call->permission = LINK_PERMISSION_CLIENT_LIST;
		call->is_whole_listing = command->argc == 2;
	} else if (is_client && slice_is(command->argv[1], "KILL")) {
		call->permission = LINK_PERMISSION_CLIENT_KILL;
	}
}

static struct call *enqueue(
	struct connection *connection, const struct link_command *command, bool is_secret)
{
	struct call *call = mem_new(struct call);

	CHECK(connection->socket != NULL);
	call->connection = connection;
	call->timeout_ms = command->timeout_ms > 0 ? command->timeout_ms
						   : connection->in.opts->command_timeout_ms;
	call->line_fn = command->line_fn;
	call->reply_fn = command->reply_fn;
	call->context = command->context;
	call->owner = command->owner;
	call->bytes = evbuffer_new();
	CHECK(call->bytes != NULL);
	resp_write_command(call->bytes, command->argv, command->argc, is_secret);
	call->n_bytes = evbuffer_get_length(call->bytes);
	classify(call, command);
	if (is_secret) {
		snprintf(call->name, sizeof(call->name), "AUTH");
	} else {
		name_call(call, command);
	}
	connection->n_sets += call->is_set;
	connection->n_turning += call->is_turn;
	connection->may_get_messages |= call->is_turn_aside;
	if (TAILQ_EMPTY(&connection->calls)) {
		TAILQ_INSERT_TAIL(&connection->calls, call, entry);
		restart_deadline(connection);
	} else {
		TAILQ_INSERT_TAIL(&connection->calls, call, entry);
	}
	if (call->owner != NULL) {
		TAILQ_INSERT_TAIL(&call->owner->list, call, other);
	}
	send_what_fits(connection);
	return call;
}

void connection_turn(
	struct connection *connection, bool is_aside, const struct link_command *command)
{
	struct slice argv[] = {
		slice_of(is_aside ? "SUBSCRIBE" : "UNSUBSCRIBE"), slice_of(connection->channel)};
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

	leave_connection(call);
	connection->n_unread_bytes -= call->n_bytes;
	send_what_fits(connection);
	connection->has_listed |= call->is_whole_listing && reply->type == REPLY_LISTING;
	check_promise(connection, call, reply);
	note_progress(connection);
	complete(call, reply, NULL);
	if (call->is_turn && connection->state != CONNECTION_CLOSED) {
		note_turn(connection, call, reply);
	}
	is_told = is_end_of_wait(connection, call);
	free_call(call);
	if (is_told) {
		connection->in.changed_fn(connection, connection->in.context);
	}
}

/* Hands over one reply. False: there is none yet, or the connection is done for. */
static bool take_reply(struct connection *connection, struct evbuffer *input)
{
	struct call *oldest = TAILQ_FIRST(&connection->calls);
	struct reply *reply = NULL;
	size_t n_before = evbuffer_get_length(input);
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
		/* A listing that keeps coming is no silence. */
		if (oldest != NULL && evbuffer_get_length(input) < n_before) {
			note_progress(connection);
		}
		if (is_asked(connection, oldest) && FAULT(LINK_CUT, oldest->name)) {
			connection_close(connection, LINK_TROUBLE_LOST,
				"connection lost: a fault of a test");
		}
		return false;
	case RESP_BROKEN:
		connection_close(connection, LINK_TROUBLE_LOST, err.text);
		return false;
	case RESP_REPLY:
		break;
	}
	if (connection->may_get_messages && is_message(reply)) {
		resp_release(reply);
		return true;
	}
	if (is_asked(connection, oldest) && FAULT(LINK_LOST, oldest->name)) {
		connection_close(
			connection, LINK_TROUBLE_LOST, "connection lost: a fault of a test");
		resp_release(reply);
		return false;
	}
	if (oldest == NULL) {
		/* Nothing was asked: the server's last words before it closes. */
		handshake_take_last_words(connection, reply);
		resp_release(reply);
		return false;
	}
	answer(connection, oldest, reply);
	resp_release(reply);
	return true;
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

void pipeline_on_readable(struct bufferevent *socket, void *context)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;

	(void)socket;
	guard_enter(guard);
	read_replies(connection);
	guard_leave(guard);
}

/*
 * A server that is full says so and closes: the words may still be in the socket. The bufferevent
 * keeps everybody else from adding to its input.
 */
void pipeline_drain(struct connection *connection)
{
	struct bufferevent *socket = connection->socket;
	bool has_tls = connection->endpoint.has_tls || connection->in.opts->tls.is_on;

	evbuffer_unfreeze(bufferevent_get_input(socket), 0);
	while (!has_tls &&
		evbuffer_read(bufferevent_get_input(socket), bufferevent_getfd(socket), -1) > 0) {
	}
	read_replies(connection);
}

/* ---- late and lost ---- */

/* The next call whose owner is to be told; NULL: there is none. */
static struct call *next_to_tell(struct connection *connection)
{
	struct call *call;

	TAILQ_FOREACH(call, &connection->calls, entry)
	{
		if (call->reply_fn != NULL && call->owner != NULL && !call->owner->is_told) {
			return call;
		}
	}
	return NULL;
}

static void tell_owner(struct call *call, const char *words)
{
	struct calls *owner = call->owner;

	owner->is_told = true;
	if (owner->late_fn != NULL) {
		owner->late_fn(owner, words);
		return;
	}
	owner->is_told = false;
	if (call->is_sent) {
		complete(call, NULL, words);
	} else {
		leave_connection(call);
		complete(call, NULL, words);
		free_call(call);
	}
}

static void tell_owners(struct connection *connection, const char *words)
{
	struct call *call;

	TAILQ_FOREACH(call, &connection->calls, entry)
	{
		if (call->owner != NULL) {
			call->owner->is_told = false;
		}
	}
	while ((call = next_to_tell(connection)) != NULL) {
		tell_owner(call, words);
	}
}

void pipeline_on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;
	const struct call *oldest = TAILQ_FIRST(&connection->calls);

	(void)fd;
	(void)what;
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
		tell_owners(connection, words);
	}
	guard_leave(guard);
}

bool pipeline_is_listing(const struct connection *connection)
{
	const struct call *call;

	TAILQ_FOREACH(call, &connection->calls, entry)
	{
		if (call->is_sent && call->is_whole_listing) {
			return true;
		}
	}
	return false;
}

bool connection_is_busy(const struct connection *connection)
{
	const struct call *call;

	TAILQ_FOREACH(call, &connection->calls, entry)
	{
		if (call->owner != NULL) {
			return true;
		}
	}
	return false;
}

void pipeline_lose(struct connection *connection, const char *words)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&connection->calls)) != NULL) {
		leave_connection(call);
		complete(call, NULL, words);
		free_call(call);
	}
}
