/*
 * Why a connection does not get in: what a server's errors stand for, and which permissions they
 * show to be missing. Words for people come from here.
 */
#include <stdio.h>
#include <string.h>

#include "redis/connection.h"

/* The first refusal counts: the others follow from it. */
void handshake_refuse(struct connection *connection, enum link_trouble trouble, struct slice words)
{
	if (connection->refusal[0] == '\0') {
		snprintf(
			connection->refusal, sizeof(connection->refusal), "%.*s", SLICE_ARG(words));
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
struct slice handshake_without_arguments(struct slice words)
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
			SLICE_ARG(handshake_without_arguments(reply->text)));
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
