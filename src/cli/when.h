/*
 * Moments as people write and read them: in local time, which TZ names. Between programs they are
 * RFC 3339 in UTC.
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

/* "2026-11-24 05:50:23" and a NUL. */
#define WHEN_BYTES 24

/*
 * "2h", "1d 12h" or "2 hours ago"; "now", "today", "yesterday"; "03:00" or "03:00:10", the last
 * that was; "2026-11-24", "2026-11-24 05:50[:23]", "T" for the blank, "Z" behind it for UTC. False:
 * none of them.
 */
NODISCARD bool when_read(const char *text, int64_t now_ms, int64_t *ret_ms);
/* RFC 3339 in UTC; false: it is not. */
NODISCARD bool when_read_utc(struct slice text, int64_t *ret_ms);

struct when {
	char text[WHEN_BYTES];
};

/* "2026-11-24 05:50:23" */
struct when when_show(int64_t ms);
/* As short as can be: "05:50:23" if it was today, "Nov 24 05:50" within a year, "2025-11-24". */
struct when when_show_short(int64_t ms, int64_t now_ms);
/* "CET", of that moment. */
struct when when_zone(int64_t ms);
/* Of RFC 3339: as when_show() with the zone; what is none stays as it is. On the heap. */
char *when_local(struct slice text);

#endif
