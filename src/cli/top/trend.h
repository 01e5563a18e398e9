/*
 * How fast a count grows: the slope of the straight line through what was counted within the last
 * minute (least squares), so that one odd sample does not turn it around.
 */
#ifndef CLI_TOP_TREND_H
#define CLI_TOP_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define TREND_WINDOW_MS 60000
/* Counts that follow each other faster take each other's place. */
#define TREND_SPACING_MS 2000
/* What happened within less, or between two counts, says nothing about a minute; unless these two
 * are far apart. */
#define TREND_MIN_SPAN_MS 4000
#define TREND_MIN_SAMPLES 3
#define TREND_MIN_SPAN_OF_TWO_MS 20000
/* Two of them are never closer than the spacing to the next but one. */
#define TREND_MAX_SAMPLES (2 * TREND_WINDOW_MS / TREND_SPACING_MS + 2)

struct trend_sample {
	int64_t at_ms;
	uint64_t count;
};

struct trend {
	struct trend_sample samples[TREND_MAX_SAMPLES]; /* the oldest first */
	size_t n;
};

/* `at_ms` is not before that of the last one. */
void trend_add(struct trend *trend, int64_t at_ms, uint64_t count);
/* False: there are not enough counts yet, over enough time. */
NODISCARD bool trend_per_minute(const struct trend *trend, double *ret_growth);
/* Is there nothing but zeros in it? */
bool trend_is_zero(const struct trend *trend);

#endif
