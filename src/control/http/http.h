/*
 * HTTP/1.1 on the Unix control socket: a strict reader over libevent's bufferevents. Knows
 * requests, replies and whom to serve when there are too many; no routes and no meaning.
 *
 * One handler gets every well-formed request, whatever its method, path and size. It must answer
 * each exactly once: at once or later, with http_reply(), http_stream_*() or http_request_drop().
 *
 * A connection has one request at a time; what a caller sends behind it waits. A caller who leaves
 * takes his connection along at once: the handler still has the request, and answers nobody.
 */
#ifndef CONTROL_HTTP_H
#define CONTROL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "control/http/http_head.h"
#include "model/caller.h"

struct evbuffer;
struct event_base;
struct http_connection;
struct http_server;

/* Named limits. */
#define HTTP_MAX_BODY_BYTES ((size_t)64 * 1024) /* beyond: is_too_large */
#define HTTP_REQUEST_TIMEOUT_MS 10000           /* from its first byte to its last */
#define HTTP_IDLE_TIMEOUT_MS 60000 /* between requests; of a reply nobody reads; for a place */
#define HTTP_GRACE_MS 1000         /* a connection without a request keeps its place this long */
#define HTTP_RESERVED_PLACES 8     /* beyond the others, for root and the daemon's own user */
#define HTTP_MAX_WAITING 256       /* connections that wait for a place */
#define HTTP_MAX_OF_STRANGER 16    /* connections of a user who may do nothing */
#define HTTP_MAX_PIECE_BYTES ((size_t)256 * 1024)       /* of a stream, unread */
#define HTTP_MAX_UNREAD_BYTES ((size_t)4 * 1024 * 1024) /* of a user's answers, all together */

struct control_opts {
	char *socket;  /* path; not used when the service manager hands the socket over */
	unsigned mode; /* of the socket file */
	char *group;   /* of the socket file; NULL: leave it. Its members are let in by default */
	/* Places for those who are served at the same time; who gets one: http_places.c. */
	unsigned max_connections;
};

enum http_chunk { HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_CHUNK_TRAILER };

/* What a caller asks: borrowed until it is answered. */
struct http_request {
	/* When the kernel does not tell (logged), of uid and gid -1 and nobody's member. */
	struct caller caller;
	struct http_head head;
	struct slice body;
	bool is_too_large; /* the body is then empty */

	/* Its own. */
	struct http_server *server;
	struct http_connection *connection; /* NULL: the caller has left */
	char *head_text;
	struct evbuffer *body_bytes;
	enum http_chunk chunk; /* which part of a chunked body comes next */
	uint64_t chunk_left;   /* bytes, in HTTP_CHUNK_DATA */
	bool is_stream;
	void (*gone_fn)(void *context);
	void *gone_context;
	void (*taken_fn)(void *context); /* a piece of a stream is on its way */
	void *taken_context;
};

/* Whose connection makes way for whose. */
enum http_claim {
	HTTP_CLAIM_NONE, /* may do nothing that needs a right */
	HTTP_CLAIM_SOME,
	HTTP_CLAIM_OWN, /* root and the daemon's own user */
};

typedef void (*http_handler_fn)(void *context, struct http_request *request);
typedef enum http_claim (*http_claim_fn)(void *context, const struct caller *caller);

/*
 * Serves on `opts->socket`, or on `inherited_fd` when that is >= 0 (it is then taken over). A stale
 * socket file (nobody listens) is replaced; a live one is refused with -EADDRINUSE. Negative errno
 * with words on failure. `opts` is not used later. SIGPIPE must be ignored by the program.
 */
NODISCARD int http_server_new(struct event_base *loop, const struct control_opts *opts,
	int inherited_fd, http_handler_fn handler, http_claim_fn claim_fn, void *context,
	struct http_server **ret_server, struct err *err);
/* NULL: callers find the socket. Else words for people about what has become of its file. */
const char *http_server_socket_problem(const struct http_server *server);
/*
 * Makes the socket's file anew. -ENOTSUP: the socket was handed over, and with it the file is
 * somebody else's to make. Other negative errnos with words.
 */
NODISCARD int http_server_renew_socket(struct http_server *server, struct err *err);
/*
 * Takes no more connections, and no more requests than have arrived already, and removes the socket
 * file if it made it; requests in the handler's hands can still be answered.
 */
void http_server_stop(struct http_server *server);
/* Stopped: `idle_fn` is called once, from the event loop, when no request is unanswered and callers
 * have taken the answers. */
void http_server_drain(struct http_server *server, void (*idle_fn)(void *context), void *context);
/* Cuts all connections: whoever waits to send more learns that the caller has left. */
void http_server_cut(struct http_server *server);
/*
 * No request may be unanswered. Of answers still on their way, what the kernel takes at once is
 * sent. Stops first if need be. NULL is fine.
 */
void http_server_free(struct http_server *server);

struct http_header {
	const char *name;
	const char *value; /* no line feeds: CHECKed */
};

/* Answers and gives the request up. `body` is copied. HEAD gets Content-Length and no body. */
void http_reply(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, struct slice body);
/* How long a body may be: what the caller's user has not read counts. Small ones always fit. */
size_t http_reply_room(const struct http_request *request);
/* Gives up a request whose caller has left. */
void http_request_drop(struct http_request *request);

/*
 * A reply in pieces (chunked), after which the connection is closed. http_stream_send() copies;
 * false when the caller has left, after which only http_stream_end() may follow. HEAD gets the
 * headers, and is as one who has left.
 */
void http_stream_begin(struct http_request *request, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers);
/*
 * `taken_fn` (NULL: no call) is called once, from the event loop, when the caller has taken all
 * that was sent, or has left: time for the next piece. Not after http_stream_end(), and not when
 * this returns false.
 */
bool http_stream_send(struct http_request *request, struct slice piece,
	void (*taken_fn)(void *context), void *context);
/* Has the caller more before him than he reads? What he can do without is then left out. */
bool http_stream_is_slow(const struct http_request *request);
void http_stream_end(struct http_request *request);

/*
 * Called once, from the event loop, when the caller has hung up before its answer. The request must
 * still be answered (the reply then goes nowhere) or dropped. NULL: no call.
 */
void http_request_on_gone(
	struct http_request *request, void (*gone_fn)(void *context), void *context);

#endif
