/*
 * Too many callers, or one in too many groups.
 */
#include "http_fixture.h"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define STRANGER 54321
#define ANN 1000
#define BOB 2000
#define N_CROWD (HTTP_MAX_WAITING + 100)

static size_t n_served(const struct fixture *fixture)
{
	return fixture->server->n_connections - fixture->server->n_waiting;
}

/* All places taken by requests that are being answered: the newcomer waits, and is not lost. */
static void test_full_of_requests(void **state)
{
	struct fixture *fixture = *state;
	struct client clients[9];

	fixture->is_holding = true;
	for (size_t i = 0; i < 8; i++) {
		clients[i] = client_open(fixture);
		client_send(fixture, &clients[i], "GET / HTTP/1.1\r\n\r\n");
		fixture_wait(fixture, fixture->n_held == i + 1);
	}
	clients[8] = client_open(fixture);
	client_send(fixture, &clients[8], "GET /new HTTP/1.1\r\n\r\n");
	for (int64_t end_ms = clock_monotonic_ms() + 3 * fixture_limits.grace_ms;
		clock_monotonic_ms() < end_ms;) {
		fixture_turn(fixture);
		assert_true(n_served(fixture) <= 8);
	}
	assert_int_equal(fixture->n_held, 8);
	fixture->is_holding = false;
	client_close(&clients[3]);
	http_reply(fixture->held[3], 200, NULL, NULL, 0, SLICE_LITERAL("gone"));
	client_expect(fixture, &clients[8], "path=/new");
	for (size_t i = 0; i < 8; i++) {
		if (i != 3) {
			http_reply(fixture->held[i], 200, NULL, NULL, 0, SLICE_LITERAL("late"));
			client_expect(fixture, &clients[i], "late");
		}
		client_close(&clients[i]);
	}
	client_close(&clients[8]);
}

/* All places held by callers who ask nothing: the one who has done so longest goes. */
static void test_full_of_idlers(void **state)
{
	struct fixture *fixture = *state;
	struct client idlers[8], newcomer;

	for (size_t i = 0; i < 8; i++) {
		idlers[i] = client_open(fixture);
		client_send(fixture, &idlers[i], i % 2 == 0 ? "G" : "");
		fixture_wait(fixture, fixture->server->n_connections == i + 1);
		fixture_turn(fixture); /* what was sent is read */
		poll(NULL, 0, 2);
	}
	newcomer = client_open(fixture);
	client_send(fixture, &newcomer, "GET /new HTTP/1.1\r\n\r\n");
	client_expect(fixture, &newcomer, "path=/new");
	assert_true(n_served(fixture) <= 8);
	client_expect_end(fixture, &idlers[0]);
	for (size_t i = 1; i < 8; i++) {
		assert_false(client_has_ended(&idlers[i]));
	}
	for (size_t i = 0; i < 8; i++) {
		client_close(&idlers[i]);
	}
	client_close(&newcomer);
}

/* A caller as somebody else: the kernel notes whose a socket is when it connects. */
static struct client open_as(struct fixture *fixture, uid_t uid)
{
	struct client client;

	assert_int_equal(seteuid(uid), 0);
	client = client_open(fixture);
	assert_int_equal(seteuid(0), 0);
	return client;
}

/* Lets everybody connect. False: nobody but root can be somebody else. */
static bool open_to_all(struct fixture *fixture)
{
	if (geteuid() != 0) {
		/* Not skip(): what cmocka prints for it is a failure to meson 1.0. */
		return false;
	}
	fixture->stranger = STRANGER;
	assert_int_equal(chmod(fixture->scratch->directory, 0755), 0);
	assert_int_equal(chmod(fixture->scratch->path, 0666), 0);
	return true;
}

static void hold_places(struct fixture *fixture, uid_t uid, struct client *clients, size_t n)
{
	fixture->is_holding = true;
	for (size_t i = 0; i < n; i++) {
		size_t n_held = fixture->n_held;

		clients[i] = open_as(fixture, uid);
		client_send(fixture, &clients[i], "GET / HTTP/1.1\r\n\r\n");
		fixture_wait(fixture, fixture->n_held == n_held + 1);
	}
	fixture->is_holding = false;
}

/* Answers what the handler still holds, and closes. */
static void let_go(struct fixture *fixture, struct client *clients, size_t n)
{
	for (size_t i = 0; i < fixture->n_held; i++) {
		http_reply(fixture->held[i], 200, NULL, NULL, 0, SLICE_LITERAL("late"));
	}
	for (size_t i = 0; i < n; i++) {
		client_close(&clients[i]);
	}
}

static void expect_answer(struct fixture *fixture, uid_t uid)
{
	struct client client = open_as(fixture, uid);

	client_send(fixture, &client, "GET /new HTTP/1.1\r\n\r\n");
	client_expect(fixture, &client, "path=/new");
	client_close(&client);
}

/* One who holds every place, and has his requests with the handler, makes way for others. */
static void test_places_are_shared(void **state)
{
	struct fixture *fixture = *state;
	struct client clients[8];
	size_t n_away = 0;

	if (!open_to_all(fixture)) {
		return;
	}
	hold_places(fixture, ANN, clients, 8);
	expect_answer(fixture, BOB);
	for (size_t i = 0; i < 8; i++) {
		n_away += client_has(&clients[i], "HTTP/1.1 503 ") &&
			  client_has(&clients[i], "what was asked for goes on");
	}
	assert_int_equal(n_away, 1);
	assert_int_equal(fixture->server->n_unanswered, 8);
	let_go(fixture, clients, 8);
}

/* Who may do nothing keeps out nobody who may, and is kept out. */
static void test_strangers_make_way(void **state)
{
	struct fixture *fixture = *state;
	struct client strangers[8], others[8];
	struct client late;

	if (!open_to_all(fixture)) {
		return;
	}
	hold_places(fixture, STRANGER, strangers, 8);
	hold_places(fixture, ANN, others, 8);
	for (size_t i = 0; i < 8; i++) {
		assert_true(client_has(&strangers[i], "HTTP/1.1 503 "));
		assert_false(client_has(&others[i], "HTTP/1.1 503 "));
	}
	late = open_as(fixture, STRANGER);
	fixture_wait(fixture, fixture->server->n_waiting == 1);
	client_close(&late);
	let_go(fixture, others, 8);
	for (size_t i = 0; i < 8; i++) {
		client_close(&strangers[i]);
	}
}

/* However many come: the rest waits, and those beyond are told to go. */
static void test_a_crowd_that_says_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct client crowd[N_CROWD];

	if (!open_to_all(fixture)) {
		return;
	}
	for (size_t i = 0; i < N_CROWD; i++) {
		crowd[i] = open_as(fixture, ANN);
		fixture_turn(fixture);
	}
	assert_int_equal(n_served(fixture), 8);
	assert_int_equal(fixture->server->n_waiting, HTTP_MAX_WAITING);
	expect_answer(fixture, BOB);
	for (size_t i = 0; i < N_CROWD; i++) {
		client_close(&crowd[i]);
	}
}

static void test_a_crowd_of_strangers(void **state)
{
	struct fixture *fixture = *state;
	struct client strangers[N_CROWD];

	if (!open_to_all(fixture)) {
		return;
	}
	for (size_t i = 0; i < N_CROWD; i++) {
		strangers[i] = open_as(fixture, STRANGER);
		fixture_turn(fixture);
	}
	assert_int_equal(n_served(fixture), 8);
	assert_int_equal(fixture->server->n_connections, HTTP_MAX_OF_STRANGER);
	expect_answer(fixture, ANN);
	expect_answer(fixture, 0);
	for (size_t i = 0; i < N_CROWD; i++) {
		client_close(&strangers[i]);
	}
}

/* Root finds a place where each of the others has one by right. */
static void test_reserved_places(void **state)
{
	struct fixture *fixture = *state;
	struct client clients[8];

	if (!open_to_all(fixture)) {
		return;
	}
	for (uid_t i = 0; i < 8; i++) {
		hold_places(fixture, ANN + i, &clients[i], 1);
	}
	fixture->claim = HTTP_CLAIM_OWN;
	expect_answer(fixture, 0);
	assert_int_equal(fixture->server->n_unanswered, 8);
	let_go(fixture, clients, 8);
}

/*
 * No descriptor left: the loop does not spin on the caller whom it cannot take in, and takes him
 * when it can.
 */
static void test_no_descriptors(void **state)
{
	struct fixture *fixture = *state;
	struct client client = {.fd = client_socket(), .text = mem_copy_text("", 0)};
	struct rlimit before, limit;
	int64_t end_ms;
	int n_turns = 0, spare;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	spare = dup(client.fd);
	assert_true(spare >= 0);
	close(spare);
	limit = before;
	limit.rlim_cur = (rlim_t)spare; /* the lowest number that is free */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(client_connect(client.fd, fixture->scratch->path), 0);
	assert_int_equal(send(client.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	for (end_ms = clock_monotonic_ms() + 450; clock_monotonic_ms() < end_ms;) {
		event_base_loop(fixture->loop, EVLOOP_ONCE);
		n_turns++;
	}
	assert_in_range(n_turns, 1, 20);
	assert_int_equal(fixture->server->n_connections, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	client_expect(fixture, &client, "method=0");
	client_close(&client);
}

/* One descriptor for two callers: accept() itself fails. */
static void test_too_few_descriptors(void **state)
{
	struct fixture *fixture = *state;
	struct client first = {.fd = client_socket(), .text = mem_copy_text("", 0)};
	struct client second = {.fd = client_socket(), .text = mem_copy_text("", 0)};
	struct rlimit before, limit;
	int spare = dup(first.fd);

	assert_true(spare >= 0);
	close(spare);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)spare + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(client_connect(first.fd, fixture->scratch->path), 0);
	assert_int_equal(client_connect(second.fd, fixture->scratch->path), 0);
	client_send(fixture, &first, "GET /1 HTTP/1.1\r\n\r\n");
	client_send(fixture, &second, "GET /2 HTTP/1.1\r\n\r\n");
	client_expect(fixture, &first, "path=/1");
	assert_int_equal(fixture->server->n_connections, 1);
	client_close(&first);
	client_expect(fixture, &second, "path=/2");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	client_close(&second);
}

/* As a process of its own: asks, and reads until the server closes. */
static pid_t fork_caller_in_many_groups(const char *path)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	gid_t groups[CALLER_MAX_GROUPS + 1];
	pid_t child = fork();
	char byte;
	int fd;

	if (child != 0) {
		return child;
	}
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		groups[i] = (gid_t)(700000 + i);
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (setgroups(ARRAY_SIZE(groups), groups) < 0 || client_connect(fd, path) < 0 ||
		send(fd, request, strlen(request), 0) < 0) {
		_exit(1);
	}
	while (recv(fd, &byte, 1, 0) == 1) {
	}
	_exit(0);
}

/* He may be root; but of half his groups nothing can be concluded, so he is nobody. */
static void test_caller_in_many_groups(void **state)
{
	struct fixture *fixture = *state;
	const struct caller *caller;
	int status = -1;
	pid_t child;

	if (geteuid() != 0) {
		/* Not skip(): what cmocka prints for it is a failure to meson 1.0. */
		return;
	}
	fixture->is_holding = true;
	child = fork_caller_in_many_groups(fixture->scratch->path);
	assert_true(child > 0);
	fixture_wait(fixture, fixture->n_held == 1);
	caller = &fixture->held[0]->caller;
	assert_int_equal(caller->uid, (uid_t)-1);
	assert_int_equal(caller->gid, (gid_t)-1);
	assert_int_equal(caller->n_groups, 0);
	http_reply(fixture->held[0], 403, NULL, NULL, 0, SLICE_LITERAL(""));
	fixture_wait(fixture, waitpid(child, &status, WNOHANG) == child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_full_of_requests),
		FIXTURE_ROW(test_full_of_idlers),
		FIXTURE_ROW(test_places_are_shared),
		FIXTURE_ROW(test_strangers_make_way),
		FIXTURE_ROW(test_a_crowd_that_says_nothing),
		FIXTURE_ROW(test_a_crowd_of_strangers),
		FIXTURE_ROW(test_reserved_places),
		FIXTURE_ROW(test_no_descriptors),
		FIXTURE_ROW(test_too_few_descriptors),
		FIXTURE_ROW(test_caller_in_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
