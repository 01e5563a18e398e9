/*
 * The configured servers, and the names among their addresses: a name stands for all its addresses,
 * each of which may be a server of its own. It is looked up again now and then, and when somebody
 * wants to know. An address that it no longer has is not dialled any more; the server there is a
 * node for as long as the connection to it stays open.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/mem.h"
#include "redis/resolver.h"
#include "redis/topology/topology_internal.h"

/* A name that has more stands for no group that one daemon looks after. */
#define MAX_ADDRESSES 256

static bool is_name(const struct endpoint *endpoint)
{
	struct in6_addr ignored;

	return endpoint->path == NULL && inet_pton(AF_INET, endpoint->host, &ignored) != 1 &&
	       inet_pton(AF_INET6, endpoint->host, &ignored) != 1;
}

bool topology_is_looking_up(const struct node *node)
{
	return node->name != NULL && !node->name->is_known;
}

/* ---- the addresses of a name ---- */

static size_t count_nodes(const struct name *name)
{
	const struct topology *topology = name->topology;
	size_t n = 0;

	for (size_t i = 0; i < topology->nodes.n; i++) {
		n += topology->nodes.items[i]->name == name;
	}
	return n;
}

/* The one with that address, or that has none yet. */
static struct node *find_node(const struct name *name, const char *ip)
{
	const struct topology *topology = name->topology;

	for (size_t i = 0; i < topology->nodes.n; i++) {
		struct node *node = topology->nodes.items[i];

		if (node->name == name && (link_endpoint(node->link)->ip == NULL ||
						  strcmp(link_endpoint(node->link)->ip, ip) == 0)) {
			return node;
		}
	}
	return NULL;
}

/* What each is called follows from how many there are. */
static void set_address(struct node *node, const char *ip, bool is_one_of_many)
{
	struct endpoint endpoint = node->name->endpoint;

	endpoint.ip = (char *)ip;
	endpoint.is_one_of_many = is_one_of_many;
	topology_move_node(node, &endpoint);
}

static void rename_nodes(struct name *name)
{
	struct topology *topology = name->topology;
	bool is_one_of_many = count_nodes(name) > 1;

	for (size_t i = 0; i < topology->nodes.n; i++) {
		struct node *node = topology->nodes.items[i];
		const struct endpoint *endpoint = link_endpoint(node->link);

		if (node->name == name && endpoint->ip != NULL &&
			endpoint->is_one_of_many != is_one_of_many) {
			CLEANUP(mem_free_p) char *ip = slice_copy(slice_of(endpoint->ip));

			set_address(node, ip, is_one_of_many);
		}
	}
}

static void take_address(struct name *name, const char *ip)
{
	struct topology *topology = name->topology;
	struct node *node = find_node(name, ip);

	if (node == NULL) {
		node = topology_open_node(topology, &name->endpoint);
		node->name = name;
	}
	if (link_endpoint(node->link)->ip == NULL) {
		set_address(node, ip, count_nodes(name) > 1);
		link_start(node->link);
	}
	node->is_former = false;
	link_freeze(node->link, false);
}

static bool is_present(struct node *node, void *name)
{
	return node->name != name || !node->is_former || link_has_open_connection(node->link);
}

static bool has_ip(char (*ips)[INET6_ADDRSTRLEN], size_t n, const char *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(ips[i], ip) == 0) {
			return true;
		}
	}
	return false;
}

static size_t print_addresses(
	const struct addrinfo *list, char (*ret_ips)[INET6_ADDRSTRLEN], size_t n_most)
{
	size_t n = 0;

	for (; list != NULL && n < n_most; list = list->ai_next) {
		char *ip = ret_ips[n];
		const void *bytes =
			list->ai_family == AF_INET
				? (const void *)&((const struct sockaddr_in *)list->ai_addr)
					  ->sin_addr
				: (const void *)&((const struct sockaddr_in6 *)list->ai_addr)
					  ->sin6_addr;

		if ((list->ai_family == AF_INET || list->ai_family == AF_INET6) &&
			inet_ntop(list->ai_family, bytes, ip, INET6_ADDRSTRLEN) != NULL &&
			!has_ip(ret_ips, n, ip)) {
			n++;
		}
	}
	return n;
}

static void take_addresses(struct name *name, const struct addrinfo *list)
{
	struct topology *topology = name->topology;
	char ips[MAX_ADDRESSES][INET6_ADDRSTRLEN];
	size_t n = print_addresses(list, ips, MAX_ADDRESSES);

	for (size_t i = 0; i < n; i++) {
		take_address(name, ips[i]);
	}
	for (size_t i = 0; n > 0 && i < topology->nodes.n; i++) {
		struct node *node = topology->nodes.items[i];

		if (node->name == name && !has_ip(ips, n, link_endpoint(node->link)->ip)) {
			node->is_former = true;
			link_freeze(node->link, true);
		}
	}
	topology_keep_nodes(topology, is_present, name);
	rename_nodes(name);
}

/* ---- looking up ---- */

/* Of a name that was never known the link looks itself, and says why it cannot. */
static void start_unknown(struct name *name)
{
	struct topology *topology = name->topology;

	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (topology->nodes.items[i]->name == name) {
			link_start(topology->nodes.items[i]->link);
		}
	}
}

static void on_lookup(void *context, const struct addrinfo *addresses, const char *words)
{
	struct name *name = context;
	struct topology *topology = name->topology;

	name->lookup = NULL;
	topology->n_unanswered--;
	if (addresses != NULL) {
		take_addresses(name, addresses);
	} else {
		snprintf(topology->round_error, sizeof(topology->round_error), "%s: %s",
			name->endpoint.host, words);
		start_unknown(name);
	}
	name->is_known = true;
	if (topology->n_unanswered == 0) {
		topology_fail_round(topology);
		topology_end_round(topology, true);
	}
}

void topology_look_up(struct topology *topology)
{
	if (topology->n_unanswered == 0) {
		topology->asked_ms = clock_monotonic_ms();
		topology->round_error[0] = '\0';
	}
	for (size_t i = 0; i < topology->n_names; i++) {
		struct name *name = &topology->names[i];

		if (name->lookup == NULL) {
			resolver_forget(topology->world.resolver, name->endpoint.host);
			topology->n_unanswered++;
			name->lookup = resolver_look_up(topology->world.resolver,
				name->endpoint.host, name->endpoint.port, on_lookup, name);
		}
	}
}

/* ---- the configured servers ---- */

static struct name *find_name(
	const struct name *names, size_t n_names, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < n_names; i++) {
		if (endpoint_is_equal(&names[i].endpoint, endpoint)) {
			return (struct name *)&names[i];
		}
	}
	return NULL;
}

static struct name *make_names(struct topology *topology, size_t *ret_n)
{
	const struct topology_opts *opts = &topology->opts;
	struct name *names = mem_alloc_array(opts->n_endpoints, sizeof(struct name));

	*ret_n = 0;
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		if (is_name(&opts->endpoints[i])) {
			struct name *name = &names[(*ret_n)++];

			name->topology = topology;
			endpoint_copy(&name->endpoint, &opts->endpoints[i]);
		}
	}
	return names;
}

static void finish_names(struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		lookup_cancel(names[i].lookup);
		endpoint_finish(&names[i].endpoint);
	}
	free(names);
}

void topology_open_configured(struct topology *topology)
{
	const struct topology_opts *opts = &topology->opts;

	topology->names = make_names(topology, &topology->n_names);
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		struct node *node = topology_open_node(topology, &opts->endpoints[i]);

		node->name = find_name(topology->names, topology->n_names, &opts->endpoints[i]);
	}
}

void topology_change_names(struct topology *topology)
{
	struct name *before = topology->names;
	size_t n_before = topology->n_names;

	topology->names = make_names(topology, &topology->n_names);
	for (size_t i = 0; i < topology->nodes.n; i++) {
		struct node *node = topology->nodes.items[i];
		struct endpoint endpoint = *link_endpoint(node->link);

		endpoint.ip = NULL;
		node->name = find_name(topology->names, topology->n_names, &endpoint);
		if (node->name != NULL) {
			node->name->is_known = true;
		}
	}
	finish_names(before, n_before);
	topology->n_unanswered = 0;
}

void topology_close_names(struct topology *topology)
{
	finish_names(topology->names, topology->n_names);
	topology->names = NULL;
	topology->n_names = 0;
}

/* ---- what they are to others ---- */

/* The last connection to a former address has gone: so does the node, from the event loop. */
void topology_note_name(struct node *node)
{
	if (node->is_former && !link_has_open_connection(node->link)) {
		event_active(node->topology->timer, 0, 0);
	}
}

bool topology_is_former(const struct topology *topology, const struct link *link)
{
	const struct node *node = topology_find_node(topology, link);

	return node != NULL && node->is_former;
}

bool topology_is_unused(const struct topology *topology, const struct link *link)
{
	const struct node *node = topology_find_node(topology, link);

	if (node == NULL || node->name == NULL || !link_was_never_reached(link)) {
		return false;
	}
	for (size_t i = 0; i < topology->nodes.n; i++) {
		const struct node *other = topology->nodes.items[i];

		if (other->name == node->name && !other->is_former &&
			link_was_ever_ready(other->link)) {
			return true;
		}
	}
	return false;
}

bool topology_is_called(
	const struct topology *topology, const struct link *link, struct slice address)
{
	const struct node *node = topology_find_node(topology, link);
	CLEANUP(mem_free_p)
	char *name =
		node != NULL && node->name != NULL ? endpoint_print(&node->name->endpoint) : NULL;

	return slice_is(address, link_address(link)) || (name != NULL && slice_is(address, name));
}
