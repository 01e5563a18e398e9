/*
 * Callers who leave at every moment.
 */
#include "http_fixture.h"

static void test_gone(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_request_on_gone(fixture->held[0], fixture_on_gone, fixture);
	fixture_turn(fixture);
	assert_int_equal(fixture->n_gone, 0);
	client_close(&client);
	fixture_wait(fixture, fixture->n_gone == 1);
	/* Its place is free at once, however long the handler takes. */
	assert_int_equal(fixture->server->n_connections, 0);
	assert_int_equal(fixture->server->n_unanswered, 1);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, SLICE_LITERAL("too late"));
	assert_int_equal(fixture->n_gone, 1);
}

/* Before the handler could see the request. */
static void test_gone_already(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r");
	assert_int_equal(send(client.fd, "\n", 1, 0), 1);
	client_close(&client);
	fixture_wait(fixture, fixture->n_held == 1 && fixture->server->n_connections == 0);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, SLICE_LITERAL("too late"));
}

static void test_half_closed_then_gone(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	fixture_wait(fixture, fixture->n_held == 1);
	http_request_on_gone(fixture->held[0], fixture_on_gone, fixture);
	for (int i = 0; i < 10; i++) {
		fixture_turn(fixture);
	}
	assert_int_equal(fixture->n_gone, 0);
	client_close(&client);
	fixture_wait(fixture, fixture->n_gone == 1);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, SLICE_LITERAL("too late"));
}

/* With a request begun, with none, and with one answered that nobody reads. */
static void test_leaving_early(void **state)
{
	static const char *const requests[] = {"", "G",
		"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe", "GET / HTTP/1.1\r\n\r\n"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client client = client_open(fixture);

		client_send(fixture, &client, requests[i]);
		fixture_turn(fixture);
		client_close(&client);
		fixture_wait(fixture, fixture->server->n_connections == 0);
	}
}

static void test_stream_to_one_who_left(void **state)
{
	struct fixture *fixture = *state;
	struct client client = client_open(fixture);

	fixture->is_holding = true;
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_request_on_gone(fixture->held[0], fixture_on_gone, fixture);
	http_stream_begin(fixture->held[0], 200, "a/b", NULL, 0);
	assert_true(http_stream_send(fixture->held[0], SLICE_LITERAL("here\n"), NULL, NULL));
	client_expect(fixture, &client, "here\n");
	client_close(&client);
	fixture_wait(
		fixture, !http_stream_send(fixture->held[0], SLICE_LITERAL("there\n"), NULL, NULL));
	fixture_wait(fixture, fixture->n_gone == 1);
	http_stream_end(fixture->held[0]);
	fixture_wait(fixture, fixture->server->n_connections == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_gone),
		FIXTURE_ROW(test_gone_already),
		FIXTURE_ROW(test_half_closed_then_gone),
		FIXTURE_ROW(test_leaving_early),
		FIXTURE_ROW(test_stream_to_one_who_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
