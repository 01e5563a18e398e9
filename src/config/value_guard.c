/*
 * The types that only guards have.
 */
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "config/value.h"
#include "guard/guard_opts.h"

#define DAY_MIN (24 * 60)

/* ---- when ---- */

static bool read_bound(
	const struct value *value, const struct tree_node *name, struct condition *condition)
{
	struct value part = {value->type, name, value->key, value->mistakes};
	struct value bound = {value->type, name + 1, value->key, value->mistakes};
	enum condition_kind kind;
	struct slice texts[2];
	struct err err;

	if (!value_scalar(&part, &texts[0]) || !value_scalar(&bound, &texts[1])) {
		return false;
	}
	if (!condition_find_kind(texts[0], &kind) || kind == CONDITION_ALWAYS) {
		value_refuse(&part);
		return false;
	}
	if (!condition_parse(kind, texts[1], condition, &err)) {
		mistakes_add(value->mistakes, name[1].at, "%s", err.text);
		return false;
	}
	return true;
}

static bool read_condition(const struct value *value, void *field)
{
	const struct tree_node *node = value->node;
	struct condition *condition = field;

	if (node->kind == TREE_SCALAR && slice_is(node->text, "always")) {
		*condition = (struct condition){.kind = CONDITION_ALWAYS};
		return true;
	}
	if (node->kind != TREE_MAPPING || node->n_items != 2) {
		value_refuse(value);
		return false;
	}
	return read_bound(value, &node->items[0], condition);
}

const struct value_type value_condition = {"condition",
	"always, or one of clients, free, growth, rejected and matched with a bound, such as "
	"{clients: \"> 80%\"}",
	.read_fn = read_condition};

/* ---- goal ---- */

static bool read_goal_part(
	const struct value *value, const struct tree_node *name, struct goals *goals)
{
	struct value part = {value->type, name, value->key, value->mistakes};
	struct value amount = {value->type, name + 1, value->key, value->mistakes};
	struct slice texts[2];
	struct err err;

	if (!value_scalar(&part, &texts[0]) || !value_scalar(&amount, &texts[1])) {
		return false;
	}
	if (!goals_is_name(texts[0])) {
		value_refuse(&part);
		return false;
	}
	if (!goals_set(goals, texts[0], texts[1], &err)) {
		mistakes_add(value->mistakes, name[1].at, "%s: %s", texts[0].data, err.text);
		return false;
	}
	return true;
}

static bool has_each_once(const struct value *value)
{
	const struct tree_node *items = value->node->items;

	for (size_t i = 2; i + 1 < value->node->n_items; i += 2) {
		for (size_t k = 0; k < i; k += 2) {
			if (items[i].kind == TREE_SCALAR && items[k].kind == TREE_SCALAR &&
				slice_is_equal(items[i].text, items[k].text)) {
				mistakes_add(value->mistakes, items[i].at,
					"\"%s\" a second time, the first is in line %zu; expected "
					"it once",
					items[i].text.data, items[k].at.line);
				return false;
			}
		}
	}
	return true;
}

static bool read_goal(const struct value *value, void *field)
{
	const struct tree_node *node = value->node;
	bool is_fine = true;
	struct err err;

	if (node->kind != TREE_MAPPING || node->n_items == 0) {
		value_refuse(value);
		return false;
	}
	goals_init(field);
	is_fine = has_each_once(value);
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		is_fine &= read_goal_part(value, &node->items[i], field);
	}
	if (is_fine && !goals_check(field, &err)) {
		mistakes_add(value->mistakes, node->at, "%s", err.text);
		is_fine = false;
	}
	return is_fine;
}

const struct value_type value_goal = {"goal",
	"a mapping of limit, free, keep, per, sort, rate and over, such as {free: 1000}",
	.read_fn = read_goal};

/* ---- the others ---- */

static bool is_name(struct slice text)
{
	return value_id.is_fine_fn(text);
}

const struct value_type value_name = {"name",
	"up to 128 letters, digits, dots, dashes and underscores", .read_fn = value_read_text,
	.is_fine_fn = is_name};

static bool parse_action(struct slice text, int64_t *ret_number)
{
	*ret_number = slice_is(text, "kill");
	return slice_is(text, "kill") || slice_is(text, "report");
}

const struct value_type value_action = {"action", "report or kill", .read_fn = value_read_number,
	.parse_fn = parse_action, .n_bytes = sizeof(bool)};

/* "5/h" */
static bool read_frequency(const struct value *value, void *field)
{
	struct guard_limit *limit = field;
	struct slice text, number;
	uint64_t n;

	if (!value_scalar(value, &text)) {
		return false;
	}
	slice_next(&text, '/', &number);
	if (text.data == NULL || !parse_u64(number, &n) || n == 0 || n > 1000 ||
		!condition_parse_per(text, &limit->per_ms)) {
		value_refuse(value);
		return false;
	}
	limit->n = (unsigned)n;
	return true;
}

const struct value_type value_frequency = {
	"frequency", "a number up to 1000 in s, m, h or d, such as 5/h", .read_fn = read_frequency};

/* "22:00" */
static bool parse_minute(struct slice text, int *ret_minute)
{
	struct slice hour;
	uint64_t h, m;

	slice_next(&text, ':', &hour);
	if (hour.len != 2 || text.len != 2 || !parse_u64(hour, &h) || !parse_u64(text, &m) ||
		h > 24 || m > 59 || h * 60 + m > DAY_MIN) {
		return false;
	}
	*ret_minute = (int)(h * 60 + m);
	return true;
}

static bool read_hours(const struct value *value, void *field)
{
	struct guard_hours *hours = field;
	struct slice text, from;

	if (!value_scalar(value, &text)) {
		return false;
	}
	slice_next(&text, '-', &from);
	if (text.data == NULL || !parse_minute(slice_trim(from), &hours->from_min) ||
		!parse_minute(slice_trim(text), &hours->to_min) ||
		hours->from_min == hours->to_min || hours->from_min == DAY_MIN) {
		value_refuse(value);
		return false;
	}
	hours->is_set = true;
	if (hours->to_min < hours->from_min) {
		hours->to_min += DAY_MIN;
	}
	return true;
}

const struct value_type value_hours = {"time of the day",
	"two times of the local day, such as \"22:00-06:00\"", .read_fn = read_hours};
