/*
 * What became of the sessions, of a class or of all. A pure value.
 */
#ifndef TOOLS_COUNTS_H
#define TOOLS_COUNTS_H

#include <stddef.h>
#include <stdio.h>

struct counts {
	size_t n_open;
	size_t n_closed; /* were set up and ended by the server */
	size_t n_reset;  /* those of n_closed that saw a reset */
	size_t n_errors; /* attempts that did not get as far as being set up */
	size_t n_reconnects;
};

struct counts counts_sum(const struct counts *counts, size_t n);

/* As members of a JSON object, without the braces. */
void counts_print(const struct counts *counts, FILE *out);

#endif
