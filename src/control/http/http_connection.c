/*
 * One connection of a caller, from accept() to close(): reads a request, has it handled, writes the
 * answer, and again. All that ends one ends in http_connection_free().
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/priority.h"
#include "control/http/http_internal.h"

/* How often to ask whether a caller that sends no more, but waits for its answer, still does. */
#define ASK_MS 500
/* What is read ahead of a caller at most. */
#define MOST_READ_BYTES (HTTP_MAX_HEADER_BYTES + HTTP_MAX_BODY_BYTES)

/* ---- states ---- */

static void set_timer(struct http_connection *connection, int64_t delay_ms)
{
	struct timeval delay = http_time(delay_ms);

	event_add(connection->timer, &delay);
}

/*
 * Where nothing is read the kernel is asked to tell when the caller leaves. Once: the condition
 * stays, and would be reported for ever.
 */
static void stop_reading(struct http_connection *connection)
{
	bufferevent_disable(connection->bufferevent, EV_READ);
	event_add(connection->hang_up, NULL);
}

static void go_on_reading(struct http_connection *connection)
{
	if ((bufferevent_get_enabled(connection->bufferevent) & EV_READ) == 0) {
		event_del(connection->hang_up);
		bufferevent_enable(connection->bufferevent, EV_READ);
	}
}

static void set_state(struct http_connection *connection, enum http_state state)
{
	const struct http_limits *limits = &connection->server->limits;

	connection->state = state;
	connection->since_ms = clock_monotonic_ms();
	event_del(connection->timer);
	switch (state) {
	case HTTP_WAITING:
		set_timer(connection, limits->idle_timeout_ms);
		break;
	case HTTP_IDLE:
		set_timer(connection, limits->idle_timeout_ms);
		go_on_reading(connection);
		break;
	case HTTP_READING:
		set_timer(connection, limits->request_timeout_ms);
		break;
	case HTTP_LINGERING:
		set_timer(connection, limits->linger_ms);
		go_on_reading(connection);
		break;
	case HTTP_HANDLING:
	case HTTP_WRITING: /* the bufferevent has the time-out */
		break;
	}
}

/* ---- the end ---- */

void http_connection_free(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	struct http_request *request = connection->request;
	bool is_handled = connection->state == HTTP_HANDLING;

	TAILQ_REMOVE(&server->connections, connection, link);
	server->n_connections--;
	server->n_waiting -= connection->state == HTTP_WAITING;
	connection->user->n_places -= connection->state != HTTP_WAITING;
	http_places_leave(connection->user);
	event_free(connection->hang_up); /* before the descriptor is closed */
	event_free(connection->timer);
	bufferevent_free(connection->bufferevent);
	free(connection);
	event_active(server->seating, 0, 0);
	event_active(server->idle, 0, 0);
	if (is_handled) {
		request->connection = NULL;
		http_request_tell_gone(request);
	} else {
		http_request_free(request);
	}
}

void http_connection_flush(struct http_connection *connection)
{
	struct evbuffer *output = bufferevent_get_output(connection->bufferevent);

	if (evbuffer_get_length(output) > 0) {
		evbuffer_unfreeze(output, 1);
		evbuffer_write(output, bufferevent_getfd(connection->bufferevent));
		evbuffer_freeze(output, 1);
	}
}

void http_connection_turn_away(struct http_connection *connection, const char *words)
{
	const struct http_request *request = connection->request;
	bool has_begun = connection->state == HTTP_WRITING || connection->state == HTTP_LINGERING ||
			 (request != NULL && request->is_stream);

	if (!has_begun && connection->state != HTTP_IDLE) {
		http_write_refusal(bufferevent_get_output(connection->bufferevent), 503, words);
		http_connection_flush(connection);
	}
	http_connection_free(connection);
}

/*
 * The last words are written. Closing while the caller still sends would break its send() before it
 * reads them.
 */
static void close_down(struct http_connection *connection)
{
	if (!connection->is_unread) {
		http_connection_free(connection);
		return;
	}
	shutdown(bufferevent_getfd(connection->bufferevent), SHUT_WR);
	set_state(connection, HTTP_LINGERING);
	event_active(connection->server->idle, 0, 0);
}

/* ---- reading ---- */

static void refuse(struct http_connection *connection)
{
	http_request_free(connection->request);
	connection->request = NULL;
	connection->is_last = connection->is_unread = true;
	http_write_refusal(bufferevent_get_output(connection->bufferevent), 400,
		"this is no HTTP request that can be served");
	set_state(connection, HTTP_WRITING);
}

/* Empty lines before a request are passed over. */
static struct slice take_head(struct evbuffer *input)
{
	struct evbuffer_ptr end;
	char start[2];
	char *text;

	while (evbuffer_copyout(input, start, 2) == 2 && memcmp(start, "\r\n", 2) == 0) {
		evbuffer_drain(input, 2);
	}
	end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	if (end.pos < 0 || (size_t)end.pos + 4 > HTTP_MAX_HEADER_BYTES) {
		return (struct slice){NULL, evbuffer_get_length(input)};
	}
	text = mem_alloc((size_t)end.pos + 4);
	evbuffer_remove(input, text, (size_t)end.pos + 4);
	return (struct slice){text, (size_t)end.pos + 4};
}

/* False: there is none yet, or it was refused. */
static bool read_head(struct http_connection *connection, struct evbuffer *input)
{
	struct slice text = take_head(input);
	struct http_request *request;

	if (text.len > 0 && connection->state == HTTP_IDLE) {
		set_state(connection, HTTP_READING);
	}
	if (text.data == NULL) {
		if (text.len > HTTP_MAX_HEADER_BYTES) {
			refuse(connection);
		}
		return false;
	}
	request = connection->request = http_request_new(connection);
	request->head_text = (char *)text.data;
	if (!http_head_read(text, &request->head)) {
		refuse(connection);
		return false;
	}
	request->is_too_large =
		!request->head.is_chunked &&
		request->head.n_body_bytes > connection->server->limits.max_body_bytes;
	if (request->head.expects_continue && !request->is_too_large) {
		evbuffer_add_printf(bufferevent_get_output(connection->bufferevent),
			"HTTP/1.1 100 Continue\r\n\r\n");
	}
	return true;
}

static void handle(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	struct http_request *request = connection->request;

	connection->is_unread = request->is_too_large;
	connection->is_last = request->is_too_large || request->head.is_last || server->is_stopped;
	if (!connection->has_names) {
		peer_read_names(&connection->caller);
		connection->has_names = true;
	}
	request->caller = connection->caller;
	set_state(connection, HTTP_HANDLING);
	server->n_unanswered++;
	server->handler(server->context, request);
	if (connection->state == HTTP_HANDLING) {
		stop_reading(connection); /* the answer will take its time */
	}
}

static void read_request(struct http_connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bufferevent);

	if (connection->request == NULL && !read_head(connection, input)) {
		return;
	}
	switch (http_request_read_body(connection->request, input)) {
	case HTTP_WHOLE:
		handle(connection);
		return;
	case HTTP_MALFORMED:
		refuse(connection);
		return;
	case HTTP_MORE:
	case HTTP_ON:
		break;
	}
}

void http_connection_read_now(struct http_connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bufferevent);
	int fd = bufferevent_getfd(connection->bufferevent);

	if (connection->state != HTTP_IDLE && connection->state != HTTP_READING) {
		return;
	}
	evbuffer_unfreeze(input, 0);
	while (evbuffer_get_length(input) < MOST_READ_BYTES && evbuffer_read(input, fd, -1) > 0) {
	}
	evbuffer_freeze(input, 0);
	read_request(connection);
}

/* ---- callbacks ---- */

static void on_readable(struct bufferevent *bufferevent, void *context)
{
	struct http_connection *connection = context;
	struct evbuffer *input = bufferevent_get_input(bufferevent);

	if (connection->state == HTTP_LINGERING) {
		evbuffer_drain(input, evbuffer_get_length(input));
	} else if (connection->state == HTTP_IDLE || connection->state == HTTP_READING) {
		read_request(connection);
	}
}

/* Nothing is left to be written. */
static void on_written(struct bufferevent *bufferevent UNUSED, void *context)
{
	struct http_connection *connection = context;

	if (connection->state == HTTP_HANDLING) {
		http_request_tell_taken(connection->request);
	} else if (connection->state == HTTP_WRITING && connection->is_last) {
		close_down(connection);
	} else if (connection->state == HTTP_WRITING) {
		set_state(connection, HTTP_IDLE);
		read_request(connection);
	}
}

/* Who sends no more (POLLRDHUP alone) while he is answered is asked again whether he is there. */
static void free_if_left(struct http_connection *connection)
{
	struct pollfd peer = {bufferevent_getfd(connection->bufferevent), POLLRDHUP, 0};

	if (poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR)) != 0) {
		http_connection_free(connection);
	} else if (connection->state == HTTP_HANDLING || connection->state == HTTP_WRITING) {
		set_timer(connection, ASK_MS);
	}
}

static void on_end(struct bufferevent *bufferevent UNUSED, short what, void *context)
{
	struct http_connection *connection = context;

	if ((what & BEV_EVENT_EOF) != 0 &&
		(connection->state == HTTP_HANDLING || connection->state == HTTP_WRITING)) {
		free_if_left(connection);
	} else {
		http_connection_free(connection);
	}
}

static void on_hang_up(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	free_if_left(context);
}

static void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct http_connection *connection = context;

	switch (connection->state) {
	case HTTP_HANDLING:
	case HTTP_WRITING: /* it is only time to ask again */
		free_if_left(connection);
		return;
	case HTTP_WAITING:
		http_connection_turn_away(connection, "too many callers, and no place came free");
		return;
	case HTTP_IDLE:
	case HTTP_READING:
	case HTTP_LINGERING:
		http_connection_free(connection);
		return;
	}
}

/* ---- the beginning ---- */

void http_connection_new(
	struct http_server *server, int fd, const struct caller *caller, enum http_claim claim)
{
	struct http_connection *connection = mem_new(struct http_connection);
	struct timeval idle = http_time(server->limits.idle_timeout_ms);

	connection->server = server;
	connection->bufferevent = bufferevent_socket_new(server->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	connection->timer = evtimer_new(server->loop, on_deadline, connection);
	connection->hang_up = event_new(server->loop, fd, EV_CLOSED, on_hang_up, connection);
	CHECK(connection->bufferevent != NULL && connection->timer != NULL &&
		connection->hang_up != NULL);
	if (caller->is_own) {
		bufferevent_priority_set(connection->bufferevent, PRIORITY_KILL);
	}
	bufferevent_setcb(connection->bufferevent, on_readable, on_written, on_end, connection);
	bufferevent_setwatermark(connection->bufferevent, EV_READ, 0, MOST_READ_BYTES);
	bufferevent_set_timeouts(connection->bufferevent, NULL, &idle);
	connection->caller = *caller;
	connection->claim = claim;
	connection->user = http_places_enter(server, connection->caller.uid);
	TAILQ_INSERT_TAIL(&server->connections, connection, link);
	server->n_connections++;
	server->n_waiting++;
	set_state(connection, HTTP_WAITING);
	stop_reading(connection);
}

void http_connection_give_place(struct http_connection *connection)
{
	connection->server->n_waiting--;
	connection->user->n_places++;
	set_state(connection, HTTP_IDLE);
}

void http_connection_end_request(struct http_connection *connection)
{
	const struct evbuffer *output = bufferevent_get_output(connection->bufferevent);

	connection->request = NULL;
	set_state(connection, HTTP_WRITING);
	if (evbuffer_get_length(output) == 0) {
		/* Of a stream all was taken before it ended: nobody else tells. */
		bufferevent_trigger(connection->bufferevent, EV_WRITE,
			BEV_TRIG_IGNORE_WATERMARKS | BEV_OPT_DEFER_CALLBACKS);
	}
}
