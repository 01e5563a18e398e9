/*
 * crowd: plays a Redis 7.0 with as many sessions as one likes, on a Unix socket, for one daemon at
 * a time. What a million sessions do to the daemon is seen without a million sockets.
 *
 *   crowd SOCKET N
 *
 * Knows the daemon's handshake and probes, CLIENT LIST [ID ...] and CLIENT KILL by type and id;
 * CLIENT KILL TYPE normal ends all sessions. "ready" is printed when it listens. Runs until it is
 * killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "crowd_list.h"
#include "requests.h"

#define INFO_TEXT                                                       \
	"# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n" \
	"run_id:0123456789abcdef0123456789abcdef01234567\r\n"           \
	"# Clients\r\nconnected_clients:2\r\nmaxclients:2000000\r\n"    \
	"# Replication\r\nrole:master\r\n"

#define HELLO_TEXT                                                                   \
	"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"    \
	"$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n" \
	"$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"

/* ---- out ---- */

/* Whether it arrives shows when the peer's next command is read. */
static void write_out(FILE *out, struct slice text)
{
	fwrite(text.data, 1, text.len, out);
}

static void write_integer(FILE *out, size_t number)
{
	fprintf(out, ":%zu\r\n", number);
}

static void write_bulk(FILE *out, struct slice text)
{
	fprintf(out, "$%zu\r\n", text.len);
	write_out(out, text);
	write_out(out, SLICE_LITERAL("\r\n"));
}

/* ---- CLIENT LIST ---- */

typedef uint64_t id_at_fn(const void *source, size_t i);

static uint64_t id_of_crowd(const void *source, size_t i)
{
	(void)source;
	return i == 0 ? CROWD_OWN_ID : CROWD_FIRST_ID + i - 1;
}

/* The arguments behind CLIENT LIST ID. */
static uint64_t id_of_argument(const void *source, size_t i)
{
	const struct requests *requests = source;
	uint64_t id;

	return parse_u64(requests->argv[i + 3], &id) ? id : 0;
}

/* Made twice: a bulk says its length first, and a million lines are not to be kept. */
static void list(
	FILE *out, const struct crowd *crowd, id_at_fn *id_at, const void *source, size_t n)
{
	char line[CROWD_MAX_LINE_BYTES];
	size_t n_bytes = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t id = id_at(source, i);

		n_bytes += crowd_is_listed(crowd, id) ? crowd_print(id, line) : 0;
	}
	fprintf(out, "$%zu\r\n", n_bytes);
	for (size_t i = 0; i < n; i++) {
		uint64_t id = id_at(source, i);

		if (crowd_is_listed(crowd, id)) {
			write_out(out, (struct slice){line, crowd_print(id, line)});
		}
	}
	write_out(out, SLICE_LITERAL("\r\n"));
}

/* ---- CLIENT KILL ---- */

/* By type and by a single id, as Redis 7.0 takes them; also both, which the probes send. */
static void answer_kill(FILE *out, struct crowd *crowd, const struct requests *requests)
{
	uint64_t id = 0;
	bool is_pubsub = false;

	for (size_t i = 2; i < requests->argc; i += 2) {
		bool is_known =
			requests_is(requests, i, "TYPE") || requests_is(requests, i, "USER") ||
			requests_is(requests, i, "LADDR") || requests_is(requests, i, "SKIPME");

		if (i + 1 < requests->argc && requests_is(requests, i, "ID")) {
			is_known = parse_u64(requests->argv[i + 1], &id);
		}
		if (!is_known || i + 1 == requests->argc) {
			write_out(out, SLICE_LITERAL("-ERR syntax error\r\n"));
			return;
		}
		is_pubsub = is_pubsub || requests_is(requests, i + 1, "pubsub");
	}
	if (id != 0) {
		write_integer(out, crowd_kill(crowd, id));
	} else {
		write_integer(out, is_pubsub ? 0 : crowd_kill_all(crowd));
	}
}

/* ---- all commands ---- */

static void answer(FILE *out, struct crowd *crowd, const struct requests *requests)
{
	if (requests_is(requests, 0, "HELLO")) {
		write_out(out, SLICE_LITERAL(HELLO_TEXT));
	} else if (requests_is(requests, 0, "INFO")) {
		write_bulk(out, SLICE_LITERAL(INFO_TEXT));
	} else if (requests_is(requests, 1, "ID")) {
		write_integer(out, CROWD_OWN_ID);
	} else if (requests_is(requests, 1, "LIST") && requests->argc > 3) {
		list(out, crowd, id_of_argument, requests, requests->argc - 3);
	} else if (requests_is(requests, 1, "LIST")) {
		list(out, crowd, id_of_crowd, NULL, crowd->n + 1);
	} else if (requests_is(requests, 1, "KILL")) {
		answer_kill(out, crowd, requests);
	} else {
		write_out(out, SLICE_LITERAL("+OK\r\n"));
	}
}

static void serve(int fd, struct crowd *crowd)
{
	struct requests requests = {0};
	FILE *out = fdopen(fd, "w");

	CHECK(out != NULL);
	while (requests_fill(&requests, fd)) {
		while (requests_next(&requests)) {
			answer(out, crowd, &requests);
		}
		fflush(out);
	}
	fclose(out);
	requests_finish(&requests);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(len < sizeof(address.sun_path));
	memcpy(address.sun_path, path, len);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 1) < 0) {
		fprintf(stderr, "crowd: %s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct crowd crowd;
	uint64_t n;
	int fd;

	if (argc != 3 || !parse_u64(slice_of(argv[2]), &n)) {
		fputs("usage: crowd SOCKET N\n", stderr);
		return 2;
	}
	/* A daemon that goes away is no reason to end. */
	signal(SIGPIPE, SIG_IGN);
	crowd_init(&crowd, (size_t)n);
	fd = listen_at(argv[1]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int connection = accept(fd, NULL, NULL);

		if (connection < 0) {
			break;
		}
		serve(connection, &crowd);
	}
	crowd_finish(&crowd);
	return EXIT_FAILURE;
}
