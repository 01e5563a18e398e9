/*
 * Words for people: what went wrong, built up from the place that knows the fact to the place
 * that answers. Lives on the caller's stack; carries no code, because the function's own return
 * value does that (negative errno: cannot go on; positive MODULE_E_*: foreseen).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#include "base/macros.h"

/* Longer texts are cut; the cut never hides the prefix, which is put in front. */
#define ERR_MAX_BYTES 512

struct err {
	char text[ERR_MAX_BYTES];
};

/* States the fact. `err` may be NULL for callers that do not want the words. */
void err_set(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts context in front: "CONTEXT: TEXT". */
void err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* err_set() with the meaning of an errno value behind it: "TEXT: No such file or directory". */
void err_set_errno(struct err *err, int error_number, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
