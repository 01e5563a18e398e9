/*
 * The page: one file without scripts that loads nothing.
 */
#ifndef CLI_REPORT_PAGE_H
#define CLI_REPORT_PAGE_H

#include <stdio.h>

#include "cli/report/evidence.h"

/* All of it; whether it could be written is the stream's to tell. */
void page_put(FILE *out, const struct evidence_list *list);

/* "r-1: 15,990 of 16,000 sessions ended, done in 312 ms", on the heap. */
char *page_headline(const struct evidence *kill);

#endif
