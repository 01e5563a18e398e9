/*
 * Opening connections.
 */
#include "redis/dial.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "redis/link.h"
#include "redis/tls.h"

/* The kernel notices a peer that vanished without a word after about 45 s. */
#define KEEPALIVE_IDLE_S 15
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3

struct dial {
	struct event_base *loop;
	const struct endpoint *endpoint;
	const struct link_tls_opts *tls; /* NULL: none */
	SSL_CTX *tls_context;            /* with it */
	dial_done_fn done_fn;
	void *context;
	struct event *timer; /* the time for all of it */
	struct event *soon;  /* goes on from the event loop: the next address, or the bad news */
	struct evdns_getaddrinfo_request *lookup;
	struct evutil_addrinfo *addresses; /* of a name */
	struct evutil_addrinfo *next;      /* the one to try */
	struct bufferevent *attempt;
	bool is_exhausted; /* nothing is left to try; `err` says what the last one said */
	bool is_freed;     /* but for the look-up, which is told so later */
	struct err err;
};

static void try_next(struct dial *dial);

static void finish(struct dial *dial, struct bufferevent *connection, const char *words)
{
	dial->done_fn(dial->context, connection, words);
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
		event_del(dial->timer);
		bufferevent_setcb(connection, NULL, NULL, NULL, NULL);
		bufferevent_disable(connection, EV_READ | EV_WRITE);
		set_socket_options(connection, dial->endpoint);
		finish(dial, connection, NULL);
		return;
	}
	if (!tls_explain(connection, &dial->err)) {
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
	session = tls_session_new(dial->tls_context, dial->tls, dial->endpoint, &dial->err);
	if (session == NULL) {
		return NULL;
	}
	attempt = bufferevent_openssl_socket_new(
		dial->loop, -1, session, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	CHECK(attempt != NULL);
	return attempt;
}

/* bufferevent_socket_connect() calls nobody back for what fails at once. */
static void try_address(struct dial *dial, const struct sockaddr *address, int address_bytes)
{
	if (dial->attempt != NULL) {
		bufferevent_free(dial->attempt);
	}
	dial->attempt = new_attempt(dial);
	if (dial->attempt == NULL) {
		event_active(dial->soon, 0, 0);
		return;
	}
	bufferevent_setcb(dial->attempt, NULL, NULL, on_attempt, dial);
	if (FAULT(DIAL_SILENT, NULL)) {
		return;
	}
	if (bufferevent_socket_connect(dial->attempt, address, address_bytes) != 0) {
		err_set_errno(&dial->err, errno, "cannot connect");
		event_active(dial->soon, 0, 0);
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
	dial->is_exhausted = true;
	try_address(dial, (struct sockaddr *)&address, sizeof(address));
}

/* The next address of the name, or the bad news. */
static void try_next(struct dial *dial)
{
	struct evutil_addrinfo *address = dial->next;

	if (address == NULL) {
		dial->is_exhausted = true;
		event_active(dial->soon, 0, 0);
		return;
	}
	dial->next = address->ai_next;
	try_address(dial, address->ai_addr, (int)address->ai_addrlen);
}

static void on_lookup(int error, struct evutil_addrinfo *addresses, void *context)
{
	struct dial *dial = context;

	if (dial->is_freed) {
		if (addresses != NULL) {
			evutil_freeaddrinfo(addresses);
		}
		free(dial);
		return;
	}
	dial->lookup = NULL;
	if (error != 0) {
		err_set(&dial->err, "cannot find \"%s\": %s", dial->endpoint->host,
			evutil_gai_strerror(error));
		dial->is_exhausted = true;
	}
	dial->addresses = addresses;
	dial->next = addresses;
	event_active(dial->soon, 0, 0);
}

static void look_up(struct dial *dial, struct evdns_base *dns)
{
	struct evutil_addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
	};
	struct evdns_getaddrinfo_request *lookup;
	char port[8];

	snprintf(port, sizeof(port), "%u", dial->endpoint->port);
	/* May call back before it returns, and returns NULL then. */
	lookup = evdns_getaddrinfo(dns, dial->endpoint->host, port, &hints, on_lookup, dial);
	if (lookup != NULL) {
		dial->lookup = lookup;
	}
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	struct dial *dial = context;

	(void)fd;
	(void)what;
	if (dial->is_exhausted) {
		finish(dial, NULL, dial->err.text);
		return;
	}
	try_next(dial);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct dial *dial = context;

	(void)fd;
	(void)what;
	if (dial->lookup != NULL) {
		err_set(&dial->err, "cannot find \"%s\": no answer in time", dial->endpoint->host);
	} else {
		err_set(&dial->err, "cannot connect: no answer in time");
	}
	finish(dial, NULL, dial->err.text);
}

struct dial *dial_new(struct event_base *loop, struct evdns_base *dns,
	const struct endpoint *endpoint, const struct link_tls_opts *tls, int64_t timeout_ms,
	dial_done_fn done_fn, void *context)
{
	struct dial *dial = mem_new(struct dial);
	struct timeval time = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};

	dial->loop = loop;
	dial->endpoint = endpoint;
	dial->tls = tls;
	dial->done_fn = done_fn;
	dial->context = context;
	dial->timer = evtimer_new(loop, on_timer, dial);
	dial->soon = event_new(loop, -1, 0, on_soon, dial);
	CHECK(dial->timer != NULL && dial->soon != NULL);
	evtimer_add(dial->timer, &time);
	if (tls != NULL) {
		dial->tls_context = tls_context_new(tls, &dial->err);
	}
	if (tls != NULL && dial->tls_context == NULL) {
		dial->is_exhausted = true;
		event_active(dial->soon, 0, 0);
	} else if (endpoint->path != NULL) {
		try_path(dial);
	} else {
		look_up(dial, dns);
	}
	return dial;
}

void dial_free(struct dial *dial)
{
	if (dial == NULL) {
		return;
	}
	if (dial->addresses != NULL) {
		evutil_freeaddrinfo(dial->addresses);
	}
	if (dial->attempt != NULL) {
		bufferevent_free(dial->attempt);
	}
	SSL_CTX_free(dial->tls_context);
	event_free(dial->timer);
	event_free(dial->soon);
	if (dial->lookup != NULL) {
		/* Cancelled or not, it calls back, and later: the shell waits for that. */
		dial->is_freed = true;
		evdns_getaddrinfo_cancel(dial->lookup);
	} else {
		free(dial);
	}
}
