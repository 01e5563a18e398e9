/*
 * A listing of sessions, read line by line as it arrives: the first line is the head (all but the
 * sessions), each further one a session. So a listing of any length takes the memory of one line.
 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

struct table;

struct listing {
	json_t *head;        /* NULL: nothing came yet */
	bool is_broken;      /* something was no part of a listing */
	struct table *table; /* rows that wait to be printed; NULL: none */
	size_t n_waiting;
	uint64_t n_shown; /* rows, whether they wait or not */
};

void listing_finish(struct listing *listing); /* zeroed is fine */

/* Takes the head from the first line; leaves the others alone. */
void listing_read_head(struct listing *listing, struct slice line);

/*
 * Takes the next line, the head from the first one. The session in the line, which is the
 * caller's; NULL: there is none.
 */
NODISCARD json_t *listing_read(struct listing *listing, struct slice line);

#endif
