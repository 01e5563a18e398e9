/*
 * A caller of the control socket, small enough not to be measured itself: requests, one after the
 * other or all at once.
 *
 *   ask SOCKET (--in-turn | --at-once) TARGET...
 *
 * POSTs each TARGET (path and query) on a connection of its own. Prints a line for each, in the
 * order of the arguments: the status, the microseconds from the very start to the end of its
 * answer, and the body on that same line.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/slice.h"

#define TIMEOUT_MS 120000
#define READ_BYTES 65536

struct call {
	int fd; /* -1: answered */
	char *answer;
	size_t len;
	size_t capacity;
	int64_t ended_us;
};

NORETURN static void die(const char *what)
{
	fprintf(stderr, "ask: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(len < sizeof(address.sun_path));
	memcpy(address.sun_path, path, len);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		die(path);
	}
	return fd;
}

static void start(struct call *call, const char *path, const char *target)
{
	CLEANUP(mem_free_p)
	char *request = mem_printf("POST %s HTTP/1.1\r\nHost: localhost\r\n"
				   "Content-Length: 0\r\n"
				   "Connection: close\r\n\r\n",
		target);
	ssize_t len = (ssize_t)strlen(request);

	*call = (struct call){.fd = connect_to(path)};
	if (send(call->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
		die("send");
	}
}

/* The connection ends with the answer. */
static void advance(struct call *call)
{
	ssize_t n;

	if (call->capacity - call->len < READ_BYTES) {
		call->capacity = call->capacity * 2 + READ_BYTES;
		call->answer = mem_resize_array(call->answer, call->capacity, 1);
	}
	n = read(call->fd, call->answer + call->len, call->capacity - call->len - 1);
	if (n < 0) {
		die("read");
	}
	call->len += (size_t)n;
	if (n == 0) {
		call->ended_us = clock_monotonic_us();
		close(call->fd);
		call->fd = -1;
	}
}

/* Until all `n` of them are answered. */
static void finish(struct call *calls, size_t n)
{
	CLEANUP(mem_free_p) struct pollfd *fds = mem_alloc_array(n, sizeof(struct pollfd));
	size_t n_open;

	do {
		n_open = 0;
		for (size_t i = 0; i < n; i++) {
			fds[i] = (struct pollfd){.fd = calls[i].fd, .events = POLLIN};
			n_open += calls[i].fd >= 0;
		}
		if (n_open > 0 && poll(fds, n, TIMEOUT_MS) <= 0) {
			die("no answer");
		}
		for (size_t i = 0; i < n; i++) {
			if (calls[i].fd >= 0 && fds[i].revents != 0) {
				advance(&calls[i]);
			}
		}
	} while (n_open > 0);
}

static void print(const struct call *call, int64_t begin_us)
{
	const char *end;

	call->answer[call->len] = '\0';
	end = strstr(call->answer, "\r\n\r\n");
	if (end == NULL || !slice_has_prefix(slice_of(call->answer), "HTTP/1.1 ")) {
		errno = EPROTO;
		die("the answer");
	}
	printf("%.3s %lld ", call->answer + strlen("HTTP/1.1 "),
		(long long)(call->ended_us - begin_us));
	for (const char *at = end + 4; *at != '\0'; at++) {
		putchar(*at == '\n' ? ' ' : *at);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	size_t n = argc > 3 ? (size_t)argc - 3 : 0;
	CLEANUP(mem_free_p) struct call *calls = mem_alloc_array(n + 1, sizeof(struct call));
	bool is_at_once = argc > 2 && slice_is(slice_of(argv[2]), "--at-once");
	int64_t begin_us = clock_monotonic_us();

	if (n == 0 || (!is_at_once && !slice_is(slice_of(argv[2]), "--in-turn"))) {
		fputs("usage: ask SOCKET (--in-turn | --at-once) TARGET...\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < n; i++) {
		start(&calls[i], argv[1], argv[i + 3]);
		if (!is_at_once) {
			finish(&calls[i], 1);
		}
	}
	finish(calls, n);
	for (size_t i = 0; i < n; i++) {
		print(&calls[i], begin_us);
		free(calls[i].answer);
	}
	return EXIT_SUCCESS;
}
