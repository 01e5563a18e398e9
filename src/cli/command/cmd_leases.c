/*
 * sesskill leases, release, extend: who is kept out, and for how long.
 */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/form.h"
#include "cli/print/print.h"
#include "control/names.h"

static enum status run_leases(const struct cli *cli, const struct args *args)
{
	return cli_ask(cli, "GET", NAMES_PATH_LEASES, args, stdout, print_leases);
}

static enum status run_release(const struct cli *cli, const struct args *args)
{
	return cli_ask(cli, "DELETE", NAMES_PATH_LEASES, args, stdout, print_released);
}

static enum status run_extend(const struct cli *cli, const struct args *args)
{
	CLEANUP(mem_free_p) char *path = form_path(NAMES_PATH_LEASES, args->words[0]);
	CLEANUP(mem_free_p) char *form = NULL;
	CLEANUP(mem_free_p) char *whole = NULL;
	struct args none = {0};

	form_add(&form, "until", args->words[1]);
	whole = mem_printf("%s?%s", path, form);
	return cli_ask(cli, "PATCH", whole, &none, stdout, print_leases);
}

const struct command cmd_leases = {
	.name = "leases",
	.usage = "[ID]",
	.summary = "show who is kept out after a kill, and until when",
	.max_words = 1,
	.run = run_leases,
	.find_column = print_find_lease_column,
};

const struct command cmd_release = {
	.name = "release",
	.usage = "ID",
	.summary = "let those in again that a lease keeps out",
	.min_words = 1,
	.max_words = 1,
	.run = run_release,
};

const struct command cmd_extend = {
	.name = "extend",
	.usage = "ID TIME",
	.summary = "keep them out for so long from now on",
	.min_words = 2,
	.max_words = 2,
	.run = run_extend,
};
