/*
 * Which programs of the daemon's own host have the sessions, where that was asked for.
 */
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/print/print.h"
#include "cli/terminal/table.h"
#include "cli/terminal/text.h"

static const struct table_column LOCAL_COLUMNS[] = {
	{.title = "LOCAL PROCESS", .min_columns = 8},
	{.title = "UNIT", .min_columns = 8, .is_optional = true},
	{.title = "OS USER", .min_columns = 7, .is_optional = true},
	{.title = "SESSIONS", .is_right = true},
};

void print_unnamed(const json_t *answer, const struct screen *screen)
{
	const json_t *local = json_object_get(answer, "local");
	uint64_t n_sessions = field_count(local, "sessions");
	uint64_t n_named = field_count(local, "named");
	char unnamed[HUMAN_BYTES], all[HUMAN_BYTES];

	if (!field_has(local, "error")) {
		return;
	}
	term_begin(screen, TERM_WARN);
	text_format(screen->file, "processes: ");
	term_end(screen, TERM_WARN);
	text_line(screen->file, "not known of %s of %s sessions from this host; %.*s",
		human_count(n_sessions > n_named ? n_sessions - n_named : 0, unnamed),
		human_count(n_sessions, all), SLICE_ARG(field_text(local, "error")));
}

void print_local_clients(const json_t *report, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new(LOCAL_COLUMNS, ARRAY_SIZE(LOCAL_COLUMNS));
	const json_t *client;
	size_t i;

	json_array_foreach(json_object_get(report, "local_clients"), i, client)
	{
		struct slice process = field_text(client, "process");

		table_text(table, process.len > 0 ? process : SLICE_LITERAL("?"));
		table_text(table, field_text(client, "unit"));
		table_text(table, field_text(client, "process_user"));
		table_count(table, field_count(client, "found"));
	}
	if (i > 0) {
		fputc('\n', screen->file);
		table_print(table, screen, 2);
	}
	if (field_has(json_object_get(report, "local"), "error")) {
		text_pad(screen->file, 2);
		print_unnamed(report, screen);
	}
}
