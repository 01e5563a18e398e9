/*
 * Records of the audit log, one line each.
 */
#include "cli/print/print.h"

#include <stdio.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"

/* "2026-11-24T05:50:23", without the parts of a second. */
#define TIME_BYTES 19

static void put_column(FILE *out, struct slice text, size_t n_columns)
{
	size_t used = text_put(out, text, n_columns);

	fprintf(out, "%*s", (int)(n_columns - used + 2), "");
}

/* "all", or the selectors that must all hold. */
static void put_selection(const json_t *record, FILE *out)
{
	const json_t *list = json_object_get(record, "match");
	const json_t *item;
	size_t i;

	if (json_is_true(json_object_get(record, "all"))) {
		fputs("all", out);
	}
	json_array_foreach(list, i, item)
	{
		text_format(out, "%s%s", i > 0 ? " and " : "", json_string_value(item));
	}
	list = json_object_get(record, "except");
	json_array_foreach(list, i, item)
	{
		text_format(out, "%s%s", i > 0 ? " or " : " except ", json_string_value(item));
	}
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

void print_record(const json_t *record, FILE *out)
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
