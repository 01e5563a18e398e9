/*
 * What a call is, who owns it, and how it ends.
 */
#include "redis/call.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

/* ---- its beginning ---- */

static void name_call(struct call *call, const struct link_command *command)
{
	if (command->called != NULL) {
		snprintf(call->name, sizeof(call->name), "%s", command->called);
		return;
	}
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

struct call *call_new(
	struct connection *connection, const struct link_command *command, bool is_secret)
{
	struct call *call = mem_new(struct call);

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
	connection->n_turning_aside += call->is_turn_aside;
	connection->may_get_messages |= call->is_turn_aside;
	TAILQ_INSERT_TAIL(&connection->calls, call, entry);
	if (call->owner != NULL) {
		TAILQ_INSERT_TAIL(&call->owner->list, call, other);
	}
	return call;
}

/* ---- owners, and its end ---- */

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

void call_free(struct call *call)
{
	leave_owner(call);
	evbuffer_free(call->bytes);
	free(call);
}

void call_ignore_line(void *context, struct slice line)
{
}

void call_leave(struct call *call)
{
	struct connection *connection = call->connection;

	TAILQ_REMOVE(&connection->calls, call, entry);
	connection->n_sets -= call->is_set;
	connection->n_turning -= call->is_turn;
	connection->n_turning_aside -= call->is_turn_aside;
}

/* Nobody hears of it any more; one that is sent still waits for its reply, to throw it away. */
static void drop(struct call *call)
{
	if (!call->is_sent) {
		call_leave(call);
		call_free(call);
		return;
	}
	leave_owner(call);
	call->reply_fn = NULL;
	call->line_fn = call->line_fn != NULL ? call_ignore_line : NULL;
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

void call_complete(struct call *call, const struct reply *reply, const char *lost)
{
	link_reply_fn reply_fn = call->reply_fn;
	void *context = call->context;

	leave_owner(call);
	call->reply_fn = NULL;
	call->line_fn = call->line_fn != NULL ? call_ignore_line : NULL;
	if (reply_fn != NULL) {
		reply_fn(context, reply, lost);
	}
}

void call_lose_all(struct connection *connection, const char *words)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&connection->calls)) != NULL) {
		call_leave(call);
		call_complete(call, NULL, words);
		call_free(call);
	}
}

/* ---- late ---- */

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
		call_complete(call, NULL, words);
	} else {
		call_leave(call);
		call_complete(call, NULL, words);
		call_free(call);
	}
}

void call_tell_owners(struct connection *connection, const char *words)
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

/* ---- what is in the queue of a connection ---- */

bool connection_is_listing(const struct connection *connection)
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
