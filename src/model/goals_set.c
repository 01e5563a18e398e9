/*
 * Goals out of text.
 */
#include "base/parse.h"
#include "model/goals.h"

static bool read_number(struct slice value, uint64_t most, uint64_t *ret_number, struct err *err)
{
	if (!parse_u64(value, ret_number) || *ret_number == 0 || *ret_number > most) {
		err_set(err, "\"%.*s\" is no number from 1 to %llu", SLICE_ARG(value),
			(unsigned long long)most);
		return false;
	}
	return true;
}

static bool set_limit(struct goals *goals, struct slice value, struct err *err)
{
	goals->has_limit = true;
	return read_number(value, INT64_MAX, &goals->limit, err);
}

static bool set_free(struct goals *goals, struct slice value, struct err *err)
{
	goals->has_free = true;
	return read_number(value, INT64_MAX, &goals->free, err);
}

static bool set_keep(struct goals *goals, struct slice value, struct err *err)
{
	goals->has_keep = true;
	return read_number(value, INT64_MAX, &goals->keep, err);
}

/* `FIELD` or, from the largest to the smallest, `-FIELD`. */
static bool set_sort(struct goals *goals, struct slice value, struct err *err)
{
	goals->has_sort = true;
	goals->is_descending = slice_has_prefix(value, "-");
	return session_field_read(
		slice_skip(value, goals->is_descending ? 1 : 0), &goals->sort, err);
}

static bool set_per(struct goals *goals, struct slice value, struct err *err)
{
	goals->has_per = true;
	return session_field_read(value, &goals->per, err);
}

static bool set_rate(struct goals *goals, struct slice value, struct err *err)
{
	return read_number(value, GOALS_MAX_RATE, &goals->rate, err);
}

static bool set_over(struct goals *goals, struct slice value, struct err *err)
{
	if (!parse_duration_ms(value, 0, &goals->over_ms) || goals->over_ms < 1 ||
		goals->over_ms > GOALS_MAX_OVER_MS) {
		err_set(err, "\"%.*s\" is no duration up to 24h, such as 10m", SLICE_ARG(value));
		return false;
	}
	return true;
}

static const struct row {
	const char *name;
	bool (*set_fn)(struct goals *goals, struct slice value, struct err *err);
} rows[] = {
	{"limit", set_limit},
	{"sort", set_sort},
	{"free", set_free},
	{"keep", set_keep},
	{"per", set_per},
	{"rate", set_rate},
	{"over", set_over},
};

static const struct row *find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (slice_is(name, rows[i].name)) {
			return &rows[i];
		}
	}
	return NULL;
}

bool goals_is_name(struct slice name)
{
	return find(name) != NULL;
}

bool goals_set(struct goals *goals, struct slice name, struct slice value, struct err *err)
{
	const struct row *row = find(name);

	if (row == NULL) {
		err_set(err, "\"%.*s\" is no goal", SLICE_ARG(name));
		return false;
	}
	return row->set_fn(goals, value, err);
}

bool goals_check(const struct goals *goals, struct err *err)
{
	if (goals->has_per && !goals->has_keep) {
		err_set(err, "per is for keep: it says of what each keeps so many");
		return false;
	}
	if (goals->rate > 0 && goals->over_ms > 0) {
		err_set(err, "rate and over exclude each other");
		return false;
	}
	return true;
}
