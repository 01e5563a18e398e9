/*
 * Patterns with wildcards, compiled: '*' stands for any run of characters, '?' for any one, of
 * UTF-8, where a byte that is no part of a character counts as one.
 *
 * Matching reads the text once and never goes back, whatever the pattern: it takes the time of the
 * text's length times the WILDCARD_WORDS at most. slice_matches_wildcard() says the same, without
 * compiling, and is for patterns that nobody but the administrator writes.
 */
#ifndef BASE_WILDCARD_H
#define BASE_WILDCARD_H

#include <stdbool.h>

#include "base/slice.h"

#define WILDCARD_WORDS 2
/* Of a pattern, its stars not counted. */
#define WILDCARD_MAX_CHARACTERS (WILDCARD_WORDS * 64 - 1)

struct wildcard;

bool wildcard_is_in(struct slice text); /* is there a '*' or '?'? */

/* NULL: longer than WILDCARD_MAX_CHARACTERS. Borrows nothing. */
struct wildcard *wildcard_new(struct slice pattern);
void wildcard_free(struct wildcard *wildcard); /* NULL is fine */

bool wildcard_matches(const struct wildcard *wildcard, struct slice text);
bool wildcard_matches_all(const struct wildcard *wildcard); /* it consists of stars */

#endif
