/*
 * Addresses: as servers list them, as selectors name them, and which of those fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/address.h"

static void test_listed(void **state UNUSED)
{
	static const struct {
		const char *text;
		enum address_kind kind;
		const char *host;
		uint16_t port;
		const char *source;
	} rows[] = {
		{"10.0.0.1:50412", ADDRESS_IPV4, "10.0.0.1", 50412, "10.0.0.1"},
		{"127.0.0.1:0", ADDRESS_IPV4, "127.0.0.1", 0, "127.0.0.1"},
		{"[::1]:6379", ADDRESS_IPV6, "::1", 6379, "::1"},
		{"::1:6379", ADDRESS_IPV6, "::1", 6379, "::1"},
		{"[2001:db8::7]:1", ADDRESS_IPV6, "2001:db8::7", 1, "2001:db8::7"},
		{"[::ffff:10.0.0.1]:9", ADDRESS_IPV4, "::ffff:10.0.0.1", 9, "::ffff:10.0.0.1"},
		{"/run/redis.sock:0", ADDRESS_UNIX, "/run/redis.sock", 0, "unix"},
		{"/run/a socket:0", ADDRESS_UNIX, "/run/a socket", 0, "unix"},
		{"run/redis.sock:0", ADDRESS_UNIX, "run/redis.sock", 0, "unix"},
		{"[/run/redis.sock:0]:0", ADDRESS_UNIX, "/run/redis.sock:0", 0, "unix"},
		/* Cut by the server: no port any more, or what only looks like one. */
		{"/srv/a/very/long/path/redis.so", ADDRESS_UNIX, "/srv/a/very/long/path/redis.so",
			0, "unix"},
		{"[/srv/a/very/long/path/redis.s", ADDRESS_UNIX, "/srv/a/very/long/path/redis.s", 0,
			"unix"},
		{"/srv/port:63", ADDRESS_UNIX, "/srv/port:63", 0, "unix"},
		{"[/srv/port:63", ADDRESS_UNIX, "/srv/port:63", 0, "unix"},
		{"?:0", ADDRESS_UNKNOWN, "?", 0, "?"},
		{"", ADDRESS_UNKNOWN, "", 0, "?"},
		{":0", ADDRESS_UNKNOWN, "", 0, "?"},
		{"10.0.0.1", ADDRESS_UNKNOWN, "10.0.0.1", 0, "?"},
		{"10.0.0.1:65536", ADDRESS_UNKNOWN, "10.0.0.1:65536", 0, "?"},
		{"host:6379", ADDRESS_UNKNOWN, "host", 6379, "?"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct address address = address_parse_listed(slice_of(rows[i].text));

		if (address.kind != rows[i].kind || !slice_is(address.host, rows[i].host) ||
			address.port != rows[i].port ||
			!slice_is(address_source_name(&address), rows[i].source)) {
			fail_msg("\"%s\": kind %d, host \"%.*s\", port %u", rows[i].text,
				(int)address.kind, SLICE_ARG(address.host), address.port);
		}
	}
	assert_int_equal(address_parse_listed((struct slice){NULL, 0}).kind, ADDRESS_UNKNOWN);
}

static void test_bad_ranges(void **state UNUSED)
{
#define FORMS "; expected an IP, a CIDR, ip:port, [v6]:port or unix"
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{"", "\"\" is no address" FORMS},
		{"host", "\"host\" is no address" FORMS},
		{"10.0.0.*", "\"10.0.0.*\" is no address" FORMS},
		{"10.0.0", "\"10.0.0\" is no address" FORMS},
		{"10.0.0.1:", "\"10.0.0.1:\" is no address" FORMS},
		{"10.0.0.1:65536", "\"10.0.0.1:65536\" is no address" FORMS},
		{"10.0.0.0/8:80", "\"10.0.0.0/8:80\" has no valid prefix length"},
		{"10.0.0.0/", "\"10.0.0.0/\" has no valid prefix length"},
		{"10.0.0.0/x", "\"10.0.0.0/x\" has no valid prefix length"},
		{"10.0.0.0/8/8", "\"10.0.0.0/8/8\" has no valid prefix length"},
		{"10.0.0.0/33", "\"10.0.0.0/33\" has a prefix length above 32"},
		{"::/129", "\"::/129\" has no valid prefix length"},
		{"10.0.0.5/8", "\"10.0.0.5/8\" has bits set behind its prefix"},
		{"10.0.0.1/31", "\"10.0.0.1/31\" has bits set behind its prefix"},
		{"2001:db8::1/64", "\"2001:db8::1/64\" has bits set behind its prefix"},
		{"/run/redis.sock", "\"/run/redis.sock\" has no valid prefix length"},
		{"Unix", "\"Unix\" is no address" FORMS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct address_range range;
		struct err err = {""};

		assert_false(address_range_parse(slice_of(rows[i].text), &range, &err));
		assert_string_equal(err.text, rows[i].words);
	}
}

static void test_contains(void **state UNUSED)
{
	static const struct {
		const char *range;
		const char *address;
		bool is_in;
	} rows[] = {
		{"10.0.0.1", "10.0.0.1:5", true},
		{"10.0.0.1", "10.0.0.2:5", false},
		{"10.0.0.1", "[::ffff:10.0.0.1]:5", true},
		{"::ffff:10.0.0.1", "10.0.0.1:5", true},
		{"10.0.0.0/8", "10.255.255.255:5", true},
		{"10.0.0.0/8", "11.0.0.0:5", false},
		{"10.0.0.0/29", "10.0.0.7:5", true},
		{"10.0.0.0/29", "10.0.0.8:5", false},
		{"10.0.0.128/25", "10.0.0.127:5", false},
		{"10.0.0.1/32", "10.0.0.1:5", true},
		{"0.0.0.0/0", "255.1.2.3:5", true},
		{"0.0.0.0/0", "[::1]:5", false},
		{"0.0.0.0/0", "/run/s:0", false},
		{"0.0.0.0/0", "?:0", false},
		{"10.0.0.1:5", "10.0.0.1:5", true},
		{"10.0.0.1:5", "10.0.0.1:6", false},
		{"::1", "[::1]:5", true},
		{"0:0::1", "[::1]:5", true},
		{"[::1]:5", "[::1]:5", true},
		{"[::1]:5", "[::1]:6", false},
		{"2001:db8::/32", "[2001:db8:ffff::1]:5", true},
		{"2001:db8::/33", "[2001:db8:ffff::1]:5", false},
		{"::/0", "[2001:db8::1]:5", true},
		{"::/0", "10.0.0.1:5", false},
		{"unix", "/run/s:0", true},
		{"unix", "[/run/s:0]:0", true},
		{"unix", "10.0.0.1:5", false},
		{"unix", "?:0", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct address address = address_parse_listed(slice_of(rows[i].address));
		struct address_range range;
		struct err err;

		if (!address_range_parse(slice_of(rows[i].range), &range, &err)) {
			fail_msg("%s", err.text);
		}
		if (address_range_contains(&range, &address) != rows[i].is_in) {
			fail_msg("%s in %s", rows[i].address, rows[i].range);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_bad_ranges),
		cmocka_unit_test(test_contains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
