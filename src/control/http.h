/*
 * HTTP/1.1 on the Unix control socket: libevent's evhttp with the guards it lacks (limits per
 * request and per connection, accept errors, callers that leave). Knows requests and replies, no
 * routes and no meaning.
 *
 * One handler gets every well-formed request, whatever its method, path and size. It must answer
 * each exactly once: at once or later, with http_reply(), or with http_stream_*().
 */
#ifndef CONTROL_HTTP_H
#define CONTROL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "model/caller.h"

struct event_base;

/* Named limits. */
#define HTTP_MAX_HEADER_BYTES ((size_t)16 * 1024)
#define HTTP_MAX_BODY_BYTES ((size_t)64 * 1024)      /* beyond: is_too_large */
#define HTTP_MAX_REQUEST_BYTES ((size_t)1024 * 1024) /* beyond: the parser's own 413, or a cut */
#define HTTP_REQUEST_TIMEOUT_MS 10000                /* from its first byte to its last */
#define HTTP_IDLE_TIMEOUT_MS 60000                   /* between requests; of a reply nobody reads */
#define HTTP_GRACE_MS 1000 /* a connection without a request keeps its place this long */

struct control_opts {
	char *socket;  /* path; not used when the service manager hands the socket over */
	unsigned mode; /* of the socket file */
	char *group;   /* of the socket file; NULL: leave it. Its members are let in by default */
	/*
	 * When so many are open, callers wait in the listening socket's queue, which answers them
	 * all in turn; a refusal would only make them ask again. Somebody who waits takes the place
	 * of the connection that has waited longest for its own caller (to ask, or to take its
	 * answer), once that is HTTP_GRACE_MS: nobody keeps others out by holding connections.
	 */
	unsigned max_connections;
};

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_DELETE,
	HTTP_HEAD,
	HTTP_OTHER,
};

const char *http_method_name(enum http_method method); /* "other" for those that no route has */

struct http_request;
struct http_server;

typedef void (*http_handler_fn)(void *context, struct http_request *request);

/*
 * Serves on `opts->socket`, or on `inherited_fd` when that is >= 0 (it is then taken over). A stale
 * socket file (nobody listens) is replaced; a live one is refused with -EADDRINUSE. Negative errno
 * with words on failure. `opts` is not used later. SIGPIPE must be ignored by the program.
 */
NODISCARD int http_server_new(struct event_base *loop, const struct control_opts *opts,
	int inherited_fd, http_handler_fn handler, void *context, struct http_server **ret_server,
	struct err *err);
/* NULL: callers find the socket. Else words for people about what has become of its file. */
const char *http_server_socket_problem(const struct http_server *server);
/*
 * Makes the socket's file anew. -ENOTSUP: the socket was handed over, and with it the file is
 * somebody else's to make. Other negative errnos with words.
 */
NODISCARD int http_server_renew_socket(struct http_server *server, struct err *err);
/*
 * Takes no more connections and requests, and removes the socket file if it made it; requests in
 * the handler's hands can still be answered.
 */
void http_server_stop(struct http_server *server);
/* Stopped: `idle_fn` is called once, from the event loop, when no request is unanswered. */
void http_server_drain(struct http_server *server, void (*idle_fn)(void *context), void *context);
/* Cuts all connections: whoever waits to send more learns that the caller has left. */
void http_server_cut(struct http_server *server);
/*
 * No request may be unanswered. Of answers still on their way, what the kernel takes at once is
 * sent. Stops first if need be. NULL is fine.
 */
void http_server_free(struct http_server *server);

/* All borrowed until the request is answered. */
enum http_method http_request_method(const struct http_request *request);
/* Before '?', as sent, not decoded; of an absolute URI what is behind the host. */
struct slice http_request_path(const struct http_request *request);
struct slice http_request_query(const struct http_request *request); /* behind '?'; may be absent */
struct slice http_request_body(const struct http_request *request);
bool http_request_is_too_large(const struct http_request *request); /* the body is then empty */
/* By name, any case; absent when not sent. Sent twice: the first. */
struct slice http_request_header(const struct http_request *request, const char *name);
/* When the kernel does not tell (logged), a caller of uid and gid -1 who is nobody's member. */
const struct caller *http_request_caller(const struct http_request *request);

struct http_header {
	const char *name;
	const char *value; /* no line feeds: CHECKed */
};

/* Answers and gives the request up. `body` is copied. HEAD gets Content-Length and no body. */
void http_reply(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, struct slice body);

/*
 * A reply in pieces (chunked), after which the connection is closed. http_stream_send() copies;
 * false when the caller has left, after which only http_stream_end() may follow. A caller that does
 * not read: beyond HTTP_MAX_STREAM_BYTES buffered the connection is cut. HEAD gets the headers, and
 * is as one who has left.
 */
#define HTTP_MAX_STREAM_BYTES ((size_t)8 * 1024 * 1024)
void http_stream_begin(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers);
/*
 * `taken_fn` (NULL: no call) is called once, from the event loop, when the caller has taken all
 * that was sent, or has left: time for the next piece. Not after http_stream_end(), and not when
 * this returns false.
 */
bool http_stream_send(struct http_request *request, struct slice piece,
	void (*taken_fn)(void *context), void *context);
void http_stream_end(struct http_request *request);

/*
 * Called once, from the event loop, when the caller has hung up before its answer. The request must
 * still be answered (the reply then goes nowhere). NULL: no call.
 */
void http_request_on_gone(
	struct http_request *request, void (*gone_fn)(void *context), void *context);

#endif
