/*
 * Types that are lists. An element that is wrong is left out and the rest is read, so that all
 * mistakes are found; a list with a mistake is never used.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "config/account.h"
#include "config/keys.h"
#include "model/selector.h"
#include "redis/link.h"

/* Reads one element; false with the mistake, and nothing to release. */
typedef bool (*element_fn)(
	const struct tree_node *node, void *ret_element, struct mistakes *mistakes);

/* The elements of a list, or a value that stands alone as a list of one. */
static bool get_elements(const struct key *key, const struct tree_node *node,
	struct mistakes *mistakes, const struct tree_node **ret_items, size_t *ret_n)
{
	if (node->kind == TREE_SCALAR && key->type == &value_addresses && !tree_is_null(node)) {
		*ret_items = node;
		*ret_n = 1;
		return true;
	}
	if (node->kind != TREE_LIST || node->n_items == 0) {
		value_refuse(node, key->type, mistakes);
		return false;
	}
	if (node->n_items > VALUE_MAX_ITEMS) {
		mistakes_add(mistakes, node->at, "a list of %zu; expected at most %d elements",
			node->n_items, VALUE_MAX_ITEMS);
		return false;
	}
	*ret_items = node->items;
	*ret_n = node->n_items;
	return true;
}

static void read_list(const struct key *key, size_t element_bytes, element_fn read_element,
	const struct tree_node *node, void *target, struct mistakes *mistakes)
{
	char **field = keys_field(key, target);
	size_t *count = keys_count_field(key, target);
	const struct tree_node *items;
	size_t n;

	if (!get_elements(key, node, mistakes, &items, &n)) {
		return;
	}
	CHECK(*field == NULL); /* no list but protect can have been set by `defaults` */
	*field = mem_alloc_array(n, element_bytes);
	for (size_t i = 0; i < n; i++) {
		if (read_element(&items[i], *field + *count * element_bytes, mistakes)) {
			(*count)++;
		}
	}
}

/* Patterns: the letters of what they are to match, and the wildcards. */
static bool read_pattern(const struct tree_node *node, const struct value_type *type,
	const char *letters, char **ret_pattern, struct mistakes *mistakes)
{
	struct slice text;

	if (!value_scalar(node, type, mistakes, &text)) {
		return false;
	}
	if (strspn(text.data, letters) != text.len) {
		value_refuse(node, type, mistakes);
		return false;
	}
	*ret_pattern = slice_copy(text);
	return true;
}

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool read_action_pattern(
	const struct tree_node *node, void *ret_element, struct mistakes *mistakes)
{
	static const struct value_type type = {
		"action", "one such as hdm:KillInstanceAllSession or \"hdm:Get*\"", NULL};

	return read_pattern(node, &type, ALPHANUMERIC ":*?", ret_element, mistakes);
}

static void read_actions(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_list(key, sizeof(char *), read_action_pattern, node, target, mistakes);
}

static bool read_instance_pattern(
	const struct tree_node *node, void *ret_element, struct mistakes *mistakes)
{
	static const struct value_type type = {"pattern of instance ids",
		"an id, with * and ? as wildcards, such as \"r-*\"", NULL};

	return read_pattern(node, &type, ALPHANUMERIC "._-*?", ret_element, mistakes);
}

static void read_patterns(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_list(key, sizeof(char *), read_instance_pattern, node, target, mistakes);
}

/* Says why a user or group cannot be used; true when there is nothing to say. */
static bool is_found(int result, const struct tree_node *node, const struct value_type *type,
	struct mistakes *mistakes)
{
	if (result == ACCOUNT_E_UNKNOWN) {
		value_refuse(node, type, mistakes);
	} else if (result < 0) {
		mistakes_add(mistakes, node->at, "\"%s\" cannot be looked up: %s; expected a %s",
			node->text.data, strerror(-result), type->noun);
	}
	return result == 0;
}

static bool read_user(const struct tree_node *node, void *ret_element, struct mistakes *mistakes)
{
	static const struct value_type type = {
		"user of this host", "the name or number of one", NULL};
	struct slice name;

	return value_scalar(node, &type, mistakes, &name) &&
	       is_found(account_find_user(name.data, ret_element), node, &type, mistakes);
}

static void read_users(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_list(key, sizeof(uid_t), read_user, node, target, mistakes);
}

static bool read_group(const struct tree_node *node, void *ret_element, struct mistakes *mistakes)
{
	static const struct value_type type = {
		"group of this host", "the name or number of one", NULL};
	struct slice name;

	return value_scalar(node, &type, mistakes, &name) &&
	       is_found(account_find_group(name.data, ret_element), node, &type, mistakes);
}

static void read_groups(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_list(key, sizeof(gid_t), read_group, node, target, mistakes);
}

static bool read_address(const struct tree_node *node, void *ret_element, struct mistakes *mistakes)
{
	struct endpoint *endpoint = ret_element;
	struct slice text;
	struct err err;

	if (!value_scalar(node, &value_addresses, mistakes, &text)) {
		return false;
	}
	if (!endpoint_parse(text, endpoint, &err)) {
		mistakes_add(mistakes, node->at, "%s", err.text);
		return false;
	}
	return true;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The number of nodes and endpoints is the same only if no element had a mistake. */
static void refuse_twins(const struct endpoint *endpoints, size_t n, const struct tree_node *nodes,
	struct mistakes *mistakes)
{
	for (size_t i = 1; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (endpoints[i].port == endpoints[j].port &&
				is_same_text(endpoints[i].host, endpoints[j].host) &&
				is_same_text(endpoints[i].path, endpoints[j].path)) {
				mistakes_add(mistakes, nodes[i].at,
					"the address \"%s\" a second time, the first is in line "
					"%zu; expected every server once",
					nodes[i].text.data, nodes[j].at.line);
				break;
			}
		}
	}
}

static void read_addresses(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct endpoint **endpoints = keys_field(key, target);
	const size_t *n = keys_count_field(key, target);

	read_list(key, sizeof(struct endpoint), read_address, node, target, mistakes);
	if (node->kind == TREE_LIST && *n == node->n_items) {
		refuse_twins(*endpoints, *n, node->items, mistakes);
	}
}

static void read_selectors(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	static const struct value_type type = {"selector", "one such as \"user = admin\"", NULL};
	struct selectors *list = keys_field(key, target);
	const struct tree_node *items;
	size_t n;

	if (!get_elements(key, node, mistakes, &items, &n)) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct slice text;
		struct err err;

		if (value_scalar(&items[i], &type, mistakes, &text) &&
			!selectors_add(list, text, &err)) {
			CLEANUP(mem_free_p) char *quoted = value_quote(text);

			mistakes_add(mistakes, items[i].at, "%s: %s", quoted, err.text);
		}
	}
}

const struct value_type value_actions = {
	"list of actions", "a list such as [\"hdm:Get*\"]", read_actions};
const struct value_type value_patterns = {
	"list of instance ids", "a list such as [\"r-*\"]", read_patterns};
const struct value_type value_users = {
	"list of users", "a list of names or numbers, such as [oncall]", read_users};
const struct value_type value_groups = {
	"list of groups", "a list of names or numbers, such as [sre]", read_groups};
const struct value_type value_addresses = {
	"address", "host:port, unix:///path, or a list of these", read_addresses};
const struct value_type value_selectors = {
	"list of selectors", "a list such as [\"user = admin\"]", read_selectors};
