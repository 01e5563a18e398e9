/*
 * Callers who are slow or greedy.
 */
#include "http_fixture.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>

/* One byte at a time is no inactivity: only a deadline for the whole request ends it. */
static void test_slow_request(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);
	int64_t begin_ms = clock_monotonic_ms();
	int n_sent = 0;

	client_send(fixture, &client, "GET / HTTP/1.1\r\nX: ");
	while (!client_has_ended(&client)) {
		assert_true(clock_monotonic_ms() - begin_ms < FIXTURE_PATIENCE_MS);
		n_sent += send(client.fd, "x", 1, 0) == 1;
		fixture_turn(fixture);
		poll(NULL, 0, 20);
	}
	assert_true(clock_monotonic_ms() - begin_ms >= fixture_limits.request_timeout_ms);
	assert_true(n_sent > 5);
	assert_int_equal(client.len, 0);
	assert_int_equal(fixture->n_requests, 0);
	client_close(&client);
}

/* The deadline is that of each request, not of the connection. */
static void test_many_requests_outlast_the_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);
	int64_t end_ms = clock_monotonic_ms() + 2 * fixture_limits.request_timeout_ms;

	while (clock_monotonic_ms() < end_ms) {
		size_t before = client.len;

		client_send(fixture, &client, "GET / HTTP/1.1\r\n\r");
		poll(NULL, 0, 10);
		client_send(fixture, &client, "\n");
		fixture_wait(fixture, (client_receive(&client), client.len > before));
	}
	assert_true(fixture->n_requests > 10);
	assert_false(client_has_ended(&client));
	client_close(&client);
}

/* However long the handler takes, and whatever comes behind the request meanwhile. */
static void test_slow_handler(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);
	int64_t end_ms = clock_monotonic_ms() + 2 * fixture_limits.request_timeout_ms;

	fixture->is_holding = true;
	client_send(fixture, &client, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTT");
	fixture_wait(fixture, clock_monotonic_ms() > end_ms);
	assert_int_equal(fixture->n_held, 1);
	fixture->is_holding = false;
	http_reply(fixture->held[0], 200, NULL, NULL, 0, SLICE_LITERAL("first"));
	client_expect(fixture, &client, "first");
	client_send(fixture, &client, "P/1.1\r\n\r\n");
	client_expect(fixture, &client, "path=/2");
	client_close(&client);
}

static void test_idle(void **state)
{
	struct fixture *fixture = *state;
	struct http_limits limits = fixture_limits;
	struct client never, once;

	limits.idle_timeout_ms = 200;
	fixture->server->limits = limits;
	never = client_open(fixture);
	once = client_open(fixture);
	client_send(fixture, &once, "GET / HTTP/1.1\r\n\r\n");
	client_expect(fixture, &once, "method=0");
	client_expect_end(fixture, &never);
	client_expect_end(fixture, &once);
	client_close(&never);
	client_close(&once);
}

static size_t buffered_bytes(const struct fixture *fixture)
{
	struct http_connection *connection = TAILQ_FIRST(&fixture->server->connections);

	return connection == NULL
		       ? 0
		       : evbuffer_get_length(bufferevent_get_input(connection->bufferevent));
}

/* None lasts, and none makes the server keep what it sends. */
static void test_endless_requests(void **state)
{
	static const char *const begins[] = {
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
		"GET /",
		"GET / HTTP/1.1\r\nX: ",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct client client = client_open(fixture);
		int64_t give_up_ms = clock_monotonic_ms() + FIXTURE_PATIENCE_MS;
		char piece[1024];

		memset(piece, '0', sizeof(piece));
		client_send(fixture, &client, begins[i]);
		while (client_send_bytes(fixture, &client, piece, sizeof(piece))) {
			assert_true(clock_monotonic_ms() < give_up_ms);
			assert_true(buffered_bytes(fixture) <=
				    HTTP_MAX_HEADER_BYTES + HTTP_MAX_BODY_BYTES);
		}
		client_close(&client);
	}
	assert_int_equal(fixture->n_requests, 0);
}

static void test_body_limit(void **state)
{
	static const struct {
		size_t n_bytes;
		const char *expected;
	} rows[] = {
		{1024, "xxxx large=0"},
		{1025, "body= large=1"},
		{1000000, "body= large=1"},
	};
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *body = mem_alloc(1000000);

	memset(body, 'x', 1000000);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct client client = client_open(fixture);
		char head[64];

		snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
			rows[i].n_bytes);
		client_send(fixture, &client, head);
		assert_true(client_send_bytes(fixture, &client, body, rows[i].n_bytes));
		client_expect(fixture, &client, rows[i].expected);
		/* And the connection goes on, unless there is more of it. */
		if (rows[i].n_bytes <= 1024) {
			client_send(fixture, &client, "GET /next HTTP/1.1\r\n\r\n");
			client_expect(fixture, &client, "path=/next");
		} else {
			client_expect_end(fixture, &client);
			assert_non_null(strstr(client.text, "Connection: close\r\n"));
		}
		client_close(&client);
	}
}

/* The words of the reader itself must arrive, even to one who goes on sending. */
static void test_refused_by_the_reader(void **state)
{
	static const struct {
		const char *request, *expected;
		size_t n_more;
	} rows[] = {
		{"nonsense\r\n\r\n", "HTTP/1.1 400 ", 0},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1 400 ", 1000000},
		{"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 400 ", 0},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 400 ", 1000000},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 400 ",
			1000000},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "HTTP/1.1 400 ",
			1000000},
		{"GET / HTTP/1.1\r\nX: ", "HTTP/1.1 400 ", 1000000},
	};
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *more = mem_alloc(1000000);

	memset(more, 'x', 1000000);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct client client = client_open(fixture);

		client_send(fixture, &client, rows[i].request);
		assert_true(client_send_bytes(fixture, &client, more, rows[i].n_more));
		client_expect(fixture, &client, rows[i].expected);
		client_expect_end(fixture, &client);
		client_close(&client);
	}
	assert_int_equal(fixture->n_requests, 0);
}

/* One who is told to go and stays is put out. */
static void test_lingering_ends(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	client_send(fixture, &client, "nonsense\r\n\r\n");
	client_expect_end(fixture, &client);
	assert_int_equal(fixture->server->n_connections, 1);
	fixture_wait(fixture, fixture->server->n_connections == 0);
	client_close(&client);
}

/* Who sends a stream is told to leave out what he can, and when to send the next piece. */
static void test_stream_nobody_reads(void **state)
{
	struct fixture *fixture = *state;
	struct http_limits limits = fixture_limits;
	struct client client;
	char piece[4096];

	limits.idle_timeout_ms = 200;
	fixture->server->limits = limits;
	client = client_open(fixture);
	memset(piece, 'x', sizeof(piece));
	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_request_on_gone(fixture->held[0], fixture_on_gone, fixture);
	http_stream_begin(fixture->held[0], 200, "a/b", NULL, 0);
	while (!http_stream_is_slow(fixture->held[0])) {
		assert_true(http_stream_send(
			fixture->held[0], (struct slice){piece, sizeof(piece)}, NULL, NULL));
		fixture_turn(fixture);
	}
	fixture_wait(fixture, fixture->n_gone == 1);
	assert_false(http_stream_send(fixture->held[0], SLICE_LITERAL("more"), NULL, NULL));
	http_stream_end(fixture->held[0]);
	assert_int_equal(fixture->server->n_connections, 0);
	client_close(&client);
}

/* What one connection of a user has before it counts for all of them. */
static void test_room_for_replies(void **state)
{
	struct fixture *fixture = *state;
	struct client clients[2];
	CLEANUP(mem_free_p) char *body = mem_alloc(400000);

	fixture->is_holding = true;
	for (size_t i = 0; i < 2; i++) {
		clients[i] = client_open(fixture);
		client_send(fixture, &clients[i], "GET / HTTP/1.1\r\n\r\n");
		fixture_wait(fixture, fixture->n_held == i + 1);
	}
	assert_true(http_reply_room(fixture->held[0]) > 400000);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, (struct slice){body, 400000});
	assert_true(http_reply_room(fixture->held[1]) <= 4096);
	assert_true(http_reply_room(fixture->held[1]) > 1000);
	client_close(&clients[0]);
	fixture_wait(fixture, fixture->server->n_connections == 1);
	assert_true(http_reply_room(fixture->held[1]) > 400000);
	http_reply(fixture->held[1], 200, NULL, NULL, 0, SLICE_LITERAL("ok"));
	client_expect(fixture, &clients[1], "ok");
	client_close(&clients[1]);
}

static void test_reply_nobody_reads(void **state)
{
	struct fixture *fixture = *state;
	struct http_limits limits = fixture_limits;
	CLEANUP(mem_free_p) char *body = mem_alloc(4000000);
	struct client client;

	limits.idle_timeout_ms = 200;
	fixture->server->limits = limits;
	client = client_open(fixture);
	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, (struct slice){body, 4000000});
	fixture_wait(fixture, fixture->server->n_connections == 0);
	client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_slow_request),
		FIXTURE_ROW(test_many_requests_outlast_the_deadline),
		FIXTURE_ROW(test_slow_handler),
		FIXTURE_ROW(test_idle),
		FIXTURE_ROW(test_endless_requests),
		FIXTURE_ROW(test_body_limit),
		FIXTURE_ROW(test_refused_by_the_reader),
		FIXTURE_ROW(test_lingering_ends),
		FIXTURE_ROW(test_stream_nobody_reads),
		FIXTURE_ROW(test_room_for_replies),
		FIXTURE_ROW(test_reply_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
