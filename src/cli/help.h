/*
 * Usage texts, made from the descriptors.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

/* `commands` ends with NULL. */
void help_program(FILE *out, const struct command *const *commands,
	const struct option_spec *common, size_t n_common);
void help_command(FILE *out, const struct command *command, const struct option_spec *common,
	size_t n_common);

#endif
