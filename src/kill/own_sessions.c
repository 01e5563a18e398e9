/*
 * The daemon's own connections, as a server may list them.
 */
#include "kill/own_sessions.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/server_info.h"

/* Each stands there once: instances may share links. */
static void add_own(struct own_sessions *own, struct protection_own one)
{
	for (size_t i = 0; i < own->n; i++) {
		if (own->items[i].id == one.id && strcmp(own->items[i].mark, one.mark) == 0) {
			return;
		}
	}
	own->items =
		mem_grow_array(own->items, own->n, &own->capacity, sizeof(struct protection_own));
	own->items[own->n++] = one;
}

/*
 * Was its id told by the server that lists? Of those that bear no mark, by Unix sockets without a
 * name, the kernel knows who is at the other end, which a run_id only says.
 */
static bool is_told_here(
	const struct link *link, const struct link *other, const struct link_connection *connection)
{
	return link == other ||
	       (connection->is_nameless && connection->server_pid != 0 &&
		       link_n_connections(link) > 0 &&
		       link_connection(link, 0).server_pid == connection->server_pid);
}

static struct protection_own describe(const struct link_connection *connection, bool needs_no_mark)
{
	enum session_field mark = connection->is_nameless ? SESSION_ADDR : SESSION_NAME;
	struct protection_own own = {
		.id = connection->server->own_id,
		.field = needs_no_mark ? SESSION_ID : mark,
	};

	snprintf(own.address, sizeof(own.address), "%s", connection->address);
	snprintf(own.mark, sizeof(own.mark), "%s",
		!connection->is_nameless         ? connection->name
		: connection->address[0] != '\0' ? connection->address
						 : PROTECTION_BY_UNIX_SOCKET);
	return own;
}

/* Two connections lead to one server when the process behind them is the same. */
static bool is_same_server(const struct link *link, const struct link_connection *connection)
{
	return server_info_is_same_process(link_server(link)->run_id, connection->server->run_id);
}

/* Where servers do not say who they are: those of one link lead to one. */
static bool may_be_told(const struct link *link, const struct link_connection *connection)
{
	return link_server(link)->run_id[0] != '\0' && connection->server->run_id[0] != '\0';
}

typedef void add_fn(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own);

static void add_known(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own)
{
	bool leads_here = is_same_server(link, connection) ||
			  (link == other && !may_be_told(link, connection));

	if (leads_here && connection->is_proven && connection->server->own_id != 0) {
		add_own(own, describe(connection, is_told_here(link, other, connection)));
	}
}

/* It is not told which process is behind it: if it is listed here, by its mark, it is here. */
static void add_unplaced(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own)
{
	if (link != other && connection->is_proven && !may_be_told(link, connection)) {
		add_own(own, describe(connection, false));
	}
}

/*
 * The process behind it is not known yet, or is this one, which add_known() did not see. Until it
 * is proven it may be said to be the one that was at that address before.
 */
static void add_maybe(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own)
{
	if (connection->descriptor >= 0 && !connection->is_proven &&
		(link == other || connection->server->run_id[0] == '\0' ||
			is_same_server(link, connection) ||
			strcmp(link_address(link), link_address(other)) == 0)) {
		struct protection_own one = describe(connection, false);

		/*
		 * Before it has an id it may be listed without its name; and to whom it has told
		 * that, he may have told it to others.
		 */
		if (connection->server->own_id == 0 && connection->address[0] != '\0') {
			one.field = SESSION_ADDR;
			snprintf(one.mark, sizeof(one.mark), "%s", connection->address);
		}
		own->n_hidden += one.id == 0 && one.address[0] == '\0';
		add_own(own, one);
	}
}

static void add_of(
	const struct link *link, const struct link *other, add_fn *add, struct own_sessions *own)
{
	for (size_t i = 0; i < link_n_connections(other); i++) {
		struct link_connection connection = link_connection(other, i);

		add(link, other, &connection, own);
	}
	/* One that has no connection yet may get one to this server at any moment. */
	if (add == add_maybe && link != other && link_state(other) != LINK_READY &&
		!link_leads_nowhere(other) &&
		strcmp(link_address(link), link_address(other)) == 0) {
		add_own(own, (struct protection_own){.field = SESSION_NAME});
	}
}

struct gathering {
	const struct link *link;
	add_fn *add;
	struct own_sessions *own;
};

static void add_of_topology(void *context, const struct topology *topology)
{
	struct gathering *gathering = context;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		add_of(gathering->link, topology_node(topology, i), gathering->add, gathering->own);
	}
	for (size_t i = 0; i < topology_n_others(topology); i++) {
		add_of(gathering->link, topology_other(topology, i), gathering->add,
			gathering->own);
	}
}

/* Of all links of this daemon, `link` first. */
static void add_all(const struct instances *instances, const struct link *link, add_fn *add,
	struct own_sessions *own)
{
	struct gathering gathering = {link, add, own};

	add_of(link, link, add, own);
	own->n_of_link = add == add_known ? own->n : own->n_of_link;
	instances_each_topology(instances, add_of_topology, &gathering);
}

struct own_sessions instances_own_sessions(
	const struct instances *instances, const struct link *link)
{
	struct own_sessions own = {0};

	add_all(instances, link, add_known, &own);
	own.n_known = own.n;
	add_all(instances, link, add_unplaced, &own);
	own.n_told = own.n;
	add_all(instances, link, add_maybe, &own);
	return own;
}

void own_sessions_add(struct own_sessions *own, const struct own_sessions *others)
{
	for (size_t i = 0; i < others->n; i++) {
		add_own(own, others->items[i]);
	}
}

void own_sessions_protect(const struct own_sessions *own, struct protection *protection)
{
	protection->own = own->items;
	protection->n_own = own->n;
	protection->n_known = own->n_known;
	protection->n_told = own->n_told;
}

void own_sessions_finish(struct own_sessions *own)
{
	free(own->items);
	*own = (struct own_sessions){0};
}
