/*
 * The nodes of a topology: each with its link, kept warm for as long as the members say that it is
 * one.
 */
#include "redis/topology_internal.h"

#include <string.h>

#include "base/mem.h"

static void on_node_changed(struct link_watcher *watcher, enum link_state state)
{
	struct node *node = (struct node *)((char *)watcher - offsetof(struct node, watcher));

	topology_note_node(node);
	topology_note_name(node);
	topology_note_twins(node);
}

struct node *topology_add_node(struct topology *topology, struct link *link, const char *label)
{
	struct node *node = mem_new(struct node);

	*node = (struct node){
		.watcher = {.changed_fn = on_node_changed},
		.topology = topology,
		.link = link,
		.label = slice_copy(slice_of(label)),
	};
	calls_init(&node->calls, NULL);
	link_watch(link, &node->watcher);
	topology->nodes.items = mem_grow_array(topology->nodes.items, topology->nodes.n,
		&topology->nodes.capacity, sizeof(struct node *));
	topology->nodes.items[topology->nodes.n++] = node;
	return node;
}

struct node *topology_open_node(struct topology *topology, const struct endpoint *endpoint)
{
	struct link *link = link_new(&topology->world, endpoint, topology->opts.node_opts);

	return topology_add_node(topology, link, link_address(link));
}

void topology_free_node(struct node *node, bool is_link_kept)
{
	topology_forget_twins(node);
	calls_drop(&node->calls);
	link_unwatch(node->link, &node->watcher);
	if (!is_link_kept) {
		topology_drop_link(node->topology, node->link);
	}
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

static bool is_equal_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = value != NULL ? slice_copy(slice_of(value)) : NULL;
}

/* Is the member still what the node is a link to? Its id and role may be others now. */
static bool is_node_of(const struct node *node, const struct member *member)
{
	return member != NULL && is_equal_text(node->trouble, member->trouble);
}

static bool take_member(struct node *node, const struct member *member)
{
	bool is_changed =
		!is_equal_text(node->id, member->id) || node->is_master != member->is_master;

	set_text(&node->id, member->id);
	node->is_master = member->is_master;
	return is_changed;
}

bool topology_update_nodes(struct topology *topology)
{
	struct nodes *nodes = &topology->nodes;
	bool is_changed = false;
	size_t n_kept = 0;

	for (size_t i = 0; i < nodes->n; i++) {
		struct node *node = nodes->items[i];
		const struct member *member = members_find(&topology->members, node->label);

		if (is_node_of(node, member)) {
			is_changed |= take_member(node, member);
			nodes->items[n_kept++] = node;
		} else {
			is_changed = true;
			nodes->items[i] = NULL;
			topology_free_node(node, false);
		}
	}
	nodes->n = n_kept;
	return is_changed;
}

static void open_member(struct topology *topology, const struct member *member)
{
	struct node *node;

	if (member->trouble != NULL) {
		node = topology_add_node(topology,
			link_new_nowhere(&topology->world, member->label, member->trouble),
			member->label);
		set_text(&node->trouble, member->trouble);
	} else {
		node = topology_open_node(topology, &member->endpoint);
	}
	(void)take_member(node, member);
	if (topology->is_started && member->trouble == NULL) {
		link_start(node->link);
	}
}

bool topology_open_new_nodes(struct topology *topology)
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
