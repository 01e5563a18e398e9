/*
 * The handler's end of a request: its reply, whole or in pieces, in the terms of http.h.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/check.h"
#include "control/http/http_internal.h"

/* Answers up to this length are given to whoever asks; some hundred of them are no burden. */
#define SMALL_REPLY_BYTES ((size_t)4 * 1024)

static struct evbuffer *output_of(const struct http_connection *connection)
{
	return bufferevent_get_output(connection->bufferevent);
}

void http_request_on_gone(
	struct http_request *request, void (*gone_fn)(void *context), void *context)
{
	request->gone_fn = gone_fn;
	request->gone_context = context;
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
		http_write_head(output_of(connection), status, content_type, headers, n_headers,
			connection->is_last);
		http_write_body(output_of(connection), body, request->head.method == HTTP_HEAD);
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
	http_write_head(
		output_of(request->connection), status, content_type, headers, n_headers, true);
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
