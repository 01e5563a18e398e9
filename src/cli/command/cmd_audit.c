/*
 * sesskill audit: the daemon's record, for people. Reads the file itself, line by line: the record
 * must be readable when no daemon runs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/field.h"
#include "cli/options.h"
#include "cli/print/print.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"
#include "control/names.h"

/* "2026-11-24T05:50:23", without the parts of a second. */
#define TIME_BYTES 19

/* A record's times and a moment of the same form are in order when their texts are. */
static bool read_since(const char *value, char *since)
{
	int64_t ago_ms;

	since[0] = '\0';
	if (value == NULL) {
		return true;
	}
	if (parse_duration_ms(slice_of(value), 0, &ago_ms)) {
		clock_format_rfc3339(clock_wall_ms() - ago_ms, since);
		return true;
	}
	if (strlen(value) < 10 || strlen(value) >= CLOCK_RFC3339_BYTES || value[4] != '-' ||
		value[7] != '-') {
		return false;
	}
	memcpy(since, value, strlen(value) + 1);
	return true;
}

static void put_column(FILE *out, struct slice text, size_t n_columns)
{
	size_t used = text_put(out, text, n_columns);

	fprintf(out, "%*s", (int)(n_columns - used + 2), "");
}

/* "all", or the selectors that must all hold. */
static void put_selection(const json_t *record, FILE *out)
{
	if (json_is_true(json_object_get(record, "all"))) {
		fputs("all", out);
	}
	print_list(json_object_get(record, "match"), "", " and ", out);
	print_list(json_object_get(record, "except"), " except ", " or ", out);
	if (json_is_true(json_object_get(record, "dry_run"))) {
		fputs(" (dry run)", out);
	}
}

static void put_outcome(const json_t *record, FILE *out)
{

	if (slice_is(field_text(record, "event"), "late")) {
		text_format(out, ": killed %s more, not verified",
			human_count(field_count(record, "killed")).text);
		return;
	}
	if (!field_has(record, "state")) {
		return;
	}
	text_format(out, ": %.*s, killed %s, survived %s", SLICE_ARG(field_text(record, "state")),
		human_count(field_count(record, "killed")).text,
		human_count(field_count(record, "survivors")).text);
}

/* Of a kill whose it was; of what was denied how much more of it. */
static void put_more(const json_t *record, FILE *out)
{

	if (field_has(record, "kill_user")) {
		text_format(out, "kill of %.*s", SLICE_ARG(field_text(record, "kill_user")));
	}
	if (field_has(record, "repeated")) {
		text_format(out, "%s like this", human_count(field_count(record, "repeated")).text);
	}
}

/* As one line for people. */
static void print_record(const json_t *record, FILE *out)
{
	struct slice time = field_text(record, "time");
	struct slice reason = field_text(record, "reason");

	time.len = MIN(time.len, (size_t)TIME_BYTES);
	put_column(out, time, TIME_BYTES);
	put_column(out, field_text(record, "event"), 11);
	if (field_has(record, "request_id")) {
		put_column(out, field_text(record, "user"), 12);
		put_column(out, field_text(record, "instance"), 16);
		put_selection(record, out);
		put_outcome(record, out);
		put_more(record, out);
		if (reason.len > 0) {
			text_format(out, "  \"%.*s\"", SLICE_ARG(reason));
		}
		text_format(out, "  %.*s", SLICE_ARG(field_text(record, "request_id")));
	}
	fputc('\n', out);
}

/* Lines that are no record are passed over: a crash may have left half of one. */
static void show_line(const struct cli *cli, struct slice line, const char *since)
{
	json_auto_t *record = field_load(line);
	const char *time = json_string_value(json_object_get(record, "time"));

	if (time != NULL && strcmp(time, since) >= 0) {
		if (cli->is_json) {
			fwrite(line.data, 1, line.len, stdout);
			fputc('\n', stdout);
		} else {
			print_record(record, stdout);
		}
	}
}

static void show_file(const struct cli *cli, FILE *file, const char *since)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t len;

	while ((len = getline(&line, &capacity, file)) > 0) {
		if (line[len - 1] == '\n') {
			len--;
		}
		show_line(cli, (struct slice){line, (size_t)len}, since);
	}
	free(line);
}

static enum status run(const struct cli *cli, const struct args *args)
{
	const char *path =
		args_value(args, "file") != NULL ? args_value(args, "file") : NAMES_AUDIT_FILE;
	char since[CLOCK_RFC3339_BYTES];
	FILE *file;

	if (!read_since(args_value(args, "since"), since)) {
		cli_error("--since %s: expected a duration such as 2h, or a time such as "
			  "2026-11-24T05:50",
			args_value(args, "since"));
		return STATUS_USAGE;
	}
	file = fopen(path, "re");
	if (file == NULL) {
		int error = errno;

		cli_error("cannot read %s: %s", path, strerror(error));
		text_line(stderr, "The file is named by audit.file in sesskilld.yaml; "
				  "see it with --file.");
		return error == EACCES ? STATUS_DENIED : STATUS_FAILED;
	}
	show_file(cli, file, since);
	fclose(file);
	return STATUS_DONE;
}

const struct command cmd_audit = {
	.name = "audit",
	.usage = "[--since WHEN] [--file PATH]",
	.summary = "show the record of all kills, allowed and denied",
	.options_of = OF_AUDIT,
	.run = run,
};
