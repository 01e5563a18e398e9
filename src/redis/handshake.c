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
#include "redis/call.h"
#include "redis/handshake.h"
#include "redis/server_info.h"

#define MAX_ARGS 8

/* Stand for this connection's own id, and for its name, which is also the name of a channel that
 * nobody else publishes to. */
#define OWN_ID "<id>"
#define OWN_NAME "<name>"

#define NOBODY CONNECTION_NOBODY
#define NOBODY_ELSE CONNECTION_NOBODY_ELSE

/* ---- the rounds ---- */

#define NONE (-1)

static const struct handshake_row auth_row = {"AUTH", NONE, NONE, handshake_on_auth, NULL};

static const struct handshake_row greeting[] = {
	{"CLIENT ID", LINK_PERMISSION_CLIENT_ID, NONE, handshake_on_client_id, NULL},
	{"CLIENT SETNAME " OWN_NAME, LINK_PERMISSION_CLIENT_SETNAME, NONE, handshake_on_setname,
		NULL},
	{"CLIENT NO-EVICT on", LINK_PERMISSION_CLIENT_NO_EVICT, CAP_NO_EVICT, NULL, NULL},
	{"HELLO", NONE, NONE, handshake_on_hello, NULL},
	{"INFO", LINK_PERMISSION_INFO, NONE, handshake_on_info, NULL},
};

/*
 * Probes: kills that can hit nobody, because they name an id that is never given out. Only for
 * servers that are known to AND their filters; Kvrocks ORs them and reads beyond its arguments, and
 * its older versions call themselves Redis.
 */
static const struct handshake_row probes[] = {
	{"CLIENT LIST ID " NOBODY, LINK_PERMISSION_CLIENT_LIST, CAP_LIST_ID, NULL, NULL},
	{"CLIENT KILL ID " NOBODY " " NOBODY_ELSE, LINK_PERMISSION_CLIENT_KILL, CAP_MULTI_ID, NULL,
		NULL},
	/* Before 3.2, where this is no type, the link to the master is one of type normal. */
	{"CLIENT KILL TYPE master ID " NOBODY, NONE, CAP_KILL_TYPE, NULL, NULL},
	{"CLIENT KILL USER default ID " NOBODY, NONE, CAP_KILL_USER, NULL, NULL},
	{"CLIENT KILL LADDR 0.0.0.0:0 ID " NOBODY, NONE, CAP_KILL_LADDR, NULL, NULL},
	{"CLIENT KILL MAXAGE 1000000000 ID " NOBODY, NONE, CAP_KILL_MAXAGE, NULL, NULL},
	{"CLIENT KILL NAME x ID " NOBODY, NONE, CAP_KILL_NAME, NULL, NULL},
	{"CLIENT KILL IDLE 1000000000 ID " NOBODY, NONE, CAP_KILL_IDLE, NULL, NULL},
	{"CLIENT KILL LIB-NAME x ID " NOBODY, NONE, CAP_KILL_LIB_NAME, NULL, NULL},
	{"CLIENT KILL LIB-VER x ID " NOBODY, NONE, CAP_KILL_LIB_VER, NULL, NULL},
	{"CLIENT KILL DB 0 ID " NOBODY, NONE, CAP_KILL_DB, NULL, NULL},
};

/*
 * How filters combine, asked so that nobody but the asker can be hit: its own id AND an address
 * that nobody has is nobody, OR it is itself, which ends this connection alone. Then that the id
 * was right.
 */
static const struct handshake_row filter_rows[] = {
	{"CLIENT KILL ID " OWN_ID " ADDR 0.0.0.0:0 SKIPME no", NONE, NONE, handshake_on_filters,
		NULL},
	{"CLIENT KILL ID " OWN_ID " SKIPME no", NONE, NONE, handshake_on_own_kill, NULL},
};

/* In place of the probes, of all others: single filters mean the same everywhere. */
static const struct handshake_row proofs[] = {
	{"CLIENT LIST ID " NOBODY, LINK_PERMISSION_CLIENT_LIST, NONE, NULL, NULL},
	{"CLIENT KILL ID " NOBODY, LINK_PERMISSION_CLIENT_KILL, NONE, NULL, NULL},
};

/* May it come back once it has stepped aside? To be known before it does. */
static const struct handshake_row unsubscribe_row = {
	"UNSUBSCRIBE " OWN_NAME, NONE, NONE, handshake_on_unsubscribe, NULL};

static const struct handshake_row aside[] = {
	{"SUBSCRIBE " OWN_NAME, NONE, CAP_SUBSCRIBE, NULL, NULL},
	{"UNSUBSCRIBE " OWN_NAME, NONE, NONE, NULL, NULL},
};

static const struct handshake_row listing_row = {
	"CLIENT LIST", LINK_PERMISSION_CLIENT_LIST, NONE, NULL, call_ignore_line};

/* Redis before 5.0 tells a connection its id nowhere else. */
static const struct handshake_row own_line_row = {"CLIENT LIST ID " OWN_ID,
	LINK_PERMISSION_CLIENT_LIST, NONE, NULL, handshake_on_line_of_all};

static const struct handshake_row own_id_row = {"CLIENT LIST", LINK_PERMISSION_CLIENT_LIST, NONE,
	handshake_on_listing_of_all, handshake_on_line_of_all};

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

static struct slice word_of(
	const struct connection *connection, struct slice word, const char *own_id)
{
	return slice_is(word, "CLIENT")   ? slice_of(connection->in.opts->client_command)
	       : slice_is(word, OWN_NAME) ? slice_of(connection->name)
	       : slice_is(word, OWN_ID)   ? slice_of(own_id)
					  : word;
}

static void send_row(struct connection *connection, const struct handshake_row *row)
{
	struct slice rest = slice_of(row->command);
	struct slice argv[MAX_ARGS];
	size_t argc = 0;
	char own_id[24];

	snprintf(own_id, sizeof(own_id), "%llu", (unsigned long long)connection->server.own_id);
	while (argc < MAX_ARGS && slice_next(&rest, ' ', &argv[argc])) {
		argv[argc] = word_of(connection, argv[argc], own_id);
		argc++;
	}
	CHECK(rest.data == NULL);
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
		connection->was_probed = true;
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
		handshake_refuse(connection, LINK_TROUBLE_FINAL, slice_of(words));
	} else if (connection->round > 0) {
		handshake_refuse(connection, LINK_TROUBLE_FINAL,
			slice_of("the server does not tell this connection's id; sesskilld would "
				 "not know itself"));
	}
}

static void end_round(struct connection *connection)
{
	refuse_without_id(connection);
	handshake_refuse_missing(connection);
	if (connection->refusal[0] != '\0') {
		char words[CONNECTION_MAX_WORDS];

		memcpy(words, connection->refusal, sizeof(words));
		connection_refused(connection, connection->refusal_trouble, words);
	} else {
		send_next_round(connection);
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
	if (handshake_trouble_of(reply) != LINK_TROUBLE_NONE) {
		handshake_refuse(connection, handshake_trouble_of(reply), reply->text);
	}
	if (row->permission >= 0) {
		handshake_check_permission(
			connection, (enum link_permission)row->permission, reply);
	}
	if (row->cap >= 0 && reply->type != REPLY_ERROR) {
		caps_set(&connection->server.caps, (enum cap)row->cap);
	}
	if (row->reply_fn != NULL) {
		row->reply_fn(connection, reply);
	}
	if (--connection->n_unanswered == 0) {
		end_round(connection);
	}
}

static void send_auth(struct connection *connection)
{
	const struct link_opts *opts = connection->in.opts;
	char password[LINK_MAX_PASSWORD_BYTES];
	struct slice argv[3] = {SLICE_LITERAL("AUTH")};
	size_t argc = 1;
	struct err err;
	ssize_t len;

	if (opts->password_file == NULL) {
		return;
	}
	len = link_opts_read_password(opts, password, &err);
	if (len < 0) {
		handshake_refuse(connection, LINK_TROUBLE_FINAL, slice_of(err.text));
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
	connection->was_probed = false;
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
