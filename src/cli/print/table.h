/*
 * Tables of the objects in the daemon's answers: rows are collected, columns are measured, then
 * everything is printed so that it fits the screen. Columns without any text are left out; when the
 * rest is too wide the widest of those that may be narrowed give way, then the optional ones go,
 * from the right.
 */
#ifndef CLI_PRINT_TABLE_H
#define CLI_PRINT_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "cli/terminal/term.h"

/* How a field is read aloud. All but texts stand to the right. */
enum table_kind {
	TABLE_TEXT,
	TABLE_FIGURE,   /* a text */
	TABLE_NUMBER,   /* as it is: to be typed again */
	TABLE_COUNT,    /* "18,000" */
	TABLE_NONZERO,  /* likewise, but 0 is empty */
	TABLE_DURATION, /* of milliseconds */
	TABLE_SECONDS,
	TABLE_SIZE,
};

enum table_need {
	TABLE_NEEDED,
	TABLE_OPTIONAL, /* left out where there is no room */
	TABLE_WIDE,     /* only in a wide table, or where it is chosen */
};

struct table_column {
	const char *title;
	const char *key; /* of the objects' field */
	enum table_kind kind;
	size_t min_columns; /* may be narrowed to this; 0: never */
	enum table_need need;
};

/* As the person wants tables, instead of what fits. */
struct table_form {
	bool has_no_titles;
	bool is_wide;                       /* whatever the screen holds */
	const struct table_column *columns; /* those that were chosen; NULL: the usual ones */
	size_t n_columns;
};

/* By the title or the key, in any case, "-" as "_". False: there is none. */
NODISCARD bool table_find_column(const struct table_column *columns, size_t n_columns,
	struct slice word, struct table_column *ret_column);

/* Likewise, with words that name all of them. */
NODISCARD bool table_read_column(const struct table_column *columns, size_t n_columns,
	struct slice word, struct table_column *ret_column, struct err *err);

struct table;

/* `columns` is borrowed for the table's life. */
struct table *table_new(const struct table_column *columns, size_t n_columns);
/* With what the screen's form chooses. */
struct table *table_new_form(
	const struct table_column *columns, size_t n_columns, const struct screen *screen);
void table_free(struct table *table);
/* For CLEANUP. */
static inline void table_free_p(struct table **table)
{
	table_free(*table);
}

/* One more row. What the object does not tell stays empty: 0 would be a statement. */
void table_add(struct table *table, const json_t *object);
/*
 * In the last row, in the column of that key, if it is there: another text, which is copied; a
 * style. Before the first row: of the titles.
 */
void table_set(struct table *table, const char *key, struct slice text);
void table_style(struct table *table, const char *key, enum term_style style);

/* Every line starts with `indent` spaces. */
void table_print(const struct table *table, const struct screen *screen, size_t indent);

#endif
