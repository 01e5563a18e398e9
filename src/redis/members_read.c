/*
 * Reading who belongs to a group: what Sentinels answer, and nodes of a cluster.
 */
#include "base/parse.h"
#include "redis/members.h"

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
	const struct reply *masters, const char *name, struct slice *ret_host, uint64_t *ret_port)
{
	for (size_t i = 0; i < masters->n_elements; i++) {
		const struct reply *master = masters->elements[i];

		if (slice_is(find_text(master, "name"), name)) {
			*ret_host = find_text(master, "ip");
			*ret_port = find_number(master, "port");
			return true;
		}
	}
	return false;
}

bool members_next_sentinel_replica(
	const struct reply *replicas, size_t *index, struct slice *ret_host, uint64_t *ret_port)
{
	if (*index >= replicas->n_elements) {
		return false;
	}
	*ret_host = find_text(replicas->elements[*index], "ip");
	*ret_port = find_number(replicas->elements[*index], "port");
	(*index)++;
	return true;
}

/* ---- Cluster ---- */

static bool is_known_host(struct slice host)
{
	return host.len > 0 && !slice_is(host, "?");
}

/* The one that answers may not know its own address, and is where it was asked. */
static struct slice host_or_asked(
	struct slice host, bool is_asked, const struct members_asked *asked)
{
	if (is_known_host(host)) {
		return host;
	}
	return is_asked && asked->host != NULL ? slice_of(asked->host) : (struct slice){"", 0};
}

/* `is_placed`: those whose address is told, else the others, which come behind them. */
static void add_shard_node(const struct reply *node, const struct members_asked *asked,
	bool has_tls, bool is_placed, struct members *members)
{
	uint64_t tls_port = find_number(node, "tls-port");
	uint64_t port = has_tls && tls_port > 0 ? tls_port : find_number(node, "port");
	struct slice id = find_text(node, "id");
	struct slice host = find_text(node, "endpoint");

	if (!is_known_host(host)) {
		host = find_text(node, "ip");
	}
	host = host_or_asked(host, asked->id[0] != '\0' && slice_is(id, asked->id), asked);
	if ((host.len > 0) == is_placed) {
		(void)members_add(members, host, port, id);
	}
}

static bool is_any(const struct members *members, struct err *err)
{
	if (members->n == 0) {
		err_set(err, "the cluster's answer names no node");
	}
	return members->n > 0;
}

static void add_shards(const struct reply *shards, const struct members_asked *asked, bool has_tls,
	bool is_placed, struct members *members)
{
	for (size_t i = 0; i < shards->n_elements; i++) {
		const struct reply *nodes = find_value(shards->elements[i], "nodes");

		for (size_t k = 0; nodes != NULL && k < nodes->n_elements; k++) {
			add_shard_node(nodes->elements[k], asked, has_tls, is_placed, members);
		}
	}
}

bool members_read_cluster_shards(const struct reply *shards, const struct members_asked *asked,
	bool has_tls, struct members *members, struct err *err)
{
	add_shards(shards, asked, has_tls, true, members);
	add_shards(shards, asked, has_tls, false, members);
	return is_any(members, err);
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

/* One line of CLUSTER NODES. */
struct node_line {
	struct slice id, address, flags;
};

static bool next_node(struct slice *text, struct node_line *ret)
{
	struct slice line;

	while (slice_next(text, '\n', &line)) {
		if (slice_next(&line, ' ', &ret->id) && slice_next(&line, ' ', &ret->address) &&
			slice_next(&line, ' ', &ret->flags)) {
			return true;
		}
	}
	return false;
}

/*
 * "10.0.0.1:7000@17000,hostname": the last colon before the '@' ends the host (IPv6 has more). One
 * that has none is only known by its id (":0@0 ... noaddr", or ":7000@17000" and failed).
 */
static void add_node_line(const struct node_line *line, const struct members_asked *asked,
	bool is_placed, struct members *members)
{
	struct slice rest = line->address;
	struct slice place, host;
	uint64_t port = 0;
	size_t colon;

	slice_next(&rest, ',', &place);
	rest = place;
	slice_next(&rest, '@', &place);
	colon = place.len;
	while (colon > 0 && place.data[colon - 1] != ':') {
		colon--;
	}
	if (colon == 0 || !parse_u64(slice_skip(place, colon), &port)) {
		port = 0;
	}
	if (has_flag(line->flags, "noaddr")) {
		colon = 0;
	}
	host = host_or_asked((struct slice){place.data, colon > 0 ? colon - 1 : 0},
		has_flag(line->flags, "myself"), asked);
	if ((host.len > 0) == is_placed) {
		(void)members_add(members, host, port, line->id);
	}
}

static void add_node_lines(struct slice text, const struct members_asked *asked, bool is_placed,
	struct members *members)
{
	struct node_line line;

	while (next_node(&text, &line)) {
		if (!has_flag(line.flags, "handshake")) {
			add_node_line(&line, asked, is_placed, members);
		}
	}
}

bool members_read_cluster_nodes(struct slice text, const struct members_asked *asked,
	struct members *members, struct err *err)
{
	add_node_lines(text, asked, true, members);
	add_node_lines(text, asked, false, members);
	return is_any(members, err);
}

struct slice members_own_id(struct slice text)
{
	struct node_line line;

	while (next_node(&text, &line)) {
		if (has_flag(line.flags, "myself") && line.id.len < MEMBERS_ID_BYTES) {
			return line.id;
		}
	}
	return (struct slice){"", 0};
}
