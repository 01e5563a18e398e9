/*
 * The nodes of a topology: each with its link, kept warm for as long as the members say that it is
 * one.
 */
#include "redis/topology/topology_internal.h"

#include <string.h>

#include "base/mem.h"

static void on_link_changed(struct link_watcher *watcher, enum link_state state)
{
	struct node *node = (struct node *)((char *)watcher - offsetof(struct node, watcher));

	node->topology->node_changed_fn(node);
}

void topology_insert_node(struct topology *topology, struct node *node)
{
	struct nodes *nodes = &topology->nodes;

	nodes->items =
		mem_grow_array(nodes->items, nodes->n, &nodes->capacity, sizeof(struct node *));
	nodes->items[nodes->n++] = node;
}

/*
 * What is sent over one address of a server hits a connection that is made by another one
 * meanwhile. Where an address leads, to which process, nobody knows before a connection has told.
 */
static bool is_in_range(void *context, const struct link *link)
{
	const struct node *node = context;
	const struct nodes *nodes = &node->topology->nodes;

	for (size_t i = 0; i < nodes->n; i++) {
		const struct link *other = nodes->items[i]->link;

		if (other != link && link_is_blocked(other)) {
			return true;
		}
	}
	return false;
}

static struct node *add_node(struct topology *topology, struct link *link, const char *label)
{
	struct node *node = mem_new(struct node);

	*node = (struct node){
		.watcher = {.changed_fn = on_link_changed},
		.topology = topology,
		.link = link,
		.label = slice_copy(slice_of(label)),
	};
	calls_init(&node->calls, NULL);
	link_watch(link, &node->watcher);
	link_ask_before_opening(link, is_in_range, node);
	topology_insert_node(topology, node);
	return node;
}

struct node *topology_open_node(struct topology *topology, const struct endpoint *endpoint)
{
	struct link *link = link_new(&topology->world, endpoint, topology->opts.node_opts);

	return add_node(topology, link, link_address(link));
}

void topology_free_node(struct node *node)
{
	node->topology->node_going_fn(node);
	calls_drop(&node->calls);
	link_unwatch(node->link, &node->watcher);
	link_ask_before_opening(node->link, NULL, NULL);
	topology_drop_link(node->topology, node->link);
	free(node->label);
	free(node->trouble);
	free(node->id);
	free(node);
}

struct node *topology_find_node(const struct topology *topology, const struct link *link)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (topology->nodes.items[i]->link == link) {
			return topology->nodes.items[i];
		}
	}
	return NULL;
}

void topology_move_node(struct node *node, const struct endpoint *endpoint)
{
	link_change(node->link, endpoint, node->topology->opts.node_opts);
	text_set(&node->label, link_address(node->link));
}

bool topology_keep_nodes(struct topology *topology, node_is_kept_fn *is_kept_fn, void *context)
{
	struct nodes *nodes = &topology->nodes;
	size_t n_before = nodes->n;
	size_t n_kept = 0;

	for (size_t i = 0; i < n_before; i++) {
		struct node *node = nodes->items[i];

		if (is_kept_fn(node, context)) {
			nodes->items[n_kept++] = node;
		} else {
			nodes->items[i] = NULL;
			topology_free_node(node);
		}
	}
	nodes->n = n_kept;
	return n_kept < n_before;
}

/* ---- members ---- */

static bool take_member(struct node *node, const struct member *member)
{
	bool is_changed =
		!slice_is_same_text(node->id, member->id) || node->is_master != member->is_master;

	text_set(&node->id, member->id);
	node->is_master = member->is_master;
	return is_changed;
}

/* Is it still what a member is? Its id and role may be others now. */
static bool is_member(struct node *node, void *context)
{
	const struct member *member = members_find(&node->topology->members, node->label);
	bool *is_changed = context;

	if (member == NULL || !slice_is_same_text(node->trouble, member->trouble)) {
		return false;
	}
	*is_changed |= take_member(node, member);
	return true;
}

static void open_member(struct topology *topology, const struct member *member)
{
	struct node *node;

	if (member->trouble != NULL) {
		node = add_node(topology,
			link_new_nowhere(&topology->world, member->label, member->trouble),
			member->label);
		text_set(&node->trouble, member->trouble);
	} else {
		node = topology_open_node(topology, &member->endpoint);
	}
	(void)take_member(node, member);
	if (topology->is_started && member->trouble == NULL) {
		link_start(node->link);
	}
}

static bool open_new_nodes(struct topology *topology)
{
	struct intern known = {0};
	size_t n_before = topology->nodes.n;

	for (size_t i = 0; i < n_before; i++) {
		intern_add(&known, slice_of(topology->nodes.items[i]->label));
	}
	for (size_t i = 0; i < topology->members.n; i++) {
		const struct member *member = &topology->members.items[i];

		if (intern_find(&known, slice_of(member->label)) == INTERN_NONE) {
			open_member(topology, member);
		}
	}
	intern_finish(&known);
	return topology->nodes.n > n_before;
}

void topology_apply_members(struct topology *topology)
{
	bool is_changed = !topology->is_known;
	bool is_less = topology_keep_nodes(topology, is_member, &is_changed);
	bool is_more = open_new_nodes(topology);

	topology->is_known = true;
	topology->error[0] = '\0';
	topology_end_round(topology, is_changed || is_less || is_more);
}
