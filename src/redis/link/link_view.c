/*
 * What others may know of a link, and be told.
 */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/check.h"
#include "redis/link/link_internal.h"
#include "redis/server_info.h"

const struct link_server *link_newest_server(const struct link *link)
{
	const struct link_server *newest = link_server(link);
	const struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->server.counted_ms > newest->counted_ms) {
			newest = &connection->server;
		}
	}
	return newest;
}

const struct endpoint *link_endpoint(const struct link *link)
{
	return &link->endpoint;
}

const char *link_address(const struct link *link)
{
	return link->address;
}

const char *link_error(const struct link *link)
{
	return link->main != NULL ? "" : link->error;
}

const char *link_last_error(const struct link *link)
{
	return link_is_complete(link) ? "" : link->error;
}

int64_t link_ready_since_ms(const struct link *link)
{
	return link->main != NULL ? link->main->ready_since_ms : 0;
}

uint64_t link_n_reconnects(const struct link *link)
{
	return link->n_times_ready > 0 ? link->n_times_ready - 1 : 0;
}

const struct link_opts *link_options(const struct link *link)
{
	return &link->opts;
}

static bool is_of_old_login(const struct connection *connection)
{
	return connection->is_old_login;
}

bool link_is_of_one_account(const struct link *link)
{
	return link_count(link, is_of_old_login) == 0;
}

bool link_is_at_former_address(const struct link *link)
{
	return link->main != NULL && link->main->is_old_address;
}

bool link_leads_nowhere(const struct link *link)
{
	return link->is_retired;
}

bool link_was_ever_ready(const struct link *link)
{
	return link->n_times_ready > 0;
}

bool link_was_never_reached(const struct link *link)
{
	return !link->was_connected && link->n_failures > 0;
}

bool link_is_failing(const struct link *link)
{
	return link->n_failures > 0;
}

bool link_has_open_connection(const struct link *link)
{
	return !TAILQ_EMPTY(&link->open);
}

bool link_is_by_turns(const struct link *link)
{
	return link->main != NULL && link->main->serial == link->turns_serial &&
	       link->main->last_reply_ms > link->turns_ms;
}

void link_hear_info(struct link *link, struct slice info)
{
	if (link->main != NULL) {
		server_info_read(info, &link->main->server);
	}
}

size_t link_n_connections(const struct link *link)
{
	const struct connection *connection;
	size_t n = link->asker != NULL;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		n++;
	}
	return n;
}

/* "127.0.0.1:40000", "[::1]:40000". A Unix socket has none that tells it from others. */
static void print_address(int descriptor, char *buffer, size_t n_bytes)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	buffer[0] = '\0';
	if (getsockname(descriptor, (struct sockaddr *)&address, &length) == 0 &&
		(address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
		getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
		snprintf(buffer, n_bytes, address.ss_family == AF_INET ? "%s:%s" : "[%s]:%s", host,
			port);
	}
}

/* Not of the first process, which listens for others. */
static int find_server_pid(int descriptor)
{
	struct ucred who;
	socklen_t length = sizeof(who);

	return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && who.pid > 1
		       ? who.pid
		       : 0;
}

static struct link_connection view(const struct link *link, const struct connection *connection)
{
	struct link_connection view = {
		.server = &connection->server,
		.name = connection->name,
		.is_nameless = connection->is_nameless,
		.is_proven = connection->state == CONNECTION_READY,
		.is_late = connection->is_late,
		.serial = connection->serial,
		.is_expendable = connection == link->asker,
		.ready_since_ms = connection->ready_since_ms,
		.descriptor = connection_descriptor(connection),
	};

	print_address(view.descriptor, view.address, sizeof(view.address));
	view.server_pid = find_server_pid(view.descriptor);
	return view;
}

struct link_connection link_connection(const struct link *link, size_t index)
{
	const struct connection *connection;

	if (link->main != NULL && index-- == 0) {
		return view(link, link->main);
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && index-- == 0) {
			return view(link, connection);
		}
	}
	CHECK(index == 0 && link->asker != NULL);
	return view(link, link->asker);
}

uint64_t link_main_serial(const struct link *link)
{
	return link->main != NULL ? link->main->serial : 0;
}

uint64_t link_newest_serial(const struct link *link)
{
	return link->n_connections;
}

int link_descriptor(const struct link *link)
{
	return link->main != NULL ? view(link, link->main).descriptor : -1;
}

void link_attach(struct link *link, void *object, void (*free_fn)(void *object))
{
	CHECK(link->attachment == NULL);
	link->attachment = object;
	link->free_attachment_fn = free_fn;
}

void *link_attachment(const struct link *link)
{
	return link->attachment;
}
