/*
 * What the answers to the steps of a handshake tell.
 */
#include "redis/handshake_internal.h"

#include <stdio.h>

#include "base/parse.h"
#include "model/session.h"
#include "redis/server_info.h"

void handshake_on_auth(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	/* A password for a server that has none opens the door all the same. */
	if (reply->type == REPLY_ERROR && !slice_has_prefix(reply->text, "ERR AUTH") &&
		!slice_has_prefix(reply->text, "ERR Client sent AUTH, but no password is set")) {
		handshake_refuse(
			connection, LINK_TROUBLE_FINAL, handshake_without_arguments(reply->text));
	}
}

void handshake_on_client_id(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (reply->type == REPLY_INTEGER && reply->integer > 0) {
		connection->server.own_id = (uint64_t)reply->integer;
	}
}

/* HELLO without a version changes nothing, needs no permission, and tells server and own id. */
void handshake_on_hello(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	for (size_t i = 0; i + 1 < reply->n_elements; i += 2) {
		const struct reply *key = reply->elements[i];
		const struct reply *value = reply->elements[i + 1];

		if (slice_is(key->text, "id") && value->type == REPLY_INTEGER &&
			value->integer > 0) {
			connection->server.own_id = (uint64_t)value->integer;
		} else if (slice_is(key->text, "server") && value->type == REPLY_TEXT) {
			connection->has_family =
				server_info_set_family(&connection->server, value->text);
		} else if (slice_is(key->text, "version") && value->type == REPLY_TEXT) {
			snprintf(connection->server.version, sizeof(connection->server.version),
				"%.*s", SLICE_ARG(value->text));
		}
	}
}

void handshake_on_info(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &connection->server);
		server_info_keep_run_id(&connection->server, connection->in.known_run_id);
		connection->has_family = connection->server.name[0] != '\0';
	}
}

void handshake_on_filters(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (reply->type == REPLY_INTEGER) {
		connection->filters = reply->integer == 0 ? LINK_FILTERS_ANDED : LINK_FILTERS_ORED;
	}
}

/* It was asked by the wrong id, or that does not end it: then nothing is shown. */
void handshake_on_own_kill(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (reply->type != REPLY_INTEGER || reply->integer != 1) {
		connection->filters = LINK_FILTERS_UNKNOWN;
	}
}

/* Who bears this connection's name is this connection, if there is one only. */
void handshake_on_line_of_all(void *context, struct slice line)
{
	struct connection *connection = ((const struct connection_step *)context)->connection;
	struct slice rest = line;
	struct slice key, value;
	uint64_t id = 0;
	bool is_named = false;

	while (session_next_value(&rest, &key, &value)) {
		if (slice_is(key, "id") && !parse_u64(value, &id)) {
			return;
		}
		is_named |= slice_is(key, "name") && slice_is(value, connection->name);
	}
	connection->lists_ids |= id != 0;
	if (is_named) {
		connection->n_named++;
		connection->named_id = id;
	}
}

void handshake_on_listing_of_all(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (connection->n_named == 1) {
		connection->server.own_id = connection->named_id;
	}
	connection->has_listed_nobody = reply->type == REPLY_LISTING && !connection->lists_ids;
}

void handshake_on_setname(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	connection->is_nameless = reply->type == REPLY_ERROR;
}

void handshake_on_unsubscribe(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	connection->may_unsubscribe = reply->type == REPLY_ARRAY;
}

void handshake_ignore_line(void *context, struct slice line)
{
}

void handshake_on_listing(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	/* what it says has been looked at */
}

void handshake_on_other(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (row->cap >= 0 && reply->type != REPLY_ERROR) {
		caps_set(&connection->server.caps, (enum cap)row->cap);
	}
}
