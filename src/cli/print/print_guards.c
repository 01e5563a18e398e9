/*
 * Guards as rows: what each does at the moment, and has done.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/print/table.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"

static const struct table_column COLUMNS[] = {
	{"HOST", "host", TABLE_TEXT, 8, TABLE_NEEDED},
	{"GUARD", "name", TABLE_TEXT, 8, TABLE_NEEDED},
	{"INSTANCE", "instance", TABLE_TEXT, 8, TABLE_NEEDED},
	{"WHEN", "when", TABLE_TEXT, 8, TABLE_NEEDED},
	{"DOES", "action", TABLE_TEXT, 0, TABLE_OPTIONAL},
	{"STATE", "state", TABLE_TEXT, 9, TABLE_NEEDED},
	{"EPISODES", "episodes", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"KILLS", "acts", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"KILLED", "killed", TABLE_COUNT, 0, TABLE_NEEDED},
	{"LAST EPISODE", "last_episode", TABLE_TEXT, 0, TABLE_OPTIONAL},
};

bool print_find_guard_column(struct slice word, struct table_column *ret_column, struct err *err)
{
	return table_read_column(COLUMNS, ARRAY_SIZE(COLUMNS), word, ret_column, err);
}

/* "holding for 12 s", or why it does nothing. */
static void set_state(struct table *table, const json_t *guard)
{
	struct slice state = field_text(guard, "state");
	struct slice why = field_text(guard, "why");
	CLEANUP(mem_free_p) char *words = NULL;

	if (slice_is(state, "holding") && why.len == 0) {
		words = mem_printf("holding for %s",
			human_duration((int64_t)field_count(guard, "holding_ms")).text);
	} else if (why.len > 0) {
		words = mem_printf("%.*s: %.*s", SLICE_ARG(state), SLICE_ARG(why));
	}
	if (words != NULL) {
		table_set(table, "state", slice_of(words));
	}
	if (!slice_is(state, "watching") && !slice_is(state, "holding")) {
		table_style(table, "state", TERM_WARN);
	}
}

void print_guards(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new_form(COLUMNS, ARRAY_SIZE(COLUMNS), screen);
	const json_t *guards = json_object_get(answer, "guards");
	const json_t *guard;
	size_t i;

	if (json_is_true(json_object_get(answer, "held"))) {
		print_remark(screen, TERM_WARN, "no guard acts: ", SLICE_LITERAL("guards"),
			field_text(answer, "why"));
	}
	if (json_array_size(guards) == 0) {
		text_line(screen->file, "no guards: see guards in sesskilld.yaml(5)");
		return;
	}
	print_time_title(table, "last_episode", "LAST EPISODE");
	json_array_foreach(guards, i, guard)
	{
		table_add(table, guard);
		print_time(table, "last_episode", guard);
		set_state(table, guard);
	}
	table_print(table, screen, 0);
}
