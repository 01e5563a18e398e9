/*
 * A RESP2 reply as a value. Owned by the codec; borrowed for the time of one callback.
 */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum reply_type {
	REPLY_NIL,
	REPLY_STATUS,
	REPLY_ERROR,
	REPLY_INTEGER,
	REPLY_TEXT,
	REPLY_ARRAY,
	REPLY_LISTING, /* its lines were handed over one by one */
};

struct reply {
	enum reply_type type;
	struct slice text; /* status, error (without '-'), text */
	int64_t integer;
	struct reply **elements; /* array; none is NULL */
	size_t n_elements;
};

/* Is it an error whose first word is `code`, e.g. "NOPERM"? */
static inline bool reply_is_error(const struct reply *reply, const char *code)
{
	return reply->type == REPLY_ERROR && slice_has_prefix(reply->text, code);
}

#endif
