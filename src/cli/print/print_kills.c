/*
 * The list of kills: running, waiting and recent ones.
 */
#include "cli/print/print.h"

#include "cli/field.h"
#include "cli/print/table.h"
#include "cli/terminal/text.h"

/* "2026-11-24T05:50:23": a table needs no more of a time. */
#define STARTED_BYTES 19

/* From the most to the least important: the last ones go first where there is no room. */
static const struct table_column COLUMNS[] = {
	{"REQUEST", "request_id", TABLE_TEXT, 0, TABLE_NEEDED},
	{"INSTANCE", "instance", TABLE_TEXT, 8, TABLE_NEEDED},
	{"STATE", "state", TABLE_TEXT, 0, TABLE_NEEDED},
	{"KILLED", "killed", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"SURVIVED", "survivors", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"TOOK", "elapsed_ms", TABLE_DURATION, 0, TABLE_OPTIONAL},
	{"STARTED (UTC)", "started_at", TABLE_TEXT, 0, TABLE_OPTIONAL},
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
	table_add(table, kill);
	table_set(table, "started_at", started);
	table_style(table, "state", print_style_of_state(kill));
	table_style(table, "survivors", field_count(kill, "survivors") > 0 ? TERM_BAD : TERM_PLAIN);
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
