/*
 * Usage texts.
 */
#include "cli/help.h"

#include "base/mem.h"
#include "cli/terminal/text.h"

/* Where the explanations start. */
#define HELP_COLUMN 28

static void print_options(FILE *out, const struct option_spec *options, size_t n_options)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option_spec *spec = &options[i];
		CLEANUP(mem_free_p)
		char *letter = spec->letter != 0 ? mem_printf("-%c, ", spec->letter) : NULL;
		CLEANUP(mem_free_p)
		char *left = mem_printf("  %s--%s %s", letter != NULL ? letter : "    ", spec->name,
			spec->argument != NULL ? spec->argument : "");

		text_line(out, "%-*s %s", HELP_COLUMN, left, spec->help);
	}
}

void help_program(FILE *out, const struct command *const *commands,
	const struct option_spec *common, size_t n_common)
{
	fputs("Usage: sesskill [OPTION]... COMMAND [ARGUMENT]...\n"
	      "Ends client sessions on Redis-compatible servers, by way of sesskilld.\n"
	      "\nCommands:\n",
		out);
	for (; *commands != NULL; commands++) {
		text_line(
			out, "  %-*s %s", HELP_COLUMN - 2, (*commands)->name, (*commands)->summary);
	}
	fputs("\nOptions:\n", out);
	print_options(out, common, n_common);
	fputs("\nEnvironment: SESSKILL_SOCKET is the socket, NO_COLOR turns colour off.\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 3 denied, 4 daemon not reachable,\n"
	      "5 partial (sessions survived, or a node failed).\n"
	      "More about a command: sesskill COMMAND --help\n",
		out);
}

void help_command(
	FILE *out, const struct command *command, const struct option_spec *common, size_t n_common)
{
	text_line(out, "Usage: sesskill %s %s", command->name, command->usage);
	text_line(out, "%c%s.", command->summary[0] - 'a' + 'A', command->summary + 1);
	if (command->details != NULL) {
		fputc('\n', out);
		fputs(command->details, out);
	}
	fputs("\nOptions:\n", out);
	print_options(out, command->options, command->n_options);
	print_options(out, common, n_common);
}
