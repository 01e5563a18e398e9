/*
 * One connection of a caller: what evhttp does not guard. Counts the bytes of each request and
 * sets it a deadline, sees callers leave while evhttp does not read, and lets those whom evhttp
 * turned away read the reason. Private to the http_* files.
 *
 * evhttp and the connection share one bufferevent by a reference each, so that the descriptor is
 * open as long as the connection object lives, and the server knows how many there are.
 * (A filter bufferevent would learn of the end as well, but evhttp takes bytes that reached the
 * inner bufferevent for sent, and closes before they are: replies with "Connection: close" and the
 * parser's own error pages would be lost.)
 */
#ifndef CONTROL_HTTP_CONNECTION_H
#define CONTROL_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "model/caller.h"

struct bufferevent;
struct evbuffer_cb_entry;
struct event;
struct http_request;
struct http_server;

/*
 *           first byte         whole request          answered
 *     IDLE ------------> READING -------------> HANDLING --------> WRITING
 *      ^                                                              |
 *      +---------------- written, and the connection is kept ---------+
 *
 *     any but HANDLING --- evhttp lets go, the caller has not ---> LINGERING
 */
enum http_connection_state {       /* waits... */
	HTTP_CONNECTION_IDLE,      /* for a request; cut after limits.idle_timeout_ms */
	HTTP_CONNECTION_READING,   /* one; cut at limits.request_timeout_ms or max_request_bytes */
	HTTP_CONNECTION_HANDLING,  /* for the handler's answer; never cut */
	HTTP_CONNECTION_WRITING,   /* it; cut when no byte is taken for limits.idle_timeout_ms */
	HTTP_CONNECTION_LINGERING, /* for the caller to close; cut after limits.linger_ms */
};

struct http_connection {
	LIST_ENTRY(http_connection) link;
	struct http_server *server;
	struct bufferevent *bufferevent; /* one of its two references */
	struct evbuffer_cb_entry *watch; /* of the input */
	struct event *check;             /* something has changed: look what; no descriptor */
	struct event *timer;             /* the deadline of the state */
	struct event *hang_up;           /* the caller has closed, or will send no more */
	enum http_connection_state state;
	int64_t since_ms; /* in this state */
	size_t request_bytes;
	bool is_cut;                  /* to be closed at the next check */
	bool has_left;                /* the caller has closed: nobody reads a reply */
	struct http_request *request; /* in the handler's hands, not owned */
	bool has_caller;
	struct caller caller;
};

LIST_HEAD(http_connection_list, http_connection);

/* For a caller about to be accepted. Freed when both evhttp and the handler are done with it. */
struct http_connection *http_connection_new(struct http_server *server);
/* Only after evhttp has been freed; otherwise connections free themselves. */
void http_connection_free(struct http_connection *connection);

/* evhttp has read a whole request; the credentials of its caller are known from here on. */
void http_connection_begin_request(
	struct http_connection *connection, struct http_request *request);
/* The handler has answered it: `request` is no longer used. */
void http_connection_end_request(struct http_connection *connection);
/* The reply is written; evhttp goes on to the next request or closes. */
void http_connection_finish_reply(struct http_connection *connection);
/*
 * To be called behind each function of evhttp that writes: while it waits for the caller to take
 * bytes it also reads, and mistakes a caller that sends no more for one that has left.
 */
void http_connection_stop_reading(struct http_connection *connection);

void http_connection_schedule_check(struct http_connection *connection);
/* Closes it at the next turn of the loop. */
void http_connection_cut(struct http_connection *connection);
/* Closes it now, unless a request is in the handler's hands; not from under evhttp's callbacks. */
void http_connection_cut_now(struct http_connection *connection);
/* Gives the kernel what it takes at once of what is still to be sent. */
void http_connection_flush(struct http_connection *connection);

#endif
