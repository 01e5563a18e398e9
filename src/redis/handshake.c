/*
 * The handshake of a link: gets in, gives itself a name, learns what the server is and can do, and
 * what it is not allowed. Two rounds of pipelined commands; what each of them is for is a row of a
 * table. The second round are the probes, which depend on the family that the first one found.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "model/protection.h"
#include "redis/link_internal.h"
#include "redis/server_info.h"

#define MAX_PASSWORD_BYTES 4096
#define MAX_ARGS 8

/* Ids that no session will ever have: what a probe kills is nobody. */
#define NOBODY "9223372036854775807"
#define NOBODY_ELSE "9223372036854775806"

typedef void step_reply_fn(
	struct link *link, const struct handshake_row *row, const struct reply *reply);

struct handshake_row {
	const char *args[MAX_ARGS]; /* "CLIENT" stands for the server's name of it */
	step_reply_fn *reply_fn;
	int permission; /* enum link_permission that a NOPERM shows to be missing; -1 none */
	int cap;        /* enum cap that an answer without error shows; -1 none */
};

static void start_probes(struct link *link);

/* ---- replies ---- */

/* The first refusal counts: the others follow from it. */
static void refuse(struct link *link, struct slice words)
{
	if (link->refusal[0] == '\0') {
		snprintf(link->refusal, sizeof(link->refusal), "%.*s", SLICE_ARG(words));
	}
}

/*
 * Errors that stand for the whole connection, whatever was asked: not authenticated, no place,
 * protected mode, a script that runs, a server that loads (Redis 5 refuses CLIENT then).
 */
static bool is_refusal(const struct reply *reply)
{
	static const char *const codes[] = {"NOAUTH", "WRONGPASS", "DENIED", "BUSY", "LOADING",
		"MASTERDOWN", "ERR max number of clients", "ERR invalid password"};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (reply_is_error(reply, codes[i])) {
			return true;
		}
	}
	return false;
}

/* Servers repeat the arguments of a command that they do not know: here a password. */
static struct slice without_arguments(struct slice words)
{
	static const char mark[] = ", with args";
	const char *at = memmem(words.data, words.len, mark, sizeof(mark) - 1);

	return at != NULL ? slice_range(words.data, at) : words;
}

static void on_auth(struct link *link, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	/* A password for a server that has none opens the door all the same. */
	if (reply->type == REPLY_ERROR && !slice_has_prefix(reply->text, "ERR AUTH") &&
		!slice_has_prefix(reply->text, "ERR Client sent AUTH, but no password is set")) {
		refuse(link, without_arguments(reply->text));
	}
}

static void on_client_id(
	struct link *link, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (reply->type == REPLY_INTEGER && reply->integer > 0) {
		link->learned.own_id = (uint64_t)reply->integer;
	}
}

/* HELLO without a version changes nothing, needs no permission, and tells server and own id. */
static void on_hello(struct link *link, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	for (size_t i = 0; i + 1 < reply->n_elements; i += 2) {
		const struct reply *key = reply->elements[i];
		const struct reply *value = reply->elements[i + 1];

		if (slice_is(key->text, "id") && value->type == REPLY_INTEGER &&
			value->integer > 0) {
			link->learned.own_id = (uint64_t)value->integer;
		} else if (slice_is(key->text, "server") && value->type == REPLY_TEXT) {
			link->has_family = server_info_set_family(&link->learned, value->text);
		} else if (slice_is(key->text, "version") && value->type == REPLY_TEXT) {
			snprintf(link->learned.version, sizeof(link->learned.version), "%.*s",
				SLICE_ARG(value->text));
		}
	}
}

static void on_info(struct link *link, const struct handshake_row *row, const struct reply *reply)
{
	(void)row;
	if (reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &link->learned);
		link->has_family = link->learned.name[0] != '\0';
	}
}

static void on_other(struct link *link, const struct handshake_row *row, const struct reply *reply)
{
	if (row->cap >= 0 && reply->type != REPLY_ERROR) {
		caps_set(&link->learned.caps, (enum cap)row->cap);
	}
}

/* ---- the two rounds ---- */

#define NONE (-1)

static const struct handshake_row greeting[] = {
	{{"CLIENT", "ID"}, on_client_id, LINK_PERMISSION_CLIENT_ID, NONE},
	{{"CLIENT", "SETNAME", PROTECTION_OWN_NAME}, on_other, LINK_PERMISSION_CLIENT_SETNAME,
		NONE},
	{{"CLIENT", "NO-EVICT", "on"}, on_other, LINK_PERMISSION_CLIENT_NO_EVICT, CAP_NO_EVICT},
	{{"HELLO"}, on_hello, NONE, NONE},
	{{"INFO"}, on_info, LINK_PERMISSION_INFO, NONE},
};

static const struct handshake_row auth_row = {{"AUTH"}, on_auth, NONE, NONE};

/*
 * Probes: kills that can hit nobody, because they name an id that is never given out. Only for
 * servers that AND their filters; Kvrocks ORs them and reads beyond its arguments.
 */
static const struct handshake_row probes[] = {
	{{"CLIENT", "LIST", "ID", NOBODY}, on_other, LINK_PERMISSION_CLIENT_LIST, CAP_LIST_ID},
	{{"CLIENT", "KILL", "ID", NOBODY, NOBODY_ELSE}, on_other, LINK_PERMISSION_CLIENT_KILL,
		CAP_MULTI_ID},
	{{"CLIENT", "KILL", "TYPE", "normal", "ID", NOBODY}, on_other, NONE, CAP_KILL_TYPE},
	{{"CLIENT", "KILL", "USER", "default", "ID", NOBODY}, on_other, NONE, CAP_KILL_USER},
	{{"CLIENT", "KILL", "LADDR", "0.0.0.0:0", "ID", NOBODY}, on_other, NONE, CAP_KILL_LADDR},
	{{"CLIENT", "KILL", "MAXAGE", "1000000000", "ID", NOBODY}, on_other, NONE, CAP_KILL_MAXAGE},
	{{"CLIENT", "KILL", "NAME", "x", "ID", NOBODY}, on_other, NONE, CAP_KILL_NAME},
	{{"CLIENT", "KILL", "IDLE", "1000000000", "ID", NOBODY}, on_other, NONE, CAP_KILL_IDLE},
	{{"CLIENT", "KILL", "LIB-NAME", "x", "ID", NOBODY}, on_other, NONE, CAP_KILL_LIB_NAME},
	{{"CLIENT", "KILL", "LIB-VER", "x", "ID", NOBODY}, on_other, NONE, CAP_KILL_LIB_VER},
	{{"CLIENT", "KILL", "DB", "0", "ID", NOBODY}, on_other, NONE, CAP_KILL_DB},
};

_Static_assert(ARRAY_SIZE(greeting) + 1 <= LINK_MAX_STEPS, "a round fits");
_Static_assert(ARRAY_SIZE(probes) <= LINK_MAX_STEPS, "a round fits");

/* Words for what is missing, with the command that grants it. */
static void refuse_missing(struct link *link)
{
	for (unsigned i = 0; i < LINK_N_PERMISSIONS; i++) {
		char words[LINK_MAX_ERROR_BYTES];
		const char *name = link_permission_name((enum link_permission)i);

		if ((link->learned.missing & (UINT32_C(1) << i)) == 0 ||
			!link_permission_is_needed((enum link_permission)i)) {
			continue;
		}
		link_print_missing(link, name, words, sizeof(words));
		refuse(link, slice_of(words));
	}
}

static void finish(struct link *link)
{
	link->server = link->learned;
	link_handshake_done(link);
}

static void end_round(struct link *link)
{
	bool is_greeting = !link->is_probing;

	if (link->refusal[0] == '\0' && is_greeting && link->learned.own_id == 0 &&
		!link->opts->is_for_questions) {
		refuse(link, slice_of("the server does not tell this connection's id; sesskilld "
				      "would not know itself"));
	}
	refuse_missing(link);
	if (link->refusal[0] != '\0') {
		char words[LINK_MAX_ERROR_BYTES];

		link->server = link->learned;
		memcpy(words, link->refusal, sizeof(words));
		link->refusal[0] = '\0';
		link_handshake_refused(link, words);
	} else if (is_greeting) {
		start_probes(link);
	} else {
		finish(link);
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

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	const struct handshake_step *step = context;
	struct link *link = step->link;
	const struct handshake_row *row = step->row;

	if (lost != NULL) {
		return; /* the link has ended the handshake itself */
	}
	if (is_refusal(reply)) {
		refuse(link, reply->text);
	}
	if (row->permission >= 0 && is_missing(reply, (enum link_permission)row->permission)) {
		link->learned.missing |= UINT32_C(1) << row->permission;
	}
	row->reply_fn(link, row, reply);
	if (--link->n_unanswered == 0) {
		end_round(link);
	}
}

static void send_step(struct link *link, const struct handshake_row *row, const struct slice *argv,
	size_t argc, bool is_secret)
{
	struct handshake_step *step = &link->steps[link->n_unanswered++];
	struct link_command command = {
		.argv = argv,
		.argc = argc,
		.reply_fn = on_reply,
		.context = step,
	};

	*step = (struct handshake_step){link, row};
	link_enqueue(link, &command, is_secret);
}

static void send_row(struct link *link, const struct handshake_row *row)
{
	struct slice argv[MAX_ARGS];
	size_t argc = 0;

	for (; argc < MAX_ARGS && row->args[argc] != NULL; argc++) {
		argv[argc] = slice_of(row->args[argc]);
	}
	CHECK(argc > 0);
	if (slice_is(argv[0], "CLIENT")) {
		argv[0] = slice_of(link->opts->client_command);
	}
	send_step(link, row, argv, argc, false);
}

static bool is_probed(enum server_family family)
{
	switch (family) {
	case SERVER_REDIS:
	case SERVER_VALKEY:
	case SERVER_KEYDB:
	case SERVER_GARNET:
		return true;
	case SERVER_KVROCKS:
	case SERVER_DRAGONFLY:
	case SERVER_N_FAMILIES:
		break;
	}
	return false;
}

static void start_probes(struct link *link)
{
	link->is_probing = true;
	if (link->opts->is_for_questions || !link->has_family ||
		!is_probed(link->learned.caps.family)) {
		finish(link);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		send_row(link, &probes[i]);
	}
}

/* ---- the password ---- */

/* Reads the file without its last line feed. -1 with words when that cannot be done. */
static ssize_t read_password(const char *path, char *buffer, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		err_set_errno(err, errno, "cannot read the password file %s", path);
		return -1;
	}
	n = read(fd, buffer, MAX_PASSWORD_BYTES);
	close(fd);
	if (n < 0) {
		err_set_errno(err, errno, "cannot read the password file %s", path);
		return -1;
	}
	while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r')) {
		n--;
	}
	return n;
}

static void send_auth(struct link *link)
{
	char password[MAX_PASSWORD_BYTES];
	struct slice argv[3] = {SLICE_LITERAL("AUTH")};
	size_t argc = 1;
	struct err err;
	ssize_t len;

	if (link->opts->password_file == NULL) {
		return;
	}
	len = read_password(link->opts->password_file, password, &err);
	if (len < 0) {
		refuse(link, slice_of(err.text));
		return;
	}
	if (link->opts->username != NULL) {
		argv[argc++] = slice_of(link->opts->username);
	}
	argv[argc++] = (struct slice){password, (size_t)len};
	send_step(link, &auth_row, argv, argc, true);
	mem_wipe(password, sizeof(password));
}

void handshake_start(struct link *link)
{
	link->learned =
		(struct link_server){.n_clients = -1, .max_clients = -1, .n_connections = -1};
	link->n_unanswered = 0;
	link->is_probing = false;
	link->has_family = false;
	send_auth(link);
	for (size_t i = 0; i < ARRAY_SIZE(greeting); i++) {
		send_row(link, &greeting[i]);
	}
}
