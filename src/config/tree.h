/*
 * A YAML text as a tree of values that all know their line and column; no meaning yet. Takes the
 * part of YAML that a configuration needs: mappings, lists and scalars in any style. Anchors,
 * aliases and tags, which no person expects here, are mistakes.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/slice.h"
#include "config/mistakes.h"

/* Deeper than any key lies; what is nested deeper is refused before it is read. */
#define TREE_MAX_DEPTH 8

enum tree_kind {
	TREE_SCALAR,
	TREE_LIST,
	TREE_MAPPING,
	TREE_REFUSED, /* the mistake in it is known already: not to be mentioned again */
};

struct tree_node {
	enum tree_kind kind;
	bool is_plain; /* a scalar without quotes */
	struct position at;
	struct slice text;       /* of a scalar: owned, on one line, NUL-terminated */
	struct tree_node *items; /* elements; of a mapping: key, value, key, value */
	size_t n_items;
	size_t capacity;
};

/*
 * Reads `bytes`. False with mistakes when not even a tree could be made; true with mistakes when
 * there is one and more mistakes may be found in it. To be finished in either case.
 */
NODISCARD bool tree_parse(
	struct slice bytes, struct tree_node *ret_root, struct mistakes *mistakes);
void tree_finish(struct tree_node *node);

/* Written as nothing, `~` or `null`. */
bool tree_is_null(const struct tree_node *node);

/* The first key of that name in a mapping (its value follows it), or NULL. */
const struct tree_node *tree_find_key(const struct tree_node *mapping, const char *name);
/* The first value of that name in a mapping, or NULL. */
const struct tree_node *tree_find(const struct tree_node *mapping, const char *name);

#endif
