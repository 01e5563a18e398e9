/*
 * The socket itself: made, taken over, refused, inherited, removed; and the end of the server.
 */
#include "http_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A socket file with or without somebody who listens. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = client_socket();

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int try_to_start(struct fixture *fixture, struct err *err)
{
	struct http_server *server = NULL;
	int r = http_server_new(fixture->loop, &fixture->opts, -1, fixture_handler, fixture_claim,
		fixture, &server, err);

	if (r == 0) {
		http_server_free(server);
	} else {
		assert_null(server);
	}
	return r;
}

static void expect_service(struct fixture *fixture)
{
	struct client client = client_open(fixture);

	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	client_expect(fixture, &client, "method=0");
	client_close(&client);
}

static void test_mode_and_group(void **state)
{
	static const unsigned modes[] = {0600, 0660, 0666};
	struct fixture *fixture = *state;
	mode_t mask = umask(0077);
	struct stat status;
	char group[24];

	snprintf(group, sizeof(group), "%u", (unsigned)getegid());
	fixture->opts.group = group;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		fixture->opts.mode = modes[i];
		fixture_start(fixture, -1);
		assert_int_equal(lstat(fixture->opts.socket, &status), 0);
		assert_true(S_ISSOCK(status.st_mode));
		assert_int_equal(status.st_mode & 07777, modes[i]);
		assert_int_equal(status.st_gid, getegid());
		http_server_free(fixture->server);
		fixture->server = NULL;
		assert_int_equal(lstat(fixture->opts.socket, &status), -1);
	}
	assert_int_equal(umask(mask), 0077);
}

static void test_stale(void **state)
{
	struct fixture *fixture = *state;

	close(listen_at(fixture->scratch->path));
	fixture_start(fixture, -1);
	expect_service(fixture);
}

static void test_alive(void **state)
{
	struct fixture *fixture = *state;
	int fd = listen_at(fixture->scratch->path);
	struct err err;

	assert_int_equal(try_to_start(fixture, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "another process listens there"));
	/* With its queue full it is still alive. */
	for (int i = 0; i < 8; i++) {
		assert_int_equal(try_to_start(fixture, &err), -EADDRINUSE);
	}
	close(fd);
	assert_int_equal(try_to_start(fixture, &err), 0);
}

static void test_no_socket(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;
	struct err err;

	scratch_write(fixture->scratch->path, "precious");
	assert_int_equal(try_to_start(fixture, &err), -EEXIST);
	assert_non_null(strstr(err.text, "exists and is no socket"));
	assert_int_equal(unlink(fixture->scratch->path), 0);

	/* Nor is a link followed, to whatever. */
	assert_int_equal(symlink("/nowhere", fixture->scratch->path), 0);
	assert_int_equal(try_to_start(fixture, &err), -EEXIST);
	assert_int_equal(lstat(fixture->scratch->path, &status), 0);
}

static void test_bad_options(void **state)
{
	struct fixture *fixture = *state;
	char long_path[256], nowhere[128], unknown[] = "no-such-group", number[] = "4294967295";
	struct err err;

	fixture->opts.group = unknown;
	assert_int_equal(try_to_start(fixture, &err), -EINVAL);
	assert_string_equal(err.text, "there is no group no-such-group");
	fixture->opts.group = number;
	assert_int_equal(try_to_start(fixture, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a group number"));
	fixture->opts.group = NULL;

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[108] = '\0';
	fixture->opts.socket = long_path;
	assert_int_equal(try_to_start(fixture, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "1 to 107 bytes"));

	snprintf(nowhere, sizeof(nowhere), "%s/not/there", fixture->scratch->directory);
	fixture->opts.socket = nowhere;
	assert_int_equal(try_to_start(fixture, &err), -ENOENT);
	assert_non_null(strstr(err.text, nowhere));
}

static void test_inherited(void **state)
{
	struct fixture *fixture = *state;
	int fd = listen_at(fixture->scratch->path);
	struct stat status;

	assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* blocking, as systemd hands it over */
	fixture_start(fixture, fd);
	expect_service(fixture);
	http_server_free(fixture->server);
	fixture->server = NULL;
	/* The file is the service manager's. */
	assert_int_equal(lstat(fixture->scratch->path, &status), 0);
}

static void test_inherited_nonsense(void **state)
{
	struct fixture *fixture = *state;
	int fds[] = {
		client_socket(),                         /* does not listen */
		socket(AF_INET, SOCK_STREAM, 0),         /* not of this host */
		open("/dev/null", O_RDONLY | O_CLOEXEC), /* no socket */
	};
	struct http_server *server = NULL;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_int_equal(http_server_new(fixture->loop, &fixture->opts, fds[i],
					 fixture_handler, fixture_claim, fixture, &server, &err),
			-EINVAL);
		assert_non_null(strstr(err.text, "is no listening Unix stream socket"));
		assert_int_equal(fcntl(fds[i], F_GETFD), -1); /* taken over, and closed */
	}
}

/* The file of a successor stays. */
static void test_file_of_another(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;
	int fd;

	fixture_start(fixture, -1);
	assert_int_equal(rename(fixture->scratch->path, fixture->scratch->other_path), 0);
	fd = listen_at(fixture->scratch->path);
	http_server_free(fixture->server);
	fixture->server = NULL;
	assert_int_equal(lstat(fixture->scratch->path, &status), 0);
	close(fd);
}

/* A long name of the caller's own socket has broken servers before. */
static void test_named_caller(void **state)
{
	struct fixture *fixture = *state;
	struct client client = {.fd = client_socket(), .text = mem_copy_text("", 0)};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	fixture_start(fixture, -1);
	memset(address.sun_path, 'x', sizeof(address.sun_path));
	address.sun_path[0] = '\0'; /* of the abstract kind: no file */
	snprintf(address.sun_path + 1, 24, "%d", (int)getpid());
	assert_int_equal(bind(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(client_connect(client.fd, fixture->scratch->path), 0);
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	client_expect(fixture, &client, "method=0");
	client_close(&client);
}

static void test_stop(void **state)
{
	struct fixture *fixture = *state;
	struct client idle, busy, late;
	struct stat status;

	fixture_start(fixture, -1);
	fixture->is_holding = true;
	idle = client_open(fixture);
	busy = client_open(fixture);
	late = (struct client){.fd = client_socket(), .text = mem_copy_text("", 0)};
	client_send(fixture, &busy, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1 && fixture->server->n_connections == 2);

	http_server_stop(fixture->server);
	assert_int_equal(lstat(fixture->scratch->path, &status), -1);
	assert_int_equal(client_connect(late.fd, fixture->scratch->path), -1);
	client_expect_end(fixture, &idle);
	assert_int_equal(idle.len, 0);
	assert_false(client_has_ended(&busy));

	http_reply(fixture->held[0], 200, NULL, NULL, 0, SLICE_LITERAL("bye"));
	client_expect_end(fixture, &busy);
	assert_non_null(strstr(busy.text, "Connection: close\r\n"));
	assert_non_null(strstr(busy.text, "\r\n\r\nbye"));
	assert_int_equal(fixture->n_requests, 1);
	client_close(&idle);
	client_close(&busy);
	client_close(&late);
}

/* It was sent before the stop, and nobody has read it yet; nor is there a place for all. */
static void test_stop_with_unread_requests(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	struct fixture *fixture = *state;
	struct client fresh, kept, half;

	fixture->opts.max_connections = 1;
	fixture_start(fixture, -1);
	kept = client_open(fixture);
	client_send(fixture, &kept, request);
	client_expect(fixture, &kept, "method=0");
	kept.len = 0;
	fresh = client_open(fixture);
	half = client_open(fixture);
	fixture_wait(fixture, fixture->server->n_connections == 3);
	assert_true(fixture->server->n_waiting > 0);
	assert_int_equal(write(fresh.fd, request, sizeof(request) - 1), sizeof(request) - 1);
	assert_int_equal(write(kept.fd, request, sizeof(request) - 1), sizeof(request) - 1);
	assert_int_equal(write(half.fd, "GET", 3), 3);

	http_server_stop(fixture->server);
	client_expect_end(fixture, &fresh);
	client_expect_end(fixture, &kept);
	client_expect_end(fixture, &half);
	assert_non_null(strstr(fresh.text, "method=0"));
	assert_non_null(strstr(fresh.text, "Connection: close\r\n"));
	assert_non_null(strstr(kept.text, "method=0"));
	assert_non_null(strstr(half.text, "the daemon is shutting down"));
	assert_int_equal(fixture->n_requests, 3);
	client_close(&fresh);
	client_close(&kept);
	client_close(&half);
}

static void note_idle(void *context)
{
	++*(int *)context;
}

/* More than the kernel takes at once. */
static void test_drain_of_a_long_answer(void **state)
{
	static const size_t n_bytes = (size_t)4 * 1024 * 1024;
	struct fixture *fixture = *state;
	char *body CLEANUP(mem_free_p) = mem_alloc(n_bytes);
	struct client client;
	int n_idle = 0;

	memset(body, 'x', n_bytes);
	fixture_start(fixture, -1);
	fixture->is_holding = true;
	client = client_open(fixture);
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_server_stop(fixture->server);
	http_server_drain(fixture->server, note_idle, &n_idle);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, (struct slice){body, n_bytes});
	for (int i = 0; i < 100; i++) {
		fixture_turn(fixture);
	}
	assert_int_equal(n_idle, 0);
	client_expect_end(fixture, &client);
	assert_true(client.len > n_bytes);
	fixture_wait(fixture, n_idle == 1);
	client_close(&client);
}

/* The last answer is given, and the loop does not turn again. */
static void test_free_with_reply_on_its_way(void **state)
{
	struct fixture *fixture = *state;
	struct client client;

	fixture_start(fixture, -1);
	fixture->is_holding = true;
	client = client_open(fixture);
	client_send(fixture, &client, "GET / HTTP/1.1\r\n\r\n");
	fixture_wait(fixture, fixture->n_held == 1);
	http_reply(fixture->held[0], 200, NULL, NULL, 0, SLICE_LITERAL("the last"));
	http_server_free(fixture->server);
	fixture->server = NULL;
	client_expect(fixture, &client, "\r\n\r\nthe last");
	client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_BARE_ROW(test_mode_and_group),
		FIXTURE_BARE_ROW(test_stale),
		FIXTURE_BARE_ROW(test_alive),
		FIXTURE_BARE_ROW(test_no_socket),
		FIXTURE_BARE_ROW(test_bad_options),
		FIXTURE_BARE_ROW(test_inherited),
		FIXTURE_BARE_ROW(test_inherited_nonsense),
		FIXTURE_BARE_ROW(test_file_of_another),
		FIXTURE_BARE_ROW(test_named_caller),
		FIXTURE_BARE_ROW(test_stop),
		FIXTURE_BARE_ROW(test_stop_with_unread_requests),
		FIXTURE_BARE_ROW(test_drain_of_a_long_answer),
		FIXTURE_BARE_ROW(test_free_with_reply_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
