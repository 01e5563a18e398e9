/*
 * A control server on a socket of its own and callers of it, all in the process of the test: the
 * loop turns whenever a caller waits for something. Setup and teardown of cmocka; the teardown
 * asserts that no request and no connection is left over.
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "control/http/http_internal.h"
#include "scratch.h"

#define FIXTURE_PATIENCE_MS 30000 /* after which what a test waits for will never happen */
#define FIXTURE_MAX_HELD 16

struct fixture {
	struct scratch *scratch;
	struct event_base *loop;
	struct control_opts opts;
	struct http_server *server;
	bool is_holding; /* the handler answers nothing, the test does */
	struct http_request *held[FIXTURE_MAX_HELD];
	size_t n_held;
	size_t n_requests;
	int n_gone;
	enum http_claim claim; /* of all */
	uid_t stranger;        /* but of this uid, who has none */
};

struct client {
	int fd;
	char *text; /* all that came; NUL-terminated */
	size_t len;
	bool is_at_end;
};

static const struct http_limits fixture_limits = {
	.max_body_bytes = 1024,
	.max_piece_bytes = 64 * 1024,
	.max_unread_bytes = 64 * 1024,
	.request_timeout_ms = 300,
	.idle_timeout_ms = 2000,
	.grace_ms = 100,
	.linger_ms = 300,
};

/* Says back what it was asked. */
static void fixture_handler(void *context, struct http_request *request)
{
	struct fixture *fixture = context;
	CLEANUP(mem_free_p) char *text = NULL;

	fixture->n_requests++;
	if (fixture->is_holding) {
		CHECK(fixture->n_held < FIXTURE_MAX_HELD);
		fixture->held[fixture->n_held++] = request;
		return;
	}
	text = mem_printf("method=%d path=%.*s query=%.*s body=%.*s large=%d", request->head.method,
		SLICE_ARG(request->head.path), SLICE_ARG(request->head.query),
		SLICE_ARG(request->body), request->is_too_large);
	http_reply(request, 200, "text/plain", NULL, 0, slice_of(text));
}

static enum http_claim fixture_claim(void *context, const struct caller *caller)
{
	struct fixture *fixture = context;

	return caller->uid == fixture->stranger ? HTTP_CLAIM_NONE : fixture->claim;
}

static UNUSED void fixture_start(struct fixture *fixture, int inherited_fd)
{
	struct err err;

	if (http_server_new(fixture->loop, &fixture->opts, inherited_fd, fixture_handler,
		    fixture_claim, fixture, &fixture->server, &err) < 0) {
		fail_msg("%s", err.text);
	}
	fixture->server->limits = fixture_limits;
}

/* Without a server. */
static int fixture_setup_bare(void **state)
{
	struct fixture *fixture = mem_new(struct fixture);
	void *scratch;

	signal(SIGPIPE, SIG_IGN);
	if (scratch_setup(&scratch) < 0) {
		free(fixture);
		return -1;
	}
	fixture->scratch = scratch;
	fixture->claim = HTTP_CLAIM_SOME;
	fixture->stranger = (uid_t)-1;
	fixture->loop = event_base_new();
	fixture->opts = (struct control_opts){
		.socket = fixture->scratch->path, .mode = 0600, .max_connections = 8};
	*state = fixture;
	return 0;
}

static UNUSED int fixture_setup(void **state)
{
	int r = fixture_setup_bare(state);

	if (r == 0) {
		fixture_start(*state, -1);
	}
	return r;
}

static UNUSED void fixture_turn(struct fixture *fixture)
{
	event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
}

/* Turns the loop until the condition holds; fails the test when it never does. */
#define fixture_wait(fixture, condition)                                         \
	do {                                                                     \
		int64_t give_up_ms = clock_monotonic_ms() + FIXTURE_PATIENCE_MS; \
		while (!(condition)) {                                           \
			assert_true(clock_monotonic_ms() < give_up_ms);          \
			fixture_turn(fixture);                                   \
			poll(NULL, 0, 1);                                        \
		}                                                                \
	} while (false)

static int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	void *scratch = fixture->scratch;
	int r = 0;

	if (fixture->server != NULL) {
		int64_t give_up_ms = clock_monotonic_ms() + FIXTURE_PATIENCE_MS;

		while (fixture->server->n_connections > 0 && clock_monotonic_ms() < give_up_ms) {
			fixture_turn(fixture);
		}
		r = fixture->server->n_connections > 0 || fixture->server->n_unanswered > 0;
		http_server_free(fixture->server);
	}
	event_base_free(fixture->loop);
	free(fixture);
	return scratch_teardown(&scratch) == 0 ? r : -1;
}

/* A socket of a caller that is not connected yet. */
static int client_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static int client_connect(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	CHECK(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static UNUSED struct client client_open(struct fixture *fixture)
{
	struct client client = {.fd = client_socket(), .text = mem_copy_text("", 0)};

	assert_int_equal(client_connect(client.fd, fixture->scratch->path), 0);
	return client;
}

static UNUSED void client_close(struct client *client)
{
	if (client->fd >= 0) {
		close(client->fd);
	}
	free(client->text);
	*client = (struct client){.fd = -1};
}

/* False when the server takes no more. */
static UNUSED bool client_send_bytes(
	struct fixture *fixture, struct client *client, const char *data, size_t n_bytes)
{
	int64_t give_up_ms = clock_monotonic_ms() + FIXTURE_PATIENCE_MS;

	while (n_bytes > 0) {
		ssize_t sent = send(client->fd, data, n_bytes, 0);

		if (sent < 0 && errno != EAGAIN) {
			return false;
		}
		if (sent > 0) {
			data += sent;
			n_bytes -= (size_t)sent;
		}
		assert_true(clock_monotonic_ms() < give_up_ms);
		fixture_turn(fixture);
	}
	return true;
}

static UNUSED void client_send(struct fixture *fixture, struct client *client, const char *text)
{
	assert_true(client_send_bytes(fixture, client, text, strlen(text)));
}

/* Takes what is there. */
static void client_receive(struct client *client)
{
	char buffer[16 * 1024];
	ssize_t got = recv(client->fd, buffer, sizeof(buffer), 0);

	if (got > 0) {
		client->text = mem_resize_array(client->text, client->len + (size_t)got + 1, 1);
		memcpy(client->text + client->len, buffer, (size_t)got);
		client->len += (size_t)got;
		client->text[client->len] = '\0';
	} else if (got == 0 || errno != EAGAIN) {
		client->is_at_end = true;
	}
}

static UNUSED bool client_has(struct client *client, const char *wanted)
{
	client_receive(client);
	return strstr(client->text, wanted) != NULL;
}

static UNUSED bool client_has_ended(struct client *client)
{
	client_receive(client);
	return client->is_at_end;
}

static UNUSED void client_expect(struct fixture *fixture, struct client *client, const char *wanted)
{
	int64_t give_up_ms = clock_monotonic_ms() + FIXTURE_PATIENCE_MS;

	while (!client_has(client, wanted)) {
		if (client->is_at_end || clock_monotonic_ms() > give_up_ms) {
			fail_msg("no \"%s\" in \"%.200s\"", wanted, client->text);
		}
		fixture_turn(fixture);
	}
}

static UNUSED void client_expect_end(struct fixture *fixture, struct client *client)
{
	fixture_wait(fixture, client_has_ended(client));
}

static UNUSED size_t client_count(const struct client *client, const char *wanted)
{
	size_t n = 0;

	for (const char *at = client->text; (at = strstr(at, wanted)) != NULL; at++) {
		n++;
	}
	return n;
}

static UNUSED void fixture_on_gone(void *context)
{
	struct fixture *fixture = context;

	fixture->n_gone++;
}

#define FIXTURE_ROW(function) \
	cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
#define FIXTURE_BARE_ROW(function) \
	cmocka_unit_test_setup_teardown(function, fixture_setup_bare, fixture_teardown)

#endif
