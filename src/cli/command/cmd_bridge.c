/*
 * sesskill stdio-bridge: the far end of sesskill -H. Bytes go from stdin to the daemon's socket and
 * from there to stdout, and nothing else does; an end is passed on.
 *
 *     stdin  --> buffer --> socket     its end closes the socket's other direction only
 *     socket --> buffer --> stdout     its end is that of the program: nothing more can come
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/reach.h"

struct flow {
	int from; /* -1: has ended */
	int to;
	char buffer[PIPE_BUF]; /* what a pipe takes without a stall when it takes anything */
	size_t begin;
	size_t end;
};

static bool is_empty(const struct flow *flow)
{
	return flow->begin == flow->end;
}

static bool is_passing(int error_number)
{
	return error_number == EINTR || error_number == EAGAIN;
}

static void take(struct flow *flow)
{
	ssize_t n = read(flow->from, flow->buffer, sizeof(flow->buffer));

	if (n > 0) {
		flow->begin = 0;
		flow->end = (size_t)n;
	} else if (n == 0 || !is_passing(errno)) {
		flow->from = -1;
	}
}

static void give(struct flow *flow)
{
	ssize_t n = write(flow->to, flow->buffer + flow->begin, flow->end - flow->begin);

	if (n > 0) {
		flow->begin += (size_t)n;
	} else if (n < 0 && !is_passing(errno)) {
		flow->from = -1;
		flow->begin = flow->end;
	}
}

static bool has_ended(const struct flow *flow)
{
	return flow->from < 0 && is_empty(flow);
}

/* Full: only whether it can be given is of interest; empty: only whether there is more. */
static void step(struct flow *flows, size_t n_flows)
{
	struct pollfd fds[2];

	for (size_t i = 0; i < n_flows; i++) {
		bool is_full = !is_empty(&flows[i]);

		fds[i].fd = is_full ? flows[i].to : flows[i].from;
		fds[i].events = is_full ? POLLOUT : POLLIN;
		fds[i].revents = 0;
	}
	(void)!poll(fds, n_flows, -1);
	for (size_t i = 0; i < n_flows; i++) {
		if (fds[i].revents != 0) {
			(is_empty(&flows[i]) ? take : give)(&flows[i]);
		}
	}
}

static void carry(int daemon)
{
	struct flow flows[] = {
		{.from = STDIN_FILENO, .to = daemon},
		{.from = daemon, .to = STDOUT_FILENO},
	};
	bool is_told = false;

	while (!has_ended(&flows[1])) {
		step(flows, ARRAY_SIZE(flows));
		if (has_ended(&flows[0]) && !is_told) {
			shutdown(daemon, SHUT_WR);
			is_told = true;
		}
	}
}

static enum status run(const struct cli *cli, const struct args *args UNUSED)
{
	struct err err;
	int daemon = reach_connect(cli->socket, &err);

	if (daemon < 0) {
		cli_error("%s", err.text);
		return STATUS_UNREACHABLE;
	}
	signal(SIGPIPE, SIG_IGN); /* a caller who has left ends the loop, too */
	carry(daemon);
	close(daemon);
	return STATUS_DONE;
}

const struct command cmd_bridge = {
	.name = "stdio-bridge",
	.usage = "",
	.summary = "the far end of -H: the daemon's socket on stdin and stdout",
	.hosts = COMMAND_NO_HOST,
	.run = run,
};
