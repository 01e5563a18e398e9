/*
 * The handshake of a connection: gets in, gives itself a name, learns what the server is and can
 * do, and proves that a kill would work. Rounds of pipelined commands; what each of them is for is
 * a row of a table: the greeting, the listing where that did not tell the own id, the probes, what
 * depends on them.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "model/session.h"
#include "redis/connection.h"
#include "redis/password.h"
#include "redis/server_info.h"

#define MAX_ARGS 9 /* with the NULL behind them */
/* Stands for this connection's own id. */
#define OWN_ID "?"

/* Stands for its name, which is also the name of a channel that nobody else publishes to. */
#define OWN_NAME "<name>"

#define NOBODY CONNECTION_NOBODY
#define NOBODY_ELSE CONNECTION_NOBODY_ELSE

typedef void step_reply_fn(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply);

struct handshake_row {
	const char *args[MAX_ARGS]; /* "CLIENT" stands for the server's name of it */
	step_reply_fn *reply_fn;
	int permission; /* enum link_permission that a NOPERM shows to be missing; -1 none */
	int cap;        /* enum cap that an answer without error shows; -1 none */
	listing_line_fn line_fn; /* of a listing; NULL: it is none */
};

/* ---- replies ---- */

/* The first refusal counts: the others follow from it. */
static void refuse(struct connection *connection, enum link_trouble trouble, struct slice words)
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
static enum link_trouble trouble_of(const struct reply *reply)
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
	enum link_trouble trouble = trouble_of(reply);

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

static void on_auth(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	/* A password for a server that has none opens the door all the same. */
	if (reply->type == REPLY_ERROR && !slice_has_prefix(reply->text, "ERR AUTH") &&
		!slice_has_prefix(reply->text, "ERR Client sent AUTH, but no password is set")) {
		refuse(connection, LINK_TROUBLE_FINAL, without_arguments(reply->text));
	}
}

static void on_client_id(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (reply->type == REPLY_INTEGER && reply->integer > 0) {
		connection->server.own_id = (uint64_t)reply->integer;
	}
}

/* HELLO without a version changes nothing, needs no permission, and tells server and own id. */
static void on_hello(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
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

static void on_info(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &connection->server);
		server_info_keep_run_id(&connection->server, connection->in.known_run_id);
		connection->has_family = connection->server.name[0] != '\0';
	}
}

static void on_filters(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (reply->type == REPLY_INTEGER) {
		connection->filters = reply->integer == 0 ? LINK_FILTERS_ANDED : LINK_FILTERS_ORED;
	}
}

/* It was asked by the wrong id, or that does not end it: then nothing is shown. */
static void on_own_kill(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (reply->type != REPLY_INTEGER || reply->integer != 1) {
		connection->filters = LINK_FILTERS_UNKNOWN;
	}
}

/* Who bears this connection's name is this connection, if there is one only. */
static void on_line_of_all(void *context, struct slice line)
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

static void on_listing_of_all(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (connection->n_named == 1) {
		connection->server.own_id = connection->named_id;
	}
	connection->has_listed_nobody = reply->type == REPLY_LISTING && !connection->lists_ids;
}

static void on_setname(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	connection->is_nameless = reply->type == REPLY_ERROR;
}

static void on_unsubscribe(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	connection->may_unsubscribe = reply->type == REPLY_ARRAY;
}

static void ignore_line(void *context, struct slice line)
{
	(void)context;
	(void)line;
}

static void on_listing(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	(void)connection;
	(void)row;
	(void)reply; /* what it says has been looked at */
}

static void on_other(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	if (row->cap >= 0 && reply->type != REPLY_ERROR) {
		caps_set(&connection->server.caps, (enum cap)row->cap);
	}
}

/* ---- the rounds ---- */

#define NONE (-1)

static const struct handshake_row auth_row = {{"AUTH"}, on_auth, NONE, NONE, NULL};

static const struct handshake_row greeting[] = {
	{{"CLIENT", "ID"}, on_client_id, LINK_PERMISSION_CLIENT_ID, NONE, NULL},
	{{"CLIENT", "SETNAME", OWN_NAME}, on_setname, LINK_PERMISSION_CLIENT_SETNAME, NONE, NULL},
	{{"CLIENT", "NO-EVICT", "on"}, on_other, LINK_PERMISSION_CLIENT_NO_EVICT, CAP_NO_EVICT,
		NULL},
	{{"HELLO"}, on_hello, NONE, NONE, NULL},
	{{"INFO"}, on_info, LINK_PERMISSION_INFO, NONE, NULL},
};

/*
 * Probes: kills that can hit nobody, because they name an id that is never given out. Only for
 * servers that are known to AND their filters; Kvrocks ORs them and reads beyond its arguments, and
 * its older versions call themselves Redis.
 */
static const struct handshake_row probes[] = {
	{{"CLIENT", "LIST", "ID", NOBODY}, on_other, LINK_PERMISSION_CLIENT_LIST, CAP_LIST_ID,
		NULL},
	{{"CLIENT", "KILL", "ID", NOBODY, NOBODY_ELSE}, on_other, LINK_PERMISSION_CLIENT_KILL,
		CAP_MULTI_ID, NULL},
	/* Before 3.2, where this is no type, the link to the master is one of type normal. */
	{{"CLIENT", "KILL", "TYPE", "master", "ID", NOBODY}, on_other, NONE, CAP_KILL_TYPE, NULL},
	{{"CLIENT", "KILL", "USER", "default", "ID", NOBODY}, on_other, NONE, CAP_KILL_USER, NULL},
	{{"CLIENT", "KILL", "LADDR", "0.0.0.0:0", "ID", NOBODY}, on_other, NONE, CAP_KILL_LADDR,
		NULL},
	{{"CLIENT", "KILL", "MAXAGE", "1000000000", "ID", NOBODY}, on_other, NONE, CAP_KILL_MAXAGE,
		NULL},
	{{"CLIENT", "KILL", "NAME", "x", "ID", NOBODY}, on_other, NONE, CAP_KILL_NAME, NULL},
	{{"CLIENT", "KILL", "IDLE", "1000000000", "ID", NOBODY}, on_other, NONE, CAP_KILL_IDLE,
		NULL},
	{{"CLIENT", "KILL", "LIB-NAME", "x", "ID", NOBODY}, on_other, NONE, CAP_KILL_LIB_NAME,
		NULL},
	{{"CLIENT", "KILL", "LIB-VER", "x", "ID", NOBODY}, on_other, NONE, CAP_KILL_LIB_VER, NULL},
	{{"CLIENT", "KILL", "DB", "0", "ID", NOBODY}, on_other, NONE, CAP_KILL_DB, NULL},
};

/*
 * How filters combine, asked so that nobody but the asker can be hit: its own id AND an address
 * that nobody has is nobody, OR it is itself, which ends this connection alone. Then that the id
 * was right.
 */
static const struct handshake_row filter_rows[] = {
	{{"CLIENT", "KILL", "ID", OWN_ID, "ADDR", "0.0.0.0:0", "SKIPME", "no"}, on_filters, NONE,
		NONE, NULL},
	{{"CLIENT", "KILL", "ID", OWN_ID, "SKIPME", "no"}, on_own_kill, NONE, NONE, NULL},
};

/* In place of the probes, of all others: single filters mean the same everywhere. */
static const struct handshake_row proofs[] = {
	{{"CLIENT", "LIST", "ID", NOBODY}, on_other, LINK_PERMISSION_CLIENT_LIST, NONE, NULL},
	{{"CLIENT", "KILL", "ID", NOBODY}, on_other, LINK_PERMISSION_CLIENT_KILL, NONE, NULL},
};

/* May it come back once it has stepped aside? To be known before it does. */
static const struct handshake_row unsubscribe_row = {
	{"UNSUBSCRIBE", OWN_NAME}, on_unsubscribe, NONE, NONE, NULL};

static const struct handshake_row aside[] = {
	{{"SUBSCRIBE", OWN_NAME}, on_other, NONE, CAP_SUBSCRIBE, NULL},
	{{"UNSUBSCRIBE", OWN_NAME}, on_other, NONE, NONE, NULL},
};

static const struct handshake_row listing_row = {
	{"CLIENT", "LIST"}, on_listing, LINK_PERMISSION_CLIENT_LIST, NONE, ignore_line};

/* Redis before 5.0 tells a connection its id nowhere else. */
static const struct handshake_row own_line_row = {{"CLIENT", "LIST", "ID", OWN_ID}, on_listing,
	LINK_PERMISSION_CLIENT_LIST, NONE, on_line_of_all};

static const struct handshake_row own_id_row = {
	{"CLIENT", "LIST"}, on_listing_of_all, LINK_PERMISSION_CLIENT_LIST, NONE, on_line_of_all};

_Static_assert(ARRAY_SIZE(greeting) + 1 <= CONNECTION_MAX_STEPS, "a round fits");
_Static_assert(ARRAY_SIZE(probes) + 1 <= CONNECTION_MAX_STEPS, "a round fits");
_Static_assert(ARRAY_SIZE(aside) + 1 <= CONNECTION_MAX_STEPS, "a round fits");

static void on_reply(void *context, const struct reply *reply, const char *lost);

static void send_step(struct connection *connection, const struct handshake_row *row,
	const struct slice *argv, size_t argc, bool is_secret)
{
	struct connection_step *step = &connection->steps[connection->n_unanswered++];
	struct link_command command = {
		.argv = argv,
		.argc = argc,
		.line_fn = row->line_fn,
		.reply_fn = on_reply,
		.context = step,
	};

	*step = (struct connection_step){connection, row};
	if (is_secret) {
		connection_call_secret(connection, &command);
	} else {
		connection_call(connection, &command);
	}
}

static void send_row(struct connection *connection, const struct handshake_row *row)
{
	struct slice argv[MAX_ARGS];
	size_t argc = 0;
	char own_id[24];

	snprintf(own_id, sizeof(own_id), "%llu", (unsigned long long)connection->server.own_id);
	for (; argc < MAX_ARGS && row->args[argc] != NULL; argc++) {
		const char *word = row->args[argc];

		argv[argc] = slice_of(strcmp(word, OWN_NAME) == 0 ? connection->name
				      : strcmp(word, OWN_ID) == 0 ? own_id
								  : word);
	}
	CHECK(argc > 0);
	if (slice_is(argv[0], "CLIENT")) {
		argv[0] = slice_of(connection->in.opts->client_command);
	}
	send_step(connection, row, argv, argc, false);
}

static void send_rows(struct connection *connection, const struct handshake_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		send_row(connection, &rows[i]);
	}
}

/* The one that ends itself by its id has to see first that it is its own. */
static bool must_be_shown(const struct connection *connection)
{
	return connection->in.is_expendable && !connection->is_nameless && connection->n_named == 0;
}

static void send_own_line(struct connection *connection)
{
	if (must_be_shown(connection)) {
		send_row(connection, &own_line_row);
	}
}

/* Before 6.2 there is no LIST ID. */
static void send_own_line_of_all(struct connection *connection)
{
	if (must_be_shown(connection)) {
		send_row(connection, &own_id_row);
	}
}

static bool may_ask_for_filters(const struct connection *connection)
{
	return connection->is_nameless ||
	       (connection->n_named == 1 && connection->named_id == connection->server.own_id);
}

static bool needs_id(const struct connection *connection)
{
	return connection->server.own_id == 0 && !connection->in.opts->is_for_questions;
}

static void send_own_id(struct connection *connection)
{
	if (needs_id(connection)) {
		send_row(connection, &own_id_row);
	}
}

static void send_probes(struct connection *connection)
{
	if (connection->in.opts->is_for_questions) {
		return;
	}
	if (connection->in.is_expendable) {
		connection->has_asked = true;
		if (may_ask_for_filters(connection)) {
			send_row(connection, &filter_rows[0]);
		}
		return;
	}
	if (connection->in.are_anded_fn(connection, connection->in.context)) {
		send_rows(connection, probes, ARRAY_SIZE(probes));
	} else {
		send_rows(connection, proofs, ARRAY_SIZE(proofs));
	}
	if (connection->in.opts->n_links > 1) {
		send_row(connection, &unsubscribe_row);
	}
}

static void send_last(struct connection *connection)
{
	if (connection->in.is_expendable) {
		if (connection->filters == LINK_FILTERS_ANDED) {
			send_row(connection, &filter_rows[1]);
		}
		return;
	}
	if (connection->may_unsubscribe && caps_has(&connection->server.caps, CAP_KILL_TYPE)) {
		send_rows(connection, aside, ARRAY_SIZE(aside));
	}
	if (connection->in.proves_listing) {
		send_row(connection, &listing_row);
	}
}

/* Rounds without a command are passed over. */
static void send_next_round(struct connection *connection)
{
	static void (*const rounds[])(struct connection * connection) = {
		send_own_id, send_own_line, send_own_line_of_all, send_probes, send_last};

	while (connection->n_unanswered == 0 && connection->round < ARRAY_SIZE(rounds)) {
		rounds[connection->round++](connection);
	}
	if (connection->n_unanswered > 0) {
		return;
	}
	if (connection->in.is_expendable) {
		connection_close(connection, LINK_TROUBLE_NONE, "it has served its purpose");
	} else if (connection->state == CONNECTION_READY) {
		connection->in.changed_fn(connection, connection->in.context);
	} else {
		connection_proven(connection);
	}
}

void handshake_probe(struct connection *connection)
{
	connection->round = 0;
	connection->n_unanswered = 0;
	send_next_round(connection);
}

/* ---- what is missing ---- */

/* Words for what is missing, with the command that grants it. */
static void refuse_missing(struct connection *connection)
{
	for (unsigned i = 0; i < LINK_N_PERMISSIONS; i++) {
		char words[CONNECTION_MAX_WORDS];
		const char *name = link_permission_name((enum link_permission)i);

		if ((connection->server.missing & (UINT32_C(1) << i)) == 0 ||
			!link_permission_is_needed((enum link_permission)i)) {
			continue;
		}
		link_opts_print_missing(connection->in.opts, name, words, sizeof(words));
		refuse(connection, LINK_TROUBLE_FINAL, slice_of(words));
	}
}

/* Where nothing tells the id of the connection: at once of a server that is known to have none,
 * else when the listing did not tell it either. */
static void refuse_without_id(struct connection *connection)
{
	const struct link_server *server = &connection->server;
	char words[CONNECTION_MAX_WORDS];

	if (!needs_id(connection)) {
		return;
	}
	if (server_info_is_too_old(server) || connection->has_listed_nobody) {
		snprintf(words, sizeof(words),
			"%s%s is too old: a session has an id that it can be ended by since Redis "
			"2.8.12",
			server->version[0] != '\0' ? "Redis " : "the server", server->version);
		refuse(connection, LINK_TROUBLE_FINAL, slice_of(words));
	} else if (connection->round > 0) {
		refuse(connection, LINK_TROUBLE_FINAL,
			slice_of("the server does not tell this connection's id; sesskilld would "
				 "not know itself"));
	}
}

static void end_round(struct connection *connection)
{
	refuse_without_id(connection);
	refuse_missing(connection);
	if (connection->refusal[0] != '\0') {
		char words[CONNECTION_MAX_WORDS];

		memcpy(words, connection->refusal, sizeof(words));
		connection_refused(connection, connection->refusal_trouble, words);
	} else {
		send_next_round(connection);
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

static void check_permission(
	struct connection *connection, const struct handshake_row *row, const struct reply *reply)
{
	enum link_permission permission = (enum link_permission)row->permission;
	char words[CONNECTION_MAX_WORDS];

	if (row->permission < 0) {
		return;
	}
	if (is_missing(reply, permission)) {
		connection->server.missing |= UINT32_C(1) << permission;
	} else if (!connection->in.opts->is_for_questions &&
		   handshake_is_denial(connection, permission, reply, words, sizeof(words))) {
		refuse(connection, LINK_TROUBLE_FINAL, slice_of(words));
	}
}

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	const struct connection_step *step = context;
	struct connection *connection = step->connection;
	const struct handshake_row *row = step->row;

	if (lost != NULL) {
		return; /* the connection is closed, which says it all */
	}
	if (trouble_of(reply) != LINK_TROUBLE_NONE) {
		refuse(connection, trouble_of(reply), reply->text);
	}
	check_permission(connection, row, reply);
	row->reply_fn(connection, row, reply);
	if (--connection->n_unanswered == 0) {
		end_round(connection);
	}
}

static void send_auth(struct connection *connection)
{
	const struct link_opts *opts = connection->in.opts;
	char password[PASSWORD_MAX_BYTES];
	struct slice argv[3] = {SLICE_LITERAL("AUTH")};
	size_t argc = 1;
	struct err err;
	ssize_t len;

	if (opts->password_file == NULL) {
		return;
	}
	len = password_read(opts->password_file, password, &err);
	if (len < 0) {
		refuse(connection, LINK_TROUBLE_FINAL, slice_of(err.text));
		return;
	}
	if (opts->username != NULL) {
		argv[argc++] = slice_of(opts->username);
	}
	argv[argc++] = (struct slice){password, (size_t)len};
	send_step(connection, &auth_row, argv, argc, true);
	mem_wipe(password, sizeof(password));
}

void handshake_start(struct connection *connection)
{
	struct link_server *server = &connection->server;

	server->missing = 0;
	server->caps = (struct caps){0};
	connection->n_unanswered = 0;
	connection->round = 0;
	connection->has_family = false;
	connection->is_nameless = false;
	connection->n_named = 0;
	connection->lists_ids = false;
	connection->has_listed_nobody = false;
	connection->may_unsubscribe = false;
	if (connection->is_aside) {
		connection_come_back(connection);
	}
	send_auth(connection);
	send_rows(connection, greeting, ARRAY_SIZE(greeting));
}
