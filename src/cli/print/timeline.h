/*
 * The daemon's history of a node (GET /v1/instances/ID/history), put into columns of a screen.
 */
#ifndef CLI_PRINT_TIMELINE_H
#define CLI_PRINT_TIMELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"
#include "cli/terminal/plot.h"
#include "model/history.h"

#define TIMELINE_MAX_COLUMNS 240

struct timeline {
	int64_t begin_ms; /* wall clock */
	int64_t column_ms;
	size_t n; /* columns */
	struct plot_point figures[HISTORY_N_FIGURES][TIMELINE_MAX_COLUMNS];
};

/* Without any sample: of that answer, in so many columns at most. False: it is none. */
NODISCARD bool timeline_begin(struct timeline *timeline, const json_t *answer, size_t max_columns);
/* Adds those of a node: of several there are the sums. */
void timeline_add(struct timeline *timeline, const json_t *answer, const json_t *node);
/* The column of that time; timeline->n: none. */
size_t timeline_column(const struct timeline *timeline, int64_t wall_ms);

#endif
