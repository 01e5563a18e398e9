/*
 * Decoding of query strings and form bodies, and reading by tables.
 */
#include "control/params.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "model/goals.h"
#include "model/selector.h"

/* Of a name in a message: enough to recognise it. */
#define PARAMS_SHOWN_BYTES 64

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* The byte that "%XX" at `text` stands for; -1 when it is no escape. */
static int unescape(struct slice text)
{
	int high, low;

	if (text.len < 3) {
		return -1;
	}
	high = hex_value(text.data[1]);
	low = hex_value(text.data[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/*
 * Decodes `text` into `out`, which holds as many bytes as `text`. What is wrong with it is
 * returned in words, NULL when nothing is.
 */
static const char *decode(struct slice text, char *out, size_t *ret_used)
{
	size_t used = 0;

	while (text.len > 0) {
		int byte = (unsigned char)text.data[0];
		size_t taken = 1;

		if (byte == '%') {
			byte = unescape(text);
			taken = 3;
			if (byte < 0) {
				return "has a '%' that is not followed by two hexadecimal digits";
			}
		} else if (byte == '+') {
			byte = ' ';
		}
		if (byte == '\0') {
			return "has a NUL byte";
		}
		out[used++] = (char)byte;
		text = slice_skip(text, taken);
	}
	*ret_used = used;
	return NULL;
}

static bool fail(struct slice name, const char *what, const char *wrong, struct err *err)
{
	err_set(err, "parameter %.*s: the %s %s", (int)MIN(name.len, (size_t)PARAMS_SHOWN_BYTES),
		name.data, what, wrong);
	return false;
}

static size_t max_value_bytes(struct slice name)
{
	return slice_is(name, PARAMS_LONG_NAME) ? PARAMS_MAX_LONG_BYTES : PARAMS_MAX_VALUE_BYTES;
}

static bool check_length(
	struct slice text, size_t most, struct slice name, const char *what, struct err *err)
{
	char words[64];

	snprintf(words, sizeof(words), "is longer than %zu bytes", most);
	return text.len <= most || fail(name, what, words, err);
}

bool params_add_one(struct params *params, struct slice name, struct slice value, struct err *err)
{
	if (name.len == 0) {
		err_set(err, "a parameter has no name");
		return false;
	}
	if (params->n == PARAMS_MAX) {
		err_set(err, "parameter %.*s: more than %d parameters",
			(int)MIN(name.len, (size_t)PARAMS_SHOWN_BYTES), name.data, PARAMS_MAX);
		return false;
	}
	if (!check_length(name, PARAMS_MAX_VALUE_BYTES, name, "name", err) ||
		!check_length(value, max_value_bytes(name), name, "value", err)) {
		return false;
	}
	params->items =
		mem_grow_array(params->items, params->n, &params->capacity, sizeof(struct param));
	params->items[params->n++] =
		(struct param){slice_copy(name), {slice_copy(value), value.len}};
	return true;
}

static bool add_pair(
	struct params *params, struct slice raw_name, struct slice raw_value, struct err *err)
{
	CLEANUP(mem_free_p) char *name = mem_alloc(raw_name.len + 1);
	CLEANUP(mem_free_p) char *value = mem_alloc(raw_value.len + 1);
	size_t name_len, value_len;
	const char *wrong = decode(raw_name, name, &name_len);

	if (wrong != NULL) {
		return fail(raw_name, "name", wrong, err);
	}
	wrong = decode(raw_value, value, &value_len);
	if (wrong != NULL) {
		return fail((struct slice){name, name_len}, "value", wrong, err);
	}
	return params_add_one(
		params, (struct slice){name, name_len}, (struct slice){value, value_len}, err);
}

bool params_add(struct params *params, struct slice text, struct err *err)
{
	struct slice pair, name;

	while (slice_next(&text, '&', &pair)) {
		if (pair.len == 0) {
			continue;
		}
		slice_next(&pair, '=', &name);
		if (!add_pair(params, name, pair, err)) {
			return false;
		}
	}
	return true;
}

void params_finish(struct params *params)
{
	for (size_t i = 0; i < params->n; i++) {
		free(params->items[i].name);
		free((char *)params->items[i].value.data);
	}
	free(params->items);
	*params = (struct params){NULL, 0, 0};
}

struct slice params_get(const struct params *params, const char *name)
{
	for (size_t i = 0; i < params->n; i++) {
		if (strcmp(params->items[i].name, name) == 0) {
			return params->items[i].value;
		}
	}
	return (struct slice){NULL, 0};
}

bool params_get_single(
	const struct params *params, const char *name, struct slice *ret_value, struct err *err)
{
	struct slice value = params_get(params, name);

	for (size_t i = 0; i < params->n; i++) {
		if (strcmp(params->items[i].name, name) == 0 &&
			!slice_is_equal(params->items[i].value, value)) {
			err_set(err, "parameter %s: given more than once with different values",
				name);
			return false;
		}
	}
	*ret_value = value;
	return true;
}

/* ---- into a struct, by a table ---- */

bool params_read_switch(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	if (!parse_bool(value, field)) {
		err_set(err, "\"%.*s\" is neither true nor false", SLICE_ARG(value));
		return false;
	}
	return true;
}

bool params_read_selector(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	return selectors_add_asked(field, value, err);
}

bool params_read_goal(const struct param_row *row, struct slice value, void *field, struct err *err)
{
	return goals_set(field, slice_of(row->name), value, err);
}

static bool read_one(const struct params *params, const struct param *param,
	const struct param_row *row, void *target, struct err *err)
{
	struct slice single;

	if (!row->is_repeatable && !params_get_single(params, param->name, &single, err)) {
		return false;
	}
	if (!row->read_fn(row, param->value, (char *)target + row->offset, err)) {
		err_prefix(err, "%s", param->name);
		return false;
	}
	return true;
}

bool params_read(const struct params *params, const struct param_row *rows, size_t n_rows,
	void *target, struct err *err)
{
	for (size_t i = 0; i < params->n; i++) {
		const struct param *param = &params->items[i];
		size_t k = 0;

		while (k < n_rows && strcmp(rows[k].name, param->name) != 0) {
			k++;
		}
		if (k == n_rows) {
			err_set(err, "unknown parameter \"%.64s\"", param->name);
			return false;
		}
		if (!read_one(params, param, &rows[k], target, err)) {
			return false;
		}
	}
	return true;
}

bool params_read_duration(
	const struct param_row *row, struct slice value, void *field, struct err *err)
{
	int64_t ms;

	if (!parse_duration_ms(value, 0, &ms)) {
		err_set(err, "\"%.*s\" is no duration; expected one such as 500ms, 30s or 5m",
			SLICE_ARG(value));
		return false;
	}
	if (ms < row->least || ms > row->most) {
		err_set(err, "\"%.*s\" is out of bounds; expected %lldms to %llds",
			SLICE_ARG(value), (long long)row->least, (long long)row->most / 1000);
		return false;
	}
	*(int64_t *)field = ms;
	return true;
}
