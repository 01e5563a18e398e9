/*
 * sesskill top: who fills an instance, live.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/options.h"
#include "cli/top/top.h"

#define TOP_MIN_INTERVAL_MS 100
#define TOP_MAX_INTERVAL_MS 3600000

static const char *const FIELDS[TOP_N_FIELDS] = {"addr", "user", "name", "lib", "cmd"};

static bool read_interval(const struct args *args, int64_t *ret_ms)
{
	const char *value = args_value(args, "interval");

	*ret_ms = TOP_DEFAULT_INTERVAL_MS;
	if (value == NULL) {
		return true;
	}
	if (!parse_duration_ms(slice_of(value), 1000, ret_ms) || *ret_ms < TOP_MIN_INTERVAL_MS ||
		*ret_ms > TOP_MAX_INTERVAL_MS) {
		cli_error("--interval: \"%s\" is no duration from 100ms to 1h", value);
		return false;
	}
	return true;
}

static void set_fields(struct top *top, const char *wanted)
{
	memcpy(top->fields, FIELDS, sizeof(FIELDS));
	top->n_fields = TOP_N_FIELDS;
	if (wanted == NULL) {
		return;
	}
	for (top->field = 0; top->field < TOP_N_FIELDS; top->field++) {
		if (strcmp(wanted, FIELDS[top->field]) == 0) {
			return;
		}
	}
	top->fields[top->n_fields++] = wanted; /* the daemon knows whether there is one */
}

static void finish(struct top *top)
{
	live_leave(&top->live);
	tally_finish(&top->tally);
	recent_finish(&top->recent);
	free(top->filter);
	free(top->trial);
	free(top->problem);
	free(top->notice);
}

/* Until the next listing is due, or until there is something else to do. */
static void rest(struct top *top)
{
	while (top_attend(top)) {
		int64_t left_ms = top->ended_ms + top_rest_ms(top) - clock_monotonic_ms();

		if (left_ms <= 0 && (!top->is_paused || top->is_stale)) {
			return;
		}
		live_wait(&top->live,
			top->is_paused && !top->is_stale ? TOP_MAX_INTERVAL_MS : left_ms);
	}
}

static void watch(struct top *top)
{
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	enum api_result result;

	while (!top->is_over) {
		rest(top);
		if (top->wants_kill && !top->is_over) {
			top_kill(top);
		} else if (!top->is_over) {
			(void)!top_ask(top, &answer, &result); /* the screen says why not */
		}
	}
}

/* The first answer decides whether there is anything to look at. */
static enum status begin(struct top *top)
{
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	enum api_result result;

	if (top_ask(top, &answer, &result)) {
		return STATUS_DONE;
	}
	if (result != API_OK) {
		cli_error("%s", top->problem);
		return STATUS_UNREACHABLE;
	}
	cli_show_error(top->cli, &answer);
	return MAX(cli_status_of_answer(&answer), STATUS_FAILED);
}

static enum status run(const struct cli *cli, const struct args *args)
{
	CLEANUP(finish)
	struct top top = {.cli = cli, .args = args, .instance = args->words[0]};
	enum status status;

	if (cli->is_json) {
		cli_error("top is for people: for programs there is "
			  "sesskill --json list ID --group-by FIELD");
		return STATUS_USAGE;
	}
	if (!read_interval(args, &top.interval_ms)) {
		return STATUS_USAGE;
	}
	set_fields(&top, args_value(args, "by"));
	status = begin(&top);
	if (status != STATUS_DONE) {
		return status;
	}
	if (args_has(args, "once") || !term_can_live()) {
		top_print(&top);
		return STATUS_DONE;
	}
	if (!live_enter(&top.live, true)) {
		cli_error("cannot use the terminal: %s", strerror(errno));
		return STATUS_FAILED;
	}
	watch(&top);
	return STATUS_DONE;
}

const struct command cmd_top = {
	.name = "top",
	.usage = "ID [OPTION]...",
	.summary = "watch who fills an instance, and how fast",
	.options_of = OF_TOP,
	.min_words = 1,
	.max_words = 1,
	.hosts = COMMAND_ONE_HOST,
	.details = "Keys: up and down move the mark, 1 to 5 count by source, user, name, library,\n"
		   "command, s sorts, / selects, K kills the marked group (shown first, and asked\n"
		   "for the instance's id), ? shows all keys, q quits. A slow listing makes the\n"
		   "interval longer. FIELD and EXPR are those of sesskill list --help.\n",
	.run = run,
};
