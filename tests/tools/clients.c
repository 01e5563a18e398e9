/*
 * clients: many sessions on a Redis-compatible server, of chosen classes, that tell who was
 * closed. For tests, demonstration and benchmark. This file: the loop and the commands on
 * standard input.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/macros.h"
#include "options.h"
#include "pool.h"

#define COMMAND_MAX_BYTES 64

/* Standard input: lines, one command each. */
struct commands {
	int fd; /* -1 when it has ended */
	char line[COMMAND_MAX_BYTES];
	size_t len;
};

/* False: end the program. */
static bool obey(struct slice command, const struct pool *pool)
{
	if (slice_is(command, "quit")) {
		return false;
	}
	if (slice_is(command, "status")) {
		pool_print_status(pool, stdout);
	} else {
		fprintf(stderr, "clients: `status` or `quit`, not `%.*s`\n", SLICE_ARG(command));
	}
	return true;
}

static bool on_input(
	struct commands *commands, const struct options *options, const struct pool *pool)
{
	char buffer[256];
	ssize_t n = read(commands->fd, buffer, sizeof(buffer));

	if (n <= 0) {
		commands->fd = -1;
		return options->hold_until_closed > 0;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buffer[i] != '\n') {
			commands->line[commands->len] = buffer[i];
			commands->len += commands->len + 1 < sizeof(commands->line);
			continue;
		}
		if (!obey((struct slice){commands->line, commands->len}, pool)) {
			return false;
		}
		commands->len = 0;
	}
	return true;
}

static bool was_held_long_enough(const struct options *options, const struct pool *pool)
{
	return options->hold_until_closed > 0 && pool_n_closed(pool) >= options->hold_until_closed;
}

static int run(const struct options *options, struct pool *pool)
{
	struct commands commands = {.fd = STDIN_FILENO};
	bool is_ready = false;

	while (!was_held_long_enough(options, pool)) {
		struct pollfd fds[] = {
			{.fd = pool_fd(pool), .events = POLLIN},
			{.fd = commands.fd, .events = POLLIN},
		};

		if (poll(fds, ARRAY_SIZE(fds), pool_wait_ms(pool)) < 0) {
			perror("clients: poll");
			return EXIT_FAILURE;
		}
		pool_advance(pool);
		if (!is_ready && pool_is_ready(pool)) {
			is_ready = true;
			printf("ready %zu\n", pool_n_open(pool));
		}
		if (fds[1].revents != 0 && !on_input(&commands, options, pool)) {
			break;
		}
	}
	if (options->hold_until_closed > 0) {
		pool_print_status(pool, stdout);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options;
	struct pool *pool = NULL;
	struct err err = {""};
	int status = 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_HELP:
		status = EXIT_SUCCESS;
		break;
	case OPTIONS_WRONG:
		break;
	case OPTIONS_RUN:
		if (pool_new(&options, &pool, &err) < 0) {
			fprintf(stderr, "clients: %s\n", err.text);
			status = EXIT_FAILURE;
			break;
		}
		status = run(&options, pool);
		break;
	}
	pool_free(pool);
	options_finish(&options);
	return status;
}
