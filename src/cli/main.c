/*
 * sesskill: which daemon, which form of output, which command.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "build_config.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/remote/remote.h"
#include "cli/terminal/text.h"
#include "control/names.h"

static enum status run_help(const struct cli *cli, const struct args *args);
static enum status run_version(const struct cli *cli, const struct args *args);

static const struct command cmd_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.hosts = COMMAND_NO_HOST,
	.summary = "say what the program, or a command, takes",
	.max_words = 1,
	.run = run_help,
};

static const struct command cmd_version = {
	.name = "version",
	.usage = "",
	.summary = "print the version",
	.hosts = COMMAND_NO_HOST,
	.run = run_version,
};

static const struct command *const COMMANDS[] = {
	&cmd_instances,
	&cmd_list,
	&cmd_kill,
	&cmd_kills,
	&cmd_cancel,
	&cmd_audit,
	&cmd_report,
	&cmd_leases,
	&cmd_release,
	&cmd_extend,
	&cmd_guards,
	&cmd_history,
	&cmd_top,
	&cmd_bridge,
	&cmd_help,
	&cmd_version,
	NULL,
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; COMMANDS[i] != NULL; i++) {
		const char *alias = COMMANDS[i]->alias;

		if (strcmp(COMMANDS[i]->name, name) == 0 ||
			(alias != NULL && strcmp(alias, name) == 0)) {
			return COMMANDS[i];
		}
	}
	return NULL;
}

/* As the daemon chooses its own: a private one of this user if there is one, else the system's. */
static char *default_socket(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() != 0 && runtime != NULL && runtime[0] != '\0') {
		char *path =
			mem_printf("%s/" NAMES_RUNTIME_DIRECTORY "/" NAMES_SOCKET_FILE, runtime);

		if (access(path, F_OK) == 0) {
			return path;
		}
		free(path);
	}
	return mem_printf("%s", NAMES_SYSTEM_SOCKET);
}

static char *choose_socket(const struct args *args)
{
	const char *named = args_value(args, "socket");

	if (named == NULL) {
		named = getenv("SESSKILL_SOCKET");
	}
	return named != NULL && named[0] != '\0' ? mem_printf("%s", named) : default_socket();
}

static enum status usage_error(const struct command *command, const char *words)
{
	cli_error("%s", words);
	text_line(stderr, "Try: sesskill %s%s--help", command != NULL ? command->name : "",
		command != NULL ? " " : "");
	return STATUS_USAGE;
}

static enum status no_command(const char *name)
{
	struct nearest nearest = nearest_to(slice_of(name));
	CLEANUP(mem_free_p) char *words = NULL;

	for (size_t i = 0; COMMANDS[i] != NULL; i++) {
		nearest_try(&nearest, slice_of(COMMANDS[i]->name));
	}
	words = nearest.found.data != NULL
			? mem_printf("there is no command \"%s\"; did you mean \"%.*s\"?", name,
				  SLICE_ARG(nearest.found))
			: mem_printf("there is no command \"%s\"", name);

	return usage_error(NULL, words);
}

static enum status run_help(const struct cli *cli UNUSED, const struct args *args)
{
	const struct command *command;

	if (args->n_words == 0) {
		options_help_program(stdout, COMMANDS);
		return STATUS_DONE;
	}
	command = find_command(args->words[0]);
	if (command == NULL) {
		return no_command(args->words[0]);
	}
	options_help_command(stdout, command);
	return STATUS_DONE;
}

static enum status run_version(const struct cli *cli UNUSED, const struct args *args UNUSED)
{
	text_line(stdout, "sesskill %s", SESSKILL_VERSION);
	text_line(stdout, "%s", SESSKILL_BUILT_WITH);
	return STATUS_DONE;
}

/* "id,addr,user": the columns of the command's table. */
static bool read_columns(const struct command *command, struct slice names, struct cli *cli,
	struct table_column **columns, struct err *err)
{
	size_t capacity = 0;
	struct slice name;

	if (command->find_column == NULL) {
		err_set(err, "--output: \"%.*s\" is no form of what %s says; expected json",
			SLICE_ARG(names), command->name);
		return false;
	}
	while (slice_next(&names, ',', &name)) {
		*columns = mem_grow_array(
			*columns, cli->form.n_columns, &capacity, sizeof(struct table_column));
		if (!command->find_column(
			    slice_trim(name), &(*columns)[cli->form.n_columns++], err)) {
			err_prefix(err, "--output");
			return false;
		}
	}
	cli->form.columns = *columns;
	return true;
}

static bool read_form(const struct command *command, const struct args *args, struct cli *cli,
	struct table_column **columns, struct err *err)
{
	const char *output = args_value(args, "output");

	cli->is_json = args_has(args, "json");
	cli->form.has_no_titles = args_has(args, "no-headings");
	if (output == NULL) {
		return true;
	}
	cli->is_json |= strcmp(output, "json") == 0;
	cli->form.is_wide = strcmp(output, "wide") == 0;
	return cli->is_json || cli->form.is_wide ||
	       read_columns(command, slice_of(output), cli, columns, err);
}

static enum status run_command(const struct command *command, struct args *args)
{
	CLEANUP(mem_free_p) char *socket = choose_socket(args);
	CLEANUP(mem_free_p) struct table_column *columns = NULL;
	struct cli cli = {.socket = socket};
	struct err err;

	if (args_has(args, "help")) {
		options_help_command(stdout, command);
		return STATUS_DONE;
	}
	if (args_has(args, "version")) {
		return run_version(&cli, args);
	}
	if (args->n_words < command->min_words || args->n_words > command->max_words) {
		CLEANUP(mem_free_p)
		char *words = mem_printf("%s: usage: sesskill %s %s",
			args->n_words < command->min_words ? "something is missing"
							   : "too many words",
			command->name, command->usage);

		return usage_error(command, words);
	}
	if (!read_form(command, args, &cli, &columns, &err)) {
		return usage_error(command, err.text);
	}
	cli.is_quiet = command->options_of == OF_KILL && args_has(args, "quiet");
	if (args_has(args, "utc")) {
		setenv("TZ", "UTC0", 1);
		tzset();
	}
	return remote_run(command, &cli, args);
}

static enum status run(struct args *args, const char *const *argv)
{
	const struct command *command;
	size_t index = 1;
	struct err err;

	if (!args_parse(args, argv, &index, true, &err)) {
		return usage_error(NULL, err.text);
	}
	if (args_has(args, "version")) {
		return run_version(NULL, args);
	}
	if (args->n_words == 0) {
		bool is_asked_for = args_has(args, "help");

		options_help_program(is_asked_for ? stdout : stderr, COMMANDS);
		return is_asked_for ? STATUS_DONE : STATUS_USAGE;
	}
	command = find_command(args->words[0]);
	if (command == NULL) {
		return no_command(args->words[0]);
	}
	args->n_words = 0; /* from here on: the words behind the command */
	args->command = command->options_of;
	if (!args_parse(args, argv, &index, false, &err)) {
		return usage_error(command, err.text);
	}
	return run_command(command, args);
}

int main(int argc UNUSED, char **argv)
{
	CLEANUP(args_finish)
	struct args args = {.options = OPTIONS, .n_options = N_OPTIONS};
	enum status status;

	setlocale(LC_CTYPE, "");
	status = run(&args, (const char *const *)argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error("cannot write the output: %s", strerror(errno));
		status = MAX(status, STATUS_FAILED);
	}
	return (int)status;
}
