/*
 * sesskill history: what happened on an instance, as a plot.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/form.h"
#include "cli/options.h"
#include "cli/print/print.h"
#include "cli/when.h"
#include "control/names.h"

/* As a time span, which is what the daemon takes; what is no moment is the daemon's to judge. */
static char *read_since(const char *since)
{
	int64_t now_ms = clock_wall_ms(), ms;

	if (since[0] == '\0' || !when_read(since, now_ms, &ms)) {
		return mem_printf("%s", since);
	}
	return mem_printf("%" PRId64 "ms", MAX(now_ms - ms, INT64_C(0)));
}

static enum status run(const struct cli *cli, const struct args *args)
{
	static const struct args none = {0};
	const char *asked = args_value(args, "since");
	CLEANUP(mem_free_p) char *since = asked != NULL ? read_since(asked) : NULL;
	CLEANUP(mem_free_p) char *query = NULL;
	CLEANUP(mem_free_p) char *instance = form_path(NAMES_PATH_INSTANCES, args->words[0]);
	CLEANUP(mem_free_p) char *path = NULL;

	if (since != NULL) {
		form_add(&query, "since", since);
	}
	path = mem_printf("%s/" NAMES_HISTORY "%s%s", instance, query != NULL ? "?" : "",
		query != NULL ? query : "");
	return cli_ask(cli, "GET", path, &none, stdout, print_history);
}

const struct command cmd_history = {
	.name = "history",
	.usage = "ID [--since TIME]",
	.summary = "show how full an instance was, and what was done",
	.options_of = OF_HISTORY,
	.min_words = 1,
	.max_words = 1,
	.details =
		"Of each node a plot of its clients, up to maxclients where they come near it;\n"
		"below it what came, was refused and waited, and K where a kill began, G a guard\n"
		"acted, L the link was lost, B it was back. A hole: the node said nothing.\n",
	.run = run,
};
