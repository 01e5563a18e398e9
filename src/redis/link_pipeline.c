/*
 * The pipeline of a link: commands go out as they come, replies come back in order, and the oldest
 * one that is missing has a deadline.
 */
#include "redis/link_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"

void link_restart_deadline(struct link *link)
{
	const struct pending *oldest = TAILQ_FIRST(&link->pending);

	if (oldest == NULL) {
		event_del(link->deadline);
	} else {
		link_start_timer(link->deadline, oldest->timeout_ms);
	}
}

static void name_command(struct pending *pending, const struct link_command *command)
{
	snprintf(pending->name, sizeof(pending->name), "%.*s", SLICE_ARG(command->argv[0]));
	if (command->argc > 1 && command->argv[1].len < 12) {
		size_t used = strlen(pending->name);

		snprintf(pending->name + used, sizeof(pending->name) - used, " %.*s",
			SLICE_ARG(command->argv[1]));
	}
}

void link_enqueue(struct link *link, const struct link_command *command, bool is_secret)
{
	struct pending *pending = mem_new(struct pending);
	bool was_idle = TAILQ_EMPTY(&link->pending);

	CHECK(link->connection != NULL);
	pending->timeout_ms =
		command->timeout_ms > 0 ? command->timeout_ms : link->opts->command_timeout_ms;
	pending->line_fn = command->line_fn;
	pending->reply_fn = command->reply_fn;
	pending->context = command->context;
	if (is_secret) {
		snprintf(pending->name, sizeof(pending->name), "AUTH");
	} else {
		name_command(pending, command);
	}
	TAILQ_INSERT_TAIL(&link->pending, pending, entry);
	resp_write_command(
		bufferevent_get_output(link->connection), command->argv, command->argc, is_secret);
	if (was_idle) {
		link_restart_deadline(link);
	}
}

int link_send(struct link *link, const struct link_command *command)
{
	if (link->state != LINK_READY) {
		return -ENOTCONN;
	}
	link_enqueue(link, command, false);
	return 0;
}

/* By somebody else than the handshake. */
static bool is_asked(const struct link *link, const struct pending *pending)
{
	return link->state == LINK_READY && pending != NULL;
}

/* Hands over one reply. False: the connection is done for. */
static bool take_reply(struct link *link, struct evbuffer *input)
{
	struct pending *oldest = TAILQ_FIRST(&link->pending);
	struct reply *reply = NULL;
	size_t n_before = evbuffer_get_length(input);
	struct err err;

	/* The analyzer does not see that TAILQ_REMOVE unlinked what the last call freed. */
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	switch (resp_read(link->resp, input, oldest != NULL ? oldest->line_fn : NULL,
		oldest != NULL ? oldest->context : NULL, &reply, &err)) {
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	case RESP_AGAIN:
		/* A listing that keeps coming is no silence. */
		if (oldest != NULL && evbuffer_get_length(input) < n_before) {
			link_restart_deadline(link);
		}
		if (is_asked(link, oldest) && FAULT(LINK_CUT, oldest->name)) {
			link_fail(link, "connection lost: a fault of a test");
		}
		return false;
	case RESP_BROKEN:
		link_fail(link, err.text);
		return false;
	case RESP_REPLY:
		break;
	}
	if (is_asked(link, oldest) && FAULT(LINK_LOST, oldest->name)) {
		link_fail(link, "connection lost: a fault of a test");
		resp_release(reply);
		return false;
	}
	if (oldest == NULL) {
		/* Nothing was asked: the server's last words before it closes. */
		link_fail(link, reply->type == REPLY_ERROR ? reply->text.data : "an unasked reply");
		resp_release(reply);
		return false;
	}
	TAILQ_REMOVE(&link->pending, oldest, entry);
	link->last_reply_ms = clock_monotonic_ms();
	link_restart_deadline(link);
	oldest->reply_fn(oldest->context, reply, NULL);
	resp_release(reply);
	free(oldest);
	return true;
}

void link_on_readable(struct bufferevent *connection, void *context)
{
	struct link *link = context;
	struct evbuffer *input = bufferevent_get_input(connection);

	/* A callback may have ended this connection. */
	while (link->connection == connection && evbuffer_get_length(input) > 0 &&
		take_reply(link, input)) {
	}
}

void link_on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;
	const struct pending *oldest = TAILQ_FIRST(&link->pending);
	char words[LINK_MAX_ERROR_BYTES];

	(void)fd;
	(void)what;
	CHECK(oldest != NULL);
	snprintf(words, sizeof(words), "no answer to %s within %lld ms", oldest->name,
		(long long)oldest->timeout_ms);
	link->is_unresponsive = true;
	link_fail(link, words);
}
