/*
 * A bystander: pings a server back to back and remembers how long it had to wait. When it is killed
 * with all others it connects again, as pools do, and has waited for as long as that took.
 *
 *   pinger SOCKET
 *
 * Prints "ready" after the first answer. At the end of its standard input it prints one line of
 * JSON: the number of pings, the longest and the mean round trip, and of those that took long when
 * they began (monotonic) and how long.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "wire.h"

#define PING SLICE_LITERAL("PING\r\n")

/* A ping that takes longer is told of by itself. */
#define LONG_US 300
#define MAX_LONG 8192

struct long_ping {
	int64_t begin_us;
	int64_t us;
};

/* Waits for the answer, or the end. */
static bool is_ended(const struct wire *wire, int flags)
{
	char byte;
	ssize_t n = recv(wire->fd, &byte, 1, MSG_PEEK | flags);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

static int64_t ping(struct wire *wire, const char *path)
{
	int64_t begin_us = clock_monotonic_us();
	bool is_answered = false;

	while (!is_answered) {
		if (!is_ended(wire, MSG_DONTWAIT)) {
			wire_send(wire, PING);
			is_answered = !is_ended(wire, 0);
		}
		if (!is_answered) {
			wire_close(wire);
			wire_open(wire, path);
		}
	}
	(void)wire_receive(wire);
	return clock_monotonic_us() - begin_us;
}

static void print_long(const struct long_ping *pings, size_t n)
{
	fputs(", \"long\": [", stdout);
	for (size_t i = 0; i < n; i++) {
		printf("%s[%lld, %lld]", i > 0 ? ", " : "", (long long)pings[i].begin_us,
			(long long)pings[i].us);
	}
	fputs("]}\n", stdout);
}

static bool is_told_to_end(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&input, 1, 0) > 0;
}

int main(int argc, char **argv)
{
	static struct long_ping long_pings[MAX_LONG];
	struct wire wire;
	size_t n_long = 0;
	int64_t n_pings = 0;
	int64_t sum_us = 0;
	int64_t longest_us = 0;

	if (argc != 2) {
		wire_die("usage: pinger SOCKET");
	}
	wire_open(&wire, argv[1]);
	(void)ping(&wire, argv[1]);
	puts("ready");
	fflush(stdout);
	do {
		int64_t begin_us = clock_monotonic_us();
		int64_t us = ping(&wire, argv[1]);

		if (us > LONG_US && n_long < MAX_LONG) {
			long_pings[n_long++] = (struct long_ping){begin_us, us};
		}
		n_pings++;
		sum_us += us;
		longest_us = MAX(longest_us, us);
	} while (!is_told_to_end());
	printf("{\"pings\": %lld, \"longest_us\": %lld, \"mean_us\": %lld", (long long)n_pings,
		(long long)longest_us, (long long)(sum_us / n_pings));
	print_long(long_pings, n_long);
	wire_close(&wire);
	return EXIT_SUCCESS;
}
