/*
 * A screen of text, drawn line by line from the top: each line is cut at the width, lines beyond
 * the height are dropped, and what was there before is wiped. Text from others is cleaned as by
 * text_put(). Without a cursor (no terminal) the same lines are printed one below the other.
 */
#ifndef CLI_TERMINAL_CANVAS_H
#define CLI_TERMINAL_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/slice.h"
#include "cli/terminal/term.h"

struct canvas {
	struct screen screen; /* its width is at least 1 */
	size_t height;        /* lines */
	size_t row;           /* of the line that is being drawn, from 0 */
	size_t column;        /* how far it is drawn */
	size_t gap;           /* blanks that are due before the next text */
	enum term_style base; /* of the rest of this line, where nothing else is said */
};

/* Lines that are left. */
size_t canvas_room(const struct canvas *canvas);

void canvas_begin(struct canvas *canvas);
void canvas_put(struct canvas *canvas, struct slice text, enum term_style style);
void canvas_word(struct canvas *canvas, const char *text, enum term_style style);
void canvas_format(struct canvas *canvas, enum term_style style, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* In a column of so many: cut, and filled up with blanks. */
void canvas_cell(struct canvas *canvas, struct slice text, enum term_style style, size_t columns,
	bool is_right);
void canvas_gap(struct canvas *canvas, size_t n_columns);
void canvas_end_line(struct canvas *canvas);
/* Whole lines of it, broken at blanks, `max_lines` at most. */
void canvas_wrap(struct canvas *canvas, struct slice text, enum term_style style, size_t max_lines);
/* Empty lines up to this one. */
void canvas_skip_to(struct canvas *canvas, size_t row);
/* Wipes what is below. */
void canvas_end(struct canvas *canvas);

#endif
