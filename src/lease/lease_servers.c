/*
 * At which addresses of an instance's servers, on this host, somebody may come in.
 */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "host/socket_ends.h"
#include "host/sockets.h"
#include "lease/look.h"

/* ---- addresses of this host ---- */

void local_addresses_find(struct local_addresses *local)
{
	struct ifaddrs *list = NULL;
	size_t capacity = 0;

	*local = (struct local_addresses){0};
	if (getifaddrs(&list) != 0) {
		return;
	}
	for (const struct ifaddrs *item = list; item != NULL; item = item->ifa_next) {
		const struct sockaddr *at = item->ifa_addr;
		struct ends_address *address;

		if (at == NULL || (at->sa_family != AF_INET && at->sa_family != AF_INET6)) {
			continue;
		}
		address = mem_append(&local->items, &local->n, &capacity, sizeof(*address));
		*address = at->sa_family == AF_INET
				   ? ends_address_make(
					     false, &((const struct sockaddr_in *)at)->sin_addr, 0)
				   : ends_address_make(true,
					     &((const struct sockaddr_in6 *)at)->sin6_addr, 0);
	}
	freeifaddrs(list);
}

void local_addresses_finish(struct local_addresses *local)
{
	free(local->items);
	*local = (struct local_addresses){0};
}

/* ---- those of servers ---- */

static bool has_address(const struct lease_servers *servers, const struct ends_address *address)
{
	for (size_t i = 0; i < servers->n; i++) {
		if (ends_address_is_equal(&servers->items[i], address)) {
			return true;
		}
	}
	return false;
}

void lease_servers_add(struct lease_servers *servers, const struct ends_address *address)
{
	if (has_address(servers, address)) {
		return;
	}
	if (servers->n == LEASE_MAX_SERVERS) {
		servers->is_too_many = true;
	} else {
		servers->items[servers->n++] = *address;
	}
}

static bool has_port(const struct lease_servers *servers, uint16_t port)
{
	for (size_t i = 0; i < servers->n; i++) {
		if (servers->items[i].port == port) {
			return true;
		}
	}
	return false;
}

/*
 * Who listens at all addresses shares the port with nobody. Of who listens at one of them no more
 * is known than whose he is: another server of that user may have the port at another address.
 */
static void add_listener(struct lease_servers *servers, const struct local_addresses *local,
	const struct sockets_listener *listener)
{
	if (!has_port(servers, listener->at.port)) {
		return;
	}
	if (!listener->is_any && !has_address(servers, &listener->at)) {
		servers->doubt = ends_address_print(&listener->at);
	}
	for (size_t i = 0; i < local->n && listener->is_any; i++) {
		struct ends_address at = local->items[i];

		at.port = listener->at.port;
		if (at.is_ipv6 == listener->at.is_ipv6) {
			lease_servers_add(servers, &at);
		}
	}
}

bool lease_server_of(const struct link *link, struct ends_address *ret_server)
{
	int fd = link_descriptor(link);
	struct ends ends;

	if (fd < 0 || !socket_ends_read(fd, &ends) || ends.is_unix) {
		return false;
	}
	*ret_server = ends.server;
	return true;
}

void lease_servers_add_link(struct lease_servers *servers, const struct link *link)
{
	struct ends_address server;

	if (lease_server_of(link, &server)) {
		lease_servers_add(servers, &server);
	}
}

void lease_servers_add_listeners(
	struct lease_servers *servers, const struct local_addresses *local, const struct link *link)
{
	struct sockets sockets = {0};
	int fd = link_descriptor(link);

	if (fd < 0 || !sockets_begin(&sockets, fd, link_server(link)->process_id, NULL, 0)) {
		return;
	}
	sockets_read_listeners(&sockets);
	for (size_t i = 0; i < sockets.n_listeners; i++) {
		add_listener(servers, local, &sockets.listeners[i]);
	}
	sockets_finish(&sockets);
}

bool lease_is_here(const struct link *link)
{
	return sockets_find_place(link_descriptor(link), link_server(link)->process_id) ==
	       SOCKETS_HERE;
}

bool lease_is_member(const struct instance *instance, const struct link *link)
{
	char ignored[8];

	return instance_is_node_ready(instance, link, ignored, sizeof(ignored));
}
