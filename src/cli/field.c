/*
 * Reading the daemon's JSON.
 */
#include "cli/field.h"

#include "base/mem.h"

json_t *field_load(struct slice text)
{
	json_t *object =
		json_loadb(text.data != NULL ? text.data : "", text.len, JSON_ALLOW_NUL, NULL);

	if (!json_is_object(object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

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

char *field_join(const json_t *texts, const char *between)
{
	char *all = mem_printf("%s", "");
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
	{
		CLEANUP(mem_free_p) char *before = all;

		all = mem_printf(
			"%s%s%.*s", before, i > 0 ? between : "", SLICE_ARG(field_slice(text)));
	}
	return all;
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
