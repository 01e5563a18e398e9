/*
 * The walk over the keys of one mapping.
 */
#include "config/section.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/suggest.h"

void section_preset(enum keys_section section, void *target)
{
	struct mistakes mistakes = {0};
	size_t n_keys;
	const struct key *keys = keys_table(&n_keys);

	for (size_t i = 0; i < n_keys; i++) {
		if (keys[i].preset != NULL && keys_is_in(&keys[i], section)) {
			struct tree_node node = {
				.kind = TREE_SCALAR,
				.is_plain = true,
				.text = slice_of(keys[i].preset),
			};

			keys[i].type->read_fn(&keys[i], &node, target, &mistakes);
		}
	}
	CHECK(mistakes.n == 0);
}

static void read_pair(enum keys_section section, const struct tree_node *mapping,
	const struct tree_node *name, const char *where, void *target, struct mistakes *mistakes)
{
	const struct tree_node *first;
	const struct key *key;

	if (name->kind != TREE_SCALAR) {
		if (name->kind != TREE_REFUSED) {
			mistakes_add(mistakes, name->at,
				"a list or mapping in the place of a key in %s; expected a name",
				where);
		}
		return;
	}
	key = keys_find(section, name->text);
	if (key == NULL) {
		CLEANUP(mem_free_p) char *words = suggest_words(section, name->text, where);

		mistakes_add(mistakes, name->at, "%s", words);
		return;
	}
	first = tree_find_key(mapping, key->name);
	if (first != name) {
		mistakes_add(mistakes, name->at,
			"key \"%s\" a second time in %s, the first is in line %zu; expected it "
			"once",
			key->name, where, first->at.line);
		return;
	}
	if (key->type->read_fn != NULL) {
		key->type->read_fn(key, name + 1, target, mistakes);
	}
}

static void require_keys(enum keys_section section, const struct tree_node *mapping,
	const char *where, struct mistakes *mistakes)
{
	size_t n_keys;
	const struct key *keys = keys_table(&n_keys);

	for (size_t i = 0; i < n_keys; i++) {
		if (keys[i].is_required && keys_is_in(&keys[i], section) &&
			tree_find_key(mapping, keys[i].name) == NULL) {
			mistakes_add(mistakes, mapping->at, "no \"%s\" in %s; expected %s",
				keys[i].name, where, keys[i].type->expected);
		}
	}
}

void section_read(enum keys_section section, const struct tree_node *node, const char *where,
	void *target, struct mistakes *mistakes)
{
	if (node->kind != TREE_MAPPING && !tree_is_null(node)) {
		value_refuse(node, &value_section, mistakes);
		return;
	}
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		read_pair(section, node, &node->items[i], where, target, mistakes);
	}
	require_keys(section, node, where, mistakes);
}
