/*
 * The text of a request: percent-encoded parameters and path segments. Everything but the
 * unreserved characters of RFC 3986 is encoded: right in a form as well as in a path.
 */
#ifndef CLI_FORM_H
#define CLI_FORM_H

#include "cli/args.h"

/* One more parameter of the form, which is on the heap; NULL while empty. The name is plain. */
void form_add(char **form, const char *name, const char *value);
/* The options that are sent, in the order given; a flag is "true". */
void form_add_options(char **form, const struct args *args);

/* "BASE/SEGMENT" with the segment encoded, on the heap. */
char *form_path(const char *base, const char *segment);

#endif
