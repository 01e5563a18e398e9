/*
 * Names and addresses by libc: what is found, what is not, who shares a look-up, what becomes of
 * one that nobody waits for any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <event2/event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "peer_script.h"
#include "private_names.h"
#include "redis/resolver.h"

#define MAX_ASKERS 20
/* Each look-up is two questions: for IPv4, and for IPv6. */
#define QUESTIONS 2
#define LIBC_MAX_THREADS 20

/* One who asks, and what he heard. */
struct asker {
	struct lookup *lookup;
	int n_done;
	char text[256]; /* "127.0.0.1:6379 [::1]:6379", or the words */
};

struct fixture {
	struct event_base *loop;
	struct resolver *resolver;
	struct asker askers[MAX_ASKERS];
};

static void add_address(char *text, size_t n_bytes, const struct sockaddr *address)
{
	char host[INET6_ADDRSTRLEN];
	size_t len = strlen(text);

	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;

		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text + len, n_bytes - len, "%s%s:%u", len > 0 ? " " : "", host,
			ntohs(v4->sin_port));
	} else {
		const struct sockaddr_in6 *v6 = (const void *)address;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text + len, n_bytes - len, "%s[%s]:%u", len > 0 ? " " : "", host,
			ntohs(v6->sin6_port));
	}
}

static void on_done(void *context, const struct addrinfo *addresses, const char *words)
{
	struct asker *asker = context;

	asker->n_done++;
	asker->lookup = NULL;
	assert_true((addresses == NULL) == (words != NULL));
	if (addresses == NULL) {
		snprintf(asker->text, sizeof(asker->text), "%s", words);
	}
	for (; addresses != NULL; addresses = addresses->ai_next) {
		add_address(asker->text, sizeof(asker->text), addresses->ai_addr);
	}
}

static int setup(void **state)
{
	struct fixture *fixture = mem_new(struct fixture);

	if (private_names_are_there) {
		private_names_set_hosts("127.0.0.1 localhost redis.example\n");
		private_names_set_sources("files");
	}
	fixture->loop = event_base_new();
	fixture->resolver = resolver_new(fixture->loop);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < MAX_ASKERS; i++) {
		lookup_cancel(fixture->askers[i].lookup);
	}
	resolver_free(fixture->resolver);
	event_base_free(fixture->loop);
	free(fixture);
	return 0;
}

static struct asker *ask(struct fixture *fixture, size_t i, const char *host, uint16_t port)
{
	struct asker *asker = &fixture->askers[i];

	assert_null(asker->lookup);
	*asker = (struct asker){0};
	asker->lookup = resolver_look_up(fixture->resolver, host, port, on_done, asker);
	/* Never before the call returned. */
	assert_int_equal(asker->n_done, 0);
	return asker;
}

static void expect(struct fixture *fixture, struct asker *asker, const char *text)
{
	peer_wait(fixture->loop, asker->n_done > 0);
	assert_string_equal(asker->text, text);
	assert_int_equal(asker->n_done, 1);
}

static void turn_for(struct fixture *fixture, int64_t ms)
{
	int64_t end_ms = clock_monotonic_ms() + ms;

	while (clock_monotonic_ms() < end_ms) {
		peer_turn(fixture->loop);
	}
}

/* Of this process. */
static size_t n_threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	size_t n = 0;

	while (readdir(directory) != NULL) {
		n++;
	}
	closedir(directory);
	return n - 2;
}

/* How many questions have arrived since the last time. */
static size_t n_questions(int server)
{
	char question[512];
	size_t n = 0;

	while (recv(server, question, sizeof(question), 0) > 0) {
		n++;
	}
	return n;
}

/* Told from the loop, without a thread. */
static void test_addresses(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		const char *expected;
	} rows[] = {
		{"127.0.0.1", 6379, "127.0.0.1:6379"},
		{"192.0.2.7", 1, "192.0.2.7:1"},
		{"::1", 65535, "[::1]:65535"},
		{"2001:db8::7", 0, "[2001:db8::7]:0"},
		{"::ffff:192.0.2.7", 6379, "[::ffff:192.0.2.7]:6379"},
	};
	struct fixture *fixture = *state;
	size_t n_before = n_threads();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct asker *asker = ask(fixture, i, rows[i].host, rows[i].port);

		assert_int_equal(n_threads(), n_before);
		expect(fixture, asker, rows[i].expected);
	}
}

static void test_localhost(void **state)
{
	struct fixture *fixture = *state;
	struct asker *asker = ask(fixture, 0, "localhost", 6379);

	peer_wait(fixture->loop, asker->n_done > 0);
	assert_true(strstr(asker->text, "127.0.0.1:6379") != NULL ||
		    strstr(asker->text, "[::1]:6379") != NULL);
}

static void test_no_such_name(void **state)
{
	struct fixture *fixture = *state;

	if (!private_names_are_there) {
		return;
	}
	expect(fixture, ask(fixture, 0, "nosuch.invalid", 1),
		"cannot find \"nosuch.invalid\": Name or service not known");
}

/* It refuses the questions. */
static void test_no_name_server(void **state)
{
	struct fixture *fixture = *state;

	if (!private_names_are_there) {
		return;
	}
	close(private_names_add_silent_server());
	expect(fixture, ask(fixture, 0, "nosuch.invalid", 1),
		"cannot find \"nosuch.invalid\": Temporary failure in name resolution");
}

/* In libc's order: the own address first, see RFC 6724. */
static void test_all_addresses(void **state)
{
	struct fixture *fixture = *state;

	if (!private_names_are_there) {
		return;
	}
	private_names_set_hosts("127.0.0.2 redis.example\n127.0.0.1 redis.example\n");
	expect(fixture, ask(fixture, 0, "redis.example", 7), "127.0.0.1:7 127.0.0.2:7");
}

/* Who asks at the same time hears the same, each with the port of his own. */
static void test_joined(void **state)
{
	struct fixture *fixture = *state;
	int server;

	if (!private_names_are_there) {
		return;
	}
	server = private_names_add_silent_server();
	for (uint16_t i = 0; i < 3; i++) {
		ask(fixture, i, "silent.example", i);
	}
	/* One of them leaves. */
	lookup_cancel(fixture->askers[1].lookup);
	fixture->askers[1].lookup = NULL;
	turn_for(fixture, 100);
	ask(fixture, 3, "silent.example", 3);
	for (size_t i = 0; i < 4; i += i == 0 ? 2 : 1) {
		expect(fixture, &fixture->askers[i],
			"cannot find \"silent.example\": Temporary failure in name resolution");
	}
	assert_int_equal(fixture->askers[1].n_done, 0);
	assert_int_equal(n_questions(server), QUESTIONS);
	close(server);

	for (uint16_t i = 0; i < 3; i++) {
		ask(fixture, i, "redis.example", i);
	}
	expect(fixture, &fixture->askers[2], "127.0.0.1:2");
	expect(fixture, &fixture->askers[0], "127.0.0.1:0");
	expect(fixture, &fixture->askers[1], "127.0.0.1:1");
}

/* Given up by all, libc goes on: who comes then waits for that. */
static void test_joined_after_all_have_left(void **state)
{
	struct fixture *fixture = *state;
	int server;

	if (!private_names_are_there) {
		return;
	}
	server = private_names_add_silent_server();
	for (int i = 0; i < 10; i++) {
		lookup_cancel(ask(fixture, 0, "silent.example", 1)->lookup);
		fixture->askers[0].lookup = NULL;
		turn_for(fixture, 20);
	}
	expect(fixture, ask(fixture, 0, "silent.example", 1),
		"cannot find \"silent.example\": Temporary failure in name resolution");
	assert_int_equal(n_questions(server), QUESTIONS);
	close(server);
}

/* What the second one hears may be a second old. */
static void test_reused(void **state)
{
	struct fixture *fixture = *state;

	if (!private_names_are_there) {
		return;
	}
	expect(fixture, ask(fixture, 0, "redis.example", 1), "127.0.0.1:1");
	private_names_set_hosts("127.0.0.2 redis.example\n");
	expect(fixture, ask(fixture, 0, "redis.example", 2), "127.0.0.1:2");
	turn_for(fixture, RESOLVER_REUSE_MS / 2);
	expect(fixture, ask(fixture, 0, "redis.example", 3), "127.0.0.1:3");
	turn_for(fixture, RESOLVER_REUSE_MS / 2);
	expect(fixture, ask(fixture, 0, "redis.example", 4), "127.0.0.2:4");
}

/* A dead name server does not pile up threads, and those who leave the queue leave it. */
static void test_many(void **state)
{
	struct fixture *fixture = *state;
	struct asker *last;
	int server;

	if (!private_names_are_there) {
		return;
	}
	server = private_names_add_silent_server();
	for (size_t i = 0; i < MAX_ASKERS; i++) {
		CLEANUP(mem_free_p) char *host = mem_printf("silent-%zu.example", i);

		last = ask(fixture, i, host, 1);
	}
	turn_for(fixture, 500);
	assert_in_range(n_threads(), 1 + RESOLVER_MAX_AT_ONCE, 1 + LIBC_MAX_THREADS);
	assert_int_equal(n_questions(server), QUESTIONS * RESOLVER_MAX_AT_ONCE);
	for (size_t i = 0; i < MAX_ASKERS - 1; i++) {
		lookup_cancel(fixture->askers[i].lookup);
		fixture->askers[i].lookup = NULL;
	}
	peer_wait(fixture->loop, last->n_done > 0);
	assert_int_equal(n_questions(server), QUESTIONS);
	close(server);
}

/* In every stage: nobody is called, nothing is touched later. */
static void test_cancelled(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "nosuch.invalid"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		for (int n_turns = 0; n_turns < 3; n_turns++) {
			struct asker *asker = ask(fixture, 0, hosts[i], 1);

			for (int j = 0; j < n_turns && asker->lookup != NULL; j++) {
				peer_turn(fixture->loop);
			}
			lookup_cancel(asker->lookup);
			if (asker->lookup != NULL) {
				peer_turn(fixture->loop);
				assert_int_equal(asker->n_done, 0);
			}
			asker->lookup = NULL;
		}
	}
}

/* libc is done after the resolver and its loop are gone. */
static void test_freed_while_libc_asks(void **state)
{
	struct fixture *fixture = *state;
	int64_t give_up_ms = clock_monotonic_ms() + PEER_PATIENCE_MS;
	int server;

	if (!private_names_are_there) {
		return;
	}
	server = private_names_add_silent_server();
	ask(fixture, 0, "silent.example", 1);
	ask(fixture, 1, "other.example", 1);
	peer_turn(fixture->loop);
	teardown(state);
	while (n_threads() > 1 && clock_monotonic_ms() < give_up_ms) {
		sched_yield();
	}
	setup(state);
	fixture = *state;
	expect(fixture, ask(fixture, 0, "redis.example", 1), "127.0.0.1:1");
	close(server);
}

/* The program ends meanwhile: the last of the tests, whose name server stays. */
static void test_freed_at_the_end(void **state)
{
	struct fixture *fixture = *state;

	if (!private_names_are_there) {
		return;
	}
	private_names_add_silent_server();
	ask(fixture, 0, "silent.example", 1);
	peer_turn(fixture->loop);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_addresses),
		ROW(test_localhost),
		ROW(test_no_such_name),
		ROW(test_no_name_server),
		ROW(test_all_addresses),
		ROW(test_joined),
		ROW(test_joined_after_all_have_left),
		ROW(test_reused),
		ROW(test_many),
		ROW(test_cancelled),
		ROW(test_freed_while_libc_asks),
		ROW(test_freed_at_the_end),
	};

	private_names_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
