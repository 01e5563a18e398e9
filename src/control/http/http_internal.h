/*
 * What the http_* files share: the server, its connections, and the requests on them. Private to
 * them and to their tests.
 */
#ifndef CONTROL_HTTP_INTERNAL_H
#define CONTROL_HTTP_INTERNAL_H

#include <sys/queue.h>

#include "control/http/http.h"
#include "control/http/http_socket.h"

struct bufferevent;
struct evbuffer;
struct event;

struct http_limits {
	size_t max_body_bytes;
	size_t max_piece_bytes;
	size_t max_unread_bytes;
	int64_t request_timeout_ms;
	int64_t idle_timeout_ms;
	int64_t grace_ms;
	int64_t linger_ms;
};

/*
 *             a place         first byte         whole request          answered
 *    WAITING --------> IDLE ------------> READING -------------> HANDLING -------> WRITING
 *                       ^                                                             |
 *                       +---------------- written, and the connection is kept --------+
 *
 *    READING, WRITING --- the last words are written, and the caller may still send ---> LINGERING
 */
enum http_state {       /* waits... */
	HTTP_WAITING,   /* for a place; turned away after limits.idle_timeout_ms */
	HTTP_IDLE,      /* for a request; closed after limits.idle_timeout_ms */
	HTTP_READING,   /* for the rest of it; closed after limits.request_timeout_ms */
	HTTP_HANDLING,  /* for the handler's answer */
	HTTP_WRITING,   /* for the caller to take it; closed when he takes nothing for
			 * limits.idle_timeout_ms, as a stream is in HANDLING */
	HTTP_LINGERING, /* for the caller to close; closed after limits.linger_ms */
};

/* All connections of one uid. */
struct http_user {
	LIST_ENTRY(http_user) link;
	uid_t uid;
	size_t n_connections;
	size_t n_places; /* so many of them have one */
};

struct http_connection {
	TAILQ_ENTRY(http_connection) link;
	struct http_server *server;
	struct http_user *user;
	enum http_claim claim;
	struct caller caller;
	bool has_names; /* with those of the caller that take looking up: from the first request */
	struct bufferevent *bufferevent;
	struct event *timer;   /* the deadline of the state */
	struct event *hang_up; /* the caller has closed, or will send no more */
	enum http_state state;
	int64_t since_ms; /* in this state */
	bool is_last;     /* to be closed behind the answer */
	bool is_unread;   /* what the caller sends is not read any more: linger before closing */
	/* Owned until HANDLING, when it is the handler's; NULL from the answer on. */
	struct http_request *request;
};
TAILQ_HEAD(http_connections, http_connection);

struct http_server {
	struct event_base *loop;
	struct http_limits limits;
	unsigned max_connections;
	http_handler_fn handler;
	http_claim_fn claim_fn;
	void *context;
	struct http_socket socket;
	struct event *arrival;               /* a caller waits to be accepted */
	struct event *accept_timer;          /* look at arrivals again */
	struct event *seating;               /* look again who may have a place */
	struct http_connections connections; /* the oldest first */
	LIST_HEAD(, http_user) users;
	size_t n_connections;
	size_t n_waiting;
	size_t n_unanswered;
	void (*idle_fn)(void *context); /* NULL: nobody waits, or he was told */
	void *idle_context;
	struct event *idle; /* looks whether no answer is on its way, and tells him */
	bool is_stopped;
};

static inline struct timeval http_time(int64_t ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* ---- peer.c: the kernel's word on who is at the other end ---- */

/* Without user and executable. 0 or a negative errno with words. More groups than
 * CALLER_MAX_GROUPS: -E2BIG, nobody is let in on half a list. */
NODISCARD int peer_read(int fd, struct caller *ret_caller, struct err *err);
/* Fills those in, which takes looking up; each stays "" when it cannot be had. */
void peer_read_names(struct caller *caller);

/* ---- http_request.c ---- */

struct http_request *http_request_new(struct http_connection *connection);
void http_request_free(struct http_request *request); /* NULL is fine */
enum http_reading {
	HTTP_WHOLE,
	HTTP_MORE, /* bytes are missing */
	HTTP_MALFORMED,
	HTTP_ON, /* a part was read: look for the next */
};
/* Takes of `input` what belongs to the body. */
enum http_reading http_request_read_body(struct http_request *request, struct evbuffer *input);
void http_request_tell_taken(struct http_request *request);
void http_request_tell_gone(struct http_request *request);

/* ---- http_write.c ---- */

/* But for what says where the body ends. */
void http_write_head(struct evbuffer *output, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, bool is_last);
/* Behind the head; of a HEAD request only its length. */
void http_write_body(struct evbuffer *output, struct slice body, bool is_head);
/* Words for people as a whole reply, the last one, in the form of the native API. */
void http_write_refusal(struct evbuffer *output, int status, const char *words);

/* ---- http_places.c: only decides ---- */

/* May one more connection of that user be taken in? It costs next to nothing to say no. */
bool http_places_admits(const struct http_server *server, uid_t uid, enum http_claim claim);
/* It has come, or goes. */
struct http_user *http_places_enter(struct http_server *server, uid_t uid);
void http_places_leave(struct http_user *user);
/* Who gets the next place; NULL: nobody waits for one. */
struct http_connection *http_places_next(const struct http_server *server);
bool http_places_is_free(const struct http_server *server, const struct http_connection *newcomer);
/* Who makes way for `newcomer`; NULL: nobody. */
struct http_connection *http_places_yielding(
	const struct http_server *server, const struct http_connection *newcomer);
/* Whose descriptor can be spared; NULL: nobody's. */
struct http_connection *http_places_spared(const struct http_server *server);
/* Of those who wait, too many, who is turned away. */
struct http_connection *http_places_surplus(const struct http_server *server);

/* ---- http_connection.c ---- */

/* Of `caller`, who was accepted; waits for a place. Takes the descriptor over. */
void http_connection_new(
	struct http_server *server, int fd, const struct caller *caller, enum http_claim claim);
/* Closes at once; a request in the handler's hands learns that its caller has left. */
void http_connection_free(struct http_connection *connection);
void http_connection_give_place(struct http_connection *connection);
/* Tells the caller why, if no answer has begun, and closes. */
void http_connection_turn_away(struct http_connection *connection, const char *words);
/* The handler has answered: the connection goes on when that is taken. */
void http_connection_end_request(struct http_connection *connection);
/* Reads what has arrived, and has it handled if it is a whole request. */
void http_connection_read_now(struct http_connection *connection);
/* Gives the kernel what it takes at once of what is still to be sent. */
void http_connection_flush(struct http_connection *connection);

/* ---- http_server.c ---- */

/* One of the unanswered requests is not any more. */
void http_server_request_answered(struct http_server *server);

#endif
