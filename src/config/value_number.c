/*
 * Types that are numbers or a switch.
 */
#include <stdint.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "config/keys.h"

/* Numbers of all kinds: a parser and the bounds of the key, which are of the same form. */
typedef bool (*parse_fn)(struct slice text, int64_t *ret_value);

static bool is_below(const char *bound, parse_fn parse, int64_t value, bool is_upper)
{
	int64_t limit;

	if (bound == NULL) {
		return false;
	}
	CHECK(parse(slice_of(bound), &limit));
	return is_upper ? limit < value : value < limit;
}

static bool read_number(const struct key *key, parse_fn parse, const struct tree_node *node,
	struct mistakes *mistakes, int64_t *ret_value)
{
	struct slice text;
	int64_t value;

	if (!value_scalar(node, key->type, mistakes, &text)) {
		return false;
	}
	if (!parse(text, &value)) {
		value_refuse(node, key->type, mistakes);
		return false;
	}
	if (is_below(key->least, parse, value, false) || is_below(key->most, parse, value, true)) {
		mistakes_add(mistakes, node->at, "%.*s is out of bounds; expected %s to %s",
			SLICE_ARG(text), key->least != NULL ? key->least : "0", key->most);
		return false;
	}
	*ret_value = value;
	return true;
}

static bool parse_duration(struct slice text, int64_t *ret_value)
{
	return parse_duration_ms(text, 0, ret_value);
}

static void read_duration(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	int64_t value;

	if (read_number(key, parse_duration, node, mistakes, &value)) {
		*(int64_t *)keys_field(key, target) = value;
	}
}

/* To YAML a number in quotes is a text; else false with the mistake. */
static bool is_unquoted(
	const struct key *key, const struct tree_node *node, struct mistakes *mistakes)
{
	CLEANUP(mem_free_p) char *quoted = NULL;

	if (node->kind != TREE_SCALAR || node->is_plain) {
		return true;
	}
	quoted = value_quote(node->text);
	mistakes_add(mistakes, node->at, "%s in quotes is a text; expected %s without quotes",
		quoted, key->type->expected);
	return false;
}

static bool parse_count(struct slice text, int64_t *ret_value)
{
	return !slice_has_prefix(text, "-") && parse_i64(text, ret_value);
}

static void read_count(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	int64_t value;

	if (is_unquoted(key, node, mistakes) &&
		read_number(key, parse_count, node, mistakes, &value)) {
		*(unsigned *)keys_field(key, target) = (unsigned)value;
	}
}

/* Octal, whether or not it begins with 0; quoted or not. */
static bool parse_mode(struct slice text, int64_t *ret_value)
{
	int64_t value = 0;

	if (text.len < 3 || text.len > 5) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '7') {
			return false;
		}
		value = value * 8 + (text.data[i] - '0');
	}
	*ret_value = value;
	return true;
}

static void read_mode(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	int64_t value;

	if (read_number(key, parse_mode, node, mistakes, &value)) {
		*(unsigned *)keys_field(key, target) = (unsigned)value;
	}
}

static void read_bool(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct slice text;
	bool value;

	if (!is_unquoted(key, node, mistakes) || !value_scalar(node, key->type, mistakes, &text)) {
		return;
	}
	if (!parse_bool(text, &value)) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	*(bool *)keys_field(key, target) = value;
}

const struct value_type value_bool = {"switch", "true or false", read_bool};
const struct value_type value_count = {"whole number", "digits", read_count};
const struct value_type value_duration = {
	"duration", "a number with ms, s, m, h or d, such as 5s", read_duration};
const struct value_type value_mode = {
	"file mode", "octal digits up to \"0777\", such as \"0660\"", read_mode};
