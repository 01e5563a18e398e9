/*
 * Numbers of sessions.
 */
#include "counts.h"

struct counts counts_sum(const struct counts *counts, size_t n)
{
	struct counts sum = {0};

	for (size_t i = 0; i < n; i++) {
		sum.n_open += counts[i].n_open;
		sum.n_closed += counts[i].n_closed;
		sum.n_reset += counts[i].n_reset;
		sum.n_errors += counts[i].n_errors;
		sum.n_reconnects += counts[i].n_reconnects;
	}
	return sum;
}

void counts_print(const struct counts *counts, FILE *out)
{
	fprintf(out,
		"\"open\":%zu,\"closed_by_server\":%zu,\"reset\":%zu,\"errors\":%zu,"
		"\"reconnects\":%zu",
		counts->n_open, counts->n_closed, counts->n_reset, counts->n_errors,
		counts->n_reconnects);
}
