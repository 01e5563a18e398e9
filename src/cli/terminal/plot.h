/*
 * Columns of different height, in eighths of a line where the terminal has characters for them.
 */
#ifndef CLI_TERMINAL_PLOT_H
#define CLI_TERMINAL_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/terminal/canvas.h"

struct plot_point {
	uint64_t value;
	bool is_known; /* else there is a hole */
};

/* The largest that is known; 0: none is. */
uint64_t plot_most(const struct plot_point *points, size_t n);
uint64_t plot_sum(const struct plot_point *points, size_t n);

struct plot {
	const struct plot_point *points;
	size_t n;
	uint64_t top;  /* a column of this height fills all lines; not 0 */
	size_t n_rows; /* lines */
	bool has_line; /* at the very top, where no column reaches it */
};

/*
 * The part of it that stands in this line, from 0 at the top, where the canvas is. Few is not none:
 * whatever is not 0 shows at least a sliver.
 */
void plot_row(struct canvas *canvas, const struct plot *plot, size_t row, enum term_style style);
/* All of it in one line. */
void plot_strip(struct canvas *canvas, const struct plot_point *points, size_t n, uint64_t top,
	enum term_style style);
/* The ground that it stands on, with its holes. */
void plot_ground(struct canvas *canvas, const struct plot *plot);

#endif
