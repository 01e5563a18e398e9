/*
 * Plots.
 */
#include "cli/terminal/plot.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/terminal/text.h"

#define EIGHTHS 8

uint64_t plot_most(const struct plot_point *points, size_t n)
{
	uint64_t most = 0;

	for (size_t i = 0; i < n; i++) {
		most = points[i].is_known ? MAX(most, points[i].value) : most;
	}
	return most;
}

uint64_t plot_sum(const struct plot_point *points, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += points[i].is_known ? points[i].value : 0;
	}
	return sum;
}

/* How high a column is in this line, in eighths of it. */
static size_t height_in(const struct plot *plot, const struct plot_point *point, size_t row)
{
	size_t below = (plot->n_rows - 1 - row) * EIGHTHS;
	double share = (double)MIN(point->value, plot->top) / (double)plot->top;
	size_t height = (size_t)(share * (double)(plot->n_rows * EIGHTHS) + 0.5);

	if (!point->is_known || point->value == 0) {
		return 0;
	}
	height = MAX(height, (size_t)1);
	return height > below ? MIN(height - below, (size_t)EIGHTHS) : 0;
}

static const char *cell(size_t height)
{
	static const char *const BLOCKS[] = {" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585",
		"\u2586", "\u2587", "\u2588"};
	static const char *const PLAIN[] = {" ", ".", ".", ".", ":", ":", ":", "#", "#"};

	return text_is_utf8() ? BLOCKS[height] : PLAIN[height];
}

void plot_row(struct canvas *canvas, const struct plot *plot, size_t row, enum term_style style)
{
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL) {
		return;
	}
	for (size_t i = 0; i < plot->n; i++) {
		size_t height = height_in(plot, &plot->points[i], row);
		bool is_line = plot->has_line && row == 0 && height == 0;

		fputs(is_line ? (text_is_utf8() ? "\u2504" : "-") : cell(height), out);
	}
	if (fclose(out) == 0) {
		canvas_put(canvas, (struct slice){text, size}, style);
	}
}

void plot_strip(struct canvas *canvas, const struct plot_point *points, size_t n, uint64_t top,
	enum term_style style)
{
	plot_row(canvas, &(struct plot){points, n, MAX(top, (uint64_t)1), 1, false}, 0, style);
}

void plot_ground(struct canvas *canvas, const struct plot *plot)
{
	for (size_t i = 0; i < plot->n; i++) {
		if (plot->points[i].is_known) {
			canvas_word(canvas, text_is_utf8() ? "\u2500" : "-", TERM_PLAIN);
		} else {
			canvas_gap(canvas, 1);
		}
	}
}
