/*
 * Finds in an audit file the intents that have neither an outcome nor an interruption: what a crash
 * left open. Reads the file once, in bounded memory, and believes only lines of the very form that
 * audit.c writes; everything else (torn, foreign, not JSON) is passed over.
 */
#ifndef RECORD_AUDIT_SCAN_H
#define RECORD_AUDIT_SCAN_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"

/* More are not found: somebody has written them who is none of us. */
#define AUDIT_SCAN_MAX_OPEN 200000

/*
 * `*ret_open` becomes an object {request id: offset of the intent's line}, oldest first, to be
 * released by the caller. Ends are taken out of `other`, which another file gave, as well; NULL:
 * there is none. 0, or negative errno with words when the file cannot be read.
 */
NODISCARD int audit_scan(int fd, json_t *other, json_t **ret_open, struct err *err);

/* The request ids of all ends in the first `n_bytes`, as an object to be released; likewise. */
NODISCARD int audit_scan_ends(int fd, int64_t n_bytes, json_t **ret_ends);

/* The object that starts at `offset`, to be released; NULL when there is none. */
json_t *audit_scan_load(int fd, int64_t offset);

#endif
