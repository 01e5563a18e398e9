/*
 * RESP: a stream of replies, cut at places that the first byte chooses, of which every other one is
 * expected to be a listing. Memory stays bounded, and what is whole is handed over once.
 */
#include <event2/buffer.h>

#include "base/check.h"
#include "base/mem.h"
#include "redis/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void on_line(void *context, struct slice line)
{
	size_t *n_lines = context;

	CHECK(line.len > 0 && line.len <= LISTING_MAX_LINE_BYTES);
	CHECK(!slice_has_char(line, '\n'));
	(*n_lines)++;
}

/* False: no more can be read. */
static bool read_all(struct resp *resp, struct evbuffer *input, size_t *n_replies)
{
	size_t n_lines = 0;

	for (;;) {
		struct reply *reply = NULL;
		struct err err;
		listing_line_fn line_fn = *n_replies % 2 == 1 ? on_line : NULL;

		switch (resp_read(resp, input, line_fn, &n_lines, &reply, &err)) {
		case RESP_AGAIN:
			return true;
		case RESP_BROKEN:
			CHECK(reply == NULL && err.text[0] != '\0');
			return false;
		case RESP_REPLY:
			CHECK(reply != NULL);
			(*n_replies)++;
			resp_release(reply);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct resp *resp = resp_new();
	struct evbuffer *input = evbuffer_new();
	size_t step = n_bytes > 0 ? (size_t)data[0] + 1 : 1;
	size_t n_replies = 0;

	for (size_t at = 1; at < n_bytes; at += step) {
		evbuffer_add(input, data + at, MIN(step, n_bytes - at));
		if (!read_all(resp, input, &n_replies)) {
			break;
		}
	}
	evbuffer_free(input);
	resp_free(resp);
	return 0;
}
