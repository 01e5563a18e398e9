/*
 * The walk over the keys of one mapping.
 */
#include "config/section.h"

#include <stdlib.h>

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

/* One walk. */
struct reading {
	enum keys_section section;
	const char *where;
	void *target;
	struct mistakes *mistakes;
	const struct tree_node **seen; /* by key of the table: its first name in the mapping */
};

/* The key of that name, if it can be read here; NULL with the mistake. */
static const struct key *take_key(struct reading *reading, const struct tree_node *name)
{
	const struct key *key = keys_find(reading->section, name->text);
	const struct tree_node **seen;
	size_t n_keys;

	if (key == NULL) {
		CLEANUP(mem_free_p)
		char *words = suggest_words(reading->section, name->text, reading->where);

		mistakes_add(reading->mistakes, name->at, "%s", words);
		return NULL;
	}
	seen = &reading->seen[key - keys_table(&n_keys)];
	if (*seen != NULL) {
		mistakes_add(reading->mistakes, name->at,
			"key \"%s\" a second time in %s, the first is in line %zu; expected it "
			"once",
			key->name, reading->where, (*seen)->at.line);
		return NULL;
	}
	*seen = name;
	return key;
}

static void read_pair(struct reading *reading, const struct tree_node *name)
{
	const struct key *key;

	if (name->kind == TREE_LIST || name->kind == TREE_MAPPING) {
		mistakes_add(reading->mistakes, name->at,
			"a list or mapping in the place of a key in %s; expected a name",
			reading->where);
	}
	if (name->kind != TREE_SCALAR) {
		return;
	}
	key = take_key(reading, name);
	if (key != NULL && key->type->read_fn != NULL) {
		key->type->read_fn(key, name + 1, reading->target, reading->mistakes);
	}
}

static void require_keys(const struct reading *reading, const struct tree_node *mapping)
{
	size_t n_keys;
	const struct key *keys = keys_table(&n_keys);

	for (size_t i = 0; i < n_keys; i++) {
		if (keys[i].is_required && keys_is_in(&keys[i], reading->section) &&
			reading->seen[i] == NULL) {
			mistakes_add(reading->mistakes, mapping->at, "no \"%s\" in %s; expected %s",
				keys[i].name, reading->where, keys[i].type->expected);
		}
	}
}

void section_read(enum keys_section section, const struct tree_node *node, const char *where,
	void *target, struct mistakes *mistakes)
{
	struct reading reading = {section, where, target, mistakes, NULL};
	size_t n_keys;

	if (node->kind != TREE_MAPPING && !tree_is_null(node)) {
		value_refuse(node, &value_section, mistakes);
		return;
	}
	keys_table(&n_keys);
	reading.seen = mem_alloc_array(n_keys, sizeof(void *));
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		read_pair(&reading, &node->items[i]);
	}
	require_keys(&reading, node);
	free(reading.seen);
}
