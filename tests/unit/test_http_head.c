/*
 * Heads of requests: what is read, and what is refused because another reader could take it for
 * something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/http/http_head.h"

static const char *const refused[] = {
	"",
	"\r\n",
	"GET / HTTP/1.1\r\n",
	"GET / HTTP/1.1\n\n",
	"GET / HTTP/1.1\r\nA: b\n\r\n",
	"GET /\r\n\r\n",
	"GET  / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1 \r\n\r\n",
	"GET / HTTP/1.2\r\n\r\n",
	"GET / http/1.1\r\n\r\n",
	"GET /a b HTTP/1.1\r\n\r\n",
	"GET /a\tb HTTP/1.1\r\n\r\n",
	"G\x01T / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nno colon\r\n\r\n",
	"GET / HTTP/1.1\r\n: no name\r\n\r\n",
	"GET / HTTP/1.1\r\nBlank : b\r\n\r\n",
	"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
	"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
	"GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
};

static void test_refused(void **state)
{
	struct http_head head;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (http_head_read(slice_of(refused[i]), &head)) {
			fail_msg("read: %s", refused[i]);
		}
	}
}

static void test_read(void **state)
{
	static const char text[] = "POST /a?b HTTP/1.1\r\nContent-LENGTH: 12 \r\nX:\ty\xff z\r\n"
				   "connection: keep-alive, Close\r\nExpect: 100-Continue\r\n\r\n";
	struct http_head head;

	assert_true(http_head_read(slice_of(text), &head));
	assert_int_equal(head.method, HTTP_POST);
	assert_true(slice_is(head.path, "/a"));
	assert_true(slice_is(head.query, "b"));
	assert_int_equal(head.n_body_bytes, 12);
	assert_true(head.is_last && head.expects_continue);
	assert_false(head.is_old || head.is_chunked);
	assert_true(slice_is(http_head_find(&head, "x"), "y\xff z"));
	assert_null(http_head_find(&head, "y").data);
	assert_null(http_head_find(&head, "").data);
}

static void test_old(void **state)
{
	static const char text[] = "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n";
	struct http_head head;

	assert_true(http_head_read(slice_of(text), &head));
	assert_true(head.is_old && head.is_last);
	assert_false(head.expects_continue);
}

static void test_chunk_sizes(void **state)
{
	static const struct {
		const char *line;
		int64_t expected; /* -1: refused */
	} rows[] = {
		{"0", 0},
		{"1f", 31},
		{"FFFFFFFF", 0xffffffff},
		{"a;name=value", 10},
		{"a ;x", 10},
		{"", -1},
		{";x", -1},
		{"0x1", -1},
		{"-1", -1},
		{"1 2", -1},
		{"100000000", -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t n = 0;
		bool is_read = http_chunk_read(slice_of(rows[i].line), &n);

		assert_int_equal(is_read ? (int64_t)n : -1, rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_chunk_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
