/*
 * The guard around a connection of evhttp. Everything that ends one goes through check(), which
 * runs from the event loop and never inside a callback of evhttp.
 */
#include "control/http_connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <poll.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/http_internal.h"
#include "control/peer.h"

/* How often to ask whether a caller that sends no more, but waits for its answer, still does. */
#define HTTP_CONNECTION_ASK_MS 500

/* evhttp clears the callbacks when it frees its side. */
static bool is_held_by_evhttp(const struct http_connection *connection)
{
	bufferevent_event_cb event_cb = NULL;

	bufferevent_getcb(connection->bufferevent, NULL, NULL, &event_cb, NULL);
	return event_cb != NULL;
}

/* POLLRDHUP: will send no more; with POLLHUP or POLLERR: does not read either. */
static short peer_events(const struct http_connection *connection)
{
	struct pollfd peer = {bufferevent_getfd(connection->bufferevent), POLLRDHUP, 0};

	return poll(&peer, 1, 0) == 1 ? peer.revents : 0;
}

static void set_timer(struct http_connection *connection, int64_t delay_ms)
{
	struct timeval delay = {delay_ms / 1000, (delay_ms % 1000) * 1000};

	if (delay_ms == 0) {
		event_del(connection->timer);
	} else {
		event_add(connection->timer, &delay);
	}
}

static void set_state(struct http_connection *connection, enum http_connection_state state)
{
	const struct http_limits *limits = &connection->server->limits;

	connection->state = state;
	connection->since_ms = clock_monotonic_ms();
	switch (state) {
	case HTTP_CONNECTION_IDLE:
		set_timer(connection, limits->idle_timeout_ms);
		return;
	case HTTP_CONNECTION_READING:
		set_timer(connection, limits->request_timeout_ms);
		return;
	case HTTP_CONNECTION_HANDLING:
	case HTTP_CONNECTION_WRITING: /* the bufferevent has the timeout */
		set_timer(connection, 0);
		return;
	case HTTP_CONNECTION_LINGERING:
		set_timer(connection, limits->linger_ms);
		return;
	}
}

static void drain_input(struct bufferevent *bufferevent, void *context UNUSED)
{
	struct evbuffer *input = bufferevent_get_input(bufferevent);

	evbuffer_drain(input, evbuffer_get_length(input));
}

/*
 * evhttp has sent its last words and let go. Closing while the caller still sends would break its
 * send() before it reads them.
 */
static void linger(struct http_connection *connection)
{
	bufferevent_setcb(connection->bufferevent, drain_input, NULL, NULL, connection);
	drain_input(connection->bufferevent, connection);
	bufferevent_disable(connection->bufferevent, EV_WRITE);
	bufferevent_enable(connection->bufferevent, EV_READ);
	set_state(connection, HTTP_CONNECTION_LINGERING);
}

static void check_request(struct http_connection *connection)
{
	short events = peer_events(connection);

	if (!is_held_by_evhttp(connection) || (events & (POLLHUP | POLLERR)) != 0) {
		connection->has_left = true;
		http_request_tell_gone(connection->request);
	} else if ((events & POLLRDHUP) != 0) {
		set_timer(connection, HTTP_CONNECTION_ASK_MS);
	}
}

static void on_check(evutil_socket_t fd, short what, void *context);

static void watch_hang_up(struct http_connection *connection)
{
	int fd = bufferevent_getfd(connection->bufferevent);

	if (connection->hang_up != NULL || fd < 0) {
		return;
	}
	/* Not persistent: the condition stays, and would be reported for ever. */
	connection->hang_up =
		event_new(connection->server->loop, fd, EV_CLOSED, on_check, connection);
	CHECK(connection->hang_up != NULL);
	event_add(connection->hang_up, NULL);
}

static void check(struct http_connection *connection)
{
	watch_hang_up(connection);
	if (connection->is_cut && is_held_by_evhttp(connection)) {
		/* As if it had waited too long: evhttp closes without a word. */
		bufferevent_trigger_event(connection->bufferevent, BEV_EVENT_TIMEOUT, 0);
	}
	if (connection->request != NULL) {
		check_request(connection);
	} else if (is_held_by_evhttp(connection)) {
		return;
	} else if (connection->is_cut || peer_events(connection) != 0) {
		http_connection_free(connection);
	} else if (connection->state != HTTP_CONNECTION_LINGERING) {
		linger(connection);
	}
}

static void on_check(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	check(context);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct http_connection *connection = context;

	/* While the handler has the request, it is only time to ask again. */
	if (connection->state != HTTP_CONNECTION_HANDLING) {
		connection->is_cut = true;
	}
	check(connection);
}

/* Called whenever bytes have been read or taken. While evhttp writes, nothing is read. */
static void on_input(
	struct evbuffer *input UNUSED, const struct evbuffer_cb_info *info, void *context)
{
	struct http_connection *connection = context;

	if (info->n_added == 0 || connection->state == HTTP_CONNECTION_LINGERING) {
		return;
	}
	connection->request_bytes += info->n_added;
	if (connection->state == HTTP_CONNECTION_IDLE) {
		set_state(connection, HTTP_CONNECTION_READING);
	}
	if (connection->request_bytes > connection->server->limits.max_request_bytes) {
		http_connection_cut(connection);
	} else if (!is_held_by_evhttp(connection)) {
		http_connection_schedule_check(connection);
	}
}

struct http_connection *http_connection_new(struct http_server *server)
{
	struct http_connection *connection = mem_new(struct http_connection);
	struct timeval idle = {server->limits.idle_timeout_ms / 1000,
		(server->limits.idle_timeout_ms % 1000) * 1000};

	connection->server = server;
	connection->bufferevent = bufferevent_socket_new(server->loop, -1, BEV_OPT_CLOSE_ON_FREE);
	connection->check = event_new(server->loop, -1, 0, on_check, connection);
	connection->timer = evtimer_new(server->loop, on_timer, connection);
	CHECK(connection->bufferevent != NULL);
	CHECK(connection->check != NULL && connection->timer != NULL);
	bufferevent_incref(connection->bufferevent);
	/* A reply that nobody reads; how long reading may take, the states say. */
	bufferevent_set_timeouts(connection->bufferevent, NULL, &idle);
	connection->watch = evbuffer_add_cb(
		bufferevent_get_input(connection->bufferevent), on_input, connection);
	CHECK(connection->watch != NULL);
	LIST_INSERT_HEAD(&server->connections, connection, link);
	server->n_connections++;
	set_state(connection, HTTP_CONNECTION_IDLE);
	/* The descriptor is known when evhttp has set up its side. */
	http_connection_schedule_check(connection);
	return connection;
}

void http_connection_free(struct http_connection *connection)
{
	struct http_server *server = connection->server;

	CHECK(connection->request == NULL);
	LIST_REMOVE(connection, link);
	server->n_connections--;
	evbuffer_remove_cb_entry(bufferevent_get_input(connection->bufferevent), connection->watch);
	bufferevent_setcb(connection->bufferevent, NULL, NULL, NULL, NULL);
	/* Before the descriptor is closed. */
	if (connection->hang_up != NULL) {
		event_free(connection->hang_up);
	}
	event_free(connection->check);
	event_free(connection->timer);
	bufferevent_decref(connection->bufferevent);
	free(connection);
	http_server_connection_ended(server);
}

static void read_caller(struct http_connection *connection)
{
	struct err err;

	if (connection->has_caller) {
		return;
	}
	connection->has_caller = true;
	if (peer_read(bufferevent_getfd(connection->bufferevent), &connection->caller, &err) < 0) {
		log_warning("a caller is treated as nobody: %s", err.text);
		connection->caller = (struct caller){.uid = (uid_t)-1, .gid = (gid_t)-1};
	}
}

void http_connection_begin_request(struct http_connection *connection, struct http_request *request)
{
	CHECK(connection->request == NULL);
	read_caller(connection);
	connection->request = request;
	connection->request_bytes = 0;
	connection->is_cut = false; /* its last bytes may have been too many: it was faster */
	set_state(connection, HTTP_CONNECTION_HANDLING);
	/* The caller may be gone already, and says so only once. */
	http_connection_schedule_check(connection);
}

void http_connection_end_request(struct http_connection *connection)
{
	connection->request = NULL;
	set_state(connection, HTTP_CONNECTION_WRITING);
	http_connection_schedule_check(connection);
}

void http_connection_finish_reply(struct http_connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bufferevent);

	/* Bytes of the next request may have come along with this one. */
	connection->request_bytes = evbuffer_get_length(input);
	set_state(connection,
		connection->request_bytes > 0 ? HTTP_CONNECTION_READING : HTTP_CONNECTION_IDLE);
	if (connection->server->is_stopped) {
		http_connection_cut(connection);
	}
}

void http_connection_stop_reading(struct http_connection *connection)
{
	bufferevent_disable(connection->bufferevent, EV_READ);
}

void http_connection_schedule_check(struct http_connection *connection)
{
	event_active(connection->check, EV_TIMEOUT, 0);
}

void http_connection_cut(struct http_connection *connection)
{
	connection->is_cut = true;
	http_connection_schedule_check(connection);
}

void http_connection_cut_now(struct http_connection *connection)
{
	connection->is_cut = true;
	check(connection);
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
