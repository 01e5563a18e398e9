/*
 * Reading who belongs to a group.
 */
#include "redis/members.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "redis/text.h"

/* Bytes of a name that is told. */
#define MAX_SHOWN 64

void members_finish(struct members *members)
{
	for (size_t i = 0; i < members->n; i++) {
		struct member *member = &members->items[i];

		endpoint_finish(&member->endpoint);
		free(member->label);
		free(member->trouble);
		free(member->announced);
		free(member->id);
	}
	free(members->items);
	intern_finish(&members->labels);
	*members = members_like(members);
}

struct members members_like(const struct members *members)
{
	return (struct members){
		.reach = members->reach,
		.last_place_fn = members->last_place_fn,
		.last_place_context = members->last_place_context,
	};
}

const struct member *members_find(const struct members *members, const char *label)
{
	uint32_t number = intern_find(&members->labels, slice_of(label));

	return number != INTERN_NONE ? &members->items[number] : NULL;
}

/* `label` is taken over. NULL: there is one of that label. */
static struct member *add(struct members *members, char *label, struct slice id)
{
	struct member *member;

	if (intern_add(&members->labels, slice_of(label)) < members->n) {
		free(label);
		return NULL;
	}
	members->items = mem_grow_array(
		members->items, members->n, &members->capacity, sizeof(struct member));
	member = &members->items[members->n++];
	*member = (struct member){
		.label = label,
		.id = id.len > 0 && id.len < MEMBERS_ID_BYTES ? slice_copy(id) : NULL,
	};
	return member;
}

/* One that cannot be reached. `place` is what is known of its address, cut where it is long. */
static struct member *add_trouble(
	struct members *members, struct slice place, struct slice id, const char *trouble)
{
	struct slice shown = {place.data, MIN(place.len, (size_t)MAX_SHOWN)};
	char *label = id.len == 0 && shown.len == 0 ? mem_printf("a node without an address")
		      : id.len == 0                 ? mem_printf("%.*s", SLICE_ARG(shown))
		      : shown.len > 0
			      ? mem_printf("%.*s (node %.*s)", SLICE_ARG(shown), SLICE_ARG(id))
			      : mem_printf("node %.*s", SLICE_ARG(id));
	struct member *member = add(members, label, id);

	if (member != NULL) {
		member->trouble = text_copy(trouble);
	}
	return member;
}

static bool is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~') {
			return false;
		}
	}
	return true;
}

/* Why there is no way to that address; NULL: there may be one. */
static const char *find_trouble(struct slice host, uint64_t port)
{
	if (host.len == 0) {
		return "its address is not known";
	}
	if (!is_printable(host)) {
		return "its address cannot be read";
	}
	if (host.len >= LINK_MAX_HOST_BYTES) {
		return "its name is longer than names can be";
	}
	return port == 0 || port > UINT16_MAX ? "it has no port for clients" : NULL;
}

/* Where it was, for want of an address that is told. */
static struct member *add_at_last_place(struct members *members, struct slice id)
{
	const struct endpoint *place = NULL;
	struct member *member = NULL;
	char *label;

	if (id.len > 0 && members->last_place_fn != NULL) {
		place = members->last_place_fn(members->last_place_context, id);
	}
	if (place == NULL) {
		return NULL;
	}
	label = endpoint_print(place);
	if (members_find(members, label) != NULL) {
		free(label);
		return NULL; /* another one is there by now */
	}
	member = add(members, label, id);
	endpoint_copy(&member->endpoint, place);
	member->announced = text_copy(member->label);
	return member;
}

/* What the group says of its address leads nowhere. */
static struct member *add_unreachable(
	struct members *members, struct slice host, struct slice id, const char *trouble)
{
	struct member *member = add_at_last_place(members, id);

	return member != NULL ? member
			      : add_trouble(members,
					is_printable(host) ? host : SLICE_LITERAL("unreadable"), id,
					trouble);
}

/* Why the node that is called `announced` cannot be the one at `twin`'s place; NULL: it can. */
static const char *find_clash(
	const struct member *twin, const char *announced, struct slice id, bool *ret_is_mapped)
{
	*ret_is_mapped = false;
	if (twin == NULL) {
		return NULL;
	}
	if (id.len > 0 && (twin->id == NULL || !slice_is(id, twin->id))) {
		return "it has the same address as another node";
	}
	*ret_is_mapped = twin->announced != NULL && strcmp(twin->announced, announced) != 0;
	return *ret_is_mapped ? "`address-map` leads to the address of another node" : NULL;
}

/* Takes the endpoint over. */
static struct member *add_at(
	struct members *members, struct endpoint *endpoint, const char *announced, struct slice id)
{
	struct member *member = add(members, endpoint_print(endpoint), id);

	if (member == NULL) {
		endpoint_finish(endpoint);
	} else {
		member->endpoint = *endpoint;
		member->announced = text_copy(announced);
	}
	return member;
}

struct member *members_add(
	struct members *members, struct slice host, uint64_t port, struct slice id)
{
	static const struct reach everywhere = {0};
	const char *trouble = find_trouble(host, port);
	CLEANUP(mem_free_p) char *announced = NULL;
	CLEANUP(mem_free_p) char *label = NULL;
	struct member *member;
	struct endpoint endpoint;
	bool is_allowed, is_mapped;

	if (members->n >= MEMBERS_MAX) {
		return add_trouble(members, SLICE_LITERAL("further nodes"), (struct slice){"", 0},
			"the group has more nodes than are taken");
	}
	if (trouble != NULL) {
		return add_unreachable(members, host, id, trouble);
	}
	announced = mem_printf("%.*s:%llu", SLICE_ARG(host), (unsigned long long)port);
	is_allowed = reach_find(members->reach != NULL ? members->reach : &everywhere, host,
		(uint16_t)port, &endpoint);
	if (!is_allowed) {
		endpoint = (struct endpoint){.host = slice_copy(host), .port = (uint16_t)port};
	}
	label = endpoint_print(&endpoint);
	trouble = find_clash(members_find(members, label), announced, id, &is_mapped);
	if (trouble == NULL && !is_allowed) {
		trouble = "`nodes` of the configuration does not allow to go there";
	}
	if (trouble == NULL) {
		return add_at(members, &endpoint, announced, id);
	}
	member = add_trouble(members, slice_of(is_mapped ? announced : label), id, trouble);
	endpoint_finish(&endpoint);
	return member;
}

void members_add_copy(struct members *members, const struct member *member)
{
	struct member *copy;

	if (members->n >= MEMBERS_MAX) {
		return;
	}
	copy = add(members, text_copy(member->label),
		member->id != NULL ? slice_of(member->id) : (struct slice){"", 0});
	if (copy != NULL) {
		endpoint_copy(&copy->endpoint, &member->endpoint);
		copy->trouble = text_copy(member->trouble);
		copy->announced = text_copy(member->announced);
		copy->is_master = member->is_master;
	}
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
