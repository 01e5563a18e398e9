/*
 * Commands as they come in: RESP arrays of bulks out of a growing buffer.
 */
#ifndef TOOLS_REQUESTS_H
#define TOOLS_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct requests {
	char *input;
	size_t begin, end, capacity;
	struct slice *argv; /* of the last command; points into the input */
	size_t argc;
	size_t argv_capacity;
};

/* Reads once from `fd`. False at its end. */
bool requests_fill(struct requests *requests, int fd);

/* Takes the next command; valid until requests_fill(). False: not yet whole. */
bool requests_next(struct requests *requests);

/* Whether argument number `i` is `word`, in any case. */
bool requests_is(const struct requests *requests, size_t i, const char *word);

void requests_finish(struct requests *requests);

#endif
