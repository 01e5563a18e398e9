/*
 * Lines out of a bulk reply.
 */
#include "redis/listing.h"

#include <event2/buffer.h>

#include "base/mem.h"
#include "model/session.h"

_Static_assert(LISTING_MAX_VALUE_BYTES > SESSION_MAX_VALUE_BYTES, "what is cut is taken for cut");

void listing_begin(struct listing *listing, uint64_t n_bytes)
{
	listing->n_left = n_bytes;
	listing->n_carry = 0;
	listing->n_token = 0;
}

void listing_finish(struct listing *listing)
{
	free(listing->carry);
	*listing = (struct listing){0};
}

/* Appends a piece of a line to the carry, cutting values that are too long. */
static void carry(struct listing *listing, struct slice piece)
{
	if (listing->carry == NULL) {
		listing->carry = mem_alloc(LISTING_MAX_LINE_BYTES);
	}
	for (size_t i = 0; i < piece.len; i++) {
		listing->n_token = piece.data[i] == ' ' ? 0 : listing->n_token + 1;
		if (listing->n_token <= LISTING_MAX_VALUE_BYTES &&
			listing->n_carry < LISTING_MAX_LINE_BYTES) {
			listing->carry[listing->n_carry++] = piece.data[i];
		}
	}
}

static void end_line(
	struct listing *listing, struct slice last, listing_line_fn line_fn, void *context)
{
	struct slice line = last;

	if (listing->n_carry > 0 || last.len > LISTING_MAX_VALUE_BYTES) {
		carry(listing, last);
		line = (struct slice){listing->carry, listing->n_carry};
	}
	if (line.len > 0) {
		line_fn(context, line);
	}
	listing->n_carry = 0;
	listing->n_token = 0;
}

/* All lines that end in this piece are handed over, the rest is carried. */
static void split(
	struct listing *listing, struct slice piece, listing_line_fn line_fn, void *context)
{
	const char *end = piece.data + piece.len;
	const char *at = piece.data;

	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));

		if (feed == NULL) {
			carry(listing, slice_range(at, end));
			return;
		}
		end_line(listing, slice_range(at, feed), line_fn, context);
		at = feed + 1;
	}
}

bool listing_read(
	struct listing *listing, struct evbuffer *input, listing_line_fn line_fn, void *context)
{
	struct evbuffer_iovec piece;

	while (listing->n_left > 0 && evbuffer_get_length(input) > 0) {
		size_t len;

		/* An emptied buffer may still have a piece, of no bytes: only its length tells. */
		evbuffer_peek(input, -1, NULL, &piece, 1);
		len = piece.iov_len;
		if (len > listing->n_left) {
			len = (size_t)listing->n_left;
		}
		split(listing, (struct slice){piece.iov_base, len}, line_fn, context);
		listing->n_left -= len;
		evbuffer_drain(input, len);
	}
	if (listing->n_left > 0) {
		return false;
	}
	if (listing->n_carry > 0) {
		end_line(listing, (struct slice){"", 0}, line_fn, context);
	}
	/* Between listings a link keeps no buffer. */
	listing_finish(listing);
	return true;
}
