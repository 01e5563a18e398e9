/*
 * Tables. The titles are the first row.
 */
#include "cli/print/table.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
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
#define TABLE_MAX_KEY_BYTES 64
/* Of a cell that goes to a file or a program; --json has all of it. */
#define TABLE_MAX_COLUMNS 256

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
	const struct table_form *form;
};

static const struct table_form USUAL = {0};

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
	table->form = &USUAL;
	for (size_t i = 0; i < n_columns; i++) {
		CLEANUP(mem_free_p) char *title = mem_printf("%s", columns[i].title);

		for (char *c = title; *c != '\0'; c++) {
			*c = (char)toupper((unsigned char)*c);
		}
		add_cell(table, slice_of(title), TERM_BOLD);
	}
	return table;
}

struct table *table_new_form(
	const struct table_column *columns, size_t n_columns, const struct screen *screen)
{
	const struct table_form *form = screen->form != NULL ? screen->form : &USUAL;
	struct table *table = form->columns != NULL ? table_new(form->columns, form->n_columns)
						    : table_new(columns, n_columns);

	table->form = form;
	return table;
}

/* "TOT-MEM" and "tot_mem" are the same. */
static bool is_same_word(struct slice a, const char *b)
{
	if (a.len != strlen(b)) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		char left = a.data[i] == '-' || a.data[i] == ' ' ? '_' : slice_lower(a.data[i]);
		char right = b[i] == '-' || b[i] == ' ' ? '_' : slice_lower(b[i]);

		if (left != right) {
			return false;
		}
	}
	return true;
}

bool table_find_column(const struct table_column *columns, size_t n_columns, struct slice word,
	struct table_column *ret_column)
{
	for (size_t i = 0; i < n_columns; i++) {
		if (is_same_word(word, columns[i].title) || is_same_word(word, columns[i].key)) {
			*ret_column = columns[i];
			return true;
		}
	}
	return false;
}

bool table_read_column(const struct table_column *columns, size_t n_columns, struct slice word,
	struct table_column *ret_column, struct err *err)
{
	CLEANUP(mem_free_p) char *titles = NULL;

	if (table_find_column(columns, n_columns, word, ret_column)) {
		return true;
	}
	for (size_t i = 0; i < n_columns; i++) {
		CLEANUP(mem_free_p) char *before = titles;

		titles = mem_printf(
			"%s%s%s", before != NULL ? before : "", i > 0 ? ", " : "", columns[i].key);
	}
	err_set(err, "unknown column \"%.*s\"; expected some of %s", SLICE_ARG(word), titles);
	return false;
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
static struct human describe(enum table_kind kind, const json_t *object, const char *key)
{
	uint64_t value = field_count(object, key);
	struct human words = {""};

	switch (kind) {
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
		return human_duration(field_number(object, key));
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
		char key[TABLE_MAX_KEY_BYTES];
		struct slice text;

		/* As JSON has it. */
		snprintf(key, sizeof(key), "%s", column->key);
		for (char *c = key; *c != '\0'; c++) {
			*c = *c == '-' ? '_' : *c;
		}
		text = field_text(object, key);
		if (text.data == NULL && field_has(object, key)) {
			add_cell(table, slice_of(describe(column->kind, object, key).text),
				TERM_PLAIN);
		} else {
			add_cell(table, text, TERM_PLAIN);
		}
	}
}

/* NULL: there is no such column. */
static struct cell *find_cell(const struct table *table, const char *key)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		if (strcmp(table->columns[i].key, key) == 0) {
			return &table->cells[table->n_cells - table->n_columns + i];
		}
	}
	return NULL;
}

void table_set(struct table *table, const char *key, struct slice text)
{
	struct cell *cell = find_cell(table, key);

	if (cell != NULL) {
		free(cell->data);
		*cell = (struct cell){slice_copy(text), text.len, text_width(text), cell->style};
	}
}

void table_style(struct table *table, const char *key, enum term_style style)
{
	struct cell *cell = find_cell(table, key);

	if (cell != NULL) {
		cell->style = style;
	}
}

static bool is_wanted(const struct table *table, size_t column)
{
	return table->columns[column].need != TABLE_WIDE || table->form->is_wide ||
	       table->form->columns != NULL;
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
		/* What was chosen is there, whatever is in it. */
		widest = MAX(widest, (size_t)(table->form->columns != NULL));
		if (widest > 0 && !table->form->has_no_titles) {
			widest = MAX(widest, table->cells[column].width);
		}
		ret_widths[column] = is_wanted(table, column) ? widest : 0;
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

/* Where nothing bounds the line: what one client calls itself is not to fill up every row. */
static void bound(const struct table *table, size_t *widths)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		widths[i] = MIN(widths[i], (size_t)TABLE_MAX_COLUMNS);
	}
}

void table_print(const struct table *table, const struct screen *screen, size_t indent)
{
	CLEANUP(mem_free_p) size_t *widths = mem_alloc_array(table->n_columns, sizeof(*widths));
	struct canvas canvas = {
		.screen = {screen->file, SIZE_MAX, .has_colour = screen->has_colour},
		.height = SIZE_MAX,
	};
	size_t row;

	measure(table, widths);
	if (screen->width > 0 && !table->form->is_wide && table->form->columns == NULL) {
		fit(table, widths, screen->width > indent ? screen->width - indent : 0);
	}
	row = table->form->has_no_titles ? table->n_columns : 0;
	if (screen->width == 0) {
		bound(table, widths);
	}
	for (; row < table->n_cells; row += table->n_columns) {
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
