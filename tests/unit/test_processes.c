/*
 * The processes of this very host: this process is the server, and its own client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/mem.h"
#include "host/processes_server.h"

/* A connection of this process with itself. */
struct pair {
	int client;
	int server;
};

struct fixture {
	struct event_base *loop;
	int listener;
	struct pair own;     /* the daemon's, to the server */
	struct pair session; /* somebody's */
	struct processes *processes;
	int n_done;
};

static void on_done(void *context)
{
	((struct fixture *)context)->n_done++;
}

static void take(struct fixture *fixture)
{
	fixture->n_done = 0;
	fixture->processes = processes_new(fixture->loop, on_done, fixture);
	assert_int_equal(fixture->n_done, 0);
	while (fixture->n_done == 0) {
		assert_int_equal(event_base_loop(fixture->loop, EVLOOP_ONCE), 0);
	}
}

static struct pair open_pair(int listener)
{
	struct sockaddr_storage address = {0};
	socklen_t n_bytes = sizeof(address);
	struct pair pair;

	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n_bytes), 0);
	pair.client = socket(address.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(pair.client, (struct sockaddr *)&address, n_bytes), 0);
	pair.server = accept(listener, NULL, NULL);
	assert_true(pair.server >= 0);
	return pair;
}

static void close_pair(struct pair *pair)
{
	close(pair->client);
	close(pair->server);
}

/* False: the host does not have such addresses. */
static bool begin(struct fixture *fixture, const void *address, socklen_t n_bytes)
{
	int family = ((const struct sockaddr *)address)->sa_family;

	*fixture = (struct fixture){.loop = event_base_new()};
	fixture->listener = socket(family, SOCK_STREAM, 0);
	if (fixture->listener < 0 || bind(fixture->listener, address, n_bytes) != 0) {
		close(fixture->listener);
		event_base_free(fixture->loop);
		return false;
	}
	assert_int_equal(listen(fixture->listener, 5), 0);
	fixture->own = open_pair(fixture->listener);
	fixture->session = open_pair(fixture->listener);
	return true;
}

static void end(struct fixture *fixture)
{
	processes_free(fixture->processes);
	close_pair(&fixture->own);
	close_pair(&fixture->session);
	close(fixture->listener);
	event_base_free(fixture->loop);
}

/* The kernel chooses the name. */
static bool begin_unix(struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	return begin(fixture, &address, sizeof(address.sun_family));
}

static bool begin_tcp(struct fixture *fixture)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return begin(fixture, &address, sizeof(address));
}

static bool begin_tcp6(struct fixture *fixture)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	return begin(fixture, &address, sizeof(address));
}

/* What a server would list: "10.0.0.1:50412", or the path of a Unix socket. */
static void print_address(int fd, bool is_peer, char text[80])
{
	struct sockaddr_storage address = {0};
	socklen_t n_bytes = sizeof(address);
	char host[INET6_ADDRSTRLEN];
	const struct sockaddr_in *in = (const void *)&address;
	const struct sockaddr_in6 *in6 = (const void *)&address;

	if (is_peer) {
		assert_int_equal(getpeername(fd, (struct sockaddr *)&address, &n_bytes), 0);
	} else {
		assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n_bytes), 0);
	}
	if (address.ss_family == AF_UNIX) {
		snprintf(text, 80, "/run/server.sock:0");
	} else if (address.ss_family == AF_INET) {
		snprintf(text, 80, "%s:%u", inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)),
			ntohs(in->sin_port));
	} else {
		snprintf(text, 80, "[%s]:%u",
			inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)),
			ntohs(in6->sin6_port));
	}
}

/* The line of the listing; the session borrows it. */
struct line {
	char text[256];
	struct session session;
};

static void list_as(struct line *line, const char *addr, const char *laddr, int fd)
{
	snprintf(line->text, sizeof(line->text), "id=1 addr=%s laddr=%s fd=%d age=0", addr, laddr,
		fd);
	assert_int_equal(session_parse(slice_of(line->text), SERVER_REDIS, slice_of("node"),
				 &line->session, NULL),
		0);
}

static void list(struct line *line, const struct pair *pair)
{
	char addr[80], laddr[80];

	print_address(pair->client, false, addr);
	print_address(pair->client, true, laddr);
	list_as(line, addr, laddr, pair->server);
}

/* The process of the session, if the server is proved by what it says of the connection to it. */
static int32_t find_as(struct fixture *fixture, const struct line *own)
{
	struct processes_server server = {0};
	uint32_t program;
	struct line session;
	bool is_proved;

	list(&session, &fixture->session);
	processes_server_begin(&server, fixture->processes, fixture->own.client);
	program = processes_server_find(&server, &session.session);
	if (own != NULL) {
		processes_server_note_own(&server, &own->session);
	}
	is_proved = server.is_proved;
	processes_server_end(&server);
	assert_int_not_equal(program, PROCESSES_NOBODY);
	return is_proved ? processes_program(fixture->processes, program)->pid : 0;
}

static int32_t find(struct fixture *fixture)
{
	struct line own;

	list(&own, &fixture->own);
	return find_as(fixture, &own);
}

/* ---- who it is ---- */

static bool (*const begins[])(struct fixture *fixture) = {begin_unix, begin_tcp, begin_tcp6};

static void test_found(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct fixture fixture;

		if (!begins[i](&fixture)) {
			assert_ptr_equal(begins[i], begin_tcp6);
			continue;
		}
		take(&fixture);
		assert_int_equal(find(&fixture), getpid());
		end(&fixture);
	}
}

static void test_counted(void **state UNUSED)
{
	struct processes_server server = {0};
	struct programs programs = {0};
	struct fixture fixture;
	struct line own, session;

	assert_true(begin_tcp(&fixture));
	take(&fixture);
	list(&own, &fixture.own);
	list(&session, &fixture.session);
	processes_server_begin(&server, fixture.processes, fixture.own.client);
	for (unsigned i = 0; i < 3; i++) {
		processes_server_count(&server, processes_server_find(&server, &session.session));
	}
	list_as(&session, "10.1.2.3:4000", "10.1.2.4:6379", 9);
	processes_server_count(&server, processes_server_find(&server, &session.session));
	processes_server_sum(&server, &programs);
	assert_int_equal(programs.n_sessions, 3);
	assert_int_equal(programs.n_named, 0); /* nothing is proved */
	programs_finish(&programs);
	processes_server_note_own(&server, &own.session);
	processes_server_sum(&server, &programs);
	programs_close(&programs);
	assert_int_equal(programs.n_named, 3);
	assert_int_equal(programs.n, 1);
	assert_int_equal(programs.items[0].found, 3);
	assert_string_equal(programs.items[0].texts[PROGRAM_PROCESS], "test_processes");
	assert_true(strlen(programs.items[0].texts[PROGRAM_USER]) > 0);
	programs_finish(&programs);
	processes_server_end(&server);
	end(&fixture);
}

/* ---- what is not certain ---- */

/*
 * The server's own word on the daemon's connection is the proof that it is the one whose sockets
 * are looked at; there is none where a proxy or another host stands in between.
 */
static void test_not_proved(void **state UNUSED)
{
	for (size_t i = 0; i < 2; i++) {
		struct fixture fixture;
		char addr[80], laddr[80];
		struct line own;

		assert_true(begins[i](&fixture));
		take(&fixture);
		print_address(fixture.own.client, false, addr);
		print_address(fixture.own.client, true, laddr);
		assert_int_equal(find_as(&fixture, NULL), 0);
		list_as(&own, i == 0 ? "127.0.0.1:1" : "/run/server.sock:0", laddr,
			fixture.own.server);
		assert_int_equal(find_as(&fixture, &own), 0);
		list_as(&own, addr, laddr, fixture.session.server);
		assert_int_equal(find_as(&fixture, &own), 0);
		list_as(&own, i == 0 ? addr : "127.0.0.1:1", laddr, fixture.own.server);
		assert_int_equal(find_as(&fixture, &own), i == 0 ? getpid() : 0);
		end(&fixture);
	}
}

/* Descriptors and ports of a session that has ended are used again. */
static void test_used_again(void **state UNUSED)
{
	for (size_t i = 0; i < 2; i++) {
		struct fixture fixture;
		int fd;

		assert_true(begins[i](&fixture));
		take(&fixture);
		assert_int_equal(find(&fixture), getpid());
		fd = fixture.session.server;
		close_pair(&fixture.session);
		fixture.session = open_pair(fixture.listener);
		assert_int_equal(fixture.session.server, fd);
		assert_int_equal(find(&fixture), 0);
		end(&fixture);
	}
}

/* Both have the descriptor, but not the same socket: it is not certain which is meant. */
static void test_child_of_the_server(void **state UNUSED)
{
	struct fixture fixture;
	int ready[2], stop[2], fd;
	pid_t child;
	char byte;

	assert_true(begin_unix(&fixture));
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(stop), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(stop[1]);
		(void)!write(ready[1], "x", 1);
		(void)!read(stop[0], &byte, 1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	take(&fixture);
	/* It has all sockets as well; whose descriptors are meant is not certain. */
	assert_int_equal(find(&fixture), 0);
	processes_free(fixture.processes);
	fd = fixture.session.server;
	close_pair(&fixture.session);
	fixture.session = open_pair(fixture.listener);
	assert_int_equal(fixture.session.server, fd);
	take(&fixture);
	assert_int_equal(find(&fixture), 0);
	close(stop[1]);
	close(stop[0]);
	close(ready[0]);
	close(ready[1]);
	end(&fixture);
}

static void test_near(void **state UNUSED)
{
	struct processes_server server = {0};
	struct fixture fixture;

	assert_true(begin_tcp(&fixture));
	take(&fixture);
	processes_server_begin(&server, fixture.processes, -1);
	assert_false(server.is_near);
	processes_server_begin(&server, fixture.processes, fixture.listener);
	assert_false(server.is_near);
	processes_server_begin(&server, fixture.processes, fixture.own.client);
	assert_true(server.is_near);
	processes_server_end(&server);
	end(&fixture);
}

/* It may be given up at any time. */
static void test_given_up(void **state UNUSED)
{
	struct fixture fixture;

	assert_true(begin_tcp(&fixture));
	fixture.processes = processes_new(fixture.loop, on_done, &fixture);
	processes_free(fixture.processes);
	fixture.processes = processes_new(fixture.loop, on_done, &fixture);
	event_base_loop(fixture.loop, EVLOOP_ONCE);
	end(&fixture);
	assert_true(fixture.n_done <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_not_proved),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_child_of_the_server),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
