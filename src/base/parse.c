/*
 * Strict parsing of values.
 */
#include "base/parse.h"

bool parse_u64(struct slice text, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (text.len == 0) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value)) {
			return false;
		}
	}
	*ret_value = value;
	return true;
}

bool parse_i64(struct slice text, int64_t *ret_value)
{
	bool is_negative = text.len > 0 && text.data[0] == '-';
	uint64_t magnitude;

	if (!parse_u64(is_negative ? slice_skip(text, 1) : text, &magnitude)) {
		return false;
	}
	if (magnitude > (uint64_t)INT64_MAX) {
		return false;
	}
	*ret_value = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return true;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Splits "90s" into digits and suffix and multiplies; an empty suffix counts `bare` (0: error). */
static bool parse_scaled(struct slice text, const struct unit *units, size_t n_units, uint64_t bare,
	uint64_t *ret_value)
{
	struct slice digits = text;
	struct slice suffix;
	uint64_t number;
	uint64_t factor = 0;
	uint64_t value;

	while (digits.len > 0 &&
		(digits.data[digits.len - 1] < '0' || digits.data[digits.len - 1] > '9')) {
		digits.len--;
	}
	suffix = slice_skip(text, digits.len);
	if (suffix.len == 0) {
		factor = bare;
	}
	for (size_t i = 0; i < n_units; i++) {
		if (suffix.len > 0 && slice_is_nocase(suffix, units[i].suffix)) {
			factor = units[i].factor;
		}
	}
	if (factor == 0 || !parse_u64(digits, &number) ||
		__builtin_mul_overflow(number, factor, &value)) {
		return false;
	}
	*ret_value = value;
	return true;
}

bool parse_duration_ms(struct slice text, int64_t unit_ms, int64_t *ret_ms)
{
	static const struct unit units[] = {
		{"ms", 1},
		{"s", 1000},
		{"m", 60 * 1000},
		{"h", 60 * 60 * 1000},
		{"d", 24 * 60 * 60 * 1000},
	};
	uint64_t value;

	if (!parse_scaled(text, units, ARRAY_SIZE(units), (uint64_t)unit_ms, &value) ||
		value > INT64_MAX) {
		return false;
	}
	*ret_ms = (int64_t)value;
	return true;
}

bool parse_size_bytes(struct slice text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"b", 1},
		{"kb", 1ULL << 10},
		{"mb", 1ULL << 20},
		{"gb", 1ULL << 30},
	};

	return parse_scaled(text, units, ARRAY_SIZE(units), 1, ret_bytes);
}

bool parse_bool(struct slice text, bool *ret_value)
{
	if (!slice_is(text, "true") && !slice_is(text, "false")) {
		return false;
	}
	*ret_value = slice_is(text, "true");
	return true;
}
