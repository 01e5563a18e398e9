/*
 * The only place that reads a clock. Deadlines and durations are monotonic milliseconds (or
 * microseconds where said); wall time serves the audit log and reports and nothing else.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* "2026-11-24T05:50:23.123Z" and a NUL. */
#define CLOCK_RFC3339_BYTES 32

int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
int64_t clock_boottime_ms(void); /* monotonic, and goes on while the system sleeps */
int64_t clock_wall_ms(void);     /* since 1970, UTC */

/* RFC 3339 in UTC with milliseconds. `buffer` holds CLOCK_RFC3339_BYTES. */
void clock_format_rfc3339(int64_t wall_ms, char *buffer);

#endif
