/*
 * The states of one connection: getting it, keeping it, losing it. What goes over it is in
 * link_pipeline.c.
 */
#include "redis/link_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/server_info.h"
#include "redis/tls.h"

/* Between two attempts: grows from the first to the last, each +-50 %. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 5000
/* While the server is full, or somebody waits, the link competes for every place that gets free. */
#define BACKOFF_FULL_MS 10
#define BACKOFF_WANTED_MS 2

/* Shorter than any sensible `timeout` of a server; see shorten_keepalive() for the others. */
#define KEEPALIVE_MS 2000
#define KEEPALIVE_LEAST_MS 250

static void connect_now(struct link *link);

/* ---- small things ---- */

void link_start_timer(struct event *timer, int64_t ms)
{
	struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(timer, &time);
}

/* `ms` +-50 %, so that many links do not come back in step. */
static int64_t jitter(int64_t ms)
{
	uint16_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return ms / 2 + ms * random / UINT16_MAX;
}

static bool has_tls(const struct link *link)
{
	return link->endpoint.has_tls || link->opts->tls.is_on;
}

static const char *state_name(enum link_state state)
{
	switch (state) {
	case LINK_CONNECTING:
		return "CONNECTING";
	case LINK_HANDSHAKE:
		return "HANDSHAKE";
	case LINK_READY:
		return "READY";
	case LINK_BACKOFF:
		return "BACKOFF";
	}
	return "";
}

/* The only place that changes the state. Watchers may unwatch themselves. */
static void set_state(struct link *link, enum link_state state)
{
	struct link_watcher *next;

	log_debug("%s: link %s -> %s %s", link->address, state_name(link->state), state_name(state),
		link->error);
	link->state = state;
	link->ready_since_ms = state == LINK_READY ? clock_monotonic_ms() : 0;
	if (FAULT(LINK_RESET, state_name(state))) {
		link_reset(link, "connection lost: a fault of a test");
	}
	for (struct link_watcher *watcher = link->watchers; watcher != NULL; watcher = next) {
		next = watcher->next;
		watcher->changed_fn(watcher, state);
	}
}

/* ---- losing the connection ---- */

static void drop_connection(struct link *link)
{
	if (link->connection != NULL) {
		bufferevent_free(link->connection);
		link->connection = NULL;
	}
	resp_free(link->resp);
	link->resp = NULL;
	event_del(link->deadline);
	event_del(link->keepalive);
	event_del(link->resetting);
}

static void back_off(struct link *link)
{
	int64_t ms = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < link->n_failures && ms < BACKOFF_LAST_MS; i++) {
		ms *= 2;
	}
	link->n_failures++;
	if (link->n_wanting > 0 || link->n_failures == 1) {
		/* A link that was up until now had a place a moment ago. */
		ms = BACKOFF_WANTED_MS;
	} else if (link->is_full) {
		ms = BACKOFF_FULL_MS;
	}
	link_start_timer(link->retry, jitter(MIN(ms, (int64_t)BACKOFF_LAST_MS)));
	set_state(link, LINK_BACKOFF);
}

static void set_error(struct link *link, const char *words)
{
	snprintf(link->error, sizeof(link->error), "%s", words);
	link->is_full = strstr(words, "max number of clients") != NULL;
}

/*
 * The connection is lost. The watchers are told, then those who wait for replies: they find the
 * link in its new state.
 */
void link_fail(struct link *link, const char *words)
{
	struct pending_queue lost = TAILQ_HEAD_INITIALIZER(lost);
	struct pending *pending;

	/* The server's own words during the handshake say more than "connection closed". */
	set_error(link, link->refusal[0] != '\0' ? link->refusal : words);
	link->refusal[0] = '\0';
	drop_connection(link);
	TAILQ_CONCAT(&lost, &link->pending, entry);
	back_off(link);
	while ((pending = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, pending, entry);
		pending->reply_fn(pending->context, NULL, link->error);
		free(pending);
	}
}

/*
 * A server with a short `timeout` closes connections that are idle for that long. Whoever was cut
 * off in silence comes back with a shorter period.
 */
static void shorten_keepalive(struct link *link)
{
	int64_t idle_ms = clock_monotonic_ms() - link->last_reply_ms;

	if (link->state == LINK_READY && TAILQ_EMPTY(&link->pending) &&
		idle_ms < link->keepalive_ms) {
		link->keepalive_ms = MAX(idle_ms / 2, (int64_t)KEEPALIVE_LEAST_MS);
	}
}

static void on_connection_event(struct bufferevent *connection, short what, void *context)
{
	struct link *link = context;
	int error = EVUTIL_SOCKET_ERROR();
	char words[LINK_MAX_ERROR_BYTES];
	struct err err;

	/*
	 * A server that is full says so and closes: the words may still be in the socket. The
	 * bufferevent keeps everybody else from adding to its input.
	 */
	evbuffer_unfreeze(bufferevent_get_input(connection), 0);
	while (!has_tls(link) && evbuffer_read(bufferevent_get_input(connection),
					 bufferevent_getfd(connection), -1) > 0) {
	}
	link_on_readable(connection, link);
	if (link->connection != connection) {
		return;
	}
	shorten_keepalive(link);
	if ((what & BEV_EVENT_EOF) != 0) {
		link_fail(link, "the server closed the connection");
		return;
	}
	if (tls_explain(connection, &err)) {
		link_fail(link, err.text);
		return;
	}
	snprintf(words, sizeof(words), "connection lost: %s", evutil_socket_error_to_string(error));
	link_fail(link, words);
}

static void on_resetting(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	(void)fd;
	(void)what;
	if (link->connection != NULL) {
		link_fail(link, link->reset_words);
	}
}

void link_reset(struct link *link, const char *words)
{
	snprintf(link->reset_words, sizeof(link->reset_words), "%s", words);
	event_active(link->resetting, 0, 0);
}

/* ---- getting it ---- */

static void start_handshake(struct link *link)
{
	link->refusal[0] = '\0';
	set_state(link, LINK_HANDSHAKE);
	handshake_start(link);
}

static void on_dialed(void *context, struct bufferevent *connection, const char *words)
{
	struct link *link = context;

	if (connection == NULL) {
		/* Now, for the words may be the dial's own. */
		set_error(link, words);
	}
	dial_free(link->dial);
	link->dial = NULL;
	if (connection == NULL) {
		back_off(link);
		return;
	}
	link->connection = connection;
	link->resp = resp_new();
	link->last_reply_ms = clock_monotonic_ms();
	bufferevent_setcb(connection, link_on_readable, NULL, on_connection_event, link);
	bufferevent_enable(connection, FAULT(LINK_SILENT, NULL) ? EV_WRITE : EV_READ | EV_WRITE);
	if (FAULT(LINK_TRICKLE, NULL)) {
		bufferevent_set_max_single_read(connection, 1);
		bufferevent_set_max_single_write(connection, 1);
	}
	start_handshake(link);
}

static void connect_now(struct link *link)
{
	set_state(link, LINK_CONNECTING);
	link->dial = dial_new(link->loop, link->dns, &link->endpoint,
		has_tls(link) ? &link->opts->tls : NULL, link->opts->connect_timeout_ms, on_dialed,
		link);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	(void)fd;
	(void)what;
	if (link->connection != NULL) {
		start_handshake(link);
	} else {
		connect_now(link);
	}
}

void link_handshake_done(struct link *link)
{
	link->error[0] = '\0';
	link->is_full = false;
	link->is_unresponsive = false;
	link->n_failures = 0;
	link->n_times_ready++;
	link_start_timer(link->keepalive, link->keepalive_ms);
	set_state(link, LINK_READY);
}

void link_handshake_refused(struct link *link, const char *words)
{
	set_error(link, words);
	back_off(link);
}

/* ---- keeping it ---- */

static void on_keepalive_reply(void *context, const struct reply *reply, const char *lost)
{
	struct link *link = context;

	(void)lost;
	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &link->server);
	}
}

/*
 * INFO is answered in every state of a server but a busy script (PING is refused while loading, by
 * stale replicas and after disk errors), and any answer shows that the connection lives.
 */
static void on_keepalive(evutil_socket_t fd, short what, void *context)
{
	static const struct slice argv[] = {{"INFO", 4}};
	struct link *link = context;
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = on_keepalive_reply,
		.context = link,
	};

	(void)fd;
	(void)what;
	if (TAILQ_EMPTY(&link->pending)) {
		link_enqueue(link, &command, false);
	}
	link_start_timer(link->keepalive, link->keepalive_ms);
}

/* ---- life ---- */

struct link *link_new(struct event_base *loop, struct evdns_base *dns,
	const struct endpoint *endpoint, const struct link_opts *opts)
{
	struct link *link = mem_new(struct link);

	link->n_refs = 1;
	link->loop = loop;
	link->dns = dns;
	endpoint_copy(&link->endpoint, endpoint);
	link->opts = opts;
	link->address = endpoint_print(endpoint);
	link->state = LINK_BACKOFF;
	link->keepalive_ms = KEEPALIVE_MS;
	TAILQ_INIT(&link->pending);
	link->deadline = evtimer_new(loop, link_on_deadline, link);
	link->retry = evtimer_new(loop, on_retry, link);
	link->keepalive = evtimer_new(loop, on_keepalive, link);
	link->resetting = event_new(loop, -1, 0, on_resetting, link);
	CHECK(link->deadline != NULL && link->retry != NULL && link->keepalive != NULL &&
		link->resetting != NULL);
	return link;
}

struct link *link_ref(struct link *link)
{
	link->n_refs++;
	return link;
}

void link_unref(struct link *link)
{
	struct pending *pending;

	if (link == NULL || --link->n_refs > 0) {
		return;
	}
	CHECK(link->watchers == NULL);
	dial_free(link->dial);
	drop_connection(link);
	while ((pending = TAILQ_FIRST(&link->pending)) != NULL) {
		TAILQ_REMOVE(&link->pending, pending, entry);
		free(pending);
	}
	event_free(link->deadline);
	event_free(link->retry);
	event_free(link->keepalive);
	event_free(link->resetting);
	endpoint_finish(&link->endpoint);
	free(link->address);
	free(link);
}

void link_start(struct link *link)
{
	snprintf(link->error, sizeof(link->error), "not connected yet");
	link_start_timer(link->retry, 0);
}

void link_want(struct link *link)
{
	link->n_wanting++;
	if (link->state == LINK_BACKOFF) {
		link_start_timer(link->retry, jitter(BACKOFF_WANTED_MS));
	}
}

void link_unwant(struct link *link)
{
	CHECK(link->n_wanting > 0);
	link->n_wanting--;
}

static void ignore_reply(void *context, const struct reply *reply, const char *lost)
{
	(void)context;
	(void)reply;
	(void)lost;
}

void link_break_busy(struct link *link)
{
	static const char *const kinds[] = {"SCRIPT", "FUNCTION"};

	if (link->state != LINK_BACKOFF || link->connection == NULL ||
		!slice_has_prefix(slice_of(link->error), "BUSY")) {
		return;
	}
	/* Which of the two runs is not known; the other one is refused. */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct slice argv[] = {slice_of(kinds[i]), SLICE_LITERAL("KILL")};
		struct link_command command = {
			.argv = argv,
			.argc = ARRAY_SIZE(argv),
			.reply_fn = ignore_reply,
		};

		link_enqueue(link, &command, false);
	}
}

void link_watch(struct link *link, struct link_watcher *watcher)
{
	watcher->next = link->watchers;
	link->watchers = watcher;
}

void link_unwatch(struct link *link, struct link_watcher *watcher)
{
	for (struct link_watcher **at = &link->watchers; *at != NULL; at = &(*at)->next) {
		if (*at == watcher) {
			*at = watcher->next;
			return;
		}
	}
}
