/*
 * Trends.
 */
#include "cli/top/trend.h"

#include <string.h>

#include "base/check.h"

static void drop_oldest(struct trend *trend)
{
	trend->n--;
	memmove(trend->samples, trend->samples + 1, trend->n * sizeof(trend->samples[0]));
}

void trend_add(struct trend *trend, int64_t at_ms, uint64_t count)
{
	if (trend->n >= 2 && at_ms - trend->samples[trend->n - 2].at_ms < TREND_SPACING_MS) {
		trend->n--;
	}
	/* The last one stays, however old: a slow server's growth is known all the same. */
	while (trend->n > 1 && at_ms - trend->samples[0].at_ms > TREND_WINDOW_MS) {
		drop_oldest(trend);
	}
	CHECK(trend->n < TREND_MAX_SAMPLES);
	trend->samples[trend->n++] = (struct trend_sample){at_ms, count};
}

static bool is_enough(const struct trend *trend)
{
	int64_t span_ms =
		trend->n > 0 ? trend->samples[trend->n - 1].at_ms - trend->samples[0].at_ms : 0;

	return trend->n >= TREND_MIN_SAMPLES ? span_ms >= TREND_MIN_SPAN_MS
					     : trend->n == 2 && span_ms >= TREND_MIN_SPAN_OF_TWO_MS;
}

bool trend_per_minute(const struct trend *trend, double *ret_growth)
{
	double mean_ms = 0, mean_count = 0, above = 0, below = 0;

	if (!is_enough(trend)) {
		return false;
	}
	for (size_t i = 0; i < trend->n; i++) {
		mean_ms += (double)(trend->samples[i].at_ms - trend->samples[0].at_ms);
		mean_count += (double)trend->samples[i].count;
	}
	mean_ms /= (double)trend->n;
	mean_count /= (double)trend->n;
	for (size_t i = 0; i < trend->n; i++) {
		double ms = (double)(trend->samples[i].at_ms - trend->samples[0].at_ms) - mean_ms;

		above += ms * ((double)trend->samples[i].count - mean_count);
		below += ms * ms;
	}
	*ret_growth = above / below * 60000;
	return true;
}

bool trend_is_zero(const struct trend *trend)
{
	for (size_t i = 0; i < trend->n; i++) {
		if (trend->samples[i].count != 0) {
			return false;
		}
	}
	return true;
}
