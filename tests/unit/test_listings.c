/*
 * Real listings, as tests/data/listings/record.py recorded them from servers of every version:
 * each line is read whole, and each session is what its name says.
 */
#include <dirent.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/session.h"

#define DIRECTORY TEST_DATA "/listings"
#define MIN_LISTINGS 16

/* What a session of that name is; 0: whatever the server says. */
static const struct kind {
	const char *name;
	enum session_type type;
	char flag;
	enum address_kind addr;
	enum session_field field; /* a value that it has, if the server knows that field */
	const char *value;
} kinds[] = {
	{"control", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_USER, "default"},
	{"normal", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_LIB_NAME, ""},
	{"with=sign", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_SUB, "0"},
	{"ipv6", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV6, SESSION_SUB, "0"},
	{"unix", SESSION_TYPE_NORMAL, 'U', ADDRESS_UNIX, SESSION_SUB, "0"},
	{"subscribed", SESSION_TYPE_PUBSUB, 'P', ADDRESS_IPV4, SESSION_SUB, "1"},
	{"patterns", SESSION_TYPE_PUBSUB, 'P', ADDRESS_UNIX, SESSION_PSUB, "2"},
	{"resp3-subscribed", SESSION_TYPE_PUBSUB, 'P', ADDRESS_IPV4, SESSION_RESP, "3"},
	{"blocked", SESSION_TYPE_NORMAL, 'b', ADDRESS_IPV4, SESSION_CMD, "blpop"},
	{"monitor", SESSION_TYPE_NORMAL, 'O', ADDRESS_IPV4, SESSION_CMD, "monitor"},
	{"multi", SESSION_TYPE_NORMAL, 'x', ADDRESS_IPV4, SESSION_MULTI, "1"},
	{"watching", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_WATCH, "1"},
	{"tracking", SESSION_TYPE_NORMAL, 't', ADDRESS_IPV4, SESSION_REDIR, "0"},
	{"database", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_DB, "5"},
	{"user", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_USER, "app"},
	{"library", SESSION_TYPE_NORMAL, 'N', ADDRESS_IPV4, SESSION_LIB_NAME, "lib=py"},
	{"kept", SESSION_TYPE_NORMAL, 0, ADDRESS_IPV4, SESSION_SUB, "0"},
};

struct seen {
	size_t n_lines;
	size_t n_kinds[ARRAY_SIZE(kinds)];
	size_t n_types[SESSION_N_TYPES];
	size_t n_silent; /* never sent a command, nor a password */
	uint64_t last_id;
};

static enum server_family family_of(const char *file)
{
	return slice_has_prefix(slice_of(file), "valkey") ? SERVER_VALKEY : SERVER_REDIS;
}

/* Every key is in the table of fields, or nobody looked at a new server yet. */
static void check_keys(struct slice line, const struct session *session)
{
	struct slice rest = line;
	struct slice key, value;

	while (session_next_value(&rest, &key, &value)) {
		enum session_field field;

		if (!session_field_find(key, &field)) {
			fail_msg("unknown field \"%.*s\"", SLICE_ARG(key));
		}
		assert_ptr_equal(session->values[field].data, value.data);
		assert_int_equal(session->values[field].len, value.len);
	}
}

static void check_kind(const struct session *session, const struct kind *kind)
{
	struct slice value = session->values[kind->field];

	assert_int_equal(session->type, kind->type);
	assert_int_equal(session->addr.kind, kind->addr);
	assert_true(kind->flag == 0 || session_has_flag(session, kind->flag));
	if (value.data != NULL && !slice_is(value, kind->value) && value.len > 0) {
		fail_msg("%s: %s is %.*s", kind->name, session_field_key(kind->field),
			SLICE_ARG(value));
	}
	/* The other end of the connection is of the same kind, where the server tells. */
	assert_true(
		session->laddr.kind == kind->addr || session->values[SESSION_LADDR].data == NULL);
}

static void check_line(struct slice line, enum server_family family, struct seen *seen)
{
	struct session session;
	struct err err = {""};

	if (session_parse(line, family, SLICE_LITERAL("node"), &session, &err) != 0) {
		fail_msg("%.*s: %s", SLICE_ARG(line), err.text);
	}
	check_keys(line, &session);
	assert_true(session.id > seen->last_id);
	seen->last_id = session.id;
	seen->n_lines++;
	seen->n_types[session.type]++;
	seen->n_silent += session.type == SESSION_TYPE_NORMAL &&
			  slice_is(session.values[SESSION_NAME], "") &&
			  slice_is(session.values[SESSION_CMD], "NULL");
	assert_false(session_is_dying(&session, family));
	assert_true(session_is_replication_or_internal(&session, family) ==
		    (session.type >= SESSION_TYPE_REPLICA));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (slice_is(session.values[SESSION_NAME], kinds[i].name)) {
			check_kind(&session, &kinds[i]);
			seen->n_kinds[i]++;
		}
	}
}

static void read_listing(const char *name, struct seen *seen)
{
	CLEANUP(mem_free_p) char *path = mem_printf("%s/%s", DIRECTORY, name);
	CLEANUP(mem_free_p) char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	while ((n = getline(&line, &capacity, file)) > 0) {
		assert_int_equal(line[n - 1], '\n');
		check_line((struct slice){line, (size_t)n - 1}, family_of(name), seen);
	}
	fclose(file);
}

/* The primary has one of every kind and its replica's link, the replica the link to its master. */
static void check_seen(const char *name, const struct seen *seen)
{
	bool is_replica = slice_has_suffix(slice_of(name), "-replica.txt");

	assert_int_equal(seen->n_types[SESSION_TYPE_MASTER], is_replica);
	assert_int_equal(seen->n_types[SESSION_TYPE_REPLICA], !is_replica);
	assert_int_equal(seen->n_silent, !is_replica);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_int_equal(seen->n_kinds[i], i == 0 || !is_replica);
	}
	assert_int_equal(seen->n_lines, is_replica ? 2 : ARRAY_SIZE(kinds) + 2);
}

static void test_listings(void **state UNUSED)
{
	struct dirent *entry;
	size_t n_listings = 0;
	DIR *directory = opendir(DIRECTORY);

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		struct seen seen = {0};

		if (slice_has_suffix(slice_of(entry->d_name), ".txt")) {
			print_message("# %s\n", entry->d_name);
			read_listing(entry->d_name, &seen);
			check_seen(entry->d_name, &seen);
			n_listings++;
		}
	}
	closedir(directory);
	assert_in_range(n_listings, MIN_LISTINGS, SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
