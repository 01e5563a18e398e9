/*
 * sesskill audit: the daemon's record, for people. Reads the file itself, line by line: the record
 * must be readable when no daemon runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/options.h"
#include "cli/record_lines.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"
#include "cli/when.h"
#include "control/names.h"

/* Which records are shown. */
struct filter {
	int64_t since_ms;
	int64_t until_ms;
	const char *user; /* by name or number; NULL: all of them */
	bool is_json;
	bool has_no_titles;
	uint64_t n_shown;
};

static bool read_when(const struct args *args, const char *name, int64_t *ms)
{
	const char *value = args_value(args, name);

	if (value == NULL || when_read(value, clock_wall_ms(), ms)) {
		return true;
	}
	cli_error("--%s %s: expected a time such as 03:00, yesterday, \"2 hours ago\" or "
		  "2026-11-24T05:50",
		name, value);
	return false;
}

static bool is_shown(const struct filter *filter, const json_t *record, int64_t ms)
{
	CLEANUP(mem_free_p) char *uid = NULL;

	if (ms < filter->since_ms || ms > filter->until_ms) {
		return false;
	}
	if (filter->user == NULL) {
		return true;
	}
	uid = mem_printf("%" PRIu64, field_count(record, "uid"));
	return slice_is(field_text(record, "user"), filter->user) ||
	       (field_has(record, "uid") && strcmp(uid, filter->user) == 0);
}

/* ---- as one line for people ---- */

/* The line's columns: a text that is longer moves the rest, for it is to be typed again. */
#define EVENT_COLUMNS 11
#define USER_COLUMNS 10
#define INSTANCE_COLUMNS 14
/* Where a line goes on that is too long. */
#define INDENT 21

static size_t put_column(FILE *out, struct slice text, size_t n_columns)
{
	size_t used = text_put(out, text, TEXT_NO_LIMIT);

	n_columns = MAX(n_columns, used) + 2;
	fprintf(out, "%*s", (int)(n_columns - used), "");
	return n_columns;
}

static size_t put_columns(
	FILE *out, struct slice time, struct slice event, struct slice user, struct slice instance)
{
	size_t used = put_column(out, time, WHEN_BYTES - 5);

	used += put_column(out, event, EVENT_COLUMNS);
	used += put_column(out, user, USER_COLUMNS);
	return used + put_column(out, instance, INSTANCE_COLUMNS);
}

static void print_headings(FILE *out)
{
	CLEANUP(mem_free_p)
	char *time = mem_printf("TIME (%s)", when_zone(clock_wall_ms()).text);
	size_t used = put_columns(out, slice_of(time), SLICE_LITERAL("EVENT"),
		SLICE_LITERAL("USER"), SLICE_LITERAL("INSTANCE"));

	text_flow(out, used, INDENT, SLICE_LITERAL("WHAT"));
}

/* "all", or the selectors that must all hold. */
static char *describe_selection(const json_t *record)
{
	CLEANUP(mem_free_p) char *match = field_join(json_object_get(record, "match"), " and ");
	CLEANUP(mem_free_p) char *except = field_join(json_object_get(record, "except"), " or ");

	return mem_printf("%s%s%s%s%s", json_is_true(json_object_get(record, "all")) ? "all" : "",
		match, except[0] != '\0' ? " except " : "", except,
		json_is_true(json_object_get(record, "dry_run")) ? " (dry run)" : "");
}

static char *describe_outcome(const json_t *record)
{
	if (slice_is(field_text(record, "event"), "late")) {
		return mem_printf(": killed %s more, not verified",
			human_count(field_count(record, "killed")).text);
	}
	if (!field_has(record, "state")) {
		return mem_printf("%s", "");
	}
	return mem_printf(": %.*s, killed %s, survived %s", SLICE_ARG(field_text(record, "state")),
		human_count(field_count(record, "killed")).text,
		human_count(field_count(record, "survivors")).text);
}

/* Of a kill whose it was; of what was denied how much more of it. */
static char *describe_more(const json_t *record)
{
	if (field_has(record, "kill_user")) {
		return mem_printf(" kill of %.*s", SLICE_ARG(field_text(record, "kill_user")));
	}
	if (field_has(record, "repeated")) {
		return mem_printf(
			" %s like this", human_count(field_count(record, "repeated")).text);
	}
	return mem_printf("%s", "");
}

/* What was asked for, and what came of it. */
static char *describe(const json_t *record)
{
	CLEANUP(mem_free_p) char *selection = describe_selection(record);
	CLEANUP(mem_free_p) char *outcome = describe_outcome(record);
	CLEANUP(mem_free_p) char *more = describe_more(record);
	struct slice action = field_text(record, "action");
	struct slice reason = field_text(record, "reason");
	const char *quote = reason.len > 0 ? "\"" : "";

	return mem_printf("%.*s%s%s%s%s  %s%.*s%s%s%.*s", SLICE_ARG(action),
		selection[0] != '\0' ? " " : "", selection, outcome, more, quote, SLICE_ARG(reason),
		quote, reason.len > 0 ? "  " : "", SLICE_ARG(field_text(record, "request_id")));
}

static void print_record(const json_t *record, int64_t ms, FILE *out)
{
	CLEANUP(mem_free_p) char *words = NULL;
	size_t used;

	if (!field_has(record, "request_id")) {
		put_column(out, slice_of(when_show(ms).text), WHEN_BYTES - 5);
		text_flow(out, INDENT, INDENT, field_text(record, "event"));
		return;
	}
	words = describe(record);
	used = put_columns(out, slice_of(when_show(ms).text), field_text(record, "event"),
		field_text(record, "user"), field_text(record, "instance"));
	text_flow(out, used, INDENT, slice_of(words));
}

static void show_line(void *context, const json_t *record, struct slice line, int64_t ms)
{
	struct filter *filter = context;

	if (!is_shown(filter, record, ms)) {
		return;
	}
	if (filter->n_shown++ == 0 && !filter->is_json && !filter->has_no_titles) {
		print_headings(stdout);
	}
	if (filter->is_json) {
		fwrite(line.data, 1, line.len, stdout);
		fputc('\n', stdout);
	} else {
		print_record(record, ms, stdout);
	}
}

static enum status run(const struct cli *cli, const struct args *args)
{
	const char *path =
		args_value(args, "file") != NULL ? args_value(args, "file") : NAMES_AUDIT_FILE;
	struct filter filter = {
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.user = args_value(args, "user"),
		.is_json = cli->is_json,
		.has_no_titles = cli->form.has_no_titles,
	};
	struct err err;
	int r;

	if (!read_when(args, "since", &filter.since_ms) ||
		!read_when(args, "until", &filter.until_ms)) {
		return STATUS_USAGE;
	}
	r = record_lines_each(path, show_line, &filter, &err);
	if (r != 0) {
		cli_error("%s", err.text);
		text_line(stderr, "The file is named by audit.file in sesskilld.yaml; "
				  "see it with --file.");
	} else if (filter.n_shown == 0 && !cli->is_json) {
		text_line(stderr, "No such records.");
	}
	return r == 0 ? STATUS_DONE : r == -EACCES ? STATUS_DENIED : STATUS_FAILED;
}

const struct command cmd_audit = {
	.name = "audit",
	.usage = "[--since WHEN] [--until WHEN] [--user USER] [--file PATH]",
	.summary = "show the record of all kills, allowed and denied",
	.options_of = OF_AUDIT,
	.hosts = COMMAND_THIS_HOST,
	.run = run,
};
