/*
 * The walk over the keys of one mapping, and what to say about a key that does not exist there.
 */
#include "config/section.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"

static void read_value(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct value value = {key->type, node, key, mistakes};

	if (key->type->read_fn != NULL) {
		key->type->read_fn(&value, (char *)target + key->offset);
	}
}

void section_preset(enum keys_section section, void *target)
{
	struct mistakes mistakes = {0};

	for (const struct key *key = keys_next(section, NULL); key != NULL;
		key = keys_next(section, key)) {
		if (key->preset != NULL) {
			struct tree_node node = {
				.kind = TREE_SCALAR,
				.is_plain = true,
				.text = slice_of(key->preset),
			};

			read_value(key, &node, target, &mistakes);
		}
	}
	CHECK(mistakes.n == 0);
}

/* ---- keys that do not exist ---- */

/* The key that was probably meant; absent: none is near. */
static struct slice find_near(enum keys_section section, struct slice name)
{
	struct nearest nearest = nearest_to(name);

	for (const struct key *key = keys_next(section, NULL); key != NULL;
		key = keys_next(section, key)) {
		nearest_try(&nearest, slice_of(key->name));
	}
	return nearest.found;
}

/* "socket, mode, group or max-connections" */
static char *print_names(enum keys_section section)
{
	const struct key *key = keys_next(section, NULL);
	char *text = mem_printf("%s", key->name);

	while ((key = keys_next(section, key)) != NULL) {
		CLEANUP(mem_free_p) char *before = text;

		text = mem_printf("%s%s%s", before, keys_next(section, key) != NULL ? ", " : " or ",
			key->name);
	}
	return text;
}

/*
 * `unknown key "adress" in WHERE; did you mean "address"?`, or the keys to choose from when none
 * is near. On the heap.
 */
static char *suggest(enum keys_section section, struct slice name, const char *where)
{
	struct slice near = find_near(section, name);
	CLEANUP(mem_free_p) char *quoted = value_quote(name);
	CLEANUP(mem_free_p) char *names = NULL;

	if (section != KEYS_ROOT && section != KEYS_CONTROL && slice_is(name, "password")) {
		return mem_printf("a secret in the configuration; expected password-file or "
				  "credential, which name a place that only the daemon can read");
	}
	if (near.data != NULL) {
		return mem_printf("unknown key %s in %s; did you mean \"%.*s\"?", quoted, where,
			SLICE_ARG(near));
	}
	names = print_names(section);
	return mem_printf("unknown key %s in %s; expected %s", quoted, where, names);
}

/* ---- reading ---- */

/* One walk. */
struct reading {
	enum keys_section section;
	const struct tree_node *mapping;
	const char *where;
	void *target;
	struct mistakes *mistakes;
};

static void read_pair(const struct reading *reading, const struct tree_node *name)
{
	const struct key *key = keys_find(reading->section, name->text);
	const struct tree_node *first;

	if (key == NULL) {
		CLEANUP(mem_free_p)
		char *words = suggest(reading->section, name->text, reading->where);

		mistakes_add(reading->mistakes, name->at, "%s", words);
		return;
	}
	first = tree_find_key(reading->mapping, key->name);
	if (first != name) {
		mistakes_add(reading->mistakes, name->at,
			"key \"%s\" a second time in %s, the first is in line %zu; expected it "
			"once",
			key->name, reading->where, first->at.line);
		return;
	}
	read_value(key, name + 1, reading->target, reading->mistakes);
}

static void read_pairs(const struct reading *reading)
{
	for (size_t i = 0; i + 1 < reading->mapping->n_items; i += 2) {
		const struct tree_node *name = &reading->mapping->items[i];

		if (name->kind == TREE_SCALAR) {
			read_pair(reading, name);
		} else if (name->kind != TREE_REFUSED) {
			mistakes_add(reading->mistakes, name->at,
				"a list or mapping in the place of a key in %s; expected a name",
				reading->where);
		}
	}
}

static void require_keys(const struct reading *reading)
{
	for (const struct key *key = keys_next(reading->section, NULL); key != NULL;
		key = keys_next(reading->section, key)) {
		if (key->is_required && tree_find_key(reading->mapping, key->name) == NULL) {
			mistakes_add(reading->mistakes, reading->mapping->at,
				"no \"%s\" in %s; expected %s", key->name, reading->where,
				key->type->expected);
		}
	}
}

void section_read(enum keys_section section, const struct tree_node *node, const char *where,
	void *target, struct mistakes *mistakes)
{
	struct reading reading = {section, node, where, target, mistakes};

	if (node->kind != TREE_MAPPING && !tree_is_null(node)) {
		value_refuse(&(struct value){&value_section, node, NULL, mistakes});
		return;
	}
	read_pairs(&reading);
	require_keys(&reading);
}
