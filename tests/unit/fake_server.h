/*
 * A small model of a server: its sessions, their lines in a listing, and what CLIENT KILL does to
 * them. It takes the arguments of a command as servers do, which refuse what they do not know, AND
 * the filters and take several ids only where they can; so a plan can be run against it.
 *
 * To be used in cmocka tests: a command that no server would take fails the test.
 */
#ifndef TESTS_UNIT_FAKE_SERVER_H
#define TESTS_UNIT_FAKE_SERVER_H

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/caps.h"
#include "model/session.h"

#define FAKE_MAX_SESSIONS 128
#define FAKE_MAX_LINE_BYTES 512

enum fake_role {
	FAKE_CLIENT,
	FAKE_SUBSCRIBER,
	FAKE_REPLICA,
	FAKE_MASTER,
	FAKE_HANDSHAKE, /* a replica before its PSYNC, to the server an ordinary client */
	FAKE_INTERNAL,  /* a link of the server's own: Redis I, Valkey i */
};

struct fake_session {
	uint64_t id;
	enum fake_role role;
	const char *addr, *laddr;
	const char *user, *name, *lib, *lib_ver; /* "": unset */
	unsigned db;
	int64_t age_s, idle_s;
	uint64_t forged_id; /* its name holds a line feed and the beginning of a line; 0: not */
	bool is_connected;
	bool is_dying;  /* killed, but still listed */
	bool is_hidden; /* from the next listing */
	bool is_victim; /* a note of the test */
};

typedef void fake_killed_fn(void *context, const struct fake_session *session);

struct fake_server {
	struct caps caps;
	uint64_t link_id; /* of the connection that sends the commands */
	struct fake_session sessions[FAKE_MAX_SESSIONS];
	size_t n;
	bool is_slow; /* to free what it killed */
	bool is_ored; /* it ends whom any of several filters hits */
	fake_killed_fn *killed_fn;
	void *context;
};

/* ---- listings ---- */

static const char *fake_flags(const struct fake_server *server, const struct fake_session *session)
{
	switch (session->role) {
	case FAKE_CLIENT:
	case FAKE_HANDSHAKE:
		return session->is_dying ? "A" : "N";
	case FAKE_SUBSCRIBER:
		return session->is_dying ? "PA" : "P";
	case FAKE_REPLICA:
		return "S";
	case FAKE_MASTER:
		return "M";
	case FAKE_INTERNAL:
		return server->caps.family == SERVER_VALKEY ? "i" : "I";
	}
	return "";
}

/* The order of fields and what is left out are those of each family. */
static int fake_print_family(const struct fake_server *server, const struct fake_session *session,
	char *line, size_t n_bytes)
{
	const char *flags = fake_flags(server, session);
	const char *cmd = session->role == FAKE_HANDSHAKE ? "replconf" : "get";
	bool has_name = session->name[0] != '\0';
	bool has_user = session->user[0] != '\0';

	switch (server->caps.family) {
	case SERVER_GARNET:
		return snprintf(line, n_bytes,
			"addr=%s laddr=%s%s%s age=%lld%s%s flags=%s db=%u resp=2 lib-name=%s "
			"lib-ver=%s",
			session->addr, session->laddr, has_name ? " name=" : "", session->name,
			(long long)session->age_s, has_user ? " user=" : "", session->user, flags,
			session->db, session->lib, session->lib_ver);
	case SERVER_DRAGONFLY:
		return snprintf(line, n_bytes,
			"addr=%s laddr=%s fd=9 name=%s tid=1 age=%lld idle=%lld db=%u flags=%s "
			"phase=%s lib-name=%s lib-ver=%s",
			session->addr, session->laddr, session->name, (long long)session->age_s,
			(long long)session->idle_s, session->db, flags,
			session->is_dying ? "shutting_down" : "process", session->lib,
			session->lib_ver);
	case SERVER_KVROCKS:
		return snprintf(line, n_bytes,
			"addr=%s fd=9 name=%s age=%lld idle=%lld flags=%s namespace=x qbuf=0 "
			"obuf=0 cmd=%s",
			session->addr, session->name, (long long)session->age_s,
			(long long)session->idle_s, session->is_dying ? "c" : flags, cmd);
	case SERVER_REDIS:
	case SERVER_VALKEY:
	case SERVER_KEYDB:
	case SERVER_N_FAMILIES:
		break;
	}
	return snprintf(line, n_bytes,
		"addr=%s laddr=%s fd=9 name=%s age=%lld idle=%lld flags=%s db=%u sub=%d psub=0 "
		"qbuf=0 cmd=%s user=%s resp=2 lib-name=%s lib-ver=%s",
		session->addr, session->laddr, session->name, (long long)session->age_s,
		(long long)session->idle_s, flags, session->db, session->role == FAKE_SUBSCRIBER,
		cmd, session->user, session->lib, session->lib_ver);
}

static void fake_print(
	const struct fake_server *server, const struct fake_session *session, char *line)
{
	int used = snprintf(line, FAKE_MAX_LINE_BYTES, "id=%llu ", (unsigned long long)session->id);

	used += fake_print_family(server, session, line + used, FAKE_MAX_LINE_BYTES - (size_t)used);
	assert_in_range(used, 1, FAKE_MAX_LINE_BYTES - 1);
}

typedef void fake_line_fn(void *context, struct slice line);

/* A name with a line feed makes two lines of one: the rest of the session's own comes last. */
static void fake_list_forger(const struct fake_server *server, const struct fake_session *session,
	fake_line_fn *line_fn, void *context)
{
	char line[FAKE_MAX_LINE_BYTES];
	struct fake_session other = *session;

	snprintf(line, sizeof(line), "id=%llu addr=%s laddr=%s fd=9 name=x",
		(unsigned long long)session->id, session->addr, session->laddr);
	line_fn(context, slice_of(line));
	other.id = session->forged_id;
	fake_print(server, &other, line);
	line_fn(context, slice_of(line));
}

static UNUSED void fake_list(
	struct fake_server *server, uint64_t only_id, fake_line_fn *line_fn, void *context)
{
	char line[FAKE_MAX_LINE_BYTES];

	for (size_t i = 0; i < server->n; i++) {
		struct fake_session *session = &server->sessions[i];

		if (!session->is_connected || (only_id != 0 && session->id != only_id)) {
			continue;
		}
		if (session->is_hidden) {
			session->is_hidden = false;
		} else if (session->forged_id != 0) {
			fake_list_forger(server, session, line_fn, context);
		} else {
			fake_print(server, session, line);
			line_fn(context, slice_of(line));
		}
	}
}

/* ---- CLIENT KILL ---- */

static const char *fake_type(const struct fake_server *server, const struct fake_session *session)
{
	switch (session->role) {
	case FAKE_CLIENT:
	case FAKE_HANDSHAKE:
		return "normal";
	case FAKE_SUBSCRIBER:
		return "pubsub";
	case FAKE_REPLICA:
		return "replica";
	case FAKE_MASTER:
		return "master";
	case FAKE_INTERNAL:
		break;
	}
	return server->caps.family == SERVER_VALKEY ? "slot-import" : "normal";
}

/* The numbers behind ID, up to the first word that is none; each must be above the one before. */
static size_t fake_count_ids(
	const struct fake_server *server, const struct slice *argv, size_t argc)
{
	size_t n = 0;
	uint64_t last = 0;
	uint64_t id;

	while (n < argc && parse_u64(argv[n], &id)) {
		assert_true(id > last);
		last = id;
		n++;
	}
	assert_true(n > 0);
	assert_true(n == 1 || caps_has(&server->caps, CAP_MULTI_ID));
	return n;
}

static const struct fake_filter {
	const char *word;
	enum cap cap;
} fake_filters[] = {
	{"TYPE", CAP_KILL_TYPE},
	{"USER", CAP_KILL_USER},
	{"LADDR", CAP_KILL_LADDR},
	{"NAME", CAP_KILL_NAME},
	{"MAXAGE", CAP_KILL_MAXAGE},
	{"IDLE", CAP_KILL_IDLE},
	{"LIB-NAME", CAP_KILL_LIB_NAME},
	{"LIB-VER", CAP_KILL_LIB_VER},
	{"DB", CAP_KILL_DB},
};

/* Fails the test for a command that this server does not take, or that says less than it means. */
static void fake_check_command(
	const struct fake_server *server, const struct slice *argv, size_t argc)
{
	bool skips_me = false;
	size_t n_filters = 0;

	for (size_t i = 2; i < argc;) {
		if (slice_is(argv[i], "ID")) {
			i += 1 + fake_count_ids(server, argv + i + 1, argc - i - 1);
			n_filters++;
			continue;
		}
		assert_true(i + 1 < argc);
		assert_true(argv[i + 1].len > 0);
		if (slice_is(argv[i], "SKIPME")) {
			assert_true(slice_is(argv[i + 1], "yes"));
			skips_me = true;
		} else {
			size_t k = 0;

			while (k < ARRAY_SIZE(fake_filters) &&
				!slice_is(argv[i], fake_filters[k].word)) {
				k++;
			}
			assert_in_range(k, 0, ARRAY_SIZE(fake_filters) - 1);
			assert_true(caps_has(&server->caps, fake_filters[k].cap));
			n_filters++;
		}
		i += 2;
	}
	assert_true(n_filters > 0);
	/* Dragonfly takes one filter and nothing else. */
	assert_true(skips_me == (server->caps.family != SERVER_DRAGONFLY));
}

static bool fake_is_hit_by(const struct fake_server *server, const struct fake_session *session,
	struct slice word, struct slice value)
{
	uint64_t number = 0;

	if (slice_is(word, "TYPE")) {
		return slice_is(value, fake_type(server, session));
	}
	if (slice_is(word, "USER")) {
		return slice_is(value, session->user);
	}
	if (slice_is(word, "LADDR")) {
		return slice_is(value, session->laddr);
	}
	if (slice_is(word, "NAME")) {
		return slice_is(value, session->name);
	}
	if (slice_is(word, "LIB-NAME")) {
		return slice_is(value, session->lib);
	}
	if (slice_is(word, "LIB-VER")) {
		return slice_is(value, session->lib_ver);
	}
	if (slice_is(word, "SKIPME")) {
		return session->id != server->link_id;
	}
	assert_true(parse_u64(value, &number));
	if (slice_is(word, "DB")) {
		return number == session->db;
	}
	if (slice_is(word, "IDLE")) {
		return session->idle_s >= (int64_t)number;
	}
	assert_true(slice_is(word, "MAXAGE"));
	/* Garnet means "older than". */
	return session->age_s >= (int64_t)number + (server->caps.family == SERVER_GARNET);
}

/* By any of the filters, as on Kvrocks; SKIPME is none. */
static bool fake_is_hit_by_any(const struct fake_server *server, const struct fake_session *session,
	const struct slice *argv, size_t argc)
{
	uint64_t id;

	for (size_t i = 2; i + 1 < argc; i += 2) {
		if (slice_is(argv[i], "ID")
				? parse_u64(argv[i + 1], &id) && id == session->id
				: !slice_is(argv[i], "SKIPME") &&
					  fake_is_hit_by(server, session, argv[i], argv[i + 1])) {
			return true;
		}
	}
	return false;
}

static bool fake_is_hit(const struct fake_server *server, const struct fake_session *session,
	const struct slice *argv, size_t argc)
{
	if (server->is_ored) {
		return fake_is_hit_by_any(server, session, argv, argc);
	}
	for (size_t i = 2; i < argc; i += 2) {
		if (slice_is(argv[i], "ID")) {
			bool is_named = false;
			uint64_t id;

			for (i++; i < argc && parse_u64(argv[i], &id); i++) {
				is_named |= id == session->id;
			}
			if (!is_named) {
				return false;
			}
			i -= 2;
		} else if (!fake_is_hit_by(server, session, argv[i], argv[i + 1])) {
			return false;
		}
	}
	return true;
}

/* "CLIENT KILL ...": how many it hit. */
static UNUSED uint64_t fake_kill(struct fake_server *server, const struct slice *argv, size_t argc)
{
	uint64_t n_hits = 0;

	fake_check_command(server, argv, argc);
	for (size_t i = 0; i < server->n; i++) {
		struct fake_session *session = &server->sessions[i];

		if (!session->is_connected || !fake_is_hit(server, session, argv, argc)) {
			continue;
		}
		n_hits++;
		server->killed_fn(server->context, session);
		session->is_dying = server->is_slow;
		session->is_connected = server->is_slow;
	}
	return n_hits;
}

/* Frees what was killed. */
static UNUSED void fake_settle(struct fake_server *server)
{
	for (size_t i = 0; i < server->n; i++) {
		if (server->sessions[i].is_dying) {
			server->sessions[i].is_connected = false;
		}
	}
}

#endif
