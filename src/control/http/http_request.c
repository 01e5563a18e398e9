/*
 * One request: its body, and its reply, whole or in pieces, in the terms of http.h.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/http/http_internal.h"
#include "control/names.h"

#define MAX_CHUNK_LINE_BYTES 256
/* Answers up to this length are given to whoever asks; some hundred of them are no burden. */
#define SMALL_REPLY_BYTES ((size_t)4 * 1024)

struct http_request *http_request_new(struct http_connection *connection)
{
	struct http_request *request = mem_new(struct http_request);

	request->server = connection->server;
	request->connection = connection;
	request->body = evbuffer_new();
	CHECK(request->body != NULL);
	return request;
}

void http_request_free(struct http_request *request)
{
	if (request == NULL) {
		return;
	}
	evbuffer_free(request->body);
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
	evbuffer_remove_buffer(input, request->body, n);
	request->chunk_left -= n;
	if (request->chunk_left == 0) {
		request->chunk = HTTP_CHUNK_END;
	}
	if (evbuffer_get_length(request->body) > request->server->limits.max_body_bytes) {
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
	evbuffer_remove_buffer(input, request->body, n);
	return HTTP_WHOLE;
}

enum http_reading http_request_read_body(struct http_request *request, struct evbuffer *input)
{
	enum http_reading result = request->head.is_chunked ? read_chunks(request, input)
							    : read_length(request, input);
	size_t n = request->is_too_large ? 0 : evbuffer_get_length(request->body);

	if (result == HTTP_WHOLE) {
		request->body_text = SLICE_LITERAL("");
		if (n > 0) {
			request->body_text =
				(struct slice){(char *)evbuffer_pullup(request->body, -1), n};
		}
	}
	return result;
}

enum http_method http_request_method(const struct http_request *request)
{
	return request->head.method;
}

struct slice http_request_path(const struct http_request *request)
{
	return request->head.path;
}

struct slice http_request_query(const struct http_request *request)
{
	return request->head.query;
}

struct slice http_request_body(const struct http_request *request)
{
	return request->body_text;
}

bool http_request_is_too_large(const struct http_request *request)
{
	return request->is_too_large;
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
	return http_head_find(&request->head, name);
}

const struct caller *http_request_caller(const struct http_request *request)
{
	return &request->caller;
}

/* ---- callers who leave, and who read ---- */

void http_request_on_gone(
	struct http_request *request, void (*gone_fn)(void *context), void *context)
{
	request->gone_fn = gone_fn;
	request->gone_context = context;
}

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

static struct evbuffer *output_of(const struct http_connection *connection)
{
	return bufferevent_get_output(connection->bufferevent);
}

/* ---- replies ---- */

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} rows[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].status == status) {
			return rows[i].phrase;
		}
	}
	return "";
}

static void write_header(struct evbuffer *output, const char *name, const char *value)
{
	CHECK(strpbrk(value, "\r\n") == NULL);
	evbuffer_add_printf(output, "%s: %s\r\n", name, value);
}

/* But for what says where the body ends. */
static void write_head(struct evbuffer *output, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, bool is_last)
{
	evbuffer_add_printf(output, "HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
	if (content_type != NULL) {
		write_header(output, "Content-Type", content_type);
	}
	for (size_t i = 0; i < n_headers; i++) {
		write_header(output, headers[i].name, headers[i].value);
	}
	if (is_last) {
		write_header(output, "Connection", "close");
	}
}

static void write_body(struct evbuffer *output, struct slice body, bool is_head)
{
	evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n", body.len);
	evbuffer_add(output, body.data, is_head ? 0 : body.len);
}

void http_write_refusal(struct evbuffer *output, int status, const char *words)
{
	CLEANUP(mem_free_p)
	char *body = mem_printf("{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n",
		status == 503 ? "ServiceUnavailable" : "InvalidParams", words);

	write_head(output, status, NAMES_TYPE_JSON, NULL, 0, true);
	write_body(output, slice_of(body), false);
}

void http_request_drop(struct http_request *request)
{
	struct http_server *server = request->server;

	if (request->connection != NULL) {
		http_connection_end_request(request->connection);
	}
	http_request_free(request);
	http_server_request_answered(server);
}

void http_reply(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, struct slice body)
{
	struct http_connection *connection = request->connection;

	CHECK(!request->is_stream);
	if (connection != NULL) {
		write_head(output_of(connection), status, content_type, headers, n_headers,
			connection->is_last);
		write_body(output_of(connection), body, request->head.method == HTTP_HEAD);
	}
	http_request_drop(request);
}

size_t http_reply_room(const struct http_request *request)
{
	const struct http_server *server = request->server;
	const struct http_connection *connection;
	size_t n_unread = 0;

	if (request->connection == NULL) {
		return SIZE_MAX; /* goes nowhere */
	}
	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (connection->user == request->connection->user) {
			n_unread += evbuffer_get_length(output_of(connection));
		}
	}
	return n_unread == 0 ? SIZE_MAX
			     : MAX(server->limits.max_unread_bytes -
					       MIN(n_unread, server->limits.max_unread_bytes),
				       SMALL_REPLY_BYTES);
}

/* ---- replies in pieces ---- */

void http_stream_begin(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers)
{
	CHECK(!request->is_stream);
	request->is_stream = true;
	if (request->connection == NULL) {
		return;
	}
	request->connection->is_last = true;
	write_head(output_of(request->connection), status, content_type, headers, n_headers, true);
	evbuffer_add_printf(output_of(request->connection), "%s\r\n",
		request->head.is_old ? "" : "Transfer-Encoding: chunked\r\n");
}

bool http_stream_send(struct http_request *request, struct slice piece,
	void (*taken_fn)(void *context), void *context)
{
	struct evbuffer *output;

	CHECK(request->is_stream);
	if (request->connection == NULL || request->head.method == HTTP_HEAD) {
		return false;
	}
	if (piece.len == 0) {
		CHECK(taken_fn == NULL);
		return true;
	}
	request->taken_fn = taken_fn;
	request->taken_context = context;
	output = output_of(request->connection);
	if (!request->head.is_old) {
		evbuffer_add_printf(output, "%zx\r\n", piece.len);
	}
	evbuffer_add(output, piece.data, piece.len);
	evbuffer_add(output, "\r\n", request->head.is_old ? 0 : 2);
	return true;
}

bool http_stream_is_slow(const struct http_request *request)
{
	return request->connection != NULL && evbuffer_get_length(output_of(request->connection)) >
						      request->server->limits.max_piece_bytes;
}

void http_stream_end(struct http_request *request)
{
	CHECK(request->is_stream);
	if (request->connection != NULL && !request->head.is_old &&
		request->head.method != HTTP_HEAD) {
		evbuffer_add_printf(output_of(request->connection), "0\r\n\r\n");
	}
	http_request_drop(request);
}
