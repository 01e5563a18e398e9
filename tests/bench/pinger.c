/*
 * A bystander: pings a server back to back and remembers how long it had to wait.
 *
 *   pinger SOCKET
 *
 * Prints "ready" after the first answer. At the end of its standard input it prints one line of
 * JSON: the number of pings, the longest and the mean round trip.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "wire.h"

#define PING SLICE_LITERAL("PING\r\n")

static int64_t ping(struct wire *wire)
{
	int64_t begin_us = clock_monotonic_us();

	wire_send(wire, PING);
	(void)wire_receive(wire);
	return clock_monotonic_us() - begin_us;
}

static bool is_told_to_end(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&input, 1, 0) > 0;
}

int main(int argc, char **argv)
{
	struct wire wire;
	int64_t n_pings = 0;
	int64_t sum_us = 0;
	int64_t longest_us = 0;

	if (argc != 2) {
		wire_die("usage: pinger SOCKET");
	}
	wire_open(&wire, argv[1]);
	(void)ping(&wire);
	puts("ready");
	fflush(stdout);
	do {
		int64_t us = ping(&wire);

		n_pings++;
		sum_us += us;
		longest_us = MAX(longest_us, us);
	} while (!is_told_to_end());
	printf("{\"pings\": %lld, \"longest_us\": %lld, \"mean_us\": %lld}\n", (long long)n_pings,
		(long long)longest_us, (long long)(sum_us / n_pings));
	wire_close(&wire);
	return EXIT_SUCCESS;
}
