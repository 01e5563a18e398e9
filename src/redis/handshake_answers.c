/*
 * What the answers of a server tell a connection that wants in, and why it does not get in: what
 * errors stand for, and which permissions they show to be missing. Words for people come from here.
 */
#include "redis/handshake.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/session.h"
#include "redis/server_info.h"

/* ---- refusals ---- */

/* What helps against a refusal, where the server's words do not say it; else "". */
static const char *remedy_of(struct slice words)
{
	return slice_has_prefix(words, "NOAUTH")
		       ? " (the instance needs a password-file or credential)"
		       : "";
}

/* The first refusal counts: the others follow from it. */
void handshake_refuse(struct connection *connection, enum link_trouble trouble, struct slice words)
{
	if (connection->refusal[0] == '\0') {
		snprintf(connection->refusal, sizeof(connection->refusal), "%.*s%s",
			SLICE_ARG(words), remedy_of(words));
		connection->refusal_trouble = trouble;
	}
}

/*
 * Errors that stand for the whole connection, whatever was asked: not authenticated, no place,
 * protected mode, a script that runs, a server that loads (Redis 5 refuses CLIENT then).
 */
static const struct {
	const char *code;
	enum link_trouble trouble;
} refusals[] = {
	{"NOAUTH", LINK_TROUBLE_FINAL},
	{"WRONGPASS", LINK_TROUBLE_FINAL},
	{"DENIED", LINK_TROUBLE_FINAL},
	{"ERR invalid password", LINK_TROUBLE_FINAL},
	{"BUSY", LINK_TROUBLE_PASSING},
	{"LOADING", LINK_TROUBLE_PASSING},
	{"MASTERDOWN", LINK_TROUBLE_PASSING},
	{"ERR max number of clients", LINK_TROUBLE_FULL},
};

/* NONE: it is none of them. */
enum link_trouble handshake_trouble_of(const struct reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (reply_is_error(reply, refusals[i].code)) {
			return refusals[i].trouble;
		}
	}
	return LINK_TROUBLE_NONE;
}

void handshake_take_last_words(struct connection *connection, const struct reply *reply)
{
	enum link_trouble trouble = handshake_trouble_of(reply);

	connection_close(connection, trouble != LINK_TROUBLE_NONE ? trouble : LINK_TROUBLE_LOST,
		reply->type == REPLY_ERROR ? reply->text.data : "an unasked reply");
}

/* Servers repeat the arguments of a command that they do not know: here a password. */
static struct slice without_arguments(struct slice words)
{
	static const char mark[] = ", with args";
	const char *at = memmem(words.data, words.len, mark, sizeof(mark) - 1);

	return at != NULL ? slice_range(words.data, at) : words;
}

/* Words for what is missing, with the command that grants it. */
void handshake_refuse_missing(struct connection *connection)
{
	for (unsigned i = 0; i < LINK_N_PERMISSIONS; i++) {
		char words[CONNECTION_MAX_WORDS];
		const char *name = link_permission_name((enum link_permission)i);

		if ((connection->server.missing & (UINT32_C(1) << i)) == 0 ||
			!link_permission_is_needed((enum link_permission)i)) {
			continue;
		}
		link_opts_print_missing(connection->in.opts, name, words, sizeof(words));
		handshake_refuse(connection, LINK_TROUBLE_FINAL, slice_of(words));
	}
}

/*
 * Servers before 7.0 refuse a subcommand that they do not have in the same words as one that is not
 * allowed, and name the command only. What they do not have is not missed.
 */
static bool is_missing(const struct reply *reply, enum link_permission permission)
{
	static const char newest[] = "|no-evict";

	return reply_is_error(reply, "NOPERM") &&
	       (permission != LINK_PERMISSION_CLIENT_NO_EVICT ||
		       memmem(reply->text.data, reply->text.len, newest, strlen(newest)) != NULL);
}

/* CLIENT was renamed or taken away: Redis says "unknown command", since 7.0 in lower case. */
static bool is_unknown(const struct reply *reply)
{
	static const char *const words[] = {
		"ERR unknown command", "ERR Unknown command", "ERR unknown subcommand"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (reply_is_error(reply, words[i])) {
			return true;
		}
	}
	return false;
}

bool handshake_is_denial(const struct connection *connection, enum link_permission permission,
	const struct reply *reply, char *words, size_t n_bytes)
{
	if (is_missing(reply, permission)) {
		link_opts_print_missing(
			connection->in.opts, link_permission_name(permission), words, n_bytes);
		return true;
	}
	if (link_permission_is_needed(permission) && is_unknown(reply)) {
		snprintf(words, n_bytes,
			"%.*s; where a server has another name for CLIENT (rename-command), set "
			"client-command to it",
			SLICE_ARG(without_arguments(reply->text)));
		return true;
	}
	return false;
}

void handshake_check_permission(
	struct connection *connection, enum link_permission permission, const struct reply *reply)
{
	char words[CONNECTION_MAX_WORDS];

	if (is_missing(reply, permission)) {
		connection->server.missing |= UINT32_C(1) << permission;
	} else if (!connection->in.opts->is_for_questions &&
		   handshake_is_denial(connection, permission, reply, words, sizeof(words))) {
		handshake_refuse(connection, LINK_TROUBLE_FINAL, slice_of(words));
	}
}

/* ---- what the steps tell ---- */

void handshake_on_auth(struct connection *connection, const struct reply *reply)
{
	/* A password for a server that has none opens the door all the same. */
	if (reply->type == REPLY_ERROR && !slice_has_prefix(reply->text, "ERR AUTH") &&
		!slice_has_prefix(reply->text, "ERR Client sent AUTH, but no password is set")) {
		handshake_refuse(connection, LINK_TROUBLE_FINAL, without_arguments(reply->text));
	}
}

void handshake_on_client_id(struct connection *connection, const struct reply *reply)
{
	if (reply->type == REPLY_INTEGER && reply->integer > 0) {
		connection->server.own_id = (uint64_t)reply->integer;
	}
}

/* HELLO without a version changes nothing, needs no permission, and tells server and own id. */
void handshake_on_hello(struct connection *connection, const struct reply *reply)
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

void handshake_on_info(struct connection *connection, const struct reply *reply)
{
	if (reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &connection->server);
		server_info_keep_run_id(&connection->server, connection->in.known_run_id);
		connection->has_family = connection->server.name[0] != '\0';
	}
}

void handshake_on_filters(struct connection *connection, const struct reply *reply)
{
	if (reply->type == REPLY_INTEGER) {
		connection->filters = reply->integer == 0 ? LINK_FILTERS_ANDED : LINK_FILTERS_ORED;
	}
}

/* It was asked by the wrong id, or that does not end it: then nothing is shown. */
void handshake_on_own_kill(struct connection *connection, const struct reply *reply)
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

void handshake_on_listing_of_all(struct connection *connection, const struct reply *reply)
{
	if (connection->n_named == 1) {
		connection->server.own_id = connection->named_id;
	}
	connection->has_listed_nobody = reply->type == REPLY_LISTING && !connection->lists_ids;
}

void handshake_on_setname(struct connection *connection, const struct reply *reply)
{
	connection->is_nameless = reply->type == REPLY_ERROR;
}

void handshake_on_unsubscribe(struct connection *connection, const struct reply *reply)
{
	connection->may_unsubscribe = reply->type == REPLY_ARRAY;
}
