/*
 * Requests in every form that HTTP allows, and their replies, whole and in pieces.
 */
#include "http_fixture.h"

struct form {
	const char *name;
	const char *request;
	const char *expected; /* the end of the reply */
};

static const struct form forms[] = {
	{"get", "GET /a/b HTTP/1.1\r\n\r\n", "method=0 path=/a/b query= body= large=0"},
	{"query", "GET /?a=1&b=%20 HTTP/1.1\r\n\r\n", "path=/ query=a=1&b=%20 body= large=0"},
	{"two question marks", "GET /?a?b HTTP/1.1\r\n\r\n", "path=/ query=a?b body= large=0"},
	{"as sent", "GET /%2e%00/..//x HTTP/1.1\r\n\r\n", "path=/%2e%00/..//x query= body="},
	{"double slash", "GET //host/x HTTP/1.1\r\n\r\n", "path=//host/x query= body="},
	{"absolute", "GET http://localhost/v1/x?q HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\n",
		"path=/v1/x query=q body="},
	{"absolute without path", "GET HTTP://localhost HTTP/1.1\r\n\r\n", "path=/ query= body="},
	{"colon in a path", "GET /a:b HTTP/1.1\r\n\r\n", "path=/a:b query= body="},
	{"body", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
		"method=1 path=/ query= body=hello"},
	{"empty body", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		"method=1 path=/ query= body= large=0"},
	{"no length", "POST / HTTP/1.1\r\n\r\n", "method=1 path=/ query= body= large=0"},
	{"body of a get", "GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
		"method=0 path=/ query= body=hi"},
	{"chunks",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
		"method=1 path=/ query= body=abcde large=0"},
	{"delete", "DELETE /x HTTP/1.1\r\n\r\n", "method=2 path=/x"},
	{"put", "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", "method=5 path=/ query= body=hi"},
	{"patch", "PATCH / HTTP/1.1\r\n\r\n", "method=4 path=/"},
	{"options", "OPTIONS * HTTP/1.1\r\n\r\n", "method=5 path=* query="},
	{"trace", "TRACE / HTTP/1.1\r\n\r\n", "method=5 path=/"},
	{"connect", "CONNECT host:80 HTTP/1.1\r\n\r\n", "method=5 path=host:80"},
	{"unknown method", "BREW / HTTP/1.1\r\n\r\n", "method=5 path=/"},
	{"lower case method", "get / HTTP/1.1\r\n\r\n", "method=5 path=/"},
};

static void test_forms(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct client client = client_open(fixture);

		client_send(fixture, &client, forms[i].request);
		client_expect(fixture, &client, "HTTP/1.1 200 OK\r\n");
		client_expect(fixture, &client, forms[i].expected);
		assert_non_null(strstr(client.text, "Content-Type: text/plain\r\n"));
		assert_non_null(strstr(client.text, "Content-Length: "));
		client_close(&client);
	}
	assert_int_equal(fixture->n_requests, ARRAY_SIZE(forms));
}

static void test_keep_alive(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	for (int i = 0; i < 100; i++) {
		char request[64], expected[64];

		snprintf(request, sizeof(request), "GET /%d HTTP/1.1\r\n\r\n", i);
		snprintf(expected, sizeof(expected), "path=/%d query", i);
		client_send(fixture, &client, request);
		client_expect(fixture, &client, expected);
	}
	assert_int_equal(client_count(&client, "HTTP/1.1 200 OK"), 100);
	assert_int_equal(fixture->server->n_connections, 1);
	client_close(&client);
}

/* More than fits into one read, so that some is left over at every reply. */
static void test_pipeline(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);
	CLEANUP(mem_free_p) char *requests = mem_alloc(1000 * 64);
	size_t used = 0;

	for (int i = 0; i < 1000; i++) {
		used += (size_t)snprintf(requests + used, 64,
			"POST /%d HTTP/1.1\r\nContent-Length: 3\r\n\r\n%03d", i, i);
	}
	assert_true(client_send_bytes(fixture, &client, requests, used));
	client_expect(fixture, &client, "path=/999 query= body=999");
	assert_int_equal(client_count(&client, "HTTP/1.1 200 OK"), 1000);
	assert_true(strstr(client.text, "path=/17 ") < strstr(client.text, "path=/18 "));
	client_close(&client);
}

static void test_late_replies(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	fixture->is_holding = true;
	client_send(fixture, &client, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	for (size_t i = 1; i <= 2; i++) {
		char body[8];

		fixture_wait(fixture, fixture->n_held == i);
		assert_int_equal(fixture->held[i - 1]->caller.pid, getpid());
		snprintf(body, sizeof(body), "no. %zu", i);
		http_reply(fixture->held[i - 1], 429, "a/b",
			&(struct http_header){"x-acs-retry-after", "3"}, 1, slice_of(body));
		client_expect(fixture, &client, body);
	}
	assert_int_equal(client_count(&client, "HTTP/1.1 429 Too Many Requests\r\n"), 2);
	assert_int_equal(client_count(&client, "\r\nx-acs-retry-after: 3\r\n"), 2);
	client_close(&client);
}

static void test_headers(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);
	struct http_request *request;

	fixture->is_holding = true;
	client_send(fixture, &client,
		"GET / HTTP/1.1\r\nX-Acs-Action: one\r\nx-acs-action: two\r\nEmpty:\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	request = fixture->held[0];
	assert_true(slice_is(http_head_find(&request->head, "x-ACS-action"), "one"));
	assert_non_null(http_head_find(&request->head, "empty").data);
	assert_int_equal(http_head_find(&request->head, "empty").len, 0);
	assert_null(http_head_find(&request->head, "other").data);
	assert_null(request->head.query.data);
	http_reply(request, 200, NULL, NULL, 0, SLICE_LITERAL(""));
	client_expect(fixture, &client, "Content-Length: 0\r\n");
	assert_null(strstr(client.text, "Content-Type"));
	client_close(&client);
}

static void test_expect_continue(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	client_send(fixture, &client,
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	client_expect(fixture, &client, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(fixture->n_requests, 0);
	client_send(fixture, &client, "hello");
	client_expect(fixture, &client, "HTTP/1.1 200 OK\r\n");
	client_expect(fixture, &client, "body=hello");
	client_close(&client);
}

static void test_head(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	client_send(fixture, &client, "HEAD / HTTP/1.1\r\n\r\n");
	client_expect(fixture, &client, "\r\n\r\n");
	/* That of "method=3 path=/ query= body= large=0". */
	assert_non_null(strstr(client.text, "Content-Length: 36\r\n"));
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	client_expect(fixture, &client, "method=0");
	assert_null(strstr(client.text, "method=3"));
	client_close(&client);
}

/* Whatever the method: what belongs to a request is not taken for the next. */
static void test_bodies_of_all_methods(void **state)
{
	static const char *const methods[] = {"HEAD", "BREW", "TRACE", "OPTIONS", "DELETE"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct client client = client_open(fixture);
		char request[128];

		snprintf(request, sizeof(request),
			"%s / HTTP/1.1\r\nContent-Length: 22\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
			methods[i]);
		client_send(fixture, &client, request);
		client_send(fixture, &client, "GET /next HTTP/1.1\r\n\r\n");
		client_expect(fixture, &client, "path=/next");
		assert_int_equal(fixture->n_requests, 2 * i + 2);
		client_close(&client);
	}
}

static void test_closing(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
	};
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *body = mem_alloc(3000001);

	memset(body, 'x', 3000000);
	fixture->is_holding = true;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client client = client_open(fixture);

		client_send(fixture, &client, requests[i]);
		fixture_wait(fixture, fixture->n_held == i + 1);
		http_reply(fixture->held[i], 200, NULL, NULL, 0, slice_of(body));
		client_expect_end(fixture, &client);
		assert_string_equal(strstr(client.text, "\r\n\r\n") + 4, body);
		client_close(&client);
	}
}

/* As with `nc -N`: sends no more, but reads. */
static void test_half_closed(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);
	CLEANUP(mem_free_p) char *body = mem_alloc(3000001);

	memset(body, 'x', 3000000);
	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	fixture_wait(fixture, fixture->n_held == 1);
	http_request_on_gone(fixture->held[0], fixture_on_gone, fixture);
	for (int i = 0; i < 10; i++) {
		fixture_turn(fixture);
	}
	assert_int_equal(fixture->n_gone, 0);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, slice_of(body));
	client_expect_end(fixture, &client);
	assert_string_equal(strstr(client.text, "\r\n\r\n") + 4, body);
	client_close(&client);
}

static void test_stream(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_stream_begin(fixture->held[0], 200, "application/x-ndjson", NULL, 0);
	client_expect(fixture, &client, "Transfer-Encoding: chunked\r\n");
	assert_int_equal(client_count(&client, "Connection: "), 1);
	assert_true(http_stream_send(fixture->held[0], SLICE_LITERAL("{\"a\":1}\n"), NULL, NULL));
	assert_true(http_stream_send(fixture->held[0], SLICE_LITERAL(""), NULL, NULL));
	client_expect(fixture, &client, "\r\n8\r\n{\"a\":1}\n\r\n");
	assert_true(http_stream_send(fixture->held[0], SLICE_LITERAL("{}\n"), NULL, NULL));
	http_stream_end(fixture->held[0]);
	client_expect_end(fixture, &client);
	assert_non_null(strstr(client.text, "\r\n3\r\n{}\n\r\n0\r\n\r\n"));
	client_close(&client);
}

/* Callers for whom the end of the connection is the end of the stream, or who want no body. */
static void test_stream_without_chunks(void **state)
{
	static const struct form rows[] = {
		{"old", "GET / HTTP/1.0\r\n\r\n", "\r\n\r\nabc"},
		{"old, keeps alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			"\r\n\r\nabc"},
		{"head", "HEAD / HTTP/1.1\r\n\r\n", "\r\n\r\n"},
	};
	struct fixture *fixture = *state;

	fixture->is_holding = true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct client client = client_open(fixture);

		client_send(fixture, &client, rows[i].request);
		fixture_wait(fixture, fixture->n_held == i + 1);
		http_stream_begin(fixture->held[i], 200, "a/b", NULL, 0);
		assert_int_equal(
			http_stream_send(fixture->held[i], SLICE_LITERAL("ab"), NULL, NULL),
			rows[i].request[0] != 'H');
		fixture_turn(fixture);
		assert_int_equal(http_stream_send(fixture->held[i], SLICE_LITERAL("c"), NULL, NULL),
			rows[i].request[0] != 'H');
		/* Once with nothing left to be written, once with something. */
		if (i == 0) {
			client_expect(fixture, &client, "abc");
			fixture_turn(fixture);
		}
		http_stream_end(fixture->held[i]);
		client_expect_end(fixture, &client);
		assert_string_equal(strstr(client.text, "\r\n\r\n"), rows[i].expected);
		assert_null(strstr(client.text, "Content-Length"));
		client_close(&client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_forms),
		FIXTURE_ROW(test_keep_alive),
		FIXTURE_ROW(test_pipeline),
		FIXTURE_ROW(test_late_replies),
		FIXTURE_ROW(test_headers),
		FIXTURE_ROW(test_expect_continue),
		FIXTURE_ROW(test_head),
		FIXTURE_ROW(test_bodies_of_all_methods),
		FIXTURE_ROW(test_closing),
		FIXTURE_ROW(test_half_closed),
		FIXTURE_ROW(test_stream),
		FIXTURE_ROW(test_stream_without_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
