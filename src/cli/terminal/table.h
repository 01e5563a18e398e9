/*
 * Tables: cells are collected, columns are measured, then everything is printed so that it fits the
 * screen. Columns without any text are left out; when the rest is too wide the widest of those that
 * may be narrowed give way, then the optional ones go, from the right.
 */
#ifndef CLI_TERMINAL_TABLE_H
#define CLI_TERMINAL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"
#include "cli/terminal/term.h"

struct table_column {
	const char *title;
	size_t min_columns; /* may be narrowed to this; 0: never */
	bool is_right;      /* numbers */
	bool is_optional;   /* left out where there is no room */
};

struct table;

/* `columns` is borrowed for the table's life. */
struct table *table_new(const struct table_column *columns, size_t n_columns);
void table_free(struct table *table);
/* For CLEANUP. */
static inline void table_free_p(struct table **table)
{
	table_free(*table);
}

/* The next cell, row by row from left to right. Texts are copied. */
void table_text(struct table *table, struct slice text);
void table_word(struct table *table, const char *text);
void table_count(struct table *table, uint64_t value);
void table_duration(struct table *table, double ms);
/* The last cell in another style. */
void table_style(struct table *table, enum term_style style);

/* All rows must be complete. Every line starts with `indent` spaces. */
void table_print(const struct table *table, const struct screen *screen, size_t indent);

#endif
