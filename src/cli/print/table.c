/*
 * Tables. The titles are the first row.
 */
#include "cli/print/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/canvas.h"
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

static void add_cell(struct table *table, struct slice text, enum term_style style)
{
	struct cell cell = {slice_copy(text), text.len, text_width(text), style};

	table->cells = mem_grow_array(table->cells, table->n_cells, &table->capacity, sizeof(cell));
	table->cells[table->n_cells++] = cell;
}

struct table *table_new(const struct table_column *columns, size_t n_columns)
{
	struct table *table = mem_new(struct table);

	table->columns = columns;
	table->n_columns = n_columns;
	for (size_t i = 0; i < n_columns; i++) {
		add_cell(table, slice_of(columns[i].title), TERM_BOLD);
	}
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

/* A figure in words. */
static struct human describe(const struct table_column *column, const json_t *object)
{
	uint64_t value = field_count(object, column->key);
	struct human words = {""};

	switch (column->kind) {
	case TABLE_TEXT:
	case TABLE_FIGURE:
		break; /* it has its words already */
	case TABLE_NUMBER:
		snprintf(words.text, sizeof(words.text), "%" PRIu64, value);
		break;
	case TABLE_COUNT:
		return human_count(value);
	case TABLE_NONZERO:
		return value > 0 ? human_count(value) : words;
	case TABLE_DURATION:
		return human_duration(field_number(object, column->key));
	case TABLE_SECONDS:
		return human_seconds(value);
	case TABLE_SIZE:
		return human_size(value);
	}
	return words;
}

void table_add(struct table *table, const json_t *object)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct table_column *column = &table->columns[i];
		struct slice text = field_text(object, column->key);

		if (text.data == NULL && field_has(object, column->key)) {
			add_cell(table, slice_of(describe(column, object).text), TERM_PLAIN);
		} else {
			add_cell(table, text, TERM_PLAIN);
		}
	}
}

static struct cell *find_cell(const struct table *table, const char *key)
{
	size_t column = 0;

	while (strcmp(table->columns[column].key, key) != 0) {
		column++;
		CHECK(column < table->n_columns);
	}
	return &table->cells[table->n_cells - table->n_columns + column];
}

void table_set(struct table *table, const char *key, struct slice text)
{
	struct cell *cell = find_cell(table, key);

	free(cell->data);
	*cell = (struct cell){slice_copy(text), text.len, text_width(text), cell->style};
}

void table_style(struct table *table, const char *key, enum term_style style)
{
	find_cell(table, key)->style = style;
}

/* The width that each column wants; 0: none but its title has any text. */
static void measure(const struct table *table, size_t *ret_widths)
{
	for (size_t column = 0; column < table->n_columns; column++) {
		size_t widest = 0;

		for (size_t i = column + table->n_columns; i < table->n_cells;
			i += table->n_columns) {
			widest = MAX(widest, table->cells[i].width);
		}
		ret_widths[column] = widest > 0 ? MAX(widest, table->cells[column].width) : 0;
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
		if (table->columns[i].need == TABLE_OPTIONAL && widths[i] > 0) {
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

void table_print(const struct table *table, const struct screen *screen, size_t indent)
{
	CLEANUP(mem_free_p) size_t *widths = mem_alloc_array(table->n_columns, sizeof(*widths));
	struct canvas canvas = {
		.screen = {screen->file, SIZE_MAX, .has_colour = screen->has_colour},
		.height = SIZE_MAX,
	};

	measure(table, widths);
	if (screen->width > 0) {
		fit(table, widths, screen->width > indent ? screen->width - indent : 0);
	}
	for (size_t row = 0; row < table->n_cells; row += table->n_columns) {
		size_t gap = indent;

		for (size_t i = 0; i < table->n_columns; i++) {
			const struct cell *cell = &table->cells[row + i];

			if (widths[i] > 0) {
				canvas_gap(&canvas, gap);
				canvas_cell(&canvas, (struct slice){cell->data, cell->len},
					cell->style, widths[i],
					table->columns[i].kind != TABLE_TEXT);
				gap = TABLE_GAP;
			}
		}
		canvas_end_line(&canvas);
	}
}
