/*
 * One request while it is read, and what its handler learns of its caller.
 */
#include <event2/buffer.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/http/http_internal.h"

#define MAX_CHUNK_LINE_BYTES 256

struct http_request *http_request_new(struct http_connection *connection)
{
	struct http_request *request = mem_new(struct http_request);

	request->server = connection->server;
	request->connection = connection;
	request->body_bytes = evbuffer_new();
	CHECK(request->body_bytes != NULL);
	return request;
}

void http_request_free(struct http_request *request)
{
	if (request == NULL) {
		return;
	}
	evbuffer_free(request->body_bytes);
	free(request->head_text);
	free(request);
}

/* ---- its body ---- */

static enum http_reading read_chunk_data(struct http_request *request, struct evbuffer *input)
{
	size_t n = MIN(evbuffer_get_length(input), (size_t)request->chunk_left);

	if (n == 0) {
		return HTTP_MORE;
	}
	evbuffer_remove_buffer(input, request->body_bytes, n);
	request->chunk_left -= n;
	if (request->chunk_left == 0) {
		request->chunk = HTTP_CHUNK_END;
	}
	if (evbuffer_get_length(request->body_bytes) > request->server->limits.max_body_bytes) {
		request->is_too_large = true;
		return HTTP_WHOLE;
	}
	return HTTP_ON;
}

/* A line of the framing, or of the trailers, which mean nothing here. */
static enum http_reading read_chunk_line(struct http_request *request, struct evbuffer *input)
{
	size_t len = 0;
	CLEANUP(mem_free_p) char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_CRLF_STRICT);

	if (line == NULL) {
		len = evbuffer_get_length(input);
	}
	if (len > MAX_CHUNK_LINE_BYTES) {
		return HTTP_MALFORMED;
	}
	if (line == NULL) {
		return HTTP_MORE;
	}
	if (request->chunk == HTTP_CHUNK_TRAILER) {
		return len == 0 ? HTTP_WHOLE : HTTP_ON;
	}
	if (request->chunk == HTTP_CHUNK_END) {
		request->chunk = HTTP_CHUNK_SIZE;
		return len == 0 ? HTTP_ON : HTTP_MALFORMED;
	}
	if (!http_chunk_read((struct slice){line, len}, &request->chunk_left)) {
		return HTTP_MALFORMED;
	}
	request->chunk = request->chunk_left > 0 ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
	return HTTP_ON;
}

static enum http_reading read_chunks(struct http_request *request, struct evbuffer *input)
{
	enum http_reading result;

	do {
		result = request->chunk == HTTP_CHUNK_DATA ? read_chunk_data(request, input)
							   : read_chunk_line(request, input);
	} while (result == HTTP_ON);
	return result;
}

static enum http_reading read_length(struct http_request *request, struct evbuffer *input)
{
	size_t n = (size_t)request->head.n_body_bytes;

	if (request->is_too_large) {
		return HTTP_WHOLE;
	}
	if (evbuffer_get_length(input) < n) {
		return HTTP_MORE;
	}
	evbuffer_remove_buffer(input, request->body_bytes, n);
	return HTTP_WHOLE;
}

enum http_reading http_request_read_body(struct http_request *request, struct evbuffer *input)
{
	enum http_reading result = request->head.is_chunked ? read_chunks(request, input)
							    : read_length(request, input);
	size_t n = request->is_too_large ? 0 : evbuffer_get_length(request->body_bytes);

	if (result == HTTP_WHOLE) {
		request->body = SLICE_LITERAL("");
		if (n > 0) {
			request->body =
				(struct slice){(char *)evbuffer_pullup(request->body_bytes, -1), n};
		}
	}
	return result;
}

/* ---- callers who leave, and who read ---- */

void http_request_tell_taken(struct http_request *request)
{
	void (*taken_fn)(void *context) = request->taken_fn;

	request->taken_fn = NULL;
	if (taken_fn != NULL) {
		taken_fn(request->taken_context);
	}
}

/* Who waits to send the next piece learns of it by sending. */
void http_request_tell_gone(struct http_request *request)
{
	void (*gone_fn)(void *context) = request->gone_fn;

	request->gone_fn = NULL;
	if (gone_fn != NULL) {
		gone_fn(request->gone_context);
	} else {
		http_request_tell_taken(request);
	}
}
