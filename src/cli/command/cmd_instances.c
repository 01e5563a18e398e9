/*
 * sesskill instances: what the daemon looks after, and whether a kill would get in.
 */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/form.h"
#include "control/names.h"

static enum status run(const struct cli *cli, const struct args *args)
{
	CLEANUP(mem_free_p) char *path = NULL;

	if (args->n_words == 0) {
		return cli_ask(cli, "GET", NAMES_PATH_INSTANCES, cli->writer->instances);
	}
	path = form_path(NAMES_PATH_INSTANCES, args->words[0]);
	return cli_ask(cli, "GET", path, cli->writer->instances);
}

const struct command cmd_instances = {
	.name = "instances",
	.usage = "[ID]",
	.summary = "show the instances and nodes, and what is wrong with each",
	.max_words = 1,
	.run = run,
};
