/*
 * sesskill kill: which sessions, is it really wanted, go.
 */
#include "base/mem.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/form.h"
#include "cli/command/kill_ask.h"
#include "cli/command/kill_run.h"
#include "cli/terminal/term.h"
#include "control/names.h"

/* Keeps sums of durations in range; the daemon allows less. */
#define KILL_MAX_DURATION_MS INT64_C(86400000)

static const struct option_spec OPTIONS[] = {
	{.name = "all", .parameter = "all", .help = "every session of the instance"},
	{.name = "match",
		.is_repeatable = true,
		.argument = "EXPR",
		.parameter = "match",
		.help = "only sessions that match (repeated: all must)"},
	{.name = "except",
		.is_repeatable = true,
		.argument = "EXPR",
		.parameter = "except",
		.help = "keep sessions that match (repeated: any)"},
	{.name = "node",
		.is_repeatable = true,
		.argument = "ADDRESS",
		.parameter = "node",
		.help = "only on this node (repeated: these nodes)"},
	{.name = "run-id",
		.argument = "ID",
		.parameter = "run_id",
		.help = "only this server process, as list tells it"},
	{.name = "dry-run",
		.parameter = "dry_run",
		.help = "kill nothing, show what would be killed and how"},
	{.name = "processes",
		.parameter = "processes",
		.help = "with --dry-run: whose they are on this host"},
	{.name = "yes", .help = "do not ask; needed where nobody can be asked"},
	{.name = "max",
		.argument = "N",
		.parameter = "max",
		.help = "refuse if more than this would be killed"},
	{.name = "pace",
		.argument = "PACE",
		.parameter = "pace",
		.help = "fast, or gentle: no stall beyond the budget"},
	{.name = "stall-budget",
		.argument = "TIME",
		.parameter = "stall_budget",
		.help = "the longest stall of the server, as in 25ms"},
	{.name = "timeout",
		.argument = "TIME",
		.parameter = "timeout",
		.help = "give up after this long (30s)"},
	{.name = "watch",
		.argument = "TIME",
		.parameter = "watch",
		.help = "afterwards look for this long who comes back"},
	{.name = "break-busy",
		.parameter = "break_busy",
		.help = "first end a script that blocks the server"},
	{.name = "reason",
		.argument = "TEXT",
		.parameter = "reason",
		.help = "why, for the audit log"},
};

static bool read_duration(
	const struct args *args, const char *name, int64_t if_absent_ms, int64_t *ret_ms)
{
	const char *value = args_value(args, name);
	int64_t ms = if_absent_ms;

	if (value != NULL && !parse_duration_ms(slice_of(value), 1000, &ms)) {
		cli_error("--%s: \"%s\" is no duration, as 500ms, 30s or 5m are", name, value);
		return false;
	}
	*ret_ms = MIN(ms, (int64_t)KILL_MAX_DURATION_MS);
	return true;
}

static bool is_understood(const struct args *args, int64_t *ret_answer_ms)
{
	int64_t timeout_ms, watch_ms;

	if (args_has(args, "all") == args_has(args, "match")) {
		cli_error("say which sessions: either --all, or --match EXPR");
		return false;
	}
	if (args_has(args, "processes") && !args_has(args, "dry-run")) {
		cli_error("--processes goes with --dry-run: a kill does not look whose sessions "
			  "are");
		return false;
	}
	if (!read_duration(args, "timeout", KILL_DEFAULT_TIMEOUT_MS, &timeout_ms) ||
		!read_duration(args, "watch", 0, &watch_ms)) {
		return false;
	}
	if (!args_has(args, "yes") && !args_has(args, "dry-run") && !term_can_ask()) {
		cli_error(
			"nothing was killed: there is no terminal to ask on. Say --yes if you are "
			"sure, or look first with --dry-run");
		return false;
	}
	*ret_answer_ms = kill_answer_ms(timeout_ms, watch_ms);
	return true;
}

static enum status run(const struct cli *cli, const struct args *args)
{
	const char *instance = args->words[0];
	CLEANUP(mem_free_p) char *base = form_path(NAMES_PATH_INSTANCES, instance);
	CLEANUP(mem_free_p) char *path = mem_printf("%s/kill", base);
	CLEANUP(form_finish) struct form form = {0};
	struct kill_order order = {.path = path};
	enum status status;

	if (!is_understood(args, &order.timeout_ms)) {
		return STATUS_USAGE;
	}
	/* The daemon judges the values. */
	form_add_options(&form, args);
	order.form = form.text;
	if (!args_has(args, "yes") && !args_has(args, "dry-run") &&
		!kill_is_wanted(cli, instance, &order, &status)) {
		return status;
	}
	return kill_run(cli, &order);
}

const struct command cmd_kill = {
	.name = "kill",
	.usage = "ID (--all | --match EXPR...) [OPTION]...",
	.summary = "end sessions of an instance, and prove that they ended",
	.options = OPTIONS,
	.n_options = ARRAY_SIZE(OPTIONS),
	.min_words = 1,
	.max_words = 1,
	.details = "On a terminal it shows what would be hit and asks for the instance's id.\n"
		   "An EXPR is FIELD OP VALUE[,VALUE]...: 'user = app,web', 'addr = 10.0.0.0/8',\n"
		   "'name = pool-*', 'idle > 1h', 'tot-mem > 10mb', 'type != pubsub'. Fields are\n"
		   "those of sesskill list --help. Look first: sesskill list ID --match EXPR.\n",
	.run = run,
};
