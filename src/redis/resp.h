/*
 * RESP2 on the wire: commands into bytes, bytes into replies. hiredis is the codec; this is the
 * only module that knows it. Bounds whatever a hostile server could make grow.
 */
#ifndef REDIS_RESP_H
#define REDIS_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "redis/listing.h"
#include "redis/reply.h"

struct evbuffer;

/* A line of a reply that is no listing: INFO and CLUSTER NODES have short ones. */
#define RESP_MAX_LINE_BYTES (256 * 1024)
/* A whole reply that is no listing. */
#define RESP_MAX_REPLY_BYTES (16 * 1024 * 1024)
/* A whole listing: a million sessions with all that is known of them take less than half. */
#define RESP_MAX_LISTING_BYTES (UINT64_C(1024) * 1024 * 1024)
/* Elements of one array, and arrays within arrays: CLUSTER SHARDS of 1,000 nodes needs less. */
#define RESP_MAX_ELEMENTS 16384
#define RESP_MAX_DEPTH 6

struct resp;

struct resp *resp_new(void);
void resp_free(struct resp *resp);

/* Appends a command to `output`. A secret one is wiped from memory once it is sent. */
void resp_write_command(
	struct evbuffer *output, const struct slice *argv, size_t argc, bool is_secret);

enum resp_result {
	RESP_AGAIN,  /* all input is consumed, the reply is not whole yet */
	RESP_REPLY,  /* *ret_reply is whole; resp_release() it */
	RESP_BROKEN, /* no RESP, or over a limit; nothing more can be read from this connection */
};

/*
 * Consumes from `input` up to the end of one reply and not a byte more. With `line_fn` a bulk reply
 * is a listing: its lines are handed over as they arrive, and the reply is a REPLY_LISTING.
 */
enum resp_result resp_read(struct resp *resp, struct evbuffer *input, listing_line_fn line_fn,
	void *context, struct reply **ret_reply, struct err *err);
void resp_release(struct reply *reply); /* NULL is fine */

#endif
