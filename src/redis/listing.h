/*
 * Splits a bulk reply into lines while it arrives, so that no listing is ever held in memory.
 *
 * Lines have no natural bound: a client may give itself a name of megabytes. A value that is longer
 * than LISTING_MAX_VALUE_BYTES is cut and the rest of the line is kept, so that such a client can
 * neither exhaust memory nor hide its other fields. What is cut is compared with nothing.
 */
#ifndef REDIS_LISTING_H
#define REDIS_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct evbuffer;

#define LISTING_MAX_VALUE_BYTES 4097       /* more than a session may have: it shows the cut */
#define LISTING_MAX_LINE_BYTES (64 * 1024) /* the rest of a longer one is dropped */

/* One line without its line feed; borrowed. */
typedef void (*listing_line_fn)(void *context, struct slice line);

/* Embedded; zeroed is idle. */
struct listing {
	uint64_t n_left; /* bytes of the bulk still to come */
	char *carry;     /* a line that is not whole yet */
	size_t n_carry;
	size_t n_token; /* bytes of the value at the end of `carry`, the dropped ones too */
};

void listing_begin(struct listing *listing, uint64_t n_bytes);
/* Takes what is there, at most the rest of the bulk. True: the bulk is consumed. */
bool listing_read(
	struct listing *listing, struct evbuffer *input, listing_line_fn line_fn, void *context);
void listing_finish(struct listing *listing);

#endif
