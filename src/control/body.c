/*
 * Bodies.
 */
#include "control/body.h"

#include <jansson.h>

#include "base/mem.h"
#include "control/names.h"

/* A number or boolean as its text, and, where that is wanted, a list or object. */
static bool add_text_of(
	struct params *params, const char *name, const json_t *value, struct err *err)
{
	CLEANUP(mem_free_p)
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	return params_add_one(params, slice_of(name), slice_of(text), err);
}

static bool add_value(struct params *params, const char *name, const json_t *value, struct err *err)
{
	if (json_is_string(value)) {
		struct slice text = {json_string_value(value), json_string_length(value)};

		return params_add_one(params, slice_of(name), text, err);
	}
	if (json_is_number(value) || json_is_boolean(value)) {
		return add_text_of(params, name, value, err);
	}
	err_set(err, "parameter %.64s: expected a string, a number or a boolean", name);
	return false;
}

static bool add_list(struct params *params, const char *name, const json_t *list, struct err *err)
{
	if (json_array_size(list) == 0) {
		err_set(err, "parameter %.64s: the list is empty", name);
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!add_value(params, name, json_array_get(list, i), err)) {
			return false;
		}
	}
	return true;
}

static bool add_member(struct params *params, const char *name, const json_t *value,
	bool is_lenient, struct err *err)
{
	if (is_lenient && (json_is_array(value) || json_is_object(value))) {
		return add_text_of(params, name, value, err);
	}
	if (json_is_array(value)) {
		return add_list(params, name, value, err);
	}
	return (is_lenient && json_is_null(value)) || add_value(params, name, value, err);
}

static bool add_json(struct params *params, struct slice body, bool is_lenient, struct err *err)
{
	json_error_t error;
	json_auto_t *object = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, &error);
	const char *name;
	json_t *value;

	if (object == NULL) {
		err_set(err, "the body is no JSON: line %d column %d: %s", error.line, error.column,
			error.text);
		return false;
	}
	if (!json_is_object(object)) {
		err_set(err, "the body is no JSON object");
		return false;
	}
	json_object_foreach(object, name, value)
	{
		if (!add_member(params, name, value, is_lenient, err)) {
			return false;
		}
	}
	return true;
}

/* What curl sends for JSON without being told that it is, from a file with a mark at its front too.
 */
static bool looks_like_json(struct slice body)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";

	if (slice_has_prefix(body, byte_order_mark)) {
		body = slice_skip(body, strlen(byte_order_mark));
	}
	while (body.len > 0 && ((unsigned char)body.data[0] <= ' ' || body.data[0] == '&')) {
		body = slice_skip(body, 1);
	}
	return slice_has_prefix(body, "{") || slice_has_prefix(body, "[");
}

enum body_result body_read(struct params *params, struct slice type, struct slice body,
	bool is_lenient, struct err *err)
{
	struct slice media;
	bool is_read;

	if (body.len == 0) {
		return BODY_READ;
	}
	if (!slice_next(&type, ';', &media)) {
		err_set(err, "the body has no Content-Type: expected " NAMES_TYPE_FORM
			     " or " NAMES_TYPE_JSON);
		return BODY_UNSUPPORTED;
	}
	media = slice_trim(media);
	if (slice_is_nocase(media, NAMES_TYPE_JSON)) {
		is_read = add_json(params, body, is_lenient, err);
	} else if (!slice_is_nocase(media, NAMES_TYPE_FORM)) {
		err_set(err,
			"Content-Type \"%.*s\": expected " NAMES_TYPE_FORM " or " NAMES_TYPE_JSON,
			(int)MIN(media.len, (size_t)64), media.data);
		return BODY_UNSUPPORTED;
	} else if (looks_like_json(body)) {
		err_set(err, "the body looks like JSON: send it with the header "
			     "\"Content-Type: " NAMES_TYPE_JSON "\"");
		is_read = false;
	} else {
		is_read = params_add(params, body, err);
	}
	return is_read ? BODY_READ : BODY_MALFORMED;
}
