/*
 * sesskill kill: which sessions, is it really wanted, go.
 */
#include "base/mem.h"
#include "base/parse.h"
#include "cli/form.h"
#include "cli/options.h"
#include "cli/command/kill.h"
#include "cli/terminal/term.h"

/* Keeps sums of durations in range; the daemon allows less. */
#define KILL_MAX_DURATION_MS INT64_C(86400000)

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
	int64_t timeout_ms, watch_ms, over_ms;

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
		!read_duration(args, "watch", 0, &watch_ms) ||
		!read_duration(args, "over", 0, &over_ms)) {
		return false;
	}
	if (!args_has(args, "yes") && !args_has(args, "dry-run") && !term_can_ask()) {
		cli_error(
			"nothing was killed: there is no terminal to ask on. Say --yes if you are "
			"sure, or look first with --dry-run");
		return false;
	}
	if (args_has(args, "rate")) {
		over_ms = KILL_MAX_DURATION_MS;
	}
	*ret_answer_ms = kill_answer_ms(timeout_ms, watch_ms) + over_ms;
	return true;
}

static enum status run(const struct cli *cli, const struct args *args)
{
	CLEANUP(mem_free_p) char *form = NULL;
	struct kill_order order = {.instance = args->words[0], .args = args};
	enum status status;

	if (!is_understood(args, &order.timeout_ms)) {
		return STATUS_USAGE;
	}
	/* The daemon judges the values. */
	form_add_options(&form, args);
	order.form = form;
	order.wants_cut = args_has(args, "cut");
	if (!args_has(args, "yes") && !args_has(args, "dry-run") &&
		!kill_is_wanted(cli, &order, &status)) {
		return status;
	}
	return kill_run(cli, &order);
}

const struct command cmd_kill = {
	.name = "kill",
	.usage = "ID (--all | --match EXPR...) [OPTION]...",
	.summary = "end sessions of an instance, and prove that they ended",
	.options_of = OF_KILL,
	.min_words = 1,
	.max_words = 1,
	.details = "On a terminal it shows what would be hit and asks for the instance's id.\n"
		   "An EXPR is FIELD OP VALUE[,VALUE]...: 'user = app,web', 'addr = 10.0.0.0/8',\n"
		   "'name = pool-*', 'idle > 1h', 'tot-mem > 10mb', 'type != pubsub'. Fields are\n"
		   "those of sesskill list --help. Look first: sesskill list ID --match EXPR.\n",
	.run = run,
};
