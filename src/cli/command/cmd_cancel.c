/*
 * sesskill cancel: stops a kill after the command in flight.
 */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/form.h"
#include "control/names.h"

static enum status run(const struct cli *cli, const struct args *args)
{
	CLEANUP(mem_free_p) char *path = form_path(NAMES_PATH_KILLS, args->words[0]);

	return cli_ask(cli, "DELETE", path, cli->writer->cancelled);
}

const struct command cmd_cancel = {
	.name = "cancel",
	.usage = "REQUEST_ID",
	.summary = "stop a kill; what has ended stays ended",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
