/*
 * The server: taking callers in, up to as many as are allowed, and giving them to evhttp.
 */
#include "control/http.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/http_internal.h"

/* After a failed accept(), mostly for want of descriptors. */
#define HTTP_ACCEPT_PAUSE_MS 100
/* Every one there is: the handler gets all of them, unknown ones too, and says what is allowed. */
#define HTTP_ALL_METHODS 0xffff

static const struct http_limits default_limits = {
	.max_body_bytes = HTTP_MAX_BODY_BYTES,
	.max_request_bytes = HTTP_MAX_REQUEST_BYTES,
	.max_stream_bytes = HTTP_MAX_STREAM_BYTES,
	.request_timeout_ms = HTTP_REQUEST_TIMEOUT_MS,
	.idle_timeout_ms = HTTP_IDLE_TIMEOUT_MS,
	.grace_ms = HTTP_GRACE_MS,
	.linger_ms = 2000,
};

static struct bufferevent *on_accept(struct event_base *loop UNUSED, void *context)
{
	struct http_server *server = context;
	struct http_connection *connection = http_connection_new(server);

	if (server->n_connections >= server->max_connections) {
		evconnlistener_disable(server->listener);
	}
	return connection->bufferevent;
}

/*
 * Left to itself the listener would try again at once and for ever. Its context belongs to evhttp
 * here, so it can only be switched off: on_arrival() sees the caller who still waits.
 */
static void on_accept_error(struct evconnlistener *listener, void *context UNUSED)
{
	evconnlistener_disable(listener);
}

/* The one that waits longest for its caller, to ask or to take an answer; NULL: none does. */
static struct http_connection *find_longest_waiting(struct http_server *server)
{
	struct http_connection *found = NULL, *connection;

	LIST_FOREACH(connection, &server->connections, link) /* the newest first */
	{
		if (connection->state != HTTP_CONNECTION_HANDLING &&
			(found == NULL || connection->since_ms <= found->since_ms)) {
			found = connection;
		}
	}
	return found;
}

static void pause_accepting(struct http_server *server, int64_t pause_ms)
{
	struct timeval pause = {pause_ms / 1000, (pause_ms % 1000) * 1000};

	event_del(server->arrival);
	event_add(server->accept_timer, &pause);
}

/* The listener may have taken him in since the loop looked. */
static bool is_somebody_waiting(int fd)
{
	struct pollfd listening = {fd, POLLIN, 0};

	return poll(&listening, 1, 0) == 1;
}

/* All places are taken and somebody waits. */
static void make_room(struct http_server *server)
{
	struct http_connection *oldest = find_longest_waiting(server);
	int64_t age_ms;

	if (oldest == NULL) {
		/* All are being answered: the end of one wakes us, if the pause does not. */
		pause_accepting(server, server->limits.grace_ms);
		return;
	}
	age_ms = clock_monotonic_ms() - oldest->since_ms;
	if (age_ms >= server->limits.grace_ms) {
		http_connection_cut_now(oldest);
	} else {
		pause_accepting(server, server->limits.grace_ms - age_ms);
	}
}

static bool has_descriptor_left(int fd)
{
	int spare = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (spare < 0) {
		return false;
	}
	close(spare);
	return true;
}

/*
 * Somebody waits: decides whether evhttp's listener, which knows no limits, may take them in. It
 * may stay switched on until the places are used up or accept() fails.
 */
static void on_arrival(evutil_socket_t fd, short what UNUSED, void *context)
{
	struct http_server *server = context;

	if (!is_somebody_waiting(fd)) {
		return;
	}
	if (server->n_connections >= server->max_connections) {
		make_room(server);
	} else if (has_descriptor_left(fd)) {
		evconnlistener_enable(server->listener);
	} else {
		pause_accepting(server, HTTP_ACCEPT_PAUSE_MS);
	}
}

static void resume_accepting(struct http_server *server)
{
	if (!server->is_stopped) {
		event_add(server->arrival, NULL);
	}
}

static void on_accept_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	resume_accepting(context);
}

void http_server_connection_ended(struct http_server *server)
{
	resume_accepting(server);
}

static void set_up_listener(struct http_server *server)
{
	int fd = server->socket.fd;

	server->listener = evconnlistener_new(server->loop, NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	CHECK(server->listener != NULL);
	server->bound = evhttp_bind_listener(server->evhttp, server->listener);
	server->arrival = event_new(server->loop, fd, EV_READ | EV_PERSIST, on_arrival, server);
	server->accept_timer = evtimer_new(server->loop, on_accept_timer, server);
	CHECK(server->bound != NULL && server->arrival != NULL && server->accept_timer != NULL);
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	event_add(server->arrival, NULL);
}

static void set_up_evhttp(struct http_server *server)
{
	server->evhttp = evhttp_new(server->loop);
	CHECK(server->evhttp != NULL);
	evhttp_set_bevcb(server->evhttp, on_accept, server);
	evhttp_set_gencb(server->evhttp, http_request_dispatch, server);
	evhttp_set_allowed_methods(server->evhttp, HTTP_ALL_METHODS);
	evhttp_set_default_content_type(server->evhttp, NULL);
	evhttp_set_max_headers_size(server->evhttp, (ev_ssize_t)HTTP_MAX_HEADER_BYTES);
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
	server->limits = *limits;
	/*
	 * Well above the limit for bodies, which http_request.c tells the handler of, so that it
	 * can answer. What is larger still evhttp refuses with a page of its own, which must come
	 * before the cut, whatever the chunks of a body add to it.
	 */
	evhttp_set_max_body_size(server->evhttp, (ev_ssize_t)(limits->max_request_bytes / 4 * 3));
}

static void on_idle(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct http_server *server = context;
	void (*idle_fn)(void *context) = server->idle_fn;

	server->idle_fn = NULL;
	if (idle_fn != NULL) {
		idle_fn(server->idle_context);
	}
}

int http_server_new(struct event_base *loop, const struct control_opts *opts, int inherited_fd,
	http_handler_fn handler, void *context, struct http_server **ret_server, struct err *err)
{
	struct http_socket socket;
	struct http_server *server;
	int r;

	CHECK(opts->max_connections > 0);
	r = inherited_fd >= 0 ? http_socket_adopt(inherited_fd, &socket, err)
			      : http_socket_listen(opts, &socket, err);
	if (r < 0) {
		return r;
	}
	server = mem_new(struct http_server);
	server->loop = loop;
	server->max_connections = opts->max_connections;
	server->handler = handler;
	server->context = context;
	server->socket = socket;
	LIST_INIT(&server->connections);
	server->idle = event_new(loop, -1, 0, on_idle, server);
	CHECK(server->idle != NULL);
	set_up_evhttp(server);
	set_up_listener(server);
	http_server_set_limits(server, &default_limits);
	*ret_server = server;
	return 0;
}

const char *http_server_socket_problem(const struct http_server *server)
{
	if (server->is_stopped || http_socket_is_in_place(&server->socket)) {
		return NULL;
	}
	return server->socket.is_inherited ? "the control socket's file is gone; it belongs to the "
					     "service manager, who "
					     "makes it when the socket unit is restarted"
					   : "the control socket's file is gone";
}

int http_server_renew_socket(struct http_server *server, struct err *err)
{
	int r;

	if (server->socket.is_inherited) {
		err_set(err, "the control socket is the service manager's");
		return -ENOTSUP;
	}
	event_del(server->arrival);
	evconnlistener_disable(server->listener);
	r = http_socket_renew(&server->socket, err);
	resume_accepting(server);
	return r;
}

void http_server_stop(struct http_server *server)
{
	struct http_connection *connection, *next;

	if (server->is_stopped) {
		return;
	}
	server->is_stopped = true;
	event_del(server->arrival);
	event_del(server->accept_timer);
	/* While the socket still listens: nobody takes the path for stale before it is gone. */
	http_socket_remove_file(&server->socket);
	evhttp_del_accept_socket(server->evhttp, server->bound);
	for (connection = LIST_FIRST(&server->connections); connection != NULL; connection = next) {
		next = LIST_NEXT(connection, link);
		if (connection->state != HTTP_CONNECTION_HANDLING) {
			http_connection_cut(connection);
		}
	}
}

static void tell_idle(struct http_server *server)
{
	if (server->idle_fn != NULL && server->n_unanswered == 0) {
		event_active(server->idle, 0, 0);
	}
}

void http_server_request_answered(struct http_server *server)
{
	server->n_unanswered--;
	tell_idle(server);
}

void http_server_drain(struct http_server *server, void (*idle_fn)(void *context), void *context)
{
	CHECK(server->is_stopped);
	server->idle_fn = idle_fn;
	server->idle_context = context;
	tell_idle(server);
}

void http_server_cut(struct http_server *server)
{
	struct http_connection *connection;

	LIST_FOREACH(connection, &server->connections, link)
	{
		http_connection_cut(connection);
	}
}

void http_server_free(struct http_server *server)
{
	struct http_connection *connection;

	if (server == NULL) {
		return;
	}
	CHECK(server->n_unanswered == 0);
	http_server_stop(server);
	LIST_FOREACH(connection, &server->connections, link)
	{
		http_connection_flush(connection);
	}
	evhttp_free(server->evhttp);
	while ((connection = LIST_FIRST(&server->connections)) != NULL) {
		http_connection_free(connection);
	}
	event_free(server->arrival);
	event_free(server->accept_timer);
	event_free(server->idle);
	free(server);
}
