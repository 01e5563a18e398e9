/*
 * Types of the keys that say where discovery may go. What an instance says replaces what `defaults`
 * say.
 */
#include "base/mem.h"
#include "config/keys.h"
#include "redis/reach.h"

static void read_nodes(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	static const struct value_type type = {"place of nodes",
		"a network such as 10.0.0.0/8 or a host such as \"redis-*\"", NULL};
	struct reach *reach = keys_field(key, target);

	if (node->kind != TREE_LIST || node->n_items == 0 || node->n_items > VALUE_MAX_ITEMS) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	reach_clear_patterns(reach);
	for (size_t i = 0; i < node->n_items; i++) {
		struct slice text;
		struct err err;

		if (value_scalar(&node->items[i], &type, mistakes, &text) &&
			!reach_add_pattern(reach, text, &err)) {
			mistakes_add(mistakes, node->items[i].at, "%s", err.text);
		}
	}
}

static void read_mapping(const struct tree_node *from, const struct tree_node *to,
	struct reach *reach, struct mistakes *mistakes)
{
	static const struct value_type type = {"address", "a host or host:port", NULL};
	struct slice texts[2];
	struct err err;

	if (value_scalar(from, &type, mistakes, &texts[0]) &&
		value_scalar(to, &type, mistakes, &texts[1]) &&
		!reach_add_mapping(reach, texts[0], texts[1], &err)) {
		mistakes_add(mistakes, from->at, "%s", err.text);
	}
}

static void read_address_map(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct reach *reach = keys_field(key, target);

	if (node->kind != TREE_MAPPING || node->n_items == 0 ||
		node->n_items > 2 * VALUE_MAX_ITEMS) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	reach_clear_mappings(reach);
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		read_mapping(&node->items[i], &node->items[i + 1], reach, mistakes);
	}
}

const struct value_type value_nodes = {"list of places of nodes",
	"a list of networks and hosts, such as [10.0.0.0/8, \"redis-*\"]", read_nodes};
const struct value_type value_address_map = {"mapping of addresses",
	"one such as {\"10.0.0.5:7000\": \"127.0.0.1:17000\"}", read_address_map};
