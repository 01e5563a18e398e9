/*
 * From the text `FIELD OP VALUE[,VALUE...]` to a selector, with the column of what is wrong.
 */
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "model/selector_internal.h"

static const struct operator_row {
	const char *text;
	enum selector_operator op;
} operator_rows[] = {
	/* The longer ones first. */
	{"!=", SELECTOR_NOT_EQUAL},
	{"<=", SELECTOR_LESS_EQUAL},
	{">=", SELECTOR_GREATER_EQUAL},
	{"=", SELECTOR_EQUAL},
	{"<", SELECTOR_LESS},
	{">", SELECTOR_GREATER},
};

/* Where `at` stands in the expression, counted from 1. */
static int column(const struct selector *selector, const char *at)
{
	return (int)(at - selector->text) + 1;
}

static bool read_type_word(struct selector_value *value, struct err *err)
{
	if (slice_is(value->text, "slave")) {
		value->text = SLICE_LITERAL("replica");
	}
	for (unsigned type = 0; type < SESSION_N_TYPES; type++) {
		if (slice_is(value->text, session_type_name((enum session_type)type))) {
			return true;
		}
	}
	err_set(err, "unknown type \"%.*s\"; expected normal, pubsub, replica or master",
		SLICE_ARG(value->text));
	return false;
}

static bool read_number(enum session_field_kind kind, struct selector_value *value, struct err *err)
{
	uint64_t bytes;

	switch (kind) {
	case SESSION_KIND_SECONDS:
		if (parse_duration_ms(value->text, 1000, &value->number)) {
			return true;
		}
		err_set(err, "\"%.*s\" is no duration; expected one such as 90s, 5m, 2h or 1d",
			SLICE_ARG(value->text));
		return false;
	case SESSION_KIND_BYTES:
		if (parse_size_bytes(value->text, &bytes) && bytes <= INT64_MAX) {
			value->number = (int64_t)bytes;
			return true;
		}
		err_set(err, "\"%.*s\" is no size; expected one such as 65536, 64kb or 10mb",
			SLICE_ARG(value->text));
		return false;
	case SESSION_KIND_NUMBER:
	case SESSION_KIND_TEXT:
	case SESSION_KIND_FLAGS:
	case SESSION_KIND_ADDRESS:
		break;
	}
	if (!parse_i64(value->text, &value->number)) {
		err_set(err, "\"%.*s\" is no number", SLICE_ARG(value->text));
		return false;
	}
	return true;
}

static bool read_pattern(struct selector_value *value, struct err *err)
{
	value->wildcard = wildcard_new(value->text);
	if (value->wildcard == NULL) {
		err_set(err, "more than %d characters in a value with wildcards",
			WILDCARD_MAX_CHARACTERS);
	}
	return value->wildcard != NULL;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static bool read_value_of(enum session_field field, struct selector_value *value, struct err *err)
{
	switch (session_field_kind(field)) {
	case SESSION_KIND_NUMBER:
	case SESSION_KIND_SECONDS:
	case SESSION_KIND_BYTES:
		return read_number(session_field_kind(field), value, err);
	case SESSION_KIND_ADDRESS:
		return address_range_parse(value->text, &value->range, err);
	case SESSION_KIND_FLAGS:
		if (value->text.len != 1) {
			err_set(err, "\"%.*s\" is no flag; expected one letter",
				SLICE_ARG(value->text));
		}
		return value->text.len == 1;
	case SESSION_KIND_TEXT:
		break;
	}
	/* As it is written, and as screens show it. */
	if (slice_is(value->text, "\"\"") || slice_is(value->text, "(none)")) {
		value->text = SLICE_LITERAL("");
		return true;
	}
	if (is_quote(value->text.data[0]) || is_quote(value->text.data[value->text.len - 1])) {
		err_set(err, "a value takes no quotes, but for \"\" where it is empty");
		return false;
	}
	if (wildcard_is_in(value->text)) {
		return read_pattern(value, err);
	}
	return field != SESSION_TYPE || read_type_word(value, err);
}

static bool read_value(struct selector *selector, struct slice text, struct err *err)
{
	struct selector_value value = {.text = text};

	if (text.len == 0) {
		err_set(err, "a value is missing");
		return false;
	}
	if (selector->n_values == SELECTOR_MAX_VALUES) {
		err_set(err, "more than %d values", SELECTOR_MAX_VALUES);
		return false;
	}
	if (!read_value_of(selector->field, &value, err)) {
		return false;
	}
	selector->values = mem_grow_array(selector->values, selector->n_values,
		&selector->values_capacity, sizeof(*selector->values));
	selector->values[selector->n_values++] = value;
	return true;
}

static bool is_letter(char c)
{
	return slice_lower(c) >= 'a' && slice_lower(c) <= 'z';
}

static size_t count_name_bytes(struct slice text)
{
	size_t n = 0;

	while (n < text.len &&
		(is_letter(text.data[n]) || text.data[n] == '-' || text.data[n] == '_')) {
		n++;
	}
	return n;
}

static bool read_field(struct selector *selector, struct slice *rest, struct err *err)
{
	struct slice name = *rest;
	size_t n = count_name_bytes(name);

	name.len = n;
	if (n == 0) {
		err_set(err, "column %d: expected a field name", column(selector, rest->data));
		return false;
	}
	if (!session_field_read(name, &selector->field, err)) {
		err_prefix(err, "column %d", column(selector, name.data));
		return false;
	}
	*rest = slice_trim(slice_skip(*rest, n));
	return true;
}

static bool read_operator(struct selector *selector, struct slice *rest, struct err *err)
{
	enum session_field_kind kind = session_field_kind(selector->field);
	int at = column(selector, rest->data);

	for (size_t i = 0; i < ARRAY_SIZE(operator_rows); i++) {
		const struct operator_row *row = &operator_rows[i];

		if (!slice_has_prefix(*rest, row->text)) {
			continue;
		}
		if (row->op != SELECTOR_EQUAL && row->op != SELECTOR_NOT_EQUAL &&
			!session_kind_is_numeric(kind)) {
			err_set(err, "column %d: \"%s\" takes = and != only",
				column(selector, rest->data), session_field_key(selector->field));
			return false;
		}
		selector->op = row->op;
		*rest = slice_skip(*rest, strlen(row->text));
		if (rest->len > 0 && memchr("=!<>", rest->data[0], 4) != NULL) {
			at = column(selector, rest->data); /* "==", "=>" */
			break;
		}
		*rest = slice_trim(*rest);
		return true;
	}
	err_set(err, "column %d: expected one of = != < <= > >=", at);
	return false;
}

/* Does `text` begin with a field and an operator? */
static bool is_expression(struct slice text)
{
	enum session_field field;
	size_t n = count_name_bytes(text);
	struct slice rest = slice_trim(slice_skip(text, n));

	text.len = n;
	if (!session_field_read(text, &field, NULL)) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(operator_rows); i++) {
		if (slice_has_prefix(rest, operator_rows[i].text)) {
			return true;
		}
	}
	return false;
}

/* What stands between two expressions, in words; NULL: it is no word that joins. */
static const char *advice_on(struct slice join)
{
	static const char all[] = "give each as a match of its own, all must hold";
	static const char any[] = "alternatives of one field stand behind commas, others are "
				  "requests of their own";

	if (slice_is_nocase(join, "and") || slice_is(join, "&&")) {
		return all;
	}
	return slice_is_nocase(join, "or") || slice_is(join, "||") ? any : NULL;
}

/* No value has an expression in it by chance: not behind a comma, a blank or a semicolon. */
static bool is_one_expression(const struct selector *selector, struct slice values, struct err *err)
{
	struct slice join = {values.data, 0}; /* the last word before */
	bool is_begin = true;

	for (size_t i = 0; i < values.len; i++) {
		struct slice rest = slice_skip(values, i);
		bool is_blank = rest.data[0] == ' ' || rest.data[0] == ',' || rest.data[0] == ';';

		if (is_begin && !is_blank && is_expression(rest)) {
			const char *advice = advice_on(join);

			if (advice != NULL) {
				err_set(err, "column %d: \"%.*s\" does not join expressions: %s",
					column(selector, join.data), SLICE_ARG(join), advice);
			} else {
				err_set(err,
					"column %d: a second expression: give each as a match of "
					"its own, all must hold",
					column(selector, rest.data));
			}
			return false;
		}
		if (is_begin && !is_blank) {
			join = (struct slice){rest.data, 0};
		}
		join.len += !is_blank;
		is_begin = is_blank;
	}
	return true;
}

bool selector_compile(struct selector *selector, struct err *err)
{
	struct slice rest = slice_trim(slice_of(selector->text));
	struct slice value;

	if (!read_field(selector, &rest, err) || !read_operator(selector, &rest, err) ||
		!is_one_expression(selector, rest, err)) {
		return false;
	}
	while (slice_next(&rest, ',', &value)) {
		if (!read_value(selector, slice_trim(value), err)) {
			err_prefix(err, "column %d", column(selector, slice_trim(value).data));
			return false;
		}
	}
	if (selector->n_values > 1 && selector->op != SELECTOR_EQUAL &&
		selector->op != SELECTOR_NOT_EQUAL) {
		err_set(err, "column %d: an order takes one value",
			column(selector, selector->values[1].text.data));
		return false;
	}
	return true;
}
