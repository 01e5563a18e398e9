/*
 * sesskill kills: the running and recent kills, or the report of one.
 */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/form.h"
#include "control/names.h"

static enum status run(const struct cli *cli, const struct args *args)
{
	CLEANUP(mem_free_p) char *path = NULL;

	if (args->n_words == 0) {
		return cli_ask(cli, "GET", NAMES_PATH_KILLS, cli->writer->kills);
	}
	path = form_path(NAMES_PATH_KILLS, args->words[0]);
	return cli_ask(cli, "GET", path, cli->writer->kill);
}

const struct command cmd_kills = {
	.name = "kills",
	.usage = "[REQUEST_ID]",
	.summary = "show the running and recent kills, or the report of one",
	.max_words = 1,
	.run = run,
};
