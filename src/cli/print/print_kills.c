/*
 * The list of kills: running, waiting and recent ones.
 */
#include "cli/print/print.h"

#include "cli/field.h"
#include "cli/terminal/table.h"
#include "cli/terminal/text.h"

/* "2026-11-24T05:50:23": a table needs no more of a time. */
#define STARTED_BYTES 19

/* From the most to the least important: the last ones go first where there is no room. */
static const struct table_column COLUMNS[] = {
	{.title = "REQUEST"},
	{.title = "INSTANCE", .min_columns = 8},
	{.title = "STATE"},
	{.title = "KILLED", .is_right = true, .is_optional = true},
	{.title = "SURVIVED", .is_right = true, .is_optional = true},
	{.title = "TOOK", .is_right = true, .is_optional = true},
	{.title = "STARTED (UTC)", .is_optional = true},
};

enum term_style print_style_of_state(const json_t *report)
{
	struct slice state = field_text(report, "state");

	if (slice_is(state, "done")) {
		return TERM_GOOD;
	}
	if (slice_is(state, "failed") || slice_is(state, "partial")) {
		return TERM_BAD;
	}
	return slice_is(state, "cancelled") ? TERM_WARN : TERM_PLAIN;
}

static void add_kill(struct table *table, const json_t *kill)
{
	struct slice started = field_text(kill, "started_at");

	started.len = MIN(started.len, (size_t)STARTED_BYTES);
	table_text(table, field_text(kill, "request_id"));
	table_text(table, field_text(kill, "instance"));
	table_text(table, field_text(kill, "state"));
	table_style(table, print_style_of_state(kill));
	table_count(table, field_count(kill, "killed"));
	table_count(table, field_count(kill, "survivors"));
	table_style(table, field_count(kill, "survivors") > 0 ? TERM_BAD : TERM_PLAIN);
	table_duration(table, field_number(kill, "elapsed_ms"));
	table_text(table, started);
}

void print_kills(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p) struct table *table = table_new(COLUMNS, ARRAY_SIZE(COLUMNS));
	const json_t *kills = json_object_get(answer, "kills");
	const json_t *kill;
	size_t i;

	if (json_array_size(kills) == 0) {
		text_line(screen->file, "no kills since the daemon started");
		return;
	}
	json_array_foreach(kills, i, kill)
	{
		add_kill(table, kill);
	}
	table_print(table, screen, 0);
}
