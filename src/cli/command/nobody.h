/*
 * Why a selection matches nobody: a slip in a value looks like a kill that was not needed.
 */
#ifndef CLI_COMMAND_NOBODY_H
#define CLI_COMMAND_NOBODY_H

#include "cli/cli.h"

/*
 * Of each `option`, "match" or "except", that wants a text to be equal which nobody has: which
 * values there are instead, the one that is nearest first. Asks the daemon; says nothing where it
 * does not answer or may not.
 */
void nobody_explain(
	const struct cli *cli, const char *instance, const struct args *args, const char *option);

#endif
