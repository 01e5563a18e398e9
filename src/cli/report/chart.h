/*
 * The clients of an instance over time, as SVG in a page: a line a node, their bounds, who was
 * refused, and the kills.
 */
#ifndef CLI_REPORT_CHART_H
#define CLI_REPORT_CHART_H

#include <stdio.h>

#include "cli/report/evidence.h"

/* Of that instance; nothing where no history is known. `index` makes the ids in the page unique. */
void chart_put(FILE *out, const struct evidence_list *list, const char *instance, size_t index);

/* The part of the page's style sheet that charts need. */
extern const char CHART_STYLE[];

#endif
