/*
 * The text of a request: percent-encoded parameters and path segments.
 */
#ifndef CLI_FORM_H
#define CLI_FORM_H

#include <stddef.h>

#include "base/macros.h"
#include "cli/args.h"

/* An application/x-www-form-urlencoded body that grows. */
struct form {
	char *text; /* NUL-terminated; NULL while empty */
	size_t n_bytes;
	size_t capacity;
};

void form_finish(struct form *form); /* zeroed is fine */
void form_add(struct form *form, const char *name, const char *value);
/* The options that stand for parameters, in the order given; a flag is "true". */
void form_add_options(struct form *form, const struct args *args);

/* "BASE/SEGMENT" with the segment encoded, on the heap. */
char *form_path(const char *base, const char *segment);

#endif
