/*
 * Selectors: their life, and what they say about a session or a set of sessions.
 */
#include "model/selector.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "model/selector_internal.h"

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
	if (!selector_compile(selector, err)) {
		selector_free(selector);
		return NULL;
	}
	return selector;
}

/* Does the language read the value as it is meant? */
static bool is_plain(struct slice value)
{
	return !slice_has_char(value, ',') && !wildcard_is_in(value) &&
	       slice_is_equal(value, slice_trim(value));
}

struct selector *selector_new_exact(enum session_field field, struct slice value)
{
	struct selector *selector = mem_new(struct selector);
	/* In words where an expression would say something else. */
	const char *verb = is_plain(value) ? "=" : "is";
	struct selector_value *only;
	struct slice text;

	CHECK(session_field_kind(field) == SESSION_KIND_TEXT && field != SESSION_TYPE);
	selector->text = mem_printf("%s %s %.*s", session_field_key(field), verb, SLICE_ARG(value));
	selector->field = field;
	selector->op = SELECTOR_EQUAL;
	text = slice_of(selector->text);
	only = mem_append(
		&selector->values, &selector->n_values, &selector->values_capacity, sizeof(*only));
	only->text = slice_skip(text, text.len - value.len);
	return selector;
}

void selector_free(struct selector *selector)
{
	if (selector == NULL) {
		return;
	}
	for (size_t i = 0; i < selector->n_values; i++) {
		wildcard_free(selector->values[i].wildcard);
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
		return parse_i64(text, &number) &&
		       !__builtin_mul_overflow(number, INT64_C(1000), &number) &&
		       is_order_true(selector->op, number, value->number);
	case SESSION_KIND_ADDRESS:
		return address_range_contains(&value->range,
			selector->field == SESSION_ADDR ? &session->addr : &session->laddr);
	case SESSION_KIND_FLAGS:
		return slice_has_char(text, value->text.data[0]);
	case SESSION_KIND_TEXT:
		break;
	}
	return value->wildcard != NULL ? wildcard_matches(value->wildcard, text)
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

/* ---- who could fit ---- */

static int64_t least_possible(enum session_field field)
{
	if (field == SESSION_MULTI || field == SESSION_REDIR) {
		return -1;
	}
	return field == SESSION_ID ? 1 : field == SESSION_RESP ? 2 : 0;
}

static bool is_every_number(const struct selector *selector)
{
	int64_t least = least_possible(selector->field);

	switch (selector->op) {
	case SELECTOR_GREATER:
	case SELECTOR_GREATER_EQUAL:
		return is_order_true(selector->op, least, selector->values[0].number);
	case SELECTOR_LESS:
	case SELECTOR_LESS_EQUAL:
		return selector->values[0].number == INT64_MAX;
	case SELECTOR_NOT_EQUAL:
		for (size_t i = 0; i < selector->n_values; i++) {
			if (selector->values[i].number >= least) {
				return false;
			}
		}
		return true;
	case SELECTOR_EQUAL:
		break;
	}
	return false;
}

static bool has_whole_range(const struct selector *selector, enum address_kind kind)
{
	for (size_t i = 0; i < selector->n_values; i++) {
		const struct address_range *range = &selector->values[i].range;

		if (range->kind == kind && range->prefix_bits == 0 && !range->has_port) {
			return true;
		}
	}
	return false;
}

static bool is_every_address(const struct selector *selector)
{
	return selector->op == SELECTOR_EQUAL && has_whole_range(selector, ADDRESS_IPV4) &&
	       has_whole_range(selector, ADDRESS_IPV6) && has_whole_range(selector, ADDRESS_UNIX);
}

/* Replication is protected whatever is asked for. */
static bool is_every_type(const struct selector *selector)
{
	static const enum session_type types[] = {SESSION_TYPE_NORMAL, SESSION_TYPE_PUBSUB};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct session session = {0};

		session.values[SESSION_TYPE] = slice_of(session_type_name(types[i]));
		if (selector_test(selector, &session) != SELECTOR_YES) {
			return false;
		}
	}
	return true;
}

static bool is_every_text(const struct selector *selector)
{
	for (size_t i = 0; i < selector->n_values; i++) {
		const struct selector_value *value = &selector->values[i];

		if (value->wildcard != NULL && wildcard_matches_all(value->wildcard)) {
			return selector->op == SELECTOR_EQUAL;
		}
	}
	return false;
}

bool selector_is_for_everybody(const struct selector *selector)
{
	switch (session_field_kind(selector->field)) {
	case SESSION_KIND_NUMBER:
	case SESSION_KIND_SECONDS:
	case SESSION_KIND_BYTES:
		return is_every_number(selector);
	case SESSION_KIND_ADDRESS:
		return is_every_address(selector);
	case SESSION_KIND_TEXT:
		return selector->field == SESSION_TYPE ? is_every_type(selector)
						       : is_every_text(selector);
	case SESSION_KIND_FLAGS:
		break;
	}
	return false;
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

bool selector_is_exact_list(const struct selector *selector)
{
	for (size_t i = 0; i < selector->n_values; i++) {
		if (selector->values[i].wildcard != NULL) {
			return false;
		}
	}
	return selector->op == SELECTOR_EQUAL &&
	       session_field_kind(selector->field) == SESSION_KIND_TEXT;
}

size_t selector_n_values(const struct selector *selector)
{
	return selector->n_values;
}

struct slice selector_listed_value(const struct selector *selector, size_t index)
{
	return selector->values[index].text;
}
