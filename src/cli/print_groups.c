/*
 * Groups of sessions with their shares. The bars compare the groups with each other: the largest
 * one's has the full length.
 */
#include <ctype.h>

#include "cli/field.h"
#include "cli/human.h"
#include "cli/print.h"
#include "cli/table.h"
#include "cli/text.h"

#define GROUPS_MAX_BAR 40
#define GROUPS_MIN_BAR 8 /* a shorter one shows nothing */
/* A longer value gives way, so that the bars do not. */
#define GROUPS_MAX_VALUE 40
#define GROUPS_MAX_TITLE_BYTES 64
/* Bytes of the longest character in a bar. */
#define GROUPS_CELL_BYTES 3
#define GROUPS_NO_VALUE "(none)"

/* Columns of the figures, and the gaps around them. */
#define GROUPS_COUNT_COLUMNS 9
#define GROUPS_SHARE_COLUMNS 6
#define GROUPS_GAPS 6

static struct slice value_of(const json_t *group)
{
	struct slice value = field_text(group, "value");

	return value.len > 0 ? value : SLICE_LITERAL(GROUPS_NO_VALUE);
}

static void make_title(const json_t *head, char *title)
{
	struct slice field = field_text(head, "group_by");
	size_t len = MIN(field.len, (size_t)GROUPS_MAX_TITLE_BYTES - 1);

	for (size_t i = 0; i < len; i++) {
		title[i] = (char)toupper((unsigned char)field.data[i]);
	}
	title[len] = '\0';
}

/* Columns that are left for a bar; 0: not enough. */
static size_t bar_room(const json_t *groups, const struct screen *screen)
{
	size_t taken = GROUPS_COUNT_COLUMNS + GROUPS_SHARE_COLUMNS + GROUPS_GAPS;
	size_t widest = 0;
	const json_t *group;
	size_t i;

	if (screen->width == 0) {
		return GROUPS_MAX_BAR;
	}
	json_array_foreach(groups, i, group)
	{
		widest = MAX(widest, text_width(value_of(group)));
	}
	taken += MIN(widest, (size_t)GROUPS_MAX_VALUE);
	if (screen->width < taken + GROUPS_MIN_BAR) {
		return 0;
	}
	return MIN(screen->width - taken, (size_t)GROUPS_MAX_BAR);
}

/* Of `columns` at most, in eighths of a column where the terminal has characters for them. */
static void add_bar(struct table *table, double share, size_t columns)
{
	static const char *const EIGHTHS[] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
	char bar[GROUPS_MAX_BAR * GROUPS_CELL_BYTES + 1] = "";
	bool is_utf8 = text_is_utf8();
	size_t n_eighths = (size_t)(share * (double)columns * 8 + 0.5);
	size_t used = 0;

	if (columns > 0 && n_eighths == 0) {
		n_eighths = 1; /* few is not none */
	}
	for (size_t i = 0; i < n_eighths / 8; i++) {
		used += (size_t)snprintf(
			bar + used, sizeof(bar) - used, "%s", is_utf8 ? "\u2588" : "#");
	}
	if (is_utf8) {
		snprintf(bar + used, sizeof(bar) - used, "%s", EIGHTHS[n_eighths % 8]);
	}
	table_word(table, bar);
}

static void add_group(
	struct table *table, const json_t *group, uint64_t total, uint64_t largest, size_t columns)
{
	uint64_t count = field_count(group, "count");
	char share[HUMAN_BYTES];

	snprintf(share, sizeof(share), "%.1f%%",
		total > 0 ? MIN(100 * (double)count / (double)total, 100.0) : 0);
	table_text(table, value_of(group));
	table_count(table, count);
	table_word(table, share);
	add_bar(table, largest > 0 ? (double)count / (double)largest : 0, columns);
}

void print_groups(const json_t *head, const struct screen *screen)
{
	char title[GROUPS_MAX_TITLE_BYTES];
	const struct table_column columns[] = {
		{.title = title, .min_columns = 8},
		{.title = "SESSIONS", .is_right = true},
		{.title = "SHARE", .is_right = true},
		{.title = ""},
	};
	CLEANUP(table_free_p) struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *groups = json_object_get(head, "groups");
	size_t room = bar_room(groups, screen);
	uint64_t largest = 0;
	const json_t *group;
	size_t i;

	make_title(head, title);
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
