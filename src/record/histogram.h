/*
 * How long something took, in buckets: from a tenth of a millisecond, which a small listing takes,
 * to the half minute that a request has unless it says otherwise.
 */
#ifndef RECORD_HISTOGRAM_H
#define RECORD_HISTOGRAM_H

#include <stdint.h>

#include "record/exposition.h"

#define HISTOGRAM_N_BOUNDS 12

/* Zeroed: nothing was observed. */
struct histogram {
	uint64_t n[HISTOGRAM_N_BOUNDS + 1]; /* each bucket by itself; the last has no bound */
	int64_t sum_us;
};

void histogram_add(struct histogram *histogram, int64_t us);
/* All samples of `name` with these labels (as in exposition.h, at most 4); seconds. */
void histogram_print(const struct histogram *histogram, FILE *out, const char *name,
	const struct exposition_label *labels);

#endif
