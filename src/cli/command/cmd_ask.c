/*
 * The commands that ask the daemon one thing and show its answer: sesskill instances, kills,
 * cancel.
 */
#include "cli/cli.h"
#include "cli/print/print.h"
#include "control/names.h"

static enum status run_instances(const struct cli *cli, const struct args *args)
{
	return cli_ask(cli, "GET", NAMES_PATH_INSTANCES, args, stdout, print_instances);
}

static enum status run_kills(const struct cli *cli, const struct args *args)
{
	return cli_ask(cli, "GET", NAMES_PATH_KILLS, args, stdout,
		args->n_words > 0 ? print_report : print_kills);
}

static enum status run_cancel(const struct cli *cli, const struct args *args)
{
	return cli_ask(cli, "DELETE", NAMES_PATH_KILLS, args, stdout, print_cancelled);
}

const struct command cmd_instances = {
	.name = "instances",
	.usage = "[ID]",
	.summary = "show the instances and nodes, and what is wrong with each",
	.max_words = 1,
	.run = run_instances,
	.find_column = print_find_instance_column,
};

const struct command cmd_kills = {
	.name = "kills",
	.usage = "[REQUEST_ID]",
	.summary = "show the running and recent kills, or the report of one",
	.max_words = 1,
	.run = run_kills,
	.find_column = print_find_kill_column,
};

const struct command cmd_cancel = {
	.name = "cancel",
	.usage = "REQUEST_ID",
	.summary = "stop a kill; what has ended stays ended",
	.min_words = 1,
	.max_words = 1,
	.run = run_cancel,
};
