/*
 * Who comes from where. A door of addresses hits whoever comes from an address that somebody comes
 * from who is to be ended: it is exact where nobody else does. All nodes are listed, since who is
 * turned away by one of them goes to the next.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "host/socket_ends.h"
#include "host/sockets.h"
#include "kill/own_sessions.h"
#include "kill/refusal.h"
#include "lease/look.h"
#include "redis/client_list.h"

void lease_look_free(struct lease_look *look)
{
	if (look == NULL) {
		return;
	}
	for (size_t i = 0; i < look->n_nodes; i++) {
		client_list_leave(&look->nodes[i].reader);
		own_sessions_finish(&look->nodes[i].own);
		link_unref(look->nodes[i].link);
	}
	event_free(look->finished);
	instance_release(look->instance);
	intern_finish(&look->texts);
	free(look->nodes);
	free(look->sources);
	free(look->addresses);
	local_addresses_finish(&look->local);
	free(look->failure);
	free(look->warning);
	free(look);
}

/* ---- who is there ---- */

static struct look_source *find_source(struct lease_look *look, const struct ends_address *address)
{
	struct slice text = {(const char *)address->bytes, address->is_ipv6 ? 16 : 4};
	size_t n = look->texts.n;
	uint32_t number = intern_add(&look->texts, text);

	if (number == n) {
		look->sources = mem_grow_array(
			look->sources, n, &look->sources_capacity, sizeof(struct look_source));
		look->addresses = mem_grow_array(
			look->addresses, n, &look->addresses_capacity, sizeof(struct ends_address));
		look->sources[n] = (struct look_source){0};
		look->addresses[n] = *address;
		look->addresses[n].port = 0;
	}
	return &look->sources[number];
}

static void describe(const struct session *session, char text[120])
{
	struct slice user = session->values[SESSION_USER];
	struct slice name = session->values[SESSION_NAME];

	snprintf(text, 120, "id %llu, user \"%.*s\", name \"%.*s\"",
		(unsigned long long)session->id, (int)MIN(user.len, 30UL), user.data,
		(int)MIN(name.len, 40UL), name.data);
}

/* Of a node that the request does not name. */
static bool is_left_out(const struct look_node *node)
{
	const struct request *request = node->look->request;
	const char *run_id = link_server(node->link)->run_id;
	const struct topology *topology = node->look->instance->topology;
	bool is_named = request->n_nodes == 0;

	for (size_t i = 0; i < request->n_nodes; i++) {
		is_named |= topology_is_called(topology, node->link, slice_of(request->nodes[i]));
	}
	return !is_named || (request->run_id != NULL && strcmp(request->run_id, run_id) != 0);
}

static bool is_matched(const struct look_node *node, const struct session *session)
{
	return !is_left_out(node) &&
	       request_judge(node->look->request, &node->protection, session) == REQUEST_MATCHED;
}

static void take(struct look_node *node, const struct session *session)
{
	struct lease_look *look = node->look;
	bool is_victim = is_matched(node, session);
	/* Sentinels are ended like others, but they are not to be kept out. */
	bool is_kept = protection_test(&node->protection, session) != SELECTOR_NO ||
		       slice_has_prefix(session->values[SESSION_NAME], "sentinel-");
	struct ends_address client;
	struct look_source *source;
	struct ends ends;

	if (!ends_client_of(session, &client)) {
		look->n_without_address += is_victim;
		return;
	}
	if (ends_of(session, &ends) && !ends.is_unix) {
		lease_servers_add(&look->servers, &ends.server);
	}
	source = find_source(look, &client);
	if (is_kept) {
		describe(session, source->kept);
		source->n_kept++;
	} else if (is_victim) {
		source->n_matched++;
	} else {
		describe(session, source->other);
		source->n_others++;
	}
}

static void on_started(void *context)
{
	struct look_node *node = context;
	const struct caps *caps = &link_server(node->link)->caps;

	own_sessions_finish(&node->own);
	node->own = instances_own_sessions(node->look->instances, node->link);
	node->protection = (struct protection){
		.family = caps->family,
		.has_type = caps_has(caps, CAP_KILL_TYPE),
		.is_all = node->look->request->is_all,
		.configured = &node->look->instance->opts->protect,
	};
	own_sessions_protect(&node->own, &node->protection);
}

/* On this host, and what it says of our connection is what the kernel says: behind no proxy. */
static bool is_here(const struct link *link, const struct session *own)
{
	return lease_is_here(link) && sockets_is_word_true(link_descriptor(link), own);
}

static void on_session(void *context, const struct session_line *line)
{
	struct look_node *node = context;
	const struct session *session = &line->session;

	if (!line->is_readable) {
		node->look->n_unreadable++;
		return;
	}
	if (session->id == link_server(node->link)->own_id) {
		node->is_proved |= is_here(node->link, session);
	}
	if (!protection_is_own(&node->protection, session)) {
		take(node, session);
	}
}

static void on_listed(void *context, const struct listing_result *result)
{
	struct look_node *node = context;
	struct lease_look *look = node->look;
	char words[ERR_MAX_BYTES];

	if (result->end == LISTING_WHOLE) {
		node->is_listed = true;
	} else {
		refusal_print_listing(result, words, sizeof(words));
		look_refuse(look, false,
			mem_printf("%s: %s: whom else the door would close on is not known",
				link_address(node->link), words));
	}
	if (--look->n_unlisted == 0) {
		event_active(look->finished, 0, 0);
	}
}

/* ---- its course ---- */

static void on_finished(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct lease_look *look = context;
	struct lease_look_result result;
	size_t n = 0;

	for (size_t i = 0; i < look->n_nodes; i++) {
		lease_servers_add_link(&look->servers, look->nodes[i].link);
	}
	for (size_t i = 0; i < look->n_nodes; i++) {
		lease_servers_add_listeners(&look->servers, &look->local, look->nodes[i].link);
	}
	look_judge(look);
	for (size_t i = 0; i < look->texts.n; i++) {
		if (look->sources[i].n_matched > 0) {
			look->addresses[n++] = look->addresses[i];
		}
	}
	result = (struct lease_look_result){
		.failure = look->failure,
		.is_inexact = look->is_inexact,
		.warning = look->warning,
		.sources = look->addresses,
		.n_sources = n,
		.servers = look->servers.items,
		.n_servers = look->servers.n,
	};
	look->done_fn(look->context, &result);
}

/* Each server once. */
static void add_nodes(struct lease_look *look)
{
	const struct topology *topology = look->instance->topology;
	size_t n = topology_n_nodes(topology);

	look->nodes = mem_alloc_array(n, sizeof(struct look_node));
	for (size_t i = 0; i < n; i++) {
		struct link *link = topology_node(topology, i);

		if (topology_is_distinct(topology, link) && lease_is_member(look->instance, link)) {
			look->nodes[look->n_nodes++] =
				(struct look_node){.look = look, .link = link_ref(link)};
		}
	}
}

static void ask_node(struct look_node *node)
{
	node->reader = (struct listing_reader){
		.started_fn = on_started,
		.session_fn = on_session,
		.done_fn = on_listed,
		.context = node,
	};
	if (client_list_join(node->link, &node->reader) != 0) {
		on_listed(
			node, &(struct listing_result){LISTING_LOST, NULL, link_error(node->link)});
	}
}

struct lease_look *lease_look_new(const struct leases_inputs *in, const struct instance *instance,
	const struct request *request, lease_look_fn done_fn, void *context)
{
	struct lease_look *look = mem_new(struct lease_look);

	instance_hold(instance);
	look->instances = in->instances;
	look->instance = instance;
	look->request = request;
	look->done_fn = done_fn;
	look->context = context;
	look->finished = event_new(in->loop, -1, 0, on_finished, look);
	CHECK(look->finished != NULL);
	local_addresses_find(&look->local);
	add_nodes(look);
	if (look->n_nodes == 0) {
		look_refuse(look, false, mem_printf("no node is connected"));
	}
	/* One more than nodes, so that it cannot be finished before all are asked. */
	look->n_unlisted = look->n_nodes + 1;
	for (size_t i = 0; i < look->n_nodes; i++) {
		ask_node(&look->nodes[i]);
	}
	if (--look->n_unlisted == 0) {
		event_active(look->finished, 0, 0);
	}
	return look;
}
