/*
 * Opening connections: sockets that are there, that are not, that refuse; names by the hosts file;
 * servers of names that never answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/slice.h"
#include "peer_script.h"
#include "redis/dial.h"
#include "redis/link.h"
#include "scratch.h"

struct fixture {
	struct scratch *scratch;
	struct event_base *loop;
	struct evdns_base *dns;
	struct endpoint endpoint;
	struct dial *dial;
	int n_done;
	bool is_open;
	char words[512];
};

static void on_done(void *context, struct bufferevent *connection, const char *words)
{
	struct fixture *fixture = context;

	fixture->n_done++;
	fixture->is_open = connection != NULL;
	if (connection != NULL) {
		assert_null(words);
		bufferevent_free(connection);
	} else {
		snprintf(fixture->words, sizeof(fixture->words), "%s", words);
	}
	dial_free(fixture->dial);
	fixture->dial = NULL;
}

static int setup(void **state)
{
	struct fixture *fixture = mem_new(struct fixture);
	void *scratch;

	if (scratch_setup(&scratch) != 0) {
		return -1;
	}
	fixture->scratch = scratch;
	fixture->loop = event_base_new();
	fixture->dns = evdns_base_new(fixture->loop, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	void *scratch = fixture->scratch;

	dial_free(fixture->dial);
	endpoint_finish(&fixture->endpoint);
	/* What was cancelled is told from the loop. */
	peer_turn(fixture->loop);
	evdns_base_free(fixture->dns, 0);
	event_base_free(fixture->loop);
	free(fixture);
	return scratch_teardown(&scratch);
}

static void dial_to(struct fixture *fixture, const char *address, int64_t timeout_ms)
{
	struct err err;

	endpoint_finish(&fixture->endpoint);
	assert_true(endpoint_parse(slice_of(address), &fixture->endpoint, &err));
	fixture->n_done = 0;
	fixture->dial = dial_new(fixture->loop, fixture->dns, &fixture->endpoint, NULL, timeout_ms,
		on_done, fixture);
	/* Never before the call returned. */
	assert_int_equal(fixture->n_done, 0);
}

static void dial_and_wait(struct fixture *fixture, const char *address, int64_t timeout_ms)
{
	dial_to(fixture, address, timeout_ms);
	peer_wait(fixture->loop, fixture->n_done > 0);
	peer_turn(fixture->loop);
	assert_int_equal(fixture->n_done, 1);
}

/* A socket of TCP at 127.0.0.1 or ::1, with an own port. */
static int listen_tcp(int family, uint16_t *ret_port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *address =
		family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t address_bytes = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, address, address_bytes) != 0 || listen(fd, 8) != 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, address, &address_bytes), 0);
	*ret_port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

static void test_unix_socket(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *address = mem_printf("unix://%s", fixture->scratch->path);
	struct peer *peer = peer_new(fixture->loop, fixture->scratch->path);

	dial_and_wait(fixture, address, 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: No such file or directory");
	peer_listen(peer);
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	peer_free(peer);
}

/* A socket file without anybody behind it. */
static void test_unix_socket_refused(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *address = mem_printf("unix://%s", fixture->scratch->path);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture->scratch->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	dial_and_wait(fixture, address, 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: Connection refused");
}

/* Nobody accepts: the kernel's queue is full, and says so at once. */
static void test_unix_socket_full(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *address = mem_printf("unix://%s", fixture->scratch->path);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture->scratch->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 0), 0);
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	dial_and_wait(fixture, address, 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: Resource temporarily unavailable");
	close(fd);
}

static void test_tcp(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port;
	int fd = listen_tcp(AF_INET, &port);
	CLEANUP(mem_free_p) char *address = mem_printf("127.0.0.1:%u", port);

	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
	dial_and_wait(fixture, address, 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: Connection refused");
}

static void test_ipv6(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port;
	int fd = listen_tcp(AF_INET6, &port);
	CLEANUP(mem_free_p) char *address = NULL;

	if (fd < 0) {
		skip(); /* no IPv6 here */
	}
	address = mem_printf("[::1]:%u", port);
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
}

static void load_hosts(struct fixture *fixture, const char *text)
{
	scratch_write(fixture->scratch->other_path, text);
	assert_int_equal(evdns_base_load_hosts(fixture->dns, fixture->scratch->other_path), 0);
}

static void test_name(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port;
	int fd = listen_tcp(AF_INET, &port);
	CLEANUP(mem_free_p) char *address = mem_printf("redis.example:%u", port);

	load_hosts(fixture, "127.0.0.1 redis.example\n");
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
	dial_and_wait(fixture, address, 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: Connection refused");
}

static void test_localhost(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port;
	int fd = listen_tcp(AF_INET, &port);
	CLEANUP(mem_free_p) char *address = mem_printf("localhost:%u", port);

	load_hosts(fixture, "::1 localhost\n127.0.0.1 localhost\n");
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
}

/* The first address refuses, the second has the server. */
static void test_next_address(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port;
	int fd = listen_tcp(AF_INET, &port);
	CLEANUP(mem_free_p) char *address = mem_printf("redis.example:%u", port);

	load_hosts(fixture, "127.0.0.2 redis.example\n127.0.0.1 redis.example\n"
			    "127.0.0.3 redis.example\n");
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
}

/* The socket of a server of names that is asked from now on. */
static int add_name_server(struct fixture *fixture)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t address_bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &address_bytes), 0);
	assert_int_equal(evdns_base_nameserver_sockaddr_add(
				 fixture->dns, (struct sockaddr *)&address, address_bytes, 0),
		0);
	return fd;
}

static void say_unknown(struct evdns_server_request *question, void *context UNUSED)
{
	evdns_server_request_respond(question, DNS_ERR_NOTEXIST);
}

static void test_no_such_name(void **state)
{
	struct fixture *fixture = *state;
	int fd = add_name_server(fixture);
	struct evdns_server_port *server =
		evdns_add_server_port_with_base(fixture->loop, fd, 0, say_unknown, NULL);

	load_hosts(fixture, "127.0.0.1 other.example\n");
	dial_and_wait(fixture, "redis.example:1", 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words,
		"cannot find \"redis.example\": nodename nor servname provided, or not known");
	evdns_close_server_port(server);
	close(fd);
}

static void test_name_without_server(void **state)
{
	struct fixture *fixture = *state;

	dial_and_wait(fixture, "redis.example:1", 30);
	assert_string_equal(fixture->words, "cannot find \"redis.example\": no answer in time");
}

static void test_name_without_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = add_name_server(fixture);

	dial_and_wait(fixture, "redis.example:1", 30);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot find \"redis.example\": no answer in time");
	close(fd);
}

/* Freed in every stage: nobody is called, nothing of it is touched later. */
static void test_freed_during_lookup(void **state)
{
	struct fixture *fixture = *state;
	int fd = add_name_server(fixture);

	for (int n_turns = 0; n_turns < 3; n_turns++) {
		dial_to(fixture, "redis.example:1", 1000);
		for (int i = 0; i < n_turns; i++) {
			peer_turn(fixture->loop);
		}
		dial_free(fixture->dial);
		fixture->dial = NULL;
		peer_turn(fixture->loop);
		peer_turn(fixture->loop);
		assert_int_equal(fixture->n_done, 0);
	}
	close(fd);
}

static void test_freed_at_once(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *address = mem_printf("unix://%s", fixture->scratch->path);
	struct peer *peer = peer_new(fixture->loop, fixture->scratch->path);

	load_hosts(fixture, "127.0.0.1 redis.example\n");
	peer_listen(peer);
	for (size_t i = 0; i < 3; i++) {
		const char *addresses[] = {address, "redis.example:1", "127.0.0.1:1"};

		dial_to(fixture, addresses[i], 1000);
		dial_free(fixture->dial);
		fixture->dial = NULL;
		peer_turn(fixture->loop);
		peer_turn(fixture->loop);
		assert_int_equal(fixture->n_done, 0);
	}
	peer_free(peer);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_unix_socket),
		ROW(test_unix_socket_refused),
		ROW(test_unix_socket_full),
		ROW(test_tcp),
		ROW(test_ipv6),
		ROW(test_name),
		ROW(test_localhost),
		ROW(test_next_address),
		ROW(test_no_such_name),
		ROW(test_name_without_server),
		ROW(test_name_without_answer),
		ROW(test_freed_during_lookup),
		ROW(test_freed_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
