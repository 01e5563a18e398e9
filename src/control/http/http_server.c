/*
 * The server: listening, taking callers in, ending.
 */
#include "control/http/http.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/http/http_internal.h"

/* After a failed accept(), mostly for want of descriptors: it would fail again at once. */
#define ACCEPT_PAUSE_MS 100
/* Callers in one turn of the loop. */
#define MAX_ACCEPTED 64

static const struct http_limits default_limits = {
	.max_body_bytes = HTTP_MAX_BODY_BYTES,
	.max_piece_bytes = HTTP_MAX_PIECE_BYTES,
	.max_unread_bytes = HTTP_MAX_UNREAD_BYTES,
	.request_timeout_ms = HTTP_REQUEST_TIMEOUT_MS,
	.idle_timeout_ms = HTTP_IDLE_TIMEOUT_MS,
	.grace_ms = HTTP_GRACE_MS,
	.linger_ms = 2000,
};

static const char others_came[] =
	"too many callers: this user held most of the places, and one was for somebody else; "
	"what was asked for goes on";
static const char too_many_wait[] = "too many callers of this user wait for a place";

/* ---- taking in ---- */

/* Those who are passed over may get a place when others have kept theirs for long enough. */
static void look_again(struct http_server *server)
{
	struct timeval pause = http_time(server->limits.grace_ms);

	event_add(server->seating, &pause);
}

/* Gives places to those who wait for one, as long as there are any. */
static void fill_places(struct http_server *server)
{
	struct http_connection *next, *yielding;

	while ((next = http_places_next(server)) != NULL) {
		if (!http_places_is_free(server, next)) {
			yielding = http_places_yielding(server, next);
			if (yielding == NULL) {
				look_again(server);
				break;
			}
			http_connection_turn_away(yielding, others_came);
		}
		http_connection_give_place(next);
	}
	while (server->n_waiting > HTTP_MAX_WAITING) {
		http_connection_turn_away(http_places_surplus(server), too_many_wait);
	}
}

static void on_seating(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	fill_places(context);
}

/* No descriptor is left, mostly: gives one back, if somebody can be spared, and tries again. */
static void pause_accepting(struct http_server *server)
{
	static const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
	struct http_connection *spared = http_places_spared(server);

	if (spared != NULL) {
		http_connection_turn_away(spared, "no descriptor is left");
	}
	event_del(server->arrival);
	event_add(server->accept_timer, &pause);
}

static void on_accept_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct http_server *server = context;

	event_add(server->arrival, NULL);
}

/* By the kernel's word; without it he is nobody. */
static void take_in(struct http_server *server, int fd)
{
	struct caller caller;
	enum http_claim claim;
	struct err err;

	if (peer_read(fd, &caller, &err) < 0) {
		log_warning("a caller is treated as nobody: %s", err.text);
		caller = (struct caller){.uid = (uid_t)-1, .gid = (gid_t)-1};
	}
	claim = server->claim_fn(server->context, &caller);
	if (http_places_admits(server, caller.uid, claim)) {
		http_connection_new(server, fd, &caller, claim);
		fill_places(server);
	} else {
		close(fd);
	}
}

/* Who cannot be taken in waits in the socket's queue. */
static void on_arrival(evutil_socket_t listening, short what UNUSED, void *context)
{
	struct http_server *server = context;

	for (int i = 0; i < MAX_ACCEPTED; i++) {
		int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)) {
			return;
		}
		if (fd < 0) {
			pause_accepting(server);
			return;
		}
		take_in(server, fd);
	}
}

/* ---- ending ---- */

static bool is_answer_on_its_way(const struct http_server *server)
{
	const struct http_connection *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (connection->state == HTTP_WRITING) {
			return true;
		}
	}
	return false;
}

/* Who waits for the last answer is told when none is on its way any more. */
static void on_idle(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct http_server *server = context;
	void (*idle_fn)(void *context) = server->idle_fn;

	if (idle_fn != NULL && server->n_unanswered == 0 && !is_answer_on_its_way(server)) {
		server->idle_fn = NULL;
		idle_fn(server->idle_context);
	}
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
	/* It is another socket under the same number then. */
	event_del(server->arrival);
	r = http_socket_renew(&server->socket, err);
	event_add(server->arrival, NULL);
	return r;
}

void http_server_request_answered(struct http_server *server)
{
	server->n_unanswered--;
	event_active(server->idle, 0, 0);
}

void http_server_drain(struct http_server *server, void (*idle_fn)(void *context), void *context)
{
	CHECK(server->is_stopped);
	server->idle_fn = idle_fn;
	server->idle_context = context;
	event_active(server->idle, 0, 0);
}

static void close_socket(struct http_server *server)
{
	server->is_stopped = true;
	event_del(server->arrival);
	event_del(server->accept_timer);
	/* While the socket still listens: nobody takes the path for stale before it is gone. */
	http_socket_remove_file(&server->socket);
	close(server->socket.fd);
}

/* Of those who were accepted: whose request has arrived has nobody else who would answer it. Places
 * are for those who come, and nobody comes any more. */
static void read_what_has_arrived(struct http_server *server)
{
	struct http_connection *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (connection->state == HTTP_WAITING) {
			http_connection_give_place(connection);
		}
		http_connection_read_now(connection);
	}
}

static void turn_away_the_others(struct http_server *server)
{
	struct http_connection *connection, *next;

	for (connection = TAILQ_FIRST(&server->connections); connection != NULL;
		connection = next) {
		next = TAILQ_NEXT(connection, link);
		if (connection->state == HTTP_HANDLING || connection->state == HTTP_WRITING) {
			connection->is_last = true;
		} else {
			http_connection_turn_away(connection, "the daemon is shutting down");
		}
	}
}

void http_server_stop(struct http_server *server)
{
	if (!server->is_stopped) {
		close_socket(server);
		read_what_has_arrived(server);
		turn_away_the_others(server);
	}
}

void http_server_cut(struct http_server *server)
{
	while (!TAILQ_EMPTY(&server->connections)) {
		http_connection_free(TAILQ_FIRST(&server->connections));
	}
}

void http_server_free(struct http_server *server)
{
	struct http_connection *connection;

	if (server == NULL) {
		return;
	}
	CHECK(server->n_unanswered == 0);
	if (!server->is_stopped) {
		close_socket(server); /* nothing can be handled any more */
		turn_away_the_others(server);
	}
	while ((connection = TAILQ_FIRST(&server->connections)) != NULL) {
		http_connection_flush(connection);
		http_connection_free(connection);
	}
	event_free(server->arrival);
	event_free(server->accept_timer);
	event_free(server->seating);
	event_free(server->idle);
	free(server);
}

/* ---- beginning ---- */

static void set_up_events(struct http_server *server)
{
	struct event_base *loop = server->loop;

	server->arrival =
		event_new(loop, server->socket.fd, EV_READ | EV_PERSIST, on_arrival, server);
	server->accept_timer = evtimer_new(loop, on_accept_timer, server);
	server->seating = evtimer_new(loop, on_seating, server);
	server->idle = event_new(loop, -1, 0, on_idle, server);
	CHECK(server->arrival != NULL && server->accept_timer != NULL && server->seating != NULL &&
		server->idle != NULL);
	event_add(server->arrival, NULL);
}

int http_server_new(struct event_base *loop, const struct control_opts *opts, int inherited_fd,
	http_handler_fn handler, http_claim_fn claim_fn, void *context,
	struct http_server **ret_server, struct err *err)
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
	server->limits = default_limits;
	server->max_connections = opts->max_connections;
	server->handler = handler;
	server->claim_fn = claim_fn;
	server->context = context;
	server->socket = socket;
	TAILQ_INIT(&server->connections);
	set_up_events(server);
	*ret_server = server;
	return 0;
}
