/*
 * A census of this very host: this process is the server, and its own client.
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

#include "base/clock.h"
#include "base/macros.h"
#include "base/mem.h"
#include "host/census.h"

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
	struct census *census;
	int n_done;
};

static void on_done(void *context)
{
	((struct fixture *)context)->n_done++;
}

static void take_census(struct fixture *fixture)
{
	fixture->n_done = 0;
	fixture->census = census_new(fixture->loop, on_done, fixture);
	assert_int_equal(fixture->n_done, 0);
	assert_false(census_is_done(fixture->census));
	while (fixture->n_done == 0) {
		assert_int_equal(event_base_loop(fixture->loop, EVLOOP_ONCE), 0);
	}
	assert_true(census_is_done(fixture->census));
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
	census_free(fixture->census);
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

static struct census_witness witness_of(int fd)
{
	struct census_witness witness;

	assert_true(census_read_witness(fd, &witness));
	assert_true(census_is_near(&witness));
	return witness;
}

/* What a server would list. */
static struct ends ends_of_pair(const struct pair *pair)
{
	struct census_witness client = witness_of(pair->client);

	return (struct ends){
		.is_unix = client.is_unix,
		.client = client.local,
		.server = client.remote,
		.fd = pair->server,
		.age_s = 100,
	};
}

static bool find(struct fixture *fixture, const struct ends *own, const struct ends *session,
	bool may_look_again, struct census_client *ret_client)
{
	struct census_witness witness = witness_of(fixture->own.client);
	struct census_server server;
	bool is_found;

	census_find_server(fixture->census, &witness, own, clock_monotonic_ms(), &server);
	is_found =
		census_find_client(fixture->census, &server, session, may_look_again, ret_client);
	census_server_finish(&server);
	return is_found;
}

static void assert_is_me(const struct census_client *client)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", (unsigned)getuid());
	assert_int_equal(client->pid, getpid());
	assert_int_equal(client->uid, getuid());
	assert_true(slice_is(client->process, "test_census"));
	assert_true(client->user.len > 0);
	if (getuid() == 0) {
		assert_true(slice_is(client->user, "root"));
	}
}

static void test_found(void **state UNUSED)
{
	static bool (*const begins[])(struct fixture * fixture) = {
		begin_unix, begin_tcp, begin_tcp6};

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct fixture fixture;
		struct census_client client;
		struct ends own, session;

		if (!begins[i](&fixture)) {
			assert_ptr_equal(begins[i], begin_tcp6);
			continue;
		}
		own = ends_of_pair(&fixture.own);
		session = ends_of_pair(&fixture.session);
		take_census(&fixture);
		assert_true(find(&fixture, &own, &session, false, &client));
		assert_is_me(&client);
		end(&fixture);
	}
}

/*
 * The server's own word on the daemon's connection is the proof that it is the one whose sockets
 * are looked at; there is none where a proxy or another host stands in between.
 */
static void test_not_proved(void **state UNUSED)
{
	static bool (*const begins[])(struct fixture * fixture) = {begin_unix, begin_tcp};

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		struct fixture fixture;
		struct census_client client;
		struct ends own, wrong, session;

		assert_true(begins[i](&fixture));
		own = ends_of_pair(&fixture.own);
		session = ends_of_pair(&fixture.session);
		take_census(&fixture);
		assert_true(find(&fixture, &own, &session, false, &client));
		assert_false(find(&fixture, NULL, &session, false, &client));
		wrong = own;
		wrong.is_unix = !own.is_unix;
		assert_false(find(&fixture, &wrong, &session, false, &client));
		wrong = own;
		wrong.fd = session.fd;
		assert_false(find(&fixture, &wrong, &session, false, &client));
		if (!own.is_unix) {
			wrong = own;
			wrong.client.port++;
			assert_false(find(&fixture, &wrong, &session, false, &client));
		}
		end(&fixture);
	}
}

/* A descriptor means another session as soon as the first one has ended. */
static void test_young(void **state UNUSED)
{
	struct fixture fixture;
	struct census_client client;
	struct ends own, session;
	struct pair other;

	assert_true(begin_unix(&fixture));
	own = ends_of_pair(&fixture.own);
	session = ends_of_pair(&fixture.session);
	session.age_s = 0;
	take_census(&fixture);
	assert_false(find(&fixture, &own, &session, false, &client));
	assert_true(find(&fixture, &own, &session, true, &client));
	assert_is_me(&client);
	close_pair(&fixture.session);
	other = open_pair(fixture.listener);
	assert_int_equal(other.server, session.fd);
	fixture.session = other;
	assert_false(find(&fixture, &own, &session, true, &client));
	end(&fixture);
}

/* Both have the descriptor, but not the same socket: it is not certain which is meant. */
static void test_child_of_the_server(void **state UNUSED)
{
	struct fixture fixture;
	struct census_client client;
	struct ends own, session;
	int ready[2], stop[2];
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
	own = ends_of_pair(&fixture.own);
	session = ends_of_pair(&fixture.session);
	take_census(&fixture);
	/* It has all sockets as well: nothing is uncertain. */
	assert_true(find(&fixture, &own, &session, false, &client));
	assert_true(client.pid == getpid() || client.pid == child);
	census_free(fixture.census);
	close_pair(&fixture.session);
	fixture.session = open_pair(fixture.listener);
	assert_int_equal(fixture.session.server, session.fd);
	take_census(&fixture);
	assert_false(find(&fixture, &own, &session, true, &client));
	close(stop[1]);
	close(stop[0]);
	close(ready[0]);
	close(ready[1]);
	end(&fixture);
}

static void test_witness(void **state UNUSED)
{
	struct census_witness witness;
	struct fixture fixture;

	assert_false(census_read_witness(-1, &witness));
	assert_false(census_read_witness(0, &witness));
	assert_true(begin_tcp(&fixture));
	assert_false(census_read_witness(fixture.listener, &witness));
	witness = witness_of(fixture.own.client);
	witness.remote.bytes[0] = witness.local.bytes[0] = 10;
	assert_true(census_is_near(&witness));
	witness.remote.bytes[3]++;
	assert_false(census_is_near(&witness));
	end(&fixture);
}

/* It may be given up at any time. */
static void test_given_up(void **state UNUSED)
{
	struct fixture fixture;

	assert_true(begin_tcp(&fixture));
	fixture.census = census_new(fixture.loop, on_done, &fixture);
	census_free(fixture.census);
	fixture.census = census_new(fixture.loop, on_done, &fixture);
	event_base_loop(fixture.loop, EVLOOP_ONCE);
	end(&fixture);
	assert_true(fixture.n_done <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_proved),
		cmocka_unit_test(test_young),
		cmocka_unit_test(test_child_of_the_server),
		cmocka_unit_test(test_witness),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
