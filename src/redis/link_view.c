/*
 * What others may know of a link.
 */
#include "redis/link_internal.h"

#include <event2/bufferevent.h>
#include <stdio.h>

const char *link_permission_name(enum link_permission permission)
{
	static const char *const names[] = {
#define PERMISSION(suffix, name, is_needed) (name),
		LINK_PERMISSIONS(PERMISSION)
#undef PERMISSION
	};

	return names[permission];
}

bool link_permission_is_needed(enum link_permission permission)
{
	static const bool needed[] = {
#define PERMISSION(suffix, name, is_needed) (is_needed),
		LINK_PERMISSIONS(PERMISSION)
#undef PERMISSION
	};

	return needed[permission];
}

enum link_state link_state(const struct link *link)
{
	return link->state;
}

const struct link_server *link_server(const struct link *link)
{
	return &link->server;
}

const struct endpoint *link_endpoint(const struct link *link)
{
	return &link->endpoint;
}

const char *link_user(const struct link *link)
{
	return link->opts->username != NULL ? link->opts->username : "default";
}

void link_print_missing(
	const struct link *link, const char *permission, char *buffer, size_t n_bytes)
{
	const char *user = link_user(link);

	snprintf(buffer, n_bytes, "user \"%s\" may not run %s; grant it with: ACL SETUSER %s +%s",
		user, permission, user, permission);
}

const char *link_address(const struct link *link)
{
	return link->address;
}

bool link_is_unresponsive(const struct link *link)
{
	return link->is_unresponsive;
}

const char *link_error(const struct link *link)
{
	return link->error;
}

int64_t link_ready_since_ms(const struct link *link)
{
	return link->ready_since_ms;
}

uint64_t link_n_reconnects(const struct link *link)
{
	return link->n_times_ready > 0 ? link->n_times_ready - 1 : 0;
}

bool link_is_connected(const struct link *link)
{
	return link->connection != NULL;
}

int link_descriptor(const struct link *link)
{
	return link->connection != NULL ? (int)bufferevent_getfd(link->connection) : -1;
}

const struct link_server *link_learned(const struct link *link)
{
	return &link->learned;
}

const struct link_opts *link_options(const struct link *link)
{
	return link->opts;
}
