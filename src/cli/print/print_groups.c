/*
 * Groups of sessions with their shares. The bars compare the groups with each other: the largest
 * one's has the full length.
 */
#include <ctype.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/print/print.h"
#include "cli/print/table.h"
#include "cli/terminal/text.h"

/* A longer value gives way, so that the bars do not. */
#define GROUPS_MAX_VALUE 40

/* Columns of the figures, and the gaps around them. */
#define GROUPS_COUNT_COLUMNS 9
#define GROUPS_SHARE_COLUMNS 6
#define GROUPS_GAPS 6

struct slice print_value(struct slice value)
{
	return value.len > 0 ? value : SLICE_LITERAL("(none)");
}

char *print_title(struct slice field)
{
	char *title = slice_copy(field);

	for (char *c = title; *c != '\0'; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
	return title;
}

/* Columns that are left for a bar; 0: not enough. */
static size_t bar_room(const json_t *groups, const struct screen *screen)
{
	size_t taken = GROUPS_COUNT_COLUMNS + GROUPS_SHARE_COLUMNS + GROUPS_GAPS;
	size_t widest = 0;
	const json_t *group;
	size_t i;

	if (screen->width == 0) {
		return BAR_MAX_COLUMNS;
	}
	json_array_foreach(groups, i, group)
	{
		widest = MAX(widest, text_width(print_value(field_text(group, "value"))));
	}
	taken += MIN(widest, (size_t)GROUPS_MAX_VALUE);
	if (screen->width < taken + BAR_MIN_COLUMNS) {
		return 0;
	}
	return MIN(screen->width - taken, (size_t)BAR_MAX_COLUMNS);
}

static void add_group(
	struct table *table, const json_t *group, uint64_t total, uint64_t largest, size_t columns)
{
	uint64_t count = field_count(group, "count");
	char share[8];
	struct human bar = human_bar(largest > 0 ? (double)count / (double)largest : 0, columns);

	snprintf(share, sizeof(share), "%.1f%%",
		total > 0 ? MIN(100 * (double)count / (double)total, 100.0) : 0);
	table_add(table, group);
	table_set(table, "value", print_value(field_text(group, "value")));
	table_set(table, "share", slice_of(share));
	table_set(table, "bar", slice_of(bar.text));
}

void print_groups(const json_t *head, const struct screen *screen)
{
	CLEANUP(mem_free_p) char *title = print_title(field_text(head, "group_by"));
	const struct table_column columns[] = {
		{"HOST", "host", TABLE_TEXT, 8, TABLE_NEEDED},
		{title, "value", TABLE_TEXT, 8, TABLE_NEEDED},
		{"SESSIONS", "count", TABLE_COUNT, 0, TABLE_NEEDED},
		{"SHARE", "share", TABLE_FIGURE, 0, TABLE_NEEDED},
		{"", "bar", TABLE_TEXT, 0, TABLE_NEEDED},
	};
	CLEANUP(table_free_p)
	struct table *table = table_new_form(columns, ARRAY_SIZE(columns), screen);
	const json_t *groups = json_object_get(head, "groups");
	size_t room = bar_room(groups, screen);
	uint64_t largest = 0;
	const json_t *group;
	size_t i;

	json_array_foreach(groups, i, group)
	{
		largest = MAX(largest, field_count(group, "count"));
	}
	json_array_foreach(groups, i, group)
	{
		add_group(table, group, field_count(head, "matched"), largest, room);
	}
	if (i > 0) {
		table_print(table, screen, 0);
	}
}
