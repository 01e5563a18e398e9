/*
 * One connection: getting it, keeping it, losing it. What goes over it is in pipeline.c, how it
 * gets in in handshake.c, what its states are in connection_state.c.
 */
#include "redis/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "model/protection.h"
#include "redis/handshake.h"
#include "redis/server_info.h"
#include "redis/timer.h"
#include "redis/tls.h"

/* See shorten_keepalive(). */
#define KEEPALIVE_LEAST_MS 250

/* Every so many keep-alives it is proven again that a kill would work. */
#define KEEPALIVES_PER_PROOF 5

static void choose_name(struct connection *connection)
{
	uint64_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	snprintf(connection->name, sizeof(connection->name), PROTECTION_OWN_PREFIX "%016llx",
		(unsigned long long)random);
}

/* ---- losing it ---- */

/*
 * A server with a short `timeout` closes connections that are idle for that long. Whoever was cut
 * off in silence comes back with a shorter period.
 */
static void shorten_keepalive(struct connection *connection)
{
	int64_t idle_ms = clock_monotonic_ms() - connection->last_reply_ms;

	if (connection->state == CONNECTION_READY && TAILQ_EMPTY(&connection->calls) &&
		idle_ms < connection->in.keepalive_ms) {
		connection->in.keepalive_ms = MAX(idle_ms / 2, (int64_t)KEEPALIVE_LEAST_MS);
	}
}

static void lose(struct connection *connection, short what, int error)
{
	char words[CONNECTION_MAX_WORDS];
	struct err err;

	shorten_keepalive(connection);
	if ((what & BEV_EVENT_EOF) != 0) {
		connection_close(connection, LINK_TROUBLE_LOST, "the server closed the connection");
	} else if (tls_explain(connection->socket, &err)) {
		/* In TLS 1.3 a refused certificate is told only after the handshake. */
		connection_close(connection,
			connection->was_proven ? LINK_TROUBLE_LOST : LINK_TROUBLE_FINAL, err.text);
	} else {
		snprintf(words, sizeof(words), "connection lost: %s",
			evutil_socket_error_to_string(error));
		connection_close(connection, LINK_TROUBLE_LOST, words);
	}
}

static void on_socket_event(struct bufferevent *socket, short what, void *context)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;
	int error = EVUTIL_SOCKET_ERROR();

	guard_enter(guard);
	pipeline_drain(connection);
	if (connection->socket == socket) {
		lose(connection, what, error);
	}
	guard_leave(guard);
}

/* ---- getting it ---- */

static void on_dialed(
	void *context, struct bufferevent *socket, enum link_trouble trouble, const char *words)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;

	guard_enter(guard);
	if (socket == NULL) {
		connection_close(connection, trouble, words);
		guard_leave(guard);
		return;
	}
	dial_free(connection->dial);
	connection->dial = NULL;
	connection->socket = socket;
	connection->resp = resp_new();
	connection->last_reply_ms = clock_monotonic_ms();
	connection_set_priority(connection);
	bufferevent_setcb(socket, pipeline_on_readable, NULL, on_socket_event, connection);
	bufferevent_enable(socket, FAULT(LINK_SILENT, NULL) ? EV_WRITE : EV_READ | EV_WRITE);
	if (FAULT(LINK_TRICKLE, NULL)) {
		bufferevent_set_max_single_read(socket, 1);
		bufferevent_set_max_single_write(socket, 1);
	}
	connection_log_in(connection);
	guard_leave(guard);
}

void connection_log_in(struct connection *connection)
{
	CHECK(connection->socket != NULL);
	connection->refusal[0] = '\0';
	connection_set_state(connection, CONNECTION_HANDSHAKE);
	if (connection->state == CONNECTION_HANDSHAKE) {
		handshake_start(connection);
	}
}

/* ---- keeping it ---- */

static void on_keepalive_reply(void *context, const struct reply *reply, const char *lost)
{
	struct connection *connection = context;

	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &connection->server);
		connection->in.changed_fn(connection, connection->in.context);
	}
}

void connection_probe(struct connection *connection)
{
	static const struct slice argv[] = {{"INFO", 4}};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = on_keepalive_reply,
		.context = connection,
	};

	connection_call(connection, &command);
}

/* In forms that can list and kill nobody. What comes of it is seen like with any other call. */
static void prove_again(struct connection *connection)
{
	struct slice client = slice_of(connection->in.opts->client_command);
	struct slice list[] = {client, SLICE_LITERAL("LIST"), SLICE_LITERAL("ID"),
		SLICE_LITERAL(CONNECTION_NOBODY)};
	struct slice kill[] = {client, SLICE_LITERAL("KILL"), SLICE_LITERAL("ID"),
		SLICE_LITERAL(CONNECTION_NOBODY)};
	struct link_command command = {
		.argv = list,
		.argc = ARRAY_SIZE(list),
	};

	if (connection->in.opts->is_for_questions) {
		return;
	}
	connection_call(connection, &command);
	command.argv = kill;
	connection_call(connection, &command);
}

/*
 * INFO is answered in every state of a server but a busy script (PING is refused while loading, by
 * stale replicas and after disk errors), and any answer shows that the connection lives. One that
 * is aside, or has calls in flight, needs none.
 */
static void on_keepalive(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	struct guard *guard = connection->in.guard;

	guard_enter(guard);
	timer_start(connection->keepalive, connection->in.keepalive_ms);
	if (TAILQ_EMPTY(&connection->calls) && !connection->is_aside) {
		connection_probe(connection);
		if (++connection->n_keepalives % KEEPALIVES_PER_PROOF == 0) {
			prove_again(connection);
		}
	}
	guard_leave(guard);
}

/* ---- life ---- */

struct connection *connection_new(const struct connection_inputs *inputs)
{
	struct connection *connection = mem_new(struct connection);

	connection->in = *inputs;
	endpoint_copy(&connection->endpoint, inputs->endpoint);
	TAILQ_INIT(&connection->calls);
	choose_name(connection);
	connection->server = (struct link_server){LINK_SERVER_UNKNOWN};
	connection->started_ms = clock_monotonic_ms();
	connection->deadline = evtimer_new(inputs->loop, pipeline_on_deadline, connection);
	connection->keepalive = evtimer_new(inputs->loop, on_keepalive, connection);
	CHECK(connection->deadline != NULL && connection->keepalive != NULL);
	connection->dial = dial_new(inputs->loop, inputs->resolver, &connection->endpoint,
		inputs->tls, inputs->opts->connect_timeout_ms, on_dialed, connection);
	return connection;
}

void connection_free(struct connection *connection)
{
	CHECK(connection->state == CONNECTION_CLOSED && TAILQ_EMPTY(&connection->calls));
	resp_free(connection->resp);
	event_free(connection->deadline);
	event_free(connection->keepalive);
	endpoint_finish(&connection->endpoint);
	free(connection);
}
