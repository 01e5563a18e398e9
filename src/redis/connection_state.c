/*
 * The states of one connection, and its end: what sets them is in connection.c, pipeline.c and
 * handshake.c, which stand above this file.
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/priority.h"
#include "redis/call.h"
#include "redis/timer.h"

static const char *const state_names[] = {
	[CONNECTION_DIALING] = "CONNECTING",
	[CONNECTION_HANDSHAKE] = "HANDSHAKE",
	[CONNECTION_REFUSED] = "REFUSED",
	[CONNECTION_READY] = "READY",
	[CONNECTION_CLOSED] = "CLOSED",
};

static void set_words(struct connection *connection, enum link_trouble trouble, const char *words)
{
	snprintf(connection->words, sizeof(connection->words), "%s", words);
	connection->trouble = trouble;
}

void connection_set_state(struct connection *connection, enum connection_state state)
{
	log_debug("connection %llu: %s -> %s %s", (unsigned long long)connection->serial,
		state_names[connection->state], state_names[state], connection->words);
	connection->state = state;
	if (state != CONNECTION_READY) {
		event_del(connection->keepalive);
	}
	connection->in.changed_fn(connection, connection->in.context);
	if (connection->state == state && connection->socket != NULL &&
		FAULT(LINK_RESET, state_names[state])) {
		connection_close(
			connection, LINK_TROUBLE_LOST, "connection lost: a fault of a test");
	}
}

/* What has come is read before somebody says that it has not: the deadline is never first. */
void connection_set_priority(struct connection *connection)
{
	bool is_first = *connection->in.n_hurrying > 0 && !connection->is_yielding;

	if (connection->socket == NULL) {
		return;
	}
	if (!is_first) {
		event_priority_set(connection->deadline, PRIORITY_USUAL);
		bufferevent_priority_set(connection->socket, PRIORITY_USUAL);
	} else if (bufferevent_priority_set(connection->socket, PRIORITY_KILL) == 0) {
		event_priority_set(connection->deadline, PRIORITY_KILL);
	}
}

int connection_descriptor(const struct connection *connection)
{
	if (connection->socket != NULL) {
		return (int)bufferevent_getfd(connection->socket);
	}
	return connection->dial != NULL ? dial_descriptor(connection->dial) : -1;
}

static void drop_socket(struct connection *connection)
{
	dial_free(connection->dial);
	connection->dial = NULL;
	if (connection->socket != NULL) {
		bufferevent_free(connection->socket);
		connection->socket = NULL;
	}
	event_del(connection->deadline);
}

void connection_close(struct connection *connection, enum link_trouble trouble, const char *words)
{
	char copy[CONNECTION_MAX_WORDS];

	if (connection->state == CONNECTION_CLOSED) {
		return;
	}
	/* The server's own words during the handshake say more than "connection closed". */
	if (connection->refusal[0] != '\0') {
		trouble = connection->refusal_trouble;
		words = connection->refusal;
	}
	snprintf(copy, sizeof(copy), "%s", words);
	connection->refusal[0] = '\0';
	set_words(connection, trouble, copy);
	drop_socket(connection);
	connection->is_late = false;
	connection->was_listing = connection_is_listing(connection);
	connection_set_state(connection, CONNECTION_CLOSED);
	call_lose_all(connection, copy);
}

void connection_proven(struct connection *connection)
{
	set_words(connection, LINK_TROUBLE_NONE, "");
	connection->was_proven = true;
	connection->ready_since_ms = clock_monotonic_ms();
	timer_start(connection->keepalive, connection->in.keepalive_ms);
	connection_set_state(connection, CONNECTION_READY);
}

void connection_refused(struct connection *connection, enum link_trouble trouble, const char *words)
{
	connection->refusal[0] = '\0';
	set_words(connection, trouble, words);
	connection_set_state(connection, CONNECTION_REFUSED);
}

void connection_unprove(struct connection *connection, const char *words)
{
	CHECK(connection->state == CONNECTION_READY);
	set_words(connection, LINK_TROUBLE_FINAL, words);
	connection_set_state(connection, CONNECTION_REFUSED);
}
