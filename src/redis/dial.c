/*
 * Opening connections.
 */
#include "redis/dial.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "host/firewall.h"
#include "redis/resolver.h"
#include "redis/timer.h"
#include "redis/tls.h"

/*
 * The kernel notices a peer that vanished without a word: after 10 + 3 * 5 s when nothing is under
 * way, and when what was sent is not acknowledged for as long. Both are under 30 s.
 */
#define KEEPALIVE_IDLE_S 10
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 3
#define UNACKNOWLEDGED_MS (25 * 1000)

/* A name has as many addresses as its name server likes; what is behind these is not tried. */
#define MAX_ADDRESSES 32

union peer {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct dial {
	struct event_base *loop;
	const struct endpoint *endpoint;
	struct tls_context *tls; /* NULL: none */
	int64_t timeout_ms;
	dial_done_fn done_fn;
	void *context;
	int64_t deadline_ms; /* of all attempts together */
	struct event *timer; /* the time of one; made active to go on from the event loop */
	struct lookup *lookup;
	union peer *addresses; /* of a name */
	size_t n_addresses;
	size_t n_tried;
	struct bufferevent *attempt;
	struct err err;  /* what the last attempt said */
	bool is_refused; /* and it was TLS that said so */
};

static void try_next(struct dial *dial);

static void finish(struct dial *dial, struct bufferevent *connection, const char *words)
{
	event_del(dial->timer);
	dial->done_fn(dial->context, connection,
		connection != NULL ? LINK_TROUBLE_NONE
		: dial->is_refused ? LINK_TROUBLE_FINAL
				   : LINK_TROUBLE_PASSING,
		words);
}

static void set_socket_options(struct bufferevent *connection, const struct endpoint *endpoint)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS},
	};

	for (size_t i = 0; endpoint->path == NULL && i < ARRAY_SIZE(options); i++) {
		setsockopt(bufferevent_getfd(connection), options[i].level, options[i].name,
			&options[i].value, sizeof(options[i].value));
	}
}

static void on_attempt(struct bufferevent *connection, short what, void *context)
{
	struct dial *dial = context;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		dial->attempt = NULL;
		bufferevent_setcb(connection, NULL, NULL, NULL, NULL);
		bufferevent_disable(connection, EV_READ | EV_WRITE);
		set_socket_options(connection, dial->endpoint);
		finish(dial, connection, NULL);
		return;
	}
	dial->is_refused = tls_explain(connection, &dial->err);
	if (!dial->is_refused) {
		err_set(&dial->err, "cannot connect: %s",
			(what & BEV_EVENT_EOF) != 0
				? "the server closed the connection"
				: evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	}
	try_next(dial);
}

static struct bufferevent *new_attempt(struct dial *dial)
{
	struct bufferevent *attempt;
	SSL *session;

	if (dial->tls == NULL) {
		attempt = bufferevent_socket_new(dial->loop, -1, BEV_OPT_CLOSE_ON_FREE);
		CHECK(attempt != NULL);
		return attempt;
	}
	session = tls_session_new(dial->tls, dial->endpoint, &dial->err);
	if (session == NULL) {
		return NULL;
	}
	attempt = bufferevent_openssl_socket_new(
		dial->loop, -1, session, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	CHECK(attempt != NULL);
	return attempt;
}

/* What is left of the time, in equal parts for what is left to try. */
static void start_timer(struct dial *dial, size_t n_left)
{
	int64_t ms = MAX(dial->deadline_ms - clock_monotonic_ms(), 0) / (int64_t)n_left;

	timer_start(dial->timer, ms);
}

/*
 * Whoever is kept out, this process is not: its first packet bears the mark already, if it may.
 * Else libevent makes the socket.
 */
static void mark_attempt(struct bufferevent *attempt, int family)
{
	static const int mark = FIREWALL_MARK;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0) {
		bufferevent_setfd(attempt, fd);
	} else if (fd >= 0) {
		evutil_closesocket(fd);
	}
}

/* bufferevent_socket_connect() calls nobody back for what fails at once. */
static void try_address(struct dial *dial, const struct sockaddr *address, size_t address_bytes)
{
	if (dial->attempt != NULL) {
		bufferevent_free(dial->attempt);
	}
	dial->attempt = new_attempt(dial);
	if (dial->attempt == NULL) {
		event_active(dial->timer, 0, 0);
		return;
	}
	bufferevent_setcb(dial->attempt, NULL, NULL, on_attempt, dial);
	if (address->sa_family != AF_UNIX) {
		mark_attempt(dial->attempt, address->sa_family);
	}
	if (FAULT(DIAL_SILENT, NULL)) {
		return;
	}
	if (bufferevent_socket_connect(dial->attempt, address, (int)address_bytes) != 0) {
		err_set_errno(&dial->err, errno, "cannot connect");
		event_active(dial->timer, 0, 0);
	} else if (FAULT(DIAL_RESET, NULL)) {
		shutdown(bufferevent_getfd(dial->attempt), SHUT_RDWR);
	}
}

static void try_path(struct dial *dial)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(dial->endpoint->path);

	CHECK(len < sizeof(address.sun_path));
	memcpy(address.sun_path, dial->endpoint->path, len + 1);
	dial->deadline_ms = clock_monotonic_ms() + dial->timeout_ms;
	start_timer(dial, 1);
	try_address(dial, (struct sockaddr *)&address, sizeof(address));
}

/* The next address of the name, or the bad news. From the event loop. */
static void try_next(struct dial *dial)
{
	const union peer *address;

	if (dial->n_tried == dial->n_addresses) {
		finish(dial, NULL, dial->err.text);
		return;
	}
	start_timer(dial, dial->n_addresses - dial->n_tried);
	address = &dial->addresses[dial->n_tried++];
	try_address(dial, &address->any,
		address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6));
}

static void take_addresses(struct dial *dial, const struct addrinfo *list)
{
	dial->addresses = mem_alloc_array(MAX_ADDRESSES, sizeof(union peer));
	for (; list != NULL && dial->n_addresses < MAX_ADDRESSES; list = list->ai_next) {
		if (list->ai_family == AF_INET || list->ai_family == AF_INET6) {
			CHECK(list->ai_addrlen <= sizeof(union peer));
			memcpy(&dial->addresses[dial->n_addresses++], list->ai_addr,
				list->ai_addrlen);
		}
	}
}

static void on_lookup(void *context, const struct addrinfo *addresses, const char *words)
{
	struct dial *dial = context;

	dial->lookup = NULL;
	if (addresses == NULL) {
		finish(dial, NULL, words);
		return;
	}
	take_addresses(dial, addresses);
	dial->deadline_ms = clock_monotonic_ms() + dial->timeout_ms;
	try_next(dial);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct dial *dial = context;

	if ((what & EV_TIMEOUT) != 0) {
		dial->is_refused = false;
		err_set(&dial->err, "cannot connect: no answer in time");
	}
	try_next(dial);
}

struct dial *dial_new(struct event_base *loop, struct resolver *resolver,
	const struct endpoint *endpoint, struct tls_context *tls, int64_t timeout_ms,
	dial_done_fn done_fn, void *context)
{
	struct dial *dial = mem_new(struct dial);

	dial->loop = loop;
	dial->endpoint = endpoint;
	dial->tls = tls;
	dial->timeout_ms = timeout_ms;
	dial->done_fn = done_fn;
	dial->context = context;
	dial->timer = evtimer_new(loop, on_timer, dial);
	CHECK(dial->timer != NULL);
	if (tls != NULL && tls_context_get(tls, &dial->err) == NULL) {
		dial->is_refused = true;
		event_active(dial->timer, 0, 0);
	} else if (endpoint->path != NULL) {
		try_path(dial);
	} else {
		dial->lookup = resolver_look_up(resolver,
			endpoint->ip != NULL ? endpoint->ip : endpoint->host, endpoint->port,
			on_lookup, dial);
	}
	return dial;
}

int dial_descriptor(const struct dial *dial)
{
	return dial->attempt != NULL ? (int)bufferevent_getfd(dial->attempt) : -1;
}

void dial_free(struct dial *dial)
{
	if (dial == NULL) {
		return;
	}
	lookup_cancel(dial->lookup);
	if (dial->attempt != NULL) {
		bufferevent_free(dial->attempt);
	}
	event_free(dial->timer);
	free(dial->addresses);
	free(dial);
}
