/*
 * Strict numbers, durations and sizes out of text: the whole text must be the value, no sign but
 * where said, no blanks, no locale, overflow is an error. False means malformed; outputs are
 * written on success only.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

NODISCARD bool parse_u64(struct slice text, uint64_t *ret_value);
NODISCARD bool parse_i64(struct slice text, int64_t *ret_value); /* with an optional '-' */

/* "250ms", "90s", "5m", "2h", "1d"; a bare number counts in `unit_ms` (0: a unit is required). */
NODISCARD bool parse_duration_ms(struct slice text, int64_t unit_ms, int64_t *ret_ms);

/* "65536", "64kb", "10mb", "1gb", "b" as well, any case; powers of 1024 as Redis has them. */
NODISCARD bool parse_size_bytes(struct slice text, uint64_t *ret_bytes);

/* "true" and "false"; YAML 1.2 knows no others. */
NODISCARD bool parse_bool(struct slice text, bool *ret_value);

#endif
