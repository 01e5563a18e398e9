/*
 * Addresses of servers: every form, the form they are printed in, and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "redis/link.h"

struct good_row {
	const char *text;
	const char *path;
	const char *host;
	uint16_t port;
	bool has_tls;
	const char *printed;
};

static void test_good(void **state UNUSED)
{
	static const struct good_row rows[] = {
		{"localhost:6380", NULL, "localhost", 6380, false, "localhost:6380"},
		{"127.0.0.1:1", NULL, "127.0.0.1", 1, false, "127.0.0.1:1"},
		{"cache-1.example_x.org:65535", NULL, "cache-1.example_x.org", 65535, false,
			"cache-1.example_x.org:65535"},
		{"[::1]:6379", NULL, "::1", 6379, false, "[::1]:6379"},
		{"[0:0:0::0001]:6379", NULL, "::1", 6379, false, "[::1]:6379"},
		{"[FE80::A]:6379", NULL, "fe80::a", 6379, false, "[fe80::a]:6379"},
		{"redis://h", NULL, "h", 6379, false, "h:6379"},
		{"redis://h/", NULL, "h", 6379, false, "h:6379"},
		{"redis://h:7000/", NULL, "h", 7000, false, "h:7000"},
		{"redis://[::1]", NULL, "::1", 6379, false, "[::1]:6379"},
		{"rediss://h:7000", NULL, "h", 7000, true, "h:7000"},
		{"rediss://h", NULL, "h", 6379, true, "h:6379"},
		{"unix:///run/r.sock", "/run/r.sock", NULL, 0, false, "/run/r.sock"},
		{"unix:///run/a b@c", "/run/a b@c", NULL, 0, false, "/run/a b@c"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_free_p) char *printed = NULL;
		struct endpoint endpoint;
		struct err err = {""};

		if (!endpoint_parse(slice_of(rows[i].text), &endpoint, &err)) {
			fail_msg("%s: %s", rows[i].text, err.text);
		}
		printed = endpoint_print(&endpoint);
		assert_string_equal(printed, rows[i].printed);
		assert_int_equal(endpoint.port, rows[i].port);
		assert_int_equal(endpoint.has_tls, rows[i].has_tls);
		assert_true((endpoint.path == NULL) == (rows[i].path == NULL));
		assert_true((endpoint.host == NULL) == (rows[i].host == NULL));
		if (rows[i].host != NULL) {
			assert_string_equal(endpoint.host, rows[i].host);
		}
		endpoint_finish(&endpoint);
		assert_null(endpoint.host);
		endpoint_finish(&endpoint);
	}
}

static void test_bad(void **state UNUSED)
{
	static const char *const rows[] = {
		"",
		":",
		":6379",
		"localhost",
		"localhost:",
		"localhost:0",
		"localhost:65536",
		"localhost:+1",
		"localhost: 1",
		"localhost:6379x",
		"localhost:6379/0",
		"::1",
		"::1:6379",
		"[::1]",
		"[::1]:",
		"[::1",
		"[]:1",
		"[::g]:1",
		"[127.0.0.1]:1",
		"[::1]6379",
		"[::1]]:1",
		"256.0.0.1:1",
		"1.2.3:1",
		"1:1",
		"-h:1",
		"a b:1",
		"h\xc3\xa4:1",
		"http://h:1",
		"REDIS://h:1",
		"redis://",
		"redis:///",
		"redis://h:1/0",
		"redis://h//",
		"redis:h:1",
		"unix://",
		"unix:///",
		"unix:///run/",
		"unix://run/x",
		"unix:/run/x",
		"/run/x",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint endpoint = {.port = 77};
		struct err err = {""};

		if (endpoint_parse(slice_of(rows[i]), &endpoint, &err)) {
			fail_msg("\"%s\" was taken for an address", rows[i]);
		}
		assert_int_equal(endpoint.port, 77);
		assert_non_null(strstr(err.text, "expected"));
		assert_false(endpoint_parse(slice_of(rows[i]), &endpoint, NULL));
	}
}

static void test_secret_is_not_repeated(void **state UNUSED)
{
	struct endpoint endpoint;
	struct err err = {""};

	assert_false(endpoint_parse(slice_of("redis://me:hunter2@h:6379"), &endpoint, &err));
	assert_null(strstr(err.text, "hunter2"));
	assert_non_null(strstr(err.text, "password"));
}

/* Prefix, then `n` times `c`, then the suffix. */
static bool is_parsed(const char *prefix, size_t n, const char *suffix)
{
	CLEANUP(mem_free_p) char *middle = mem_alloc(n + 1);
	CLEANUP(mem_free_p) char *text = NULL;
	struct endpoint endpoint;

	memset(middle, 'x', n);
	text = mem_printf("%s%s%s", prefix, middle, suffix);
	if (!endpoint_parse(slice_of(text), &endpoint, NULL)) {
		return false;
	}
	endpoint_finish(&endpoint);
	return true;
}

static void test_lengths(void **state UNUSED)
{
	assert_true(is_parsed("unix:///", 106, ""));
	assert_false(is_parsed("unix:///", 107, ""));
	assert_true(is_parsed("", LINK_MAX_HOST_BYTES - 1, ":1"));
	assert_false(is_parsed("", LINK_MAX_HOST_BYTES, ":1"));
	assert_false(is_parsed("unix:///", 100000, ""));
}

static void test_nul_bytes(void **state UNUSED)
{
	struct endpoint endpoint;

	assert_false(endpoint_parse(SLICE_LITERAL("h\0i:1"), &endpoint, NULL));
	assert_false(endpoint_parse(SLICE_LITERAL("[::1\0]:1"), &endpoint, NULL));
	assert_false(endpoint_parse(SLICE_LITERAL("unix:///a\0b"), &endpoint, NULL));
	assert_false(endpoint_parse((struct slice){NULL, 0}, &endpoint, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_secret_is_not_repeated),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_nul_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
