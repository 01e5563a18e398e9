/*
 * Lines of listings: the forms of every family, and lines that are odd, forged or broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/session.h"

#define NODE SLICE_LITERAL("10.0.0.9:6379")

/* Values by field are checked as "field=value" pairs; "field" alone: the line does not give it. */
struct good_row {
	const char *line;
	enum server_family family;
	enum session_type type;
	const char *values[6];
};

static const struct good_row good_rows[] = {
	{"id=1", SERVER_REDIS, SESSION_TYPE_NORMAL, {"id=1", "addr", "flags", "name", "user"}},
	{"id=18446744073709551615 fd=-1", SERVER_REDIS, SESSION_TYPE_NORMAL, {"fd=-1"}},
	{"id=2 name=a=b=c lib-name==", SERVER_REDIS, SESSION_TYPE_NORMAL,
		{"name=a=b=c", "lib-name=="}},
	{"id=3 name= user= lib-name= capa=", SERVER_VALKEY, SESSION_TYPE_NORMAL,
		{"name=", "user=", "lib-name=", "capa="}},
	{"id=4 name=x user=caf\xc3\xa9=1 ", SERVER_REDIS, SESSION_TYPE_NORMAL,
		{"user=caf\xc3\xa9=1"}},
	{"id=5 addr=/srv/a b  c.sock:0 laddr=/srv/a b  c.sock:0 fd=8 name=x", SERVER_REDIS,
		SESSION_TYPE_NORMAL,
		{"addr=/srv/a b  c.sock:0", "laddr=/srv/a b  c.sock:0", "fd=8", "name=x"}},
	{"id=6 addr=[/srv/a b:0]:0 laddr=[/srv/a b:0]:0 fd=8", SERVER_VALKEY, SESSION_TYPE_NORMAL,
		{"addr=[/srv/a b:0]:0", "laddr=[/srv/a b:0]:0"}},
	{"id=7 addr=/srv/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/a b "
	 "laddr=?:0 fd=8",
		SERVER_REDIS, SESSION_TYPE_NORMAL, {"laddr=?:0", "fd=8"}},
	{"id=8 tomorrow=1 name=x new-thing=a flags=N", SERVER_REDIS, SESSION_TYPE_NORMAL,
		{"name=x", "flags=N"}},
	{"id=9 flags=P sub=0", SERVER_REDIS, SESSION_TYPE_PUBSUB, {"sub=0"}},
	{"id=10 flags=PU", SERVER_REDIS, SESSION_TYPE_PUBSUB, {NULL}},
	{"id=11 flags=O", SERVER_REDIS, SESSION_TYPE_NORMAL, {"type=normal"}},
	{"id=12 flags=S", SERVER_REDIS, SESSION_TYPE_REPLICA, {"type=replica"}},
	{"id=13 flags=SO", SERVER_REDIS, SESSION_TYPE_NORMAL, {NULL}},
	{"id=14 flags=M", SERVER_REDIS, SESSION_TYPE_MASTER, {"type=master"}},
	{"id=15 flags=M", SERVER_KVROCKS, SESSION_TYPE_NORMAL, {NULL}},
	/* Whole lines of servers that were not there to be recorded. */
	{"id=3 addr=127.0.0.1:50012 laddr=127.0.0.1:3278 age=12 flags=N db=0 resp=2 lib-name= "
	 "lib-ver=",
		SERVER_GARNET, SESSION_TYPE_NORMAL, {"name", "user", "idle", "age=12", "lib-ver="}},
	{"id=4 addr=127.0.0.1:50012 laddr=127.0.0.1:3278 name=app age=12 user=alice flags=P db=0 "
	 "resp=3 lib-name=x lib-ver=1",
		SERVER_GARNET, SESSION_TYPE_PUBSUB, {"name=app", "user=alice", "resp=3"}},
	{"id=42 addr=127.0.0.1:37020 fd=27 name= age=5 idle=5 flags=M namespace=__namespace "
	 "qbuf=0 obuf=0 cmd=monitor",
		SERVER_KVROCKS, SESSION_TYPE_NORMAL,
		{"namespace=__namespace", "cmd=monitor", "laddr", "user", "db"}},
	{"id=5 addr=127.0.0.1:41200 laddr=127.0.0.1:6379 fd=12 name=app tid=1 irqmatch=0 age=7 "
	 "idle=2 tot-cmds=3 tot-net-in=90 tot-read-calls=3 tot-dispatches=0 db=0 phase=readsock "
	 "lib-name=redis-py lib-ver=5.0",
		SERVER_DRAGONFLY, SESSION_TYPE_NORMAL,
		{"name=app", "age=7", "tot-net-in=90", "phase=readsock", "lib-ver=5.0", "flags"}},
	{"id=6 addr=127.0.0.1:41200 laddr=127.0.0.1:6379 fd=12 http=true tid=1 irqmatch=0 age=7 "
	 "idle=2 phase=readsock lib-name= lib-ver=",
		SERVER_DRAGONFLY, SESSION_TYPE_NORMAL, {"name", "lib-ver="}},
};

static void check_value(const struct session *session, struct slice expected)
{
	struct slice key;
	struct slice value = expected;
	enum session_field field;

	slice_next(&value, '=', &key);
	assert_true(session_field_find(key, &field));
	if ((session->values[field].data == NULL) != (value.data == NULL) ||
		!slice_is_equal(session->values[field], value)) {
		fail_msg("expected %.*s, found \"%.*s\"", SLICE_ARG(expected),
			SLICE_ARG(session->values[field]));
	}
}

static void test_good(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(good_rows); i++) {
		const struct good_row *row = &good_rows[i];
		struct session session;
		struct err err = {""};

		if (session_parse(slice_of(row->line), row->family, NODE, &session, &err) != 0) {
			fail_msg("%s: %s", row->line, err.text);
		}
		assert_int_equal(session.type, row->type);
		assert_true(slice_is_equal(session.values[SESSION_NODE], NODE));
		assert_true(session.open_fields == 0);
		assert_int_equal(session.least_age_s, -1);
		for (size_t k = 0; k < ARRAY_SIZE(row->values) && row->values[k] != NULL; k++) {
			check_value(&session, slice_of(row->values[k]));
		}
	}
}

struct bad_row {
	const char *line;
	enum server_family family;
	uint64_t id; /* what is known of it all the same; 0: nothing */
	const char *words;
};

static const struct bad_row bad_rows[] = {
	{"", SERVER_REDIS, 0, "no id at the front"},
	{"id=", SERVER_REDIS, 0, "\"id\" is no number"},
	{"id=0 name=x", SERVER_REDIS, 0, "no id at the front"},
	{"id=x", SERVER_REDIS, 0, "\"id\" is no number"},
	{"id=-1", SERVER_REDIS, 0, "no id at the front"},
	{"id=18446744073709551616", SERVER_REDIS, 0, "no id at the front"},
	{"name=x id=5", SERVER_REDIS, 0, "no id at the front"},
	{" id=5", SERVER_REDIS, 0, "text without a key"},
	{"ID=5", SERVER_REDIS, 0, "text without a key"},
	{"id=5\t", SERVER_REDIS, 0, "\"id\" is no number"},
	{"id=5 age=", SERVER_REDIS, 5, "\"age\" is no number"},
	{"id=5 age=1s", SERVER_REDIS, 5, "\"age\" is no number"},
	{"id=5 fd=--1", SERVER_REDIS, 5, "\"fd\" is no number"},
	{"id=5 qbuf=0x1", SERVER_REDIS, 5, "\"qbuf\" is no number"},
	{"id=5 name=x name=y", SERVER_REDIS, 5, "\"name\" stands twice"},
	{"id=5 id=6", SERVER_REDIS, 5, "\"id\" stands twice"},
	{"id=5 name=a b flags=N", SERVER_REDIS, 5, "text without a key"},
	{"id=5 name=a  flags=N", SERVER_REDIS, 5, "text without a key"},
	{"id=5 new=a b flags=N", SERVER_REDIS, 5, "text without a key"},
	/* Dragonfly prints whatever a client calls itself. */
	{"id=5 addr=a fd=1 name=x flags=S tid=1 age=1 idle=1 lib-name= lib-ver=", SERVER_DRAGONFLY,
		5, "\"flags\" stands where the server never puts it"},
	{"id=5 addr=a fd=1 name=x age=1 tid=1 age=1 idle=1 lib-name= lib-ver=", SERVER_DRAGONFLY, 5,
		"\"age\" stands twice"},
	{"id=5 addr=a fd=1 name=x user=admin tid=1 age=1 lib-name= lib-ver=", SERVER_DRAGONFLY, 5,
		"\"user\" stands where the server never puts it"},
	{"id=5 addr=a fd=1 name=x age=1 cmd=replconf", SERVER_DRAGONFLY, 5,
		"\"cmd\" stands where the server never puts it"},
	{"id=5 addr=a fd=1 name=x tid=1 age=1 lib-name=x flags=S lib-ver=", SERVER_DRAGONFLY, 5,
		"\"flags\" stands where the server never puts it"},
	{"id=5 fd=1 name=x tid=1 age=1 lib-name= lib-ver=1 phase=shutting_down", SERVER_DRAGONFLY,
		5, "\"phase\" stands where the server never puts it"},
	{"id=5 fd=1 name=x tid=1 age=1 lib-name= lib-ver=1 lib-ver=", SERVER_DRAGONFLY, 5,
		"\"lib-ver\" stands twice"},
	{"id=5 addr=a fd=1 name=x", SERVER_DRAGONFLY, 5, "the line is cut off"},
	{"id=5 addr=a fd=1 name=x tid=1 age=1 lib-name=x", SERVER_DRAGONFLY, 5,
		"the line is cut off"},
};

static void test_bad(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];
		struct session session;
		struct err err = {""};
		int r = session_parse(slice_of(row->line), row->family, NODE, &session, &err);

		if (r != SESSION_E_MALFORMED || session.id != row->id ||
			strcmp(err.text, row->words) != 0) {
			fail_msg("%s: %d, id %llu, \"%s\"", row->line, r,
				(unsigned long long)session.id, err.text);
		}
	}
}

/* Nothing is read of a line with a NUL: where one ends, the server did not say. */
static void test_nul(void **state UNUSED)
{
	struct session session;
	struct err err = {""};

	assert_int_equal(
		session_parse(SLICE_LITERAL("id=5 name=x\0y"), SERVER_REDIS, NODE, &session, &err),
		SESSION_E_MALFORMED);
	assert_string_equal(err.text, "a NUL byte");
	assert_int_equal(session.id, 0);
}

static void test_nature(void **state UNUSED)
{
	static const struct {
		const char *line;
		enum server_family family;
		bool is_server_own; /* replication or internal */
		bool is_dying;
	} rows[] = {
		{"id=1 flags=N cmd=get", SERVER_REDIS, false, false},
		{"id=1 flags=S cmd=replconf", SERVER_REDIS, true, false},
		{"id=1 flags=M", SERVER_REDIS, true, false},
		{"id=1 flags=C", SERVER_REDIS, true, false},
		{"id=1 flags=I", SERVER_REDIS, true, false},
		{"id=1 flags=g", SERVER_REDIS, true, false},
		{"id=1 flags=o", SERVER_REDIS, true, false},
		/* Valkey's I is a client that calls itself an import source. */
		{"id=1 flags=I", SERVER_VALKEY, false, false},
		{"id=1 flags=i", SERVER_VALKEY, true, false},
		{"id=1 flags=E", SERVER_VALKEY, true, false},
		/* By another name: its listing shows what it is, and where it does not both count.
		 */
		{"id=1 flags=i", SERVER_REDIS, true, false},
		{"id=1 flags=i capa=", SERVER_REDIS, true, false},
		{"id=1 flags=E capa=r", SERVER_REDIS, true, false},
		{"id=1 flags=I capa=", SERVER_REDIS, false, false},
		{"id=1 flags=M", SERVER_KVROCKS, false, false},
		{"id=1 flags=S", SERVER_KVROCKS, true, false},
		{"id=1 flags=A", SERVER_REDIS, false, true},
		{"id=1 flags=bA", SERVER_VALKEY, false, true},
		{"id=1 flags=c", SERVER_REDIS, false, true},
		{"id=1 flags=A", SERVER_KVROCKS, false, false}, /* asking */
		{"id=1 flags=c", SERVER_KVROCKS, false, true},
		{"id=1 age=1 phase=shutting_down", SERVER_DRAGONFLY, false, true},
		{"id=1 name=Ac flags=N", SERVER_REDIS, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session session;
		struct err err;

		assert_int_equal(
			session_parse(slice_of(rows[i].line), rows[i].family, NODE, &session, &err),
			0);
		if (session_is_replication_or_internal(&session, rows[i].family) !=
				rows[i].is_server_own ||
			session_is_dying(&session, rows[i].family) != rows[i].is_dying) {
			fail_msg("%s of %s", rows[i].line, server_family_name(rows[i].family));
		}
	}
}

static void test_monitors_and_doubts(void **state UNUSED)
{
	static const struct {
		const char *line;
		enum server_family family;
		bool is_monitor;
		bool is_doubtful;
	} rows[] = {
		{"id=1 flags=N", SERVER_REDIS, false, false},
		{"id=1 flags=O", SERVER_REDIS, true, false},
		{"id=1 flags=bO", SERVER_VALKEY, true, false},
		{"id=1 flags=M", SERVER_REDIS, false, false},
		{"id=1 flags=M", SERVER_KVROCKS, true, false},
		{"id=1 flags=O", SERVER_KVROCKS, false, false},
		/* No Redis has these. */
		{"id=1 flags=i", SERVER_REDIS, false, true},
		{"id=1 flags=E capa=", SERVER_REDIS, false, true},
		{"id=1 flags=i capa=", SERVER_VALKEY, false, false},
		{"id=1 flags=I", SERVER_REDIS, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session_line line;

		session_read_line(&line, slice_of(rows[i].line), rows[i].family, NODE);
		if (session_is_monitor(&line.session, rows[i].family) != rows[i].is_monitor ||
			session_may_be_internal(&line.session, rows[i].family) !=
				rows[i].is_doubtful) {
			fail_msg("%s of %s", rows[i].line, server_family_name(rows[i].family));
		}
	}
}

/* A replica before its PSYNC, and clients that only look like one. */
static void test_handshake(void **state UNUSED)
{
	static const struct {
		const char *line;
		bool is_handshake;
	} rows[] = {
		{"id=1 flags=N age=0 cmd=replconf", true},
		{"id=1 flags=N age=60 cmd=psync", true},
		{"id=1 flags=N age=1 cmd=sync", true},
		{"id=1 flags=N age=61 cmd=replconf", false},
		{"id=1 flags=N cmd=replconf", false},
		{"id=1 flags=N age=1 cmd=REPLCONF", false},
		{"id=1 flags=N age=1 cmd=get", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session_line line;

		session_read_line(&line, slice_of(rows[i].line), SERVER_REDIS, NODE);
		assert_true(line.is_readable);
		if (session_is_replica_handshake(&line.session) != rows[i].is_handshake) {
			fail_msg("%s", rows[i].line);
		}
	}
}

static void test_fields(void **state UNUSED)
{
	enum session_field field;

	for (unsigned i = 0; i < SESSION_N_FIELDS; i++) {
		assert_true(session_field_find(
			slice_of(session_field_key((enum session_field)i)), &field));
		assert_int_equal(field, i);
	}
	assert_true(session_field_find(SLICE_LITERAL("lib"), &field));
	assert_int_equal(field, SESSION_LIB_NAME);
	assert_false(session_field_find(SLICE_LITERAL("Name"), &field));
	assert_false(session_field_find(SLICE_LITERAL(""), &field));
}

static void test_numbers(void **state UNUSED)
{
	struct session session;
	struct err err;
	int64_t number = 0;

	assert_int_equal(session_parse(SLICE_LITERAL("id=1 fd=-1 age=7 qbuf=99999999999999999999"),
				 SERVER_REDIS, NODE, &session, &err),
		0);
	assert_true(session_number(&session, SESSION_FD, &number));
	assert_int_equal(number, -1);
	assert_true(session_number(&session, SESSION_AGE, &number));
	assert_int_equal(number, 7);
	assert_false(session_number(&session, SESSION_QBUF, &number));
	assert_false(session_number(&session, SESSION_DB, &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_nature),
		cmocka_unit_test(test_monitors_and_doubts),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
