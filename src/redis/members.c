/*
 * Reading who belongs to a group.
 */
#include "redis/members.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

void members_finish(struct members *members)
{
	for (size_t i = 0; i < members->n; i++) {
		endpoint_finish(&members->endpoints[i]);
	}
	free(members->endpoints);
	intern_finish(&members->addresses);
	*members = (struct members){0};
}

bool members_has(const struct members *members, const char *address)
{
	return intern_find(&members->addresses, slice_of(address)) != INTERN_NONE;
}

void members_add(struct members *members, struct slice host, uint64_t port)
{
	struct endpoint endpoint;
	CLEANUP(mem_free_p) char *address = NULL;

	if (host.len == 0 || host.len >= LINK_MAX_HOST_BYTES || port == 0 || port > UINT16_MAX ||
		slice_has_char(host, '\0') || members->n == MEMBERS_MAX) {
		return;
	}
	endpoint = (struct endpoint){.host = slice_copy(host), .port = (uint16_t)port};
	address = endpoint_print(&endpoint);
	if (intern_add(&members->addresses, slice_of(address)) < members->n) {
		endpoint_finish(&endpoint);
		return;
	}
	members->endpoints = mem_grow_array(
		members->endpoints, members->n, &members->capacity, sizeof(struct endpoint));
	members->endpoints[members->n++] = endpoint;
}

/* ---- maps, which RESP2 has as flat arrays ---- */

/* The value behind `key`; NULL when there is none. */
static const struct reply *find_value(const struct reply *map, const char *key)
{
	for (size_t i = 0; i + 1 < map->n_elements; i += 2) {
		if (slice_is(map->elements[i]->text, key)) {
			return map->elements[i + 1];
		}
	}
	return NULL;
}

static struct slice find_text(const struct reply *map, const char *key)
{
	const struct reply *value = find_value(map, key);

	return value != NULL ? value->text : (struct slice){NULL, 0};
}

/* Sentinels write numbers as texts, cluster nodes as integers. 0 when there is none. */
static uint64_t find_number(const struct reply *map, const char *key)
{
	const struct reply *value = find_value(map, key);
	uint64_t number = 0;

	if (value != NULL && value->type == REPLY_INTEGER && value->integer > 0) {
		return (uint64_t)value->integer;
	}
	if (value != NULL && parse_u64(value->text, &number)) {
		return number;
	}
	return 0;
}

/* ---- Sentinel ---- */

bool members_read_sentinel_master(
	const struct reply *masters, const char *name, struct members *members, uint64_t *ret_epoch)
{
	for (size_t i = 0; i < masters->n_elements; i++) {
		const struct reply *master = masters->elements[i];

		if (slice_is(find_text(master, "name"), name)) {
			members_add(members, find_text(master, "ip"), find_number(master, "port"));
			*ret_epoch = find_number(master, "config-epoch");
			return members->n > 0;
		}
	}
	return false;
}

void members_read_sentinel_replicas(const struct reply *replicas, struct members *members)
{
	for (size_t i = 0; i < replicas->n_elements; i++) {
		const struct reply *replica = replicas->elements[i];

		members_add(members, find_text(replica, "ip"), find_number(replica, "port"));
	}
}

/* ---- Cluster ---- */

static struct slice host_or_own(struct slice host, const char *own_host)
{
	return host.len == 0 || slice_is(host, "?") ? slice_of(own_host) : host;
}

static void add_shard_node(
	const struct reply *node, const char *own_host, bool has_tls, struct members *members)
{
	uint64_t tls_port = find_number(node, "tls-port");
	uint64_t port = has_tls && tls_port > 0 ? tls_port : find_number(node, "port");

	members_add(members, host_or_own(find_text(node, "endpoint"), own_host), port);
}

bool members_read_cluster_shards(const struct reply *shards, const char *own_host, bool has_tls,
	struct members *members, struct err *err)
{
	for (size_t i = 0; i < shards->n_elements; i++) {
		const struct reply *nodes = find_value(shards->elements[i], "nodes");

		for (size_t k = 0; nodes != NULL && k < nodes->n_elements; k++) {
			add_shard_node(nodes->elements[k], own_host, has_tls, members);
		}
	}
	if (members->n == 0) {
		err_set(err, "the cluster's answer names no node");
	}
	return members->n > 0;
}

static bool has_flag(struct slice flags, const char *wanted)
{
	struct slice flag;

	while (slice_next(&flags, ',', &flag)) {
		if (slice_is(flag, wanted)) {
			return true;
		}
	}
	return false;
}

/* "10.0.0.1:7000@17000,hostname": the last colon before the '@' ends the host (IPv6 has more). */
static void add_node_address(struct slice address, const char *own_host, struct members *members)
{
	struct slice rest = address;
	struct slice place;
	uint64_t port;
	size_t colon;

	slice_next(&rest, ',', &place);
	rest = place;
	slice_next(&rest, '@', &place);
	colon = place.len;
	while (colon > 0 && place.data[colon - 1] != ':') {
		colon--;
	}
	if (colon > 0 && parse_u64(slice_skip(place, colon), &port)) {
		members_add(members, host_or_own((struct slice){place.data, colon - 1}, own_host),
			port);
	}
}

bool members_read_cluster_nodes(
	struct slice text, const char *own_host, struct members *members, struct err *err)
{
	struct slice line;

	while (slice_next(&text, '\n', &line)) {
		struct slice id, address, flags;

		if (slice_next(&line, ' ', &id) && slice_next(&line, ' ', &address) &&
			slice_next(&line, ' ', &flags) && !has_flag(flags, "noaddr") &&
			!has_flag(flags, "handshake")) {
			add_node_address(address, own_host, members);
		}
	}
	if (members->n == 0) {
		err_set(err, "the cluster's answer names no node");
	}
	return members->n > 0;
}
