/*
 * Screens of text.
 */
#include "cli/terminal/canvas.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/terminal/text.h"

size_t canvas_room(const struct canvas *canvas)
{
	return canvas->height > canvas->row ? canvas->height - canvas->row : 0;
}

/* Columns that are left in this line, the due blanks taken off. */
static size_t line_room(const struct canvas *canvas)
{
	size_t taken = canvas->column + canvas->gap;

	return canvas_room(canvas) > 0 && canvas->screen.width > taken
		       ? canvas->screen.width - taken
		       : 0;
}

void canvas_begin(struct canvas *canvas)
{
	if (canvas->screen.has_cursor) {
		fputs("\033[H", canvas->screen.file);
	}
}

/* The columns that the text itself took. */
static size_t put_in(
	struct canvas *canvas, struct slice text, enum term_style style, size_t max_columns)
{
	size_t room = MIN(line_room(canvas), max_columns);
	size_t used;

	if (room == 0 || text.len == 0) {
		return 0;
	}
	style = style == TERM_PLAIN ? canvas->base : style;
	if (canvas->gap > 0) {
		term_format(&canvas->screen, canvas->base, "%*s", (int)canvas->gap, "");
	}
	used = term_put(&canvas->screen, style, text, room);
	canvas->column += canvas->gap + used;
	canvas->gap = 0;
	return used;
}

void canvas_put(struct canvas *canvas, struct slice text, enum term_style style)
{
	bool is_cut = text_width(text) > line_room(canvas);

	(void)put_in(canvas, text, style, TEXT_NO_LIMIT);
	if (is_cut) {
		/* A wide character may have left a column, but nothing can follow. */
		canvas->column = canvas->screen.width;
	}
}

void canvas_word(struct canvas *canvas, const char *text, enum term_style style)
{
	canvas_put(canvas, slice_of(text), style);
}

void canvas_format(struct canvas *canvas, enum term_style style, const char *format, ...)
{
	CLEANUP(mem_free_p) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = text_make(format, args);
	va_end(args);
	canvas_put(canvas, slice_of(text), style);
}

void canvas_cell(struct canvas *canvas, struct slice text, enum term_style style, size_t columns,
	bool is_right)
{
	if (is_right) {
		canvas->gap += columns - MIN(text_width(text), columns);
		(void)put_in(canvas, text, style, columns);
	} else {
		size_t used = put_in(canvas, text, style, columns);

		canvas->gap += columns - used;
	}
}

void canvas_gap(struct canvas *canvas, size_t n_columns)
{
	canvas->gap += n_columns;
}

void canvas_end_line(struct canvas *canvas)
{
	if (canvas_room(canvas) > 0) {
		/* Without a line feed behind the last line, which would scroll. */
		if (canvas->screen.has_cursor) {
			fputs(canvas_room(canvas) > 1 ? "\033[K\r\n" : "\033[K",
				canvas->screen.file);
		} else {
			fputc('\n', canvas->screen.file);
		}
		canvas->row++;
	}
	canvas->column = 0;
	canvas->gap = 0;
	canvas->base = TERM_PLAIN;
}

/* The part of `text` that fits into a line: up to a blank if there is one. */
static struct slice take_line(struct slice *text, size_t width)
{
	struct slice line = *text;

	if (text_width(line) > width) {
		for (size_t i = text->len; i > 0; i--) {
			line = (struct slice){text->data, i};
			if (text->data[i - 1] == ' ' && text_width(line) <= width + 1) {
				break;
			}
			line = *text; /* one long word: cut */
		}
	}
	*text = slice_skip(*text, line.len);
	return slice_trim(line);
}

void canvas_wrap(struct canvas *canvas, struct slice text, enum term_style style, size_t max_lines)
{
	for (size_t i = 1; i <= max_lines && text.len > 0; i++) {
		struct slice line = i < max_lines ? take_line(&text, canvas->screen.width) : text;

		canvas_put(canvas, line, style);
		canvas_end_line(canvas);
	}
}

void canvas_skip_to(struct canvas *canvas, size_t row)
{
	while (canvas->row < row && canvas_room(canvas) > 0) {
		canvas_end_line(canvas);
	}
}

void canvas_end(struct canvas *canvas)
{
	if (canvas->screen.has_cursor) {
		fputs(canvas_room(canvas) > 0 ? "\033[J" : "", canvas->screen.file);
	}
}
