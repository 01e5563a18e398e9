/*
 * The daemon's record, read by this program itself: it must be readable when no daemon runs.
 */
#ifndef CLI_RECORD_LINES_H
#define CLI_RECORD_LINES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/* `record` is the line, which is borrowed; `ms` is its time. */
typedef void (*record_line_fn)(void *context, const json_t *record, struct slice line, int64_t ms);

/*
 * Each record of the file, in its order. Lines that are none are passed over: a crash may have left
 * half of one. 0, or a negative errno with words that name the path.
 */
NODISCARD int record_lines_each(
	const char *path, record_line_fn line_fn, void *context, struct err *err);

#endif
