/*
 * All options of all commands, and the usage texts that are made of them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdio.h>

#include "cli/cli.h"

/* Which commands take an option; 0: all of them, and the program itself. */
enum options_of {
	OF_AUDIT = 1 << 0,
	OF_KILL = 1 << 1,
	OF_LIST = 1 << 2,
	OF_TOP = 1 << 3,
	OF_GUARDS = 1 << 4,
	OF_REPORT = 1 << 5,
	OF_HISTORY = 1 << 6,
};

/* In the order of the help. */
extern const struct option_spec OPTIONS[];
extern const size_t N_OPTIONS;

/* `commands` ends with NULL. */
void options_help_program(FILE *out, const struct command *const *commands);
void options_help_command(FILE *out, const struct command *command);

#endif
