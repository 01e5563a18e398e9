/*
 * Opening connections: sockets that are there, that are not, that refuse, that never answer; names
 * with one address and several.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/slice.h"
#include "peer_script.h"
#include "private_names.h"
#include "redis/dial.h"
#include "redis/link.h"
#include "redis/resolver.h"
#include "scratch.h"

struct fixture {
	struct scratch *scratch;
	struct event_base *loop;
	struct resolver *resolver;
	struct endpoint endpoint;
	struct dial *dial;
	int n_done;
	bool is_open;
	char words[512];
	int64_t begin_ms;
	int64_t ms; /* until it was done */
	struct {
		int no_delay, keepalive, idle_s, interval_s, n_probes, unacknowledged_ms;
	} options; /* of the connection */
};

static void get_option(int fd, int level, int name, int *ret_value)
{
	socklen_t n_bytes = sizeof(*ret_value);

	/* Sockets of other kinds have none. */
	(void)!getsockopt(fd, level, name, ret_value, &n_bytes);
}

static void get_options(struct fixture *fixture, int fd)
{
	get_option(fd, IPPROTO_TCP, TCP_NODELAY, &fixture->options.no_delay);
	get_option(fd, SOL_SOCKET, SO_KEEPALIVE, &fixture->options.keepalive);
	get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, &fixture->options.idle_s);
	get_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, &fixture->options.interval_s);
	get_option(fd, IPPROTO_TCP, TCP_KEEPCNT, &fixture->options.n_probes);
	get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &fixture->options.unacknowledged_ms);
}

static void on_done(void *context, struct bufferevent *connection, enum link_trouble trouble UNUSED,
	const char *words)
{
	struct fixture *fixture = context;

	fixture->n_done++;
	fixture->ms = clock_monotonic_ms() - fixture->begin_ms;
	fixture->is_open = connection != NULL;
	if (connection != NULL) {
		assert_null(words);
		get_options(fixture, bufferevent_getfd(connection));
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
	fixture->resolver = resolver_new(fixture->loop);
	if (private_names_are_there) {
		private_names_set_hosts("127.0.0.1 localhost redis.example\n");
		private_names_set_sources("files");
	}
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	void *scratch = fixture->scratch;

	dial_free(fixture->dial);
	endpoint_finish(&fixture->endpoint);
	resolver_free(fixture->resolver);
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
	fixture->begin_ms = clock_monotonic_ms();
	fixture->dial = dial_new(fixture->loop, fixture->resolver, &fixture->endpoint, NULL,
		timeout_ms, on_done, fixture);
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

/* A socket of TCP at an IP address; `port` 0: one of its own, which is returned. */
static int listen_at(const char *host, uint16_t *port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
	bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
	struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t address_bytes = is_v4 ? sizeof(v4) : sizeof(v6);
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(is_v4 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1);
	if (fd < 0 || bind(fd, address, address_bytes) != 0 || listen(fd, 8) != 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, address, &address_bytes), 0);
	*port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
	return fd;
}

/* One that takes no more connections: the kernel leaves whoever comes without an answer. */
struct deaf {
	int fd;
	int others[2];
};

static struct deaf deaf_make(const char *host, uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct deaf deaf = {.fd = listen_at(host, port)};

	assert_true(deaf.fd >= 0);
	assert_int_equal(listen(deaf.fd, 0), 0);
	inet_pton(AF_INET, host, &address.sin_addr);
	address.sin_port = htons(*port);
	for (size_t i = 0; i < ARRAY_SIZE(deaf.others); i++) {
		deaf.others[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(deaf.others[i], (struct sockaddr *)&address, sizeof(address));
	}
	return deaf;
}

static void deaf_close(struct deaf *deaf)
{
	for (size_t i = 0; i < ARRAY_SIZE(deaf->others); i++) {
		close(deaf->others[i]);
	}
	close(deaf->fd);
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

static void expect_open_until_closed(struct fixture *fixture, const char *address, int fd)
{
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
	dial_and_wait(fixture, address, 1000);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: Connection refused");
}

static void test_tcp(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	int fd = listen_at("127.0.0.1", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("127.0.0.1:%u", port);

	expect_open_until_closed(fixture, address, fd);
}

static void test_ipv6(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	int fd = listen_at("::1", &port);
	CLEANUP(mem_free_p) char *address = NULL;

	if (fd < 0) {
		/* No IPv6 here. Not skip(): what cmocka prints for it is a failure to meson 1.0. */
		return;
	}
	address = mem_printf("[::1]:%u", port);
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
}

/* A peer that has gone without a word is noticed within 30 s. */
static void test_options(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	int fd = listen_at("127.0.0.1", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("127.0.0.1:%u", port);

	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	assert_int_equal(fixture->options.no_delay, 1);
	assert_int_equal(fixture->options.keepalive, 1);
	assert_in_range(
		fixture->options.idle_s + fixture->options.interval_s * fixture->options.n_probes,
		1, 30);
	assert_in_range(fixture->options.unacknowledged_ms, 1, 30 * 1000);
	close(fd);
}

static void test_deaf(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	struct deaf deaf = deaf_make("127.0.0.1", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("127.0.0.1:%u", port);

	dial_and_wait(fixture, address, 50);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: no answer in time");
	assert_in_range(fixture->ms, 49, 1000);
	deaf_close(&deaf);
}

static void test_name(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	int fd = listen_at("127.0.0.1", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("redis.example:%u", port);

	if (!private_names_are_there) {
		return;
	}
	expect_open_until_closed(fixture, address, fd);
}

static void test_localhost(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	int fd = listen_at("127.0.0.1", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("localhost:%u", port);

	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
}

/* The first address refuses, the second has the server. */
static void test_next_address(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	int fd = listen_at("127.0.0.2", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("redis.example:%u", port);

	if (!private_names_are_there) {
		return;
	}
	private_names_set_hosts("127.0.0.1 redis.example\n127.0.0.2 redis.example\n"
				"127.0.0.3 redis.example\n");
	dial_and_wait(fixture, address, 1000);
	assert_true(fixture->is_open);
	close(fd);
}

/* The first never answers: it has its share of the time, and the others theirs. */
static void test_share(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	struct deaf deaf = deaf_make("127.0.0.1", &port);
	int fd = listen_at("127.0.0.2", &port);
	CLEANUP(mem_free_p) char *address = mem_printf("redis.example:%u", port);

	if (!private_names_are_there) {
		return;
	}
	assert_true(fd >= 0);
	private_names_set_hosts("127.0.0.1 redis.example\n127.0.0.2 redis.example\n");
	dial_and_wait(fixture, address, 300);
	assert_true(fixture->is_open);
	assert_in_range(fixture->ms, 149, 299);
	close(fd);
	deaf_close(&deaf);
}

/* All of them never answer: the time is kept. */
static void test_all_deaf(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = 0;
	struct deaf deaf[] = {deaf_make("127.0.0.1", &port), deaf_make("127.0.0.2", &port),
		deaf_make("127.0.0.3", &port)};
	CLEANUP(mem_free_p) char *address = mem_printf("redis.example:%u", port);

	if (!private_names_are_there) {
		return;
	}
	private_names_set_hosts("127.0.0.1 redis.example\n127.0.0.2 redis.example\n"
				"127.0.0.3 redis.example\n");
	dial_and_wait(fixture, address, 150);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words, "cannot connect: no answer in time");
	assert_in_range(fixture->ms, 147, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(deaf); i++) {
		deaf_close(&deaf[i]);
	}
}

static void test_no_such_name(void **state)
{
	struct fixture *fixture = *state;

	if (!private_names_are_there) {
		return;
	}
	dial_and_wait(fixture, "nosuch.example:1", 1000);
	assert_false(fixture->is_open);
	assert_string_equal(
		fixture->words, "cannot find \"nosuch.example\": Name or service not known");
}

/* The time for the connection is not that for the name. */
static void test_slow_name(void **state)
{
	struct fixture *fixture = *state;
	int server;

	if (!private_names_are_there) {
		return;
	}
	server = private_names_add_silent_server();
	dial_and_wait(fixture, "silent.example:1", 30);
	assert_false(fixture->is_open);
	assert_string_equal(fixture->words,
		"cannot find \"silent.example\": Temporary failure in name resolution");
	assert_in_range(fixture->ms, 900, 3000);
	close(server);
}

/* Freed in every stage: nobody is called, nothing of it is touched later. */
static void test_freed_during_lookup(void **state)
{
	struct fixture *fixture = *state;
	int server;

	if (!private_names_are_there) {
		return;
	}
	server = private_names_add_silent_server();
	for (int n_turns = 0; n_turns < 3; n_turns++) {
		dial_to(fixture, "silent.example:1", 1000);
		for (int i = 0; i < n_turns; i++) {
			peer_turn(fixture->loop);
		}
		dial_free(fixture->dial);
		fixture->dial = NULL;
		peer_turn(fixture->loop);
		peer_turn(fixture->loop);
		assert_int_equal(fixture->n_done, 0);
	}
	close(server);
}

static void test_freed_at_once(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(mem_free_p) char *address = mem_printf("unix://%s", fixture->scratch->path);
	struct peer *peer = peer_new(fixture->loop, fixture->scratch->path);

	peer_listen(peer);
	for (size_t i = 0; i < 3; i++) {
		const char *addresses[] = {address, "localhost:1", "127.0.0.1:1"};

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
		ROW(test_options),
		ROW(test_deaf),
		ROW(test_name),
		ROW(test_localhost),
		ROW(test_next_address),
		ROW(test_share),
		ROW(test_all_deaf),
		ROW(test_no_such_name),
		ROW(test_slow_name),
		ROW(test_freed_during_lookup),
		ROW(test_freed_at_once),
	};

	private_names_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
