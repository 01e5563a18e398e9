/*
 * What to say about a key that does not exist where it stands.
 */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include "base/slice.h"
#include "config/keys.h"

/*
 * `unknown key "adress" in WHERE; did you mean "address"?`, or the keys to choose from when none
 * is near, or why this one is refused. On the heap.
 */
char *suggest_words(enum keys_section section, struct slice name, const char *where);

#endif
