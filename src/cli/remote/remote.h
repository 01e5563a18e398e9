/*
 * Running a command where it is wanted: by the daemon of this host, of another one, or of several
 * at once.
 */
#ifndef CLI_REMOTE_REMOTE_H
#define CLI_REMOTE_REMOTE_H

#include "cli/cli.h"

/* `cli` is for the daemon of this host. What goes with no other host, or not with several, is
 * refused in words. */
enum status remote_run(const struct command *command, struct cli *cli, const struct args *args);

#endif
