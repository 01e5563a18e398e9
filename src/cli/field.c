/*
 * Reading the daemon's JSON.
 */
#include "cli/field.h"

struct slice field_slice(const json_t *text)
{
	return (struct slice){json_string_value(text), json_string_length(text)};
}

struct slice field_text(const json_t *object, const char *key)
{
	return field_slice(json_object_get(object, key));
}

uint64_t field_count(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

double field_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

bool field_has(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value != NULL && !json_is_null(value);
}

bool field_has_failed_node(const json_t *answer)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(answer, "nodes"), i, node)
	{
		if (field_has(node, "error")) {
			return true;
		}
	}
	return false;
}
