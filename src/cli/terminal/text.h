/*
 * Text on a terminal. Names, addresses and messages come from servers and their clients: whatever
 * they hold, no control character, no escape sequence and no invisible or reordering character
 * gets out, and the columns counted are those that the terminal will use. Everything this program
 * shows to people goes through here.
 */
#ifndef CLI_TERMINAL_TEXT_H
#define CLI_TERMINAL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/macros.h"
#include "base/slice.h"

#define TEXT_NO_LIMIT SIZE_MAX

/* Does the locale show more than ASCII? */
bool text_is_utf8(void);

/* Does the character hide or reorder its neighbours? */
bool text_is_deceiving(uint32_t code);

/* Columns that the text takes when it is not cut. */
size_t text_width(struct slice text);

/*
 * Writes the text in at most `max_columns`; a longer one is cut and ends in an ellipsis. What
 * cannot be shown as it is becomes a visible escape: \n, \x1b, \u202e; bytes that are no UTF-8
 * \xff. Returns the columns used.
 */
size_t text_put(FILE *out, struct slice text, size_t max_columns);

/*
 * Formatted, on the heap; NULL without memory: nothing to show is better than the end of a kill's
 * report.
 */
char *text_make(const char *format, va_list args) PRINTF_LIKE(1, 0);
/* Columns of the terminal that `out` is; 0: it is none. */
size_t text_columns(FILE *out);
/* Formats, writes all of it like text_flow(), from the left; what begins with blanks goes on so. */
void text_line(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * Writes the text where `used` columns of the line are taken already, and ends the line. On a
 * terminal a line that would be too long is broken at a blank, and goes on behind `indent` blanks;
 * elsewhere it stays one line.
 */
void text_flow(FILE *out, size_t used, size_t indent, struct slice text);
/* The same without the end of the line. */
void text_format(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);
void text_format_args(FILE *out, const char *format, va_list args) PRINTF_LIKE(2, 0);

/*
 * JSON for a terminal: the very bytes, but for characters that text_put() would escape. Those can
 * stand in a JSON string only, and there \u escapes mean the same.
 */
void text_put_json(FILE *out, struct slice json);

#endif
