/*
 * What all types share: how a value is quoted in a message, and what counts as one.
 */
#include "config/value.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/keys.h"

/* What a message quotes of a value. */
#define MAX_QUOTED_BYTES 64

char *value_quote(struct slice text)
{
	size_t n = MIN(text.len, (size_t)MAX_QUOTED_BYTES);

	while (n > 0 && n < text.len && ((unsigned char)text.data[n] & 0xc0) == 0x80) {
		n--; /* no half characters */
	}
	return mem_printf(
		"\"%.*s%s\"", (int)n, text.len > 0 ? text.data : "", n < text.len ? "..." : "");
}

/* What stands there instead of a value of that type. */
static char *describe(const struct tree_node *node, const struct value_type *type)
{
	CLEANUP(mem_free_p) char *quoted = NULL;

	if (tree_is_null(node)) {
		return mem_printf("no value");
	}
	if (node->kind != TREE_SCALAR && node->n_items == 0) {
		return mem_printf("an empty %s", node->kind == TREE_LIST ? "list" : "mapping");
	}
	if (node->kind != TREE_SCALAR) {
		return mem_printf(
			"a %s is no %s", node->kind == TREE_LIST ? "list" : "mapping", type->noun);
	}
	quoted = value_quote(node->text);
	return mem_printf("%s is no %s", quoted, type->noun);
}

void value_refuse(
	const struct tree_node *node, const struct value_type *type, struct mistakes *mistakes)
{
	CLEANUP(mem_free_p) char *found = NULL;

	if (node->kind != TREE_REFUSED) {
		found = describe(node, type);
		mistakes_add(mistakes, node->at, "%s; expected %s", found, type->expected);
	}
}

bool value_scalar(const struct tree_node *node, const struct value_type *type,
	struct mistakes *mistakes, struct slice *ret_text)
{
	if (node->kind != TREE_SCALAR || tree_is_null(node) || node->text.len == 0) {
		value_refuse(node, type, mistakes);
		return false;
	}
	*ret_text = node->text;
	return true;
}

void value_set_text(const struct key *key, void *target, char *copy)
{
	char **field = keys_field(key, target);

	free(*field);
	*field = copy;
}

const struct value_type value_section = {"mapping", "a mapping of keys and values", NULL};
const struct value_type value_sections = {
	"list of mappings", "a list with at least one mapping", NULL};
