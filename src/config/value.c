/*
 * What all types share: how a value is quoted in a message, what counts as one, and how texts,
 * numbers and lists are read. An element of a list that is wrong is left out and the rest is read,
 * so that all mistakes are found; a list with a mistake is never used.
 */
#include "config/value.h"

#include <stdlib.h>

#include "base/check.h"
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

void value_refuse(const struct value *value)
{
	CLEANUP(mem_free_p) char *found = NULL;

	if (value->node->kind != TREE_REFUSED) {
		found = describe(value->node, value->type);
		mistakes_add(value->mistakes, value->node->at, "%s; expected %s", found,
			value->type->expected);
	}
}

bool value_scalar(const struct value *value, struct slice *ret_text)
{
	const struct tree_node *node = value->node;

	if (node->kind != TREE_SCALAR || tree_is_null(node) || node->text.len == 0) {
		value_refuse(value);
		return false;
	}
	*ret_text = node->text;
	return true;
}

/* ---- texts ---- */

void value_set_text(char **field, char *copy)
{
	free(*field);
	*field = copy;
}

bool value_read_text(const struct value *value, void *field)
{
	const struct value_type *type = value->type;
	CLEANUP(mem_free_p) char *fault = NULL;
	struct slice text;

	if (!value_scalar(value, &text)) {
		return false;
	}
	if (type->is_fine_fn != NULL && !type->is_fine_fn(text)) {
		value_refuse(value);
		return false;
	}
	if (type->find_fault_fn != NULL) {
		fault = type->find_fault_fn(text.data);
	}
	if (fault != NULL) {
		mistakes_add(value->mistakes, value->node->at, "\"%s\" %s", text.data, fault);
	}
	value_set_text(field, slice_copy(text));
	return fault == NULL;
}

/* ---- numbers ---- */

static int64_t read_bound(const struct value_type *type, const char *bound)
{
	int64_t number;

	CHECK(type->parse_fn(slice_of(bound), &number));
	return number;
}

/* False with the mistake. */
static bool is_within_bounds(const struct value *value, int64_t number)
{
	const struct key *key = value->key;

	if ((key->least == NULL || number >= read_bound(value->type, key->least)) &&
		(key->most == NULL || number <= read_bound(value->type, key->most))) {
		return true;
	}
	mistakes_add(value->mistakes, value->node->at, "%.*s is out of bounds; expected %s to %s",
		SLICE_ARG(value->node->text), key->least != NULL ? key->least : "0", key->most);
	return false;
}

static void refuse_quotes(const struct value *value)
{
	CLEANUP(mem_free_p) char *quoted = value_quote(value->node->text);

	mistakes_add(value->mistakes, value->node->at,
		"%s in quotes is a text; expected %s without quotes", quoted,
		value->type->expected);
}

static void store(void *field, size_t n_bytes, int64_t number)
{
	if (n_bytes == sizeof(bool)) {
		*(bool *)field = number != 0;
	} else if (n_bytes == sizeof(unsigned)) {
		*(unsigned *)field = (unsigned)number;
	} else {
		CHECK(n_bytes == sizeof(int64_t));
		*(int64_t *)field = number;
	}
}

bool value_read_number(const struct value *value, void *field)
{
	const struct value_type *type = value->type;
	struct slice text;
	int64_t number;

	if (type->is_unquoted && value->node->kind == TREE_SCALAR && !value->node->is_plain) {
		refuse_quotes(value);
		return false;
	}
	if (!value_scalar(value, &text)) {
		return false;
	}
	if (!type->parse_fn(text, &number)) {
		value_refuse(value);
		return false;
	}
	if (!is_within_bounds(value, number)) {
		return false;
	}
	store(field, type->n_bytes, number);
	return true;
}

/* ---- lists ---- */

/* The elements of a list, or a value that stands alone as a list of one; else 0 with the mistake.
 */
static size_t get_elements(const struct value *value, const struct tree_node **ret_items)
{
	const struct tree_node *node = value->node;

	if (node->kind == TREE_SCALAR && value->type->may_be_alone && !tree_is_null(node)) {
		*ret_items = node;
		return 1;
	}
	if (node->kind != TREE_LIST || node->n_items == 0) {
		value_refuse(value);
		return 0;
	}
	if (node->n_items > VALUE_MAX_ITEMS) {
		mistakes_add(value->mistakes, node->at,
			"a list of %zu; expected at most %d elements", node->n_items,
			VALUE_MAX_ITEMS);
		return 0;
	}
	*ret_items = node->items;
	return node->n_items;
}

static bool read_element(const struct value *list, const struct tree_node *node, void *field)
{
	struct value element = {list->type->element, node, list->key, list->mistakes};

	return element.type->read_fn(&element, field);
}

bool value_read_list(const struct value *value, void *field)
{
	size_t element_bytes = value->type->element->n_bytes;
	size_t *count = keys_count_field(value->key, field);
	const struct tree_node *items;
	size_t n = get_elements(value, &items);
	char **array = field;

	if (n == 0) {
		return false;
	}
	CHECK(*array == NULL); /* no array can have been set by `defaults` */
	*array = mem_alloc_array(n, element_bytes);
	for (size_t i = 0; i < n; i++) {
		*count += read_element(value, &items[i], *array + *count * element_bytes);
	}
	return *count == n;
}

bool value_read_each(const struct value *value, void *field)
{
	const struct tree_node *items;
	size_t n = get_elements(value, &items);
	size_t n_read = 0;

	for (size_t i = 0; i < n; i++) {
		n_read += read_element(value, &items[i], field);
	}
	return n > 0 && n_read == n;
}
