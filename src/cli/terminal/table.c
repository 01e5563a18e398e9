/*
 * Tables.
 */
#include "cli/terminal/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"

/* Between two columns. */
#define TABLE_GAP 2

struct cell {
	char *data;
	size_t len; /* the text may hold NUL */
	size_t width;
	enum term_style style;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct cell *cells; /* row by row */
	size_t n_cells;
	size_t capacity;
};

struct table *table_new(const struct table_column *columns, size_t n_columns)
{
	struct table *table = mem_new(struct table);

	table->columns = columns;
	table->n_columns = n_columns;
	return table;
}

void table_free(struct table *table)
{
	if (table == NULL) {
		return;
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		free(table->cells[i].data);
	}
	free(table->cells);
	free(table);
}

void table_text(struct table *table, struct slice text)
{
	struct cell cell = {slice_copy(text), text.len, text_width(text), TERM_PLAIN};

	table->cells = mem_grow_array(table->cells, table->n_cells, &table->capacity, sizeof(cell));
	table->cells[table->n_cells++] = cell;
}

void table_word(struct table *table, const char *text)
{
	table_text(table, slice_of(text));
}

void table_count(struct table *table, uint64_t value)
{
	char buffer[HUMAN_BYTES];

	table_word(table, human_count(value, buffer));
}

void table_duration(struct table *table, double ms)
{
	char buffer[HUMAN_BYTES];

	table_word(table, human_duration(ms, buffer));
}

void table_style(struct table *table, enum term_style style)
{
	CHECK(table->n_cells > 0);
	table->cells[table->n_cells - 1].style = style;
}

/* The width that each column wants; 0: no cell of it has any text. */
static void measure(const struct table *table, size_t *ret_widths)
{
	for (size_t column = 0; column < table->n_columns; column++) {
		size_t widest = 0;

		for (size_t i = column; i < table->n_cells; i += table->n_columns) {
			widest = MAX(widest, table->cells[i].width);
		}
		ret_widths[column] =
			widest > 0 ? MAX(widest, text_width(slice_of(table->columns[column].title)))
				   : 0;
	}
}

static size_t total_width(const size_t *widths, size_t n_columns)
{
	size_t total = 0;

	for (size_t i = 0; i < n_columns; i++) {
		total += widths[i] > 0 ? widths[i] + TABLE_GAP : 0;
	}
	return total > TABLE_GAP ? total - TABLE_GAP : 0;
}

/* The widest column that may still give way; `n_columns`: none. */
static size_t widest_flexible(const struct table *table, const size_t *widths)
{
	size_t widest = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++) {
		size_t least = table->columns[i].min_columns;

		if (least > 0 && widths[i] > least &&
			(widest == table->n_columns || widths[i] > widths[widest])) {
			widest = i;
		}
	}
	return widest;
}

static bool is_narrowed_to(const struct table *table, size_t *widths, size_t room)
{
	size_t total = total_width(widths, table->n_columns);

	while (total > room) {
		size_t widest = widest_flexible(table, widths);

		if (widest == table->n_columns) {
			return false;
		}
		widths[widest]--;
		total--;
	}
	return true;
}

static bool drop_optional(const struct table *table, size_t *widths)
{
	for (size_t i = table->n_columns; i-- > 0;) {
		if (table->columns[i].is_optional && widths[i] > 0) {
			widths[i] = 0;
			return true;
		}
	}
	return false;
}

/*
 * Narrow first, drop then: each time from the full widths, so that what a dropped column leaves is
 * given back to the others. When nothing helps the terminal wraps.
 */
static void fit(const struct table *table, size_t *widths, size_t room)
{
	size_t bytes = table->n_columns * sizeof(*widths);
	CLEANUP(mem_free_p) size_t *narrow = mem_alloc(bytes);

	do {
		memcpy(narrow, widths, bytes);
	} while (!is_narrowed_to(table, narrow, room) && drop_optional(table, widths));
	memcpy(widths, narrow, bytes);
}

/* `text` in a column of `width`; the last column is not padded, so that no line ends in blanks. */
static void put_cell(const struct screen *screen, struct slice text, enum term_style style,
	size_t width, bool is_right, bool is_last)
{
	size_t used = MIN(text_width(text), width);

	if (is_right) {
		text_pad(screen->file, width - used);
	}
	term_begin(screen, style);
	used = text_put(screen->file, text, width);
	term_end(screen, style);
	if (!is_right && !is_last) {
		text_pad(screen->file, width - used);
	}
}

/* One line: the titles if `cells` is NULL. Nothing is padded behind the last text. */
static void put_row(const struct table *table, const struct cell *cells, const size_t *widths,
	const struct screen *screen, size_t indent)
{
	size_t n_shown = 0;
	size_t gap = indent;

	for (size_t i = 0; i < table->n_columns; i++) {
		bool has_text =
			cells != NULL ? cells[i].len > 0 : table->columns[i].title[0] != '\0';

		if (widths[i] > 0 && has_text) {
			n_shown = i + 1;
		}
	}
	for (size_t i = 0; i < n_shown; i++) {
		const struct table_column *column = &table->columns[i];
		struct slice text = cells != NULL ? (struct slice){cells[i].data, cells[i].len}
						  : slice_of(column->title);

		if (widths[i] == 0) {
			continue;
		}
		text_pad(screen->file, gap);
		gap = TABLE_GAP;
		put_cell(screen, text, cells != NULL ? cells[i].style : TERM_BOLD, widths[i],
			column->is_right, i + 1 == n_shown);
	}
	fputc('\n', screen->file);
}

void table_print(const struct table *table, const struct screen *screen, size_t indent)
{
	CLEANUP(mem_free_p) size_t *widths = mem_alloc_array(table->n_columns, sizeof(*widths));

	CHECK(table->n_cells % table->n_columns == 0);
	measure(table, widths);
	if (screen->width > 0) {
		fit(table, widths, screen->width > indent ? screen->width - indent : 0);
	}
	put_row(table, NULL, widths, screen, indent);
	for (size_t i = 0; i < table->n_cells; i += table->n_columns) {
		put_row(table, &table->cells[i], widths, screen, indent);
	}
}
