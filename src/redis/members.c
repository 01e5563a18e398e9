/*
 * Who belongs to a group; members_read.c reads it.
 */
#include "redis/members.h"

#include <string.h>

#include "base/mem.h"
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
