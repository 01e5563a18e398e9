/*
 * The terminal: what an output stream can show, asking a person, and signals as something to read
 * instead of handlers.
 */
#ifndef CLI_TERMINAL_TERM_H
#define CLI_TERMINAL_TERM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/macros.h"
#include "base/slice.h"

struct table_form;

/* What may be written to a stream. Plain data, so that tests make their own. */
struct screen {
	FILE *file;
	size_t width;                  /* columns; 0: no limit, it is not a terminal */
	size_t height;                 /* lines; 0 as above */
	bool has_colour;               /* a terminal, and NO_COLOR is not set */
	bool has_cursor;               /* a line can be overwritten */
	const struct table_form *form; /* NULL: tables as they are */
};

enum term_style {
	TERM_PLAIN,
	TERM_BOLD,
	TERM_GOOD,
	TERM_WARN,
	TERM_BAD,
	TERM_MARKED, /* in reverse */
};

/* The stream as it is now; asked again for each output, because windows change their size. */
struct screen term_screen(FILE *file);

/* text_put() and text_format() in that style: plain without colour. Return the columns used. */
size_t term_put(
	const struct screen *screen, enum term_style style, struct slice text, size_t max_columns);
size_t term_format(const struct screen *screen, enum term_style style, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Can a whole screen be shown there, and keys be read as they are pressed? */
bool term_can_live(void);

/* Is there a person at both ends: questions go to stderr, answers come from stdin? */
bool term_can_ask(void);

/* Forgets what was typed before the question was shown. */
void term_drop_input(void);

/*
 * Reads what was typed up to the end of the line, without it, into `line` (NUL-terminated; longer
 * input is cut). Waits at most `timeout_ms`, for ever if negative. False: nothing yet. At the end
 * of the input *ret_is_end is set and the line is empty.
 */
NODISCARD bool term_read_line(char *line, size_t line_bytes, int timeout_ms, bool *ret_is_end);

/* Signals that wait to be read instead of ending or stopping the program, until they are let go. */
struct term_signals {
	int fd; /* a signalfd; -1: none is held */
	sigset_t before;
};

/* `numbers` ends with 0. False with errno: they do what they always do. */
bool term_hold(struct term_signals *signals, const int *numbers);
void term_let_go(struct term_signals *signals);
/* The next one that came since the last call; 0: none. */
NODISCARD int term_take_signal(const struct term_signals *signals);

#endif
