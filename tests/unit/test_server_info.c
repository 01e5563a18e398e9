/*
 * INFO of every family. The files of Redis, Redict and Valkey are what these servers said; those of
 * KeyDB, Kvrocks, Dragonfly and Garnet have the keys that their sources write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis/server_info.h"
#include "scratch.h"

struct row {
	const char *file;
	enum server_family family;
	const char *name, *version, *run_id, *role;
	int64_t n_clients, max_clients;
};

static const struct row rows[] = {
	{"redis-6.0.16", SERVER_REDIS, "redis", "6.0.16",
		"749088c71c5498c0bb14099c9674419842cffacd", "master", 1, -1},
	{"redis-7.0.15", SERVER_REDIS, "redis", "7.0.15",
		"50c72be13aed783c5d6402df9f9ff95b52d05632", "master", 1, 10000},
	{"redis-8.0.2", SERVER_REDIS, "redis", "8.0.2", "a3c9b8cc45d3af4b9903a216da8a479a828b5f0d",
		"master", 1, 10000},
	{"redis-8.0.6", SERVER_REDIS, "redis", "8.0.6", "49a1384992b5c7115c4befca956be6d612cc20e9",
		"master", 1, 10000},
	{"redict-7.3.6", SERVER_REDIS, "redis", "7.3.6", "fcdaf198bfbb9845064d9f6799b0a801b13fb282",
		"master", 1, 10000},
	{"valkey-8.0.1", SERVER_VALKEY, "valkey", "8.0.1",
		"3e3905e2c426c3c2c8335c9b90e41cdad3fa74d1", "master", 1, 10000},
	{"valkey-8.1.1", SERVER_VALKEY, "valkey", "8.1.1",
		"780a2586634c974a971c87fa426e541f80c502b9", "master", 1, 10000},
	{"valkey-9.1.2", SERVER_VALKEY, "valkey", "9.1.2",
		"941486de30cc52eabd243875ceaa4770ef9c2ef0", "master", 1, 10000},
	{"keydb-6.3.4", SERVER_KEYDB, "keydb", "6.3.4", "1f0a5ad7c2b5ec5a8c4a6e8f0f3f2ad1c0b93e71",
		"active-replica", 12, 10000},
	{"kvrocks-2.10.0", SERVER_KVROCKS, "kvrocks", "2.10.0", "pid-17", "replica", 3, 10000},
	{"dragonfly-1.27.0", SERVER_DRAGONFLY, "dragonfly", "df-v1.27.0", "", "master", 4, -1},
	{"garnet-1.0.65", SERVER_GARNET, "garnet", "1.0.65",
		"ec92dd0bf75b0ff5f1d8a5c1c4a1f0aa06c0b57e", "master", 2, -1},
};

static struct link_server nothing(void)
{
	return (struct link_server){LINK_SERVER_UNKNOWN};
}

static void test_files(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct link_server server = nothing();
		CLEANUP(mem_free_p) char *path = mem_printf("%s/info/%s.txt", TEST_DATA, row->file);
		CLEANUP(mem_free_p) char *text = scratch_read(path);

		assert_non_null(text);
		server_info_read(slice_of(text), &server);
		assert_int_equal(server.caps.family, row->family);
		assert_string_equal(server.name, row->name);
		assert_string_equal(server.version, row->version);
		/* Without a run_id the start of the process is behind its number. */
		assert_memory_equal(server.run_id, row->run_id, strlen(row->run_id));
		assert_string_equal(server.role, row->role);
		assert_int_equal(server.n_clients, row->n_clients);
		assert_int_equal(server.max_clients, row->max_clients);
	}
}

/* What INFO does not say stays as it was: the keep-alive reads on top of the handshake. */
static void test_what_is_not_there_stays(void **state UNUSED)
{
	struct link_server server = nothing();
	struct link_server before;

	server_info_read(SLICE_LITERAL("valkey_version:9.0.0\r\nrun_id:abc\r\nrole:slave\r\n"
				       "connected_clients:5\r\nmaxclients:9\r\n"
				       "total_connections_received:77\r\n"),
		&server);
	server.own_id = 7;
	assert_int_equal(server.n_monitors, -1);
	assert_int_equal(server.n_blocked, -1);
	assert_true(server.counted_ms > 0);
	server_info_read(SLICE_LITERAL("monitor_clients:2\r\n"), &server);
	assert_int_equal(server.n_monitors, 2);
	server_info_read(SLICE_LITERAL("blocked_clients:3\r\n"), &server);
	assert_int_equal(server.n_blocked, 3);
	before = server;
	server_info_read(SLICE_LITERAL(""), &server);
	assert_memory_equal(&server, &before, sizeof(server));
	server_info_read(SLICE_LITERAL("connected_clients:6\r\n"), &server);
	assert_int_equal(server.n_clients, 6);
	assert_int_equal(server.n_connections, 77);
	assert_int_equal(server.max_clients, 9);
	assert_string_equal(server.version, "9.0.0");
	assert_string_equal(server.role, "replica");
	assert_int_equal(server.own_id, 7);
}

static void test_processes(void **state UNUSED)
{
	struct link_server server = nothing();
	char before[sizeof(server.run_id)];

	assert_true(server_info_is_same_process("a", "a"));
	assert_false(server_info_is_same_process("a", "b"));
	assert_false(server_info_is_same_process("", ""));
	assert_true(server_info_is_same_process("pid-1-100", "pid-1-102"));
	assert_false(server_info_is_same_process("pid-1-100", "pid-1-103"));
	assert_false(server_info_is_same_process("pid-1-100", "pid-2-100"));
	assert_false(server_info_is_same_process("pid-1-100", "pid-1"));
	server_info_read(SLICE_LITERAL("process_id:1\r\nuptime_in_seconds:50\r\n"), &server);
	memcpy(before, server.run_id, sizeof(before));
	server_info_read(SLICE_LITERAL("process_id:1\r\nuptime_in_seconds:51\r\n"), &server);
	assert_string_equal(server.run_id, before);
	/* The same number, and it has just started. */
	server_info_read(SLICE_LITERAL("process_id:1\r\nuptime_in_seconds:0\r\n"), &server);
	assert_string_not_equal(server.run_id, before);
}

static void test_too_old(void **state UNUSED)
{
	static const struct {
		const char *version;
		bool is_too_old;
	} versions[] = {
		{"2.8.11", true},
		{"2.8.12", false},
		{"2.8.9", true},
		{"2.8.100", false},
		{"2.6.17", true},
		{"2.10.0", false},
		{"1.9.99", true},
		{"3.0.0", false},
		{"10.0.0", false},
		{"", false},
		{"2", false},
		{"2.8", false},
		{"df-v1.27.0", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct link_server server = nothing();

		snprintf(server.version, sizeof(server.version), "%s", versions[i].version);
		if (server_info_is_too_old(&server) != versions[i].is_too_old) {
			fail_msg("%s", versions[i].version);
		}
	}
}

static void test_odd_texts(void **state UNUSED)
{
	static const char *const texts[] = {
		"\r\n\r\n#\r\n:\r\nredis_version\r\nno colon",
		"connected_clients:\r\nmaxclients:many\r\n",
		"connected_clients:99999999999999999999\r\nmaxclients:1.5\r\n",
		"run_id:\r\nprocess_id:\r\nrole:\r\n",
		"executable:/usr/bin/keydb-server\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct link_server server = nothing();
		struct link_server untouched = nothing();

		server_info_read(slice_of(texts[i]), &server);
		assert_memory_equal(&server, &untouched, sizeof(server));
	}
}

/* Longer than the fields: cut, terminated, and the rest is read. */
static void test_long_values(void **state UNUSED)
{
	struct link_server server = nothing();
	CLEANUP(mem_free_p) char *long_text = mem_alloc(5000);
	CLEANUP(mem_free_p) char *info = NULL;

	memset(long_text, 'x', 4999);
	info = mem_printf("redis_version:%s\r\nrun_id:%s\r\nrole:%s\r\nmaxclients:3\n", long_text,
		long_text, long_text);
	server_info_read(slice_of(info), &server);
	assert_int_equal(strlen(server.version), sizeof(server.version) - 1);
	assert_int_equal(strlen(server.run_id), sizeof(server.run_id) - 1);
	assert_int_equal(strlen(server.role), sizeof(server.role) - 1);
	assert_int_equal(server.max_clients, 3);
}

static void test_families(void **state UNUSED)
{
	struct link_server server = nothing();

	assert_true(server_info_set_family(&server, SLICE_LITERAL("Valkey")));
	assert_int_equal(server.caps.family, SERVER_VALKEY);
	assert_string_equal(server.name, "valkey");
	assert_false(server_info_set_family(&server, SLICE_LITERAL("memcached")));
	assert_false(server_info_set_family(&server, SLICE_LITERAL("")));
	assert_int_equal(server.caps.family, SERVER_VALKEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_what_is_not_there_stays),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_too_old),
		cmocka_unit_test(test_odd_texts),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
