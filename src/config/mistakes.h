/*
 * The mistakes of one configuration file, collected in whatever order they are found and handed
 * over sorted by position, so that a person can mend a file from top to bottom in one go.
 */
#ifndef CONFIG_MISTAKES_H
#define CONFIG_MISTAKES_H

#include <stddef.h>

#include "base/macros.h"

struct config_errors;

/* Counted from 1; columns count characters, not bytes. Line 0: the file as a whole. */
struct position {
	size_t line;
	size_t column;
};

struct mistake {
	struct position at;
	size_t order; /* keeps mistakes of one position in the order they were found */
	char *text;
};

/* Zeroed is empty. */
struct mistakes {
	struct mistake *items;
	size_t n;
	size_t capacity;
};

/* "what was found; what was expected". Control characters become \xHH: one mistake is one line. */
void mistakes_add(struct mistakes *mistakes, struct position at, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Appends them to `errors` as "path:line:column: text", by position; `mistakes` is then empty. */
void mistakes_move(struct mistakes *mistakes, const char *path, struct config_errors *errors);

#endif
