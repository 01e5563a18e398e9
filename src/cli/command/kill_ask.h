/*
 * The question before a kill: shows what a dry run finds, and wants the instance's id typed.
 */
#ifndef CLI_COMMAND_KILL_ASK_H
#define CLI_COMMAND_KILL_ASK_H

#include <stdbool.h>

#include "base/macros.h"
#include "cli/cli.h"
#include "cli/command/kill_run.h"

/*
 * Shows a person what would be hit and asks. True only after a yes; else it has been said why not,
 * and *ret_status is what the program ends with. The terminal is in its ordinary state.
 */
NODISCARD bool kill_is_wanted(const struct cli *cli, const char *instance,
	const struct kill_order *order, enum status *ret_status);

#endif
