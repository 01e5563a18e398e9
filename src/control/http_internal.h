/*
 * What the http_* files share about the server. Private to them and to their tests.
 */
#ifndef CONTROL_HTTP_INTERNAL_H
#define CONTROL_HTTP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/http.h"
#include "control/http_connection.h"
#include "control/http_socket.h"

struct evconnlistener;
struct event;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_request;

struct http_limits {
	size_t max_body_bytes;
	size_t max_request_bytes;
	size_t max_stream_bytes;
	int64_t request_timeout_ms;
	int64_t idle_timeout_ms;
	int64_t grace_ms;
	int64_t linger_ms;
};

struct http_server {
	struct event_base *loop;
	struct http_limits limits;
	unsigned max_connections;
	http_handler_fn handler;
	void *context;
	struct evhttp *evhttp;
	struct http_socket socket;
	struct evconnlistener *listener;   /* owned by `bound` */
	struct evhttp_bound_socket *bound; /* owned by `evhttp`; NULL when stopped */
	struct event *arrival;             /* a caller waits to be accepted */
	struct event *accept_timer;        /* look at arrivals again */
	struct http_connection_list connections;
	unsigned n_connections;
	unsigned n_unanswered;
	void (*idle_fn)(void *context); /* NULL: nobody waits, or he was told */
	void *idle_context;
	struct event *idle; /* tells him, from the event loop */
	bool is_stopped;
};

/* For tests, which cannot wait for the real ones. Before the loop runs. */
void http_server_set_limits(struct http_server *server, const struct http_limits *limits);

/* A connection has ended: there is a place for another. */
void http_server_connection_ended(struct http_server *server);

/* One of the unanswered requests is not any more. */
void http_server_request_answered(struct http_server *server);

/* evhttp's generic callback; `context` is the server. */
void http_request_dispatch(struct evhttp_request *evhttp_request, void *context);
/* The caller of an unanswered request has left. Tells at most once. */
void http_request_tell_gone(struct http_request *request);

#endif
