/*
 * Clocks.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/fault.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

static int64_t read_clock_us(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
	return read_clock_us(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

int64_t clock_boottime_ms(void)
{
	return read_clock_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall_ms(void)
{
	int64_t now_ms = read_clock_us(CLOCK_REALTIME) / 1000;

	if (FAULT(CLOCK_AHEAD, NULL)) {
		now_ms += DAY_MS;
	}
	if (FAULT(CLOCK_BEHIND, NULL)) {
		now_ms -= DAY_MS;
	}
	return now_ms;
}

void clock_format_rfc3339(int64_t wall_ms, char *buffer)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char date[24];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(buffer, CLOCK_RFC3339_BYTES, "%s.%03dZ", date, (int)(wall_ms % 1000));
}
