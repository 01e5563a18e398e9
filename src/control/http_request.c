/*
 * One request and its reply, whole or in pieces, in the terms of http.h.
 */
#include "control/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/http_internal.h"

#define HTTP_TOO_MANY_REQUESTS 429

struct http_request {
	struct http_server *server;
	struct http_connection *connection;
	struct evhttp_request *evhttp; /* valid until answered, also when the caller is lost */
	enum http_method method;
	bool may_have_body; /* evhttp has read it */
	struct slice path, query, body;
	bool is_too_large;
	bool is_stream;
	void (*gone_fn)(void *context);
	void *gone_context;
	void (*taken_fn)(void *context); /* a piece of a stream is on its way */
	void *taken_context;
};

static void classify_method(struct http_request *request)
{
	request->method = HTTP_OTHER;
	request->may_have_body = true;
	switch (evhttp_request_get_command(request->evhttp)) {
	case EVHTTP_REQ_GET:
		request->method = HTTP_GET;
		return;
	case EVHTTP_REQ_POST:
		request->method = HTTP_POST;
		return;
	case EVHTTP_REQ_DELETE:
		request->method = HTTP_DELETE;
		return;
	case EVHTTP_REQ_HEAD:
		request->method = HTTP_HEAD;
		request->may_have_body = false;
		return;
	case EVHTTP_REQ_PUT:
	case EVHTTP_REQ_OPTIONS:
	case EVHTTP_REQ_CONNECT:
	case EVHTTP_REQ_PATCH:
		return;
	case EVHTTP_REQ_TRACE:
		break;
	}
	request->may_have_body = false; /* TRACE and what evhttp does not know */
}

/* "http://host/path" is as good as "/path": proxies send it, and some clients to a socket too. */
static struct slice skip_host(struct slice target)
{
	struct slice scheme, authority, rest = target;
	const char *slash;

	if (!slice_next(&rest, ':', &scheme) || !slice_has_prefix(rest, "//") ||
		!(slice_is_nocase(scheme, "http") || slice_is_nocase(scheme, "https"))) {
		return target;
	}
	authority = slice_skip(rest, 2);
	slash = memchr(authority.data, '/', authority.len);
	return slash != NULL ? slice_range(slash, authority.data + authority.len)
			     : SLICE_LITERAL("/");
}

static void read_target(struct http_request *request)
{
	struct slice target = skip_host(slice_of(evhttp_request_get_uri(request->evhttp)));

	slice_next(&target, '?', &request->path);
	request->query = target;
}

static void read_body(struct http_request *request)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request->evhttp);
	size_t n_bytes = evbuffer_get_length(input);

	request->body = SLICE_LITERAL("");
	if (n_bytes > request->server->limits.max_body_bytes) {
		request->is_too_large = true;
		evbuffer_drain(input, n_bytes);
	} else if (n_bytes > 0) {
		request->body = (struct slice){(const char *)evbuffer_pullup(input, -1), n_bytes};
		CHECK(request->body.data != NULL);
	}
}

static struct http_connection *find_connection(
	struct http_server *server, struct evhttp_request *evhttp_request)
{
	struct bufferevent *bufferevent =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(evhttp_request));
	struct http_connection *connection;

	LIST_FOREACH(connection, &server->connections, link)
	{
		if (connection->bufferevent == bufferevent) {
			break;
		}
	}
	CHECK(connection != NULL);
	return connection;
}

static void on_close(struct evhttp_connection *evhttp_connection UNUSED, void *context)
{
	http_connection_schedule_check(context);
}

static void on_written(struct evhttp_request *evhttp_request UNUSED, void *context)
{
	http_connection_finish_reply(context);
}

void http_request_dispatch(struct evhttp_request *evhttp_request, void *context)
{
	struct http_server *server = context;
	struct http_connection *connection = find_connection(server, evhttp_request);
	struct http_request *request = mem_new(struct http_request);

	request->server = server;
	request->connection = connection;
	request->evhttp = evhttp_request;
	classify_method(request);
	read_target(request);
	read_body(request);
	evhttp_connection_set_closecb(
		evhttp_request_get_connection(evhttp_request), on_close, connection);
	evhttp_request_set_on_complete_cb(evhttp_request, on_written, connection);
	http_connection_begin_request(connection, request);
	server->n_unanswered++;
	if (server->is_stopped) {
		/* Was sent along with one that had still to be answered. */
		http_reply(request, HTTP_SERVUNAVAIL, NULL, NULL, 0, SLICE_LITERAL(""));
		return;
	}
	server->handler(server->context, request);
}

const char *http_method_name(enum http_method method)
{
	switch (method) {
	case HTTP_GET:
		return "GET";
	case HTTP_POST:
		return "POST";
	case HTTP_DELETE:
		return "DELETE";
	case HTTP_HEAD:
		return "HEAD";
	case HTTP_OTHER:
		break;
	}
	return "other";
}

enum http_method http_request_method(const struct http_request *request)
{
	return request->method;
}

struct slice http_request_path(const struct http_request *request)
{
	return request->path;
}

struct slice http_request_query(const struct http_request *request)
{
	return request->query;
}

struct slice http_request_body(const struct http_request *request)
{
	return request->body;
}

bool http_request_is_too_large(const struct http_request *request)
{
	return request->is_too_large;
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
	return slice_of(
		evhttp_find_header(evhttp_request_get_input_headers(request->evhttp), name));
}

const struct caller *http_request_caller(const struct http_request *request)
{
	return &request->connection->caller;
}

void http_request_on_gone(
	struct http_request *request, void (*gone_fn)(void *context), void *context)
{
	request->gone_fn = gone_fn;
	request->gone_context = context;
	http_connection_schedule_check(request->connection);
}

static void tell_taken(struct http_request *request)
{
	void (*taken_fn)(void *context) = request->taken_fn;

	request->taken_fn = NULL;
	if (taken_fn != NULL) {
		taken_fn(request->taken_context);
	}
}

void http_request_tell_gone(struct http_request *request)
{
	void (*gone_fn)(void *context) = request->gone_fn;

	request->gone_fn = NULL;
	if (gone_fn != NULL) {
		gone_fn(request->gone_context);
	} else {
		/* Who waits to send the next piece learns of it by sending. */
		tell_taken(request);
	}
}

/*
 * A body that evhttp did not read would be taken for the next request: with methods that it thinks
 * have none, and encodings that it does not know.
 */
static bool has_unread_body(const struct http_request *request)
{
	struct slice encoding = http_request_header(request, "Transfer-Encoding");

	if (encoding.data != NULL) {
		return !request->may_have_body || !slice_is_nocase(encoding, "chunked");
	}
	return !request->may_have_body &&
	       http_request_header(request, "Content-Length").data != NULL;
}

static void add_header(struct http_request *request, const char *name, const char *value)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request->evhttp);

	CHECK(evhttp_add_header(headers, name, value) == 0); /* it refuses line feeds */
}

static void add_headers(struct http_request *request, const char *content_type,
	const struct http_header *headers, size_t n_headers)
{
	if (content_type != NULL) {
		add_header(request, "Content-Type", content_type);
	}
	for (size_t i = 0; i < n_headers; i++) {
		add_header(request, headers[i].name, headers[i].value);
	}
}

/* The caller's own wish is taken away, which evhttp would answer in a second header. */
static void close_behind(struct http_request *request)
{
	while (evhttp_remove_header(
		       evhttp_request_get_input_headers(request->evhttp), "Connection") == 0) {
	}
	add_header(request, "Connection", "close");
}

/* NULL: evhttp knows it. */
static const char *reason_phrase(int status)
{
	return status == HTTP_TOO_MANY_REQUESTS ? "Too Many Requests" : NULL;
}

/* evhttp's part has begun; of `request` nothing is needed any more. */
static void give_up(struct http_request *request)
{
	http_connection_stop_reading(request->connection);
	http_connection_end_request(request->connection);
	http_server_request_answered(request->server);
	free(request);
}

void http_reply(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, struct slice body)
{
	struct evbuffer *content = evbuffer_new();
	char length[24];

	CHECK(content != NULL && !request->is_stream);
	if (request->server->is_stopped || has_unread_body(request)) {
		close_behind(request);
	}
	add_headers(request, content_type, headers, n_headers);
	/* evhttp leaves it out where it thinks that there is no body. */
	snprintf(length, sizeof(length), "%zu", body.len);
	add_header(request, "Content-Length", length);
	if (request->method != HTTP_HEAD && body.len > 0) {
		CHECK(evbuffer_add(content, body.data, body.len) == 0);
	}
	evhttp_send_reply(request->evhttp, status, reason_phrase(status), content);
	evbuffer_free(content);
	give_up(request);
}

void http_stream_begin(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers)
{
	CHECK(!request->is_stream);
	request->is_stream = true;
	/* HTTP/1.0 has no other end of it; and evhttp would tell such a caller a length of 0. */
	close_behind(request);
	add_headers(request, content_type, headers, n_headers);
	evhttp_send_reply_start(request->evhttp, status, reason_phrase(status));
	http_connection_stop_reading(request->connection);
}

static void on_taken(struct evhttp_connection *connection UNUSED, void *context)
{
	tell_taken(context);
}

bool http_stream_send(struct http_request *request, struct slice piece,
	void (*taken_fn)(void *context), void *context)
{
	struct http_connection *connection = request->connection;
	struct evbuffer *output = bufferevent_get_output(connection->bufferevent);
	struct evbuffer *content;

	CHECK(request->is_stream);
	if (connection->has_left || connection->is_cut || request->method == HTTP_HEAD ||
		evhttp_request_get_connection(request->evhttp) == NULL) {
		return false;
	}
	if (evbuffer_get_length(output) + piece.len > request->server->limits.max_stream_bytes) {
		http_connection_cut(connection);
		return false;
	}
	if (piece.len == 0) {
		CHECK(taken_fn == NULL);
		return true;
	}
	request->taken_fn = taken_fn;
	request->taken_context = context;
	content = evbuffer_new();
	CHECK(content != NULL && evbuffer_add(content, piece.data, piece.len) == 0);
	evhttp_send_reply_chunk_with_cb(request->evhttp, content, on_taken, request);
	evbuffer_free(content);
	http_connection_stop_reading(connection);
	return true;
}

void http_stream_end(struct http_request *request)
{
	CHECK(request->is_stream);
	evhttp_send_reply_end(request->evhttp);
	give_up(request);
}
