/*
 * The connections of a server, on real sockets: whom the kernel names is whom it ends, whoever has
 * come to the same addresses meanwhile. What takes CAP_NET_ADMIN is skipped without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/kernel.h"
#include "host/sockets.h"

#define N_CLIENTS 12
#define N_ROUNDS 10000
#define SEED 7

/* One connection of this process to itself. */
struct client {
	uint16_t port; /* of the client; the next one has the same */
	int fd;
	int server_fd;
};

struct world {
	int listener;
	struct sockaddr_in address;
	struct client link;
	struct client clients[N_CLIENTS];
};

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t n_bytes = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n_bytes), 0);
	return ntohs(address.sin_port);
}

/* With the port that it had before, if any. */
static void connect_client(struct world *world, struct client *client)
{
	struct sockaddr_in address = loopback(client->port);
	int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(client->fd >= 0);
	assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(
		connect(client->fd, (struct sockaddr *)&world->address, sizeof(world->address)), 0);
	client->server_fd = accept4(world->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(client->server_fd >= 0);
	client->port = port_of(client->fd);
}

/* At once: nothing of it waits for anything. */
static void reset_client(struct client *client)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)setsockopt(client->server_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(client->fd);
	close(client->server_fd);
}

static int world_setup(void **state)
{
	struct world *world = mem_new(struct world);
	socklen_t n_bytes = sizeof(world->address);

	world->address = loopback(0);
	world->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(world->listener, (struct sockaddr *)&world->address, n_bytes) != 0 ||
		listen(world->listener, N_CLIENTS) != 0 ||
		getsockname(world->listener, (struct sockaddr *)&world->address, &n_bytes) != 0) {
		return -1;
	}
	connect_client(world, &world->link);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		connect_client(world, &world->clients[i]);
	}
	*state = world;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < N_CLIENTS; i++) {
		reset_client(&world->clients[i]);
	}
	reset_client(&world->link);
	close(world->listener);
	free(world);
	return 0;
}

static void read_all(const struct world *world, struct sockets *sockets)
{
	assert_true(sockets_begin(sockets, world->link.fd, -1, NULL, 0));
	while (sockets_read(sockets)) {
	}
}

static struct ends ends_of_client(const struct world *world, const struct client *client)
{
	static const uint8_t bytes[] = {127, 0, 0, 1};

	return (struct ends){
		.client = ends_address_make(false, bytes, client->port),
		.server = ends_address_make(false, bytes, ntohs(world->address.sin_port)),
	};
}

static uint32_t find(
	const struct world *world, const struct sockets *sockets, const struct client *client)
{
	struct ends ends = ends_of_client(world, client);

	return sockets_find_ends(sockets, &ends);
}

static bool is_alive(const struct client *client)
{
	struct pollfd server = {.fd = client->server_fd};

	return poll(&server, 1, 0) == 0;
}

static void test_place(void **state)
{
	struct world *world = *state;
	int pair[2];

	assert_int_equal(sockets_find_place(world->link.fd, -1), SOCKETS_HERE);
	assert_int_equal(sockets_find_place(-1, -1), SOCKETS_OTHER_HOST);
	/* The listener is no connection. */
	assert_int_equal(sockets_find_place(world->listener, -1), SOCKETS_OTHER_HOST);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(sockets_find_place(pair[0], getpid()), SOCKETS_HERE);
	/* Who listens there is not who answers: a relay. */
	assert_int_equal(sockets_find_place(pair[0], getpid() + 1), SOCKETS_OTHER_NAMESPACE);
	assert_int_equal(sockets_find_place(pair[0], -1), SOCKETS_OTHER_NAMESPACE);
	close(pair[0]);
	close(pair[1]);
}

static void test_reads_the_server_alone(void **state)
{
	struct world *world = *state;
	struct sockets sockets = {0};
	uint32_t numbers[N_CLIENTS];

	assert_int_equal(sockets_n(&sockets), 0);
	read_all(world, &sockets);
	/* Those that it has accepted: the clients' own ends are none of its. */
	assert_int_equal(sockets_n(&sockets), N_CLIENTS + 1);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		struct ends found, ends = ends_of_client(world, &world->clients[i]);

		numbers[i] = find(world, &sockets, &world->clients[i]);
		assert_int_not_equal(numbers[i], SOCKETS_NONE);
		found = sockets_ends(&sockets, numbers[i]);
		assert_true(ends_address_is_equal(&found.client, &ends.client));
		assert_true(ends_address_is_equal(&found.server, &ends.server));
	}
	assert_false(sockets_are_known(&sockets)); /* the server has not said a word */
	sockets_finish(&sockets);
}

static void note(struct sockets *sockets, int fd, const char *line)
{
	struct session session;
	struct err err;

	assert_int_equal(
		session_parse(slice_of(line), SERVER_REDIS, slice_of("node"), &session, &err), 0);
	sockets_note_own(sockets, fd, &session);
}

/* The server's own word on the daemon's connection: a proxy's server says something else. */
static void test_proof(void **state)
{
	struct world *world = *state;
	struct sockets sockets = {0};
	unsigned port = ntohs(world->address.sin_port);
	CLEANUP(mem_free_p)
	char *truth = mem_printf("id=1 addr=127.0.0.1:%u laddr=127.0.0.1:%u fd=8 name=",
		(unsigned)world->link.port, port);
	CLEANUP(mem_free_p)
	char *other = mem_printf("id=1 addr=127.0.0.1:%u laddr=127.0.0.1:%u fd=8 name=",
		(unsigned)world->clients[0].port, port);

	read_all(world, &sockets);
	note(&sockets, world->link.fd, truth);
	assert_true(sockets_are_known(&sockets));
	note(&sockets, world->link.fd, other);
	assert_false(sockets_are_known(&sockets));
	sockets_finish(&sockets);
}

/* Before Redis 6.2 a server does not tell which of its addresses a session came to. */
static void test_without_the_servers_end(void **state)
{
	struct world *world = *state;
	struct sockets sockets = {0};
	struct session session;
	struct err err;
	CLEANUP(mem_free_p)
	char *line = mem_printf("id=7 addr=127.0.0.1:%u fd=8 name=", world->clients[3].port);
	CLEANUP(mem_free_p)
	char *own = mem_printf("id=1 addr=127.0.0.1:%u fd=8 name=", world->link.port);

	read_all(world, &sockets);
	assert_int_equal(
		session_parse(slice_of(line), SERVER_REDIS, slice_of("node"), &session, &err), 0);
	assert_int_equal(
		sockets_find(&sockets, &session), find(world, &sockets, &world->clients[3]));
	note(&sockets, world->link.fd, own);
	assert_true(sockets_are_known(&sockets));
	note(&sockets, world->link.fd, line);
	assert_false(sockets_are_known(&sockets));
	sockets_finish(&sockets);
}

static bool needs_kernel(void)
{
	if (kernel_probe() == KERNEL_YES) {
		return true;
	}
	print_message("skipped: the kernel does not obey\n");
	return false;
}

/* Some end and come again on the same ports, some stay, some are ended: nobody else is hit. */
static void test_ten_thousand_rounds(void **state)
{
	struct world *world = *state;
	struct sockets sockets = {0};
	size_t n_ended = 0, n_missed = 0;

	if (!needs_kernel()) {
		return;
	}
	srandom(SEED);
	for (size_t round = 0; round < N_ROUNDS; round++) {
		struct client *client = &world->clients[round % N_CLIENTS];
		bool is_other = random() % 2 == 0;
		uint32_t number;
		int error = -1;

		if (round % N_CLIENTS == 0) {
			read_all(world, &sockets);
		}
		number = find(world, &sockets, client);
		assert_int_not_equal(number, SOCKETS_NONE);
		if (is_other) {
			reset_client(client);
			connect_client(world, client);
		}
		assert_int_equal(sockets_destroy(&sockets, &number, 1, &error), 0);
		assert_int_equal(error, is_other ? ENOENT : 0);
		assert_int_equal(is_alive(client), is_other);
		n_missed += is_other;
		n_ended += !is_other;
		if (!is_other) {
			reset_client(client);
			connect_client(world, client);
		}
		for (size_t i = 0; i < N_CLIENTS; i++) {
			assert_true(is_alive(&world->clients[i]));
		}
	}
	assert_true(is_alive(&world->link));
	assert_true(n_ended > N_ROUNDS / 3 && n_missed > N_ROUNDS / 3);
	sockets_finish(&sockets);
}

static void test_many_at_once(void **state)
{
	struct world *world = *state;
	struct sockets sockets = {0};
	uint32_t numbers[N_CLIENTS];
	int errors[N_CLIENTS];

	if (!needs_kernel()) {
		return;
	}
	read_all(world, &sockets);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		numbers[i] = find(world, &sockets, &world->clients[i]);
	}
	reset_client(&world->clients[5]);
	connect_client(world, &world->clients[5]);
	assert_int_equal(sockets_destroy(&sockets, numbers, N_CLIENTS, errors), 0);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		assert_int_equal(errors[i], i == 5 ? ENOENT : 0);
		assert_int_equal(is_alive(&world->clients[i]), i == 5);
	}
	assert_true(is_alive(&world->link));
	sockets_finish(&sockets);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_place),
		ROW(test_reads_the_server_alone),
		ROW(test_proof),
		ROW(test_without_the_servers_end),
		ROW(test_ten_thousand_rounds),
		ROW(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
