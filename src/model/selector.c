/*
 * Selectors: `FIELD OP VALUE[,VALUE...]`.
 */
#include "model/selector.h"

#include "base/mem.h"
#include "base/parse.h"

struct selector_value {
	struct slice text; /* text: the pattern; flags: one letter; points into `text` */
	bool has_wildcard;
	int64_t number; /* seconds count in ms, so that 1500ms means what it says */
	struct address_range range;
};

struct selector {
	char *text;
	enum session_field field;
	enum selector_operator op;
	struct selector_value *values;
	size_t n_values;
	size_t values_capacity;
};

/* ---- compiling ---- */

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

static bool is_numeric(enum session_field_kind kind)
{
	return kind == SESSION_KIND_NUMBER || kind == SESSION_KIND_SECONDS ||
	       kind == SESSION_KIND_BYTES;
}

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

static bool read_value(struct selector *selector, struct slice text, struct err *err)
{
	enum session_field_kind kind = session_field_kind(selector->field);
	struct selector_value value = {.text = text};

	value.has_wildcard = slice_has_char(text, '*') || slice_has_char(text, '?');
	if (text.len == 0) {
		err_set(err, "a value is missing");
		return false;
	}
	if (selector->n_values == SELECTOR_MAX_VALUES) {
		err_set(err, "more than %d values", SELECTOR_MAX_VALUES);
		return false;
	}
	if (is_numeric(kind)) {
		if (!read_number(kind, &value, err)) {
			return false;
		}
	} else if (kind == SESSION_KIND_ADDRESS) {
		if (!address_range_parse(text, &value.range, err)) {
			return false;
		}
	} else if (kind == SESSION_KIND_FLAGS) {
		if (text.len != 1) {
			err_set(err, "\"%.*s\" is no flag; expected one letter", SLICE_ARG(text));
			return false;
		}
	} else if (selector->field == SESSION_TYPE && !value.has_wildcard) {
		if (!read_type_word(&value, err)) {
			return false;
		}
	}
	selector->values = mem_grow_array(selector->values, selector->n_values,
		&selector->values_capacity, sizeof(*selector->values));
	selector->values[selector->n_values++] = value;
	return true;
}

static bool read_field(struct selector *selector, struct slice *rest, struct err *err)
{
	struct slice name = *rest;
	size_t n = 0;

	while (n < rest->len &&
		((rest->data[n] >= 'a' && rest->data[n] <= 'z') || rest->data[n] == '-')) {
		n++;
	}
	name.len = n;
	if (n == 0) {
		err_set(err, "column %d: expected a field name", column(selector, rest->data));
		return false;
	}
	if (!session_field_find(name, &selector->field)) {
		err_set(err, "column %d: unknown field \"%.*s\"", column(selector, name.data),
			SLICE_ARG(name));
		return false;
	}
	*rest = slice_trim(slice_skip(*rest, n));
	return true;
}

static bool read_operator(struct selector *selector, struct slice *rest, struct err *err)
{
	enum session_field_kind kind = session_field_kind(selector->field);

	for (size_t i = 0; i < ARRAY_SIZE(operator_rows); i++) {
		const struct operator_row *row = &operator_rows[i];

		if (!slice_has_prefix(*rest, row->text)) {
			continue;
		}
		if (row->op != SELECTOR_EQUAL && row->op != SELECTOR_NOT_EQUAL &&
			!is_numeric(kind)) {
			err_set(err, "column %d: \"%s\" takes = and != only",
				column(selector, rest->data), session_field_key(selector->field));
			return false;
		}
		selector->op = row->op;
		*rest = slice_trim(slice_skip(*rest, strlen(row->text)));
		return true;
	}
	err_set(err, "column %d: expected one of = != < <= > >=", column(selector, rest->data));
	return false;
}

static bool compile(struct selector *selector, struct err *err)
{
	struct slice rest = slice_trim(slice_of(selector->text));
	struct slice value;

	if (!read_field(selector, &rest, err) || !read_operator(selector, &rest, err)) {
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

struct selector *selector_new(struct slice text, struct err *err)
{
	struct selector *selector;

	if (text.len > SELECTOR_MAX_BYTES) {
		err_set(err, "column %d: longer than %d bytes", SELECTOR_MAX_BYTES + 1,
			SELECTOR_MAX_BYTES);
		return NULL;
	}
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] < 0x20) {
			err_set(err, "column %d: a control character", (int)i + 1);
			return NULL;
		}
	}
	selector = mem_new(struct selector);
	selector->text = slice_copy(text);
	if (!compile(selector, err)) {
		selector_free(selector);
		return NULL;
	}
	return selector;
}

void selector_free(struct selector *selector)
{
	if (selector == NULL) {
		return;
	}
	free(selector->text);
	free(selector->values);
	free(selector);
}

const char *selector_text(const struct selector *selector)
{
	return selector->text;
}

enum session_field selector_field(const struct selector *selector)
{
	return selector->field;
}

/* ---- testing ---- */

static bool is_order_true(enum selector_operator op, int64_t left, int64_t right)
{
	switch (op) {
	case SELECTOR_EQUAL:
	case SELECTOR_NOT_EQUAL:
		return left == right;
	case SELECTOR_LESS:
		return left < right;
	case SELECTOR_LESS_EQUAL:
		return left <= right;
	case SELECTOR_GREATER:
		return left > right;
	case SELECTOR_GREATER_EQUAL:
		return left >= right;
	}
	return false;
}

/* Does one value fit? != is turned around by the caller. */
static bool is_value_fitting(const struct selector *selector, const struct selector_value *value,
	const struct session *session)
{
	struct slice text = session->values[selector->field];
	enum session_field_kind kind = session_field_kind(selector->field);
	int64_t number;

	switch (kind) {
	case SESSION_KIND_NUMBER:
	case SESSION_KIND_BYTES:
		return parse_i64(text, &number) &&
		       is_order_true(selector->op, number, value->number);
	case SESSION_KIND_SECONDS:
		return parse_i64(text, &number) && number <= INT64_MAX / 1000 &&
		       is_order_true(selector->op, number * 1000, value->number);
	case SESSION_KIND_ADDRESS:
		return address_range_contains(&value->range,
			selector->field == SESSION_ADDR ? &session->addr : &session->laddr);
	case SESSION_KIND_FLAGS:
		return slice_has_char(text, value->text.data[0]);
	case SESSION_KIND_TEXT:
		break;
	}
	return value->has_wildcard ? slice_matches_wildcard(text, value->text)
				   : slice_is_equal(text, value->text);
}

/* The least value that every session of a set has, in the unit of selector_value.number. */
static bool least_value(
	const struct selector *selector, const struct session *session, int64_t *ret_least)
{
	int64_t seconds = selector->field == SESSION_AGE    ? session->least_age_s
			  : selector->field == SESSION_IDLE ? session->least_idle_s
							    : -1;

	if (seconds < 0 || seconds > INT64_MAX / 1000) {
		return false;
	}
	*ret_least = seconds * 1000;
	return true;
}

/* The field may have any value: only a lower bound can still decide. */
static enum selector_verdict test_open(
	const struct selector *selector, const struct session *session)
{
	int64_t least;

	if (!least_value(selector, session, &least)) {
		return SELECTOR_OPEN;
	}
	switch (selector->op) {
	case SELECTOR_GREATER:
	case SELECTOR_GREATER_EQUAL:
		return is_order_true(selector->op, least, selector->values[0].number)
			       ? SELECTOR_YES
			       : SELECTOR_OPEN;
	case SELECTOR_LESS:
	case SELECTOR_LESS_EQUAL:
		return is_order_true(selector->op, least, selector->values[0].number)
			       ? SELECTOR_OPEN
			       : SELECTOR_NO;
	case SELECTOR_EQUAL:
	case SELECTOR_NOT_EQUAL:
		break;
	}
	return SELECTOR_OPEN;
}

enum selector_verdict selector_test(const struct selector *selector, const struct session *session)
{
	bool is_fitting = false;

	if ((session->open_fields & (UINT64_C(1) << selector->field)) != 0) {
		return test_open(selector, session);
	}
	if (session->values[selector->field].data == NULL) {
		return SELECTOR_NO;
	}
	for (size_t i = 0; i < selector->n_values && !is_fitting; i++) {
		is_fitting = is_value_fitting(selector, &selector->values[i], session);
	}
	return is_fitting == (selector->op != SELECTOR_NOT_EQUAL) ? SELECTOR_YES : SELECTOR_NO;
}

bool selector_lower_bound(const struct selector *selector, int64_t *ret_bound)
{
	int64_t ms;

	if (selector->field != SESSION_AGE && selector->field != SESSION_IDLE) {
		return false;
	}
	ms = selector->values[0].number;
	if (selector->op == SELECTOR_GREATER) {
		*ret_bound = ms / 1000 + 1;
		return true;
	}
	if (selector->op == SELECTOR_GREATER_EQUAL) {
		*ret_bound = ms / 1000 + (ms % 1000 != 0);
		return true;
	}
	return false;
}

/* ---- lists ---- */

bool selectors_add(struct selectors *list, struct slice text, struct err *err)
{
	struct selector *selector = selector_new(text, err);

	if (selector == NULL) {
		return false;
	}
	list->items =
		mem_grow_array(list->items, list->n, &list->capacity, sizeof(struct selector *));
	list->items[list->n++] = selector;
	return true;
}

void selectors_finish(struct selectors *list)
{
	for (size_t i = 0; i < list->n; i++) {
		selector_free(list->items[i]);
	}
	free(list->items);
	memset(list, 0, sizeof(*list));
}

bool selectors_is_equal(const struct selectors *a, const struct selectors *b)
{
	if (a->n != b->n) {
		return false;
	}
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->items[i]->text, b->items[i]->text) != 0) {
			return false;
		}
	}
	return true;
}

uint64_t selectors_fields(const struct selectors *list)
{
	uint64_t fields = 0;

	for (size_t i = 0; i < list->n; i++) {
		fields |= UINT64_C(1) << list->items[i]->field;
	}
	return fields;
}

enum selector_verdict selectors_test_all(
	const struct selectors *list, const struct session *session)
{
	enum selector_verdict verdict = SELECTOR_YES;

	for (size_t i = 0; i < list->n; i++) {
		enum selector_verdict one = selector_test(list->items[i], session);

		if (one == SELECTOR_NO) {
			return SELECTOR_NO;
		}
		if (one == SELECTOR_OPEN) {
			verdict = SELECTOR_OPEN;
		}
	}
	return verdict;
}

enum selector_verdict selectors_test_any(
	const struct selectors *list, const struct session *session)
{
	enum selector_verdict verdict = SELECTOR_NO;

	for (size_t i = 0; i < list->n; i++) {
		enum selector_verdict one = selector_test(list->items[i], session);

		if (one == SELECTOR_YES) {
			return SELECTOR_YES;
		}
		if (one == SELECTOR_OPEN) {
			verdict = SELECTOR_OPEN;
		}
	}
	return verdict;
}
