/*
 * A command on several hosts at once, each in a process of its own, so that none waits for another.
 */
#ifndef CLI_REMOTE_FAN_H
#define CLI_REMOTE_FAN_H

#include "cli/cli.h"
#include "cli/remote/hosts.h"

/* Runs it and shows all answers as one. The worst of the statuses. */
enum status fan_run(const struct command *command, const struct cli *cli, const struct args *args,
	const struct hosts *hosts);

#endif
