/*
 * UTF-8: what is a character and what is not. The one place that decodes it.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdint.h>

#include "base/slice.h"

/* Stands for a byte that is no part of a character: U+FFFD. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * The length of the character that `text`, which is not empty, starts with, and its code; 0: with
 * none.
 */
size_t utf8_decode(struct slice text, uint32_t *ret_code);
size_t utf8_character_bytes(struct slice text); /* the length alone */

#endif
