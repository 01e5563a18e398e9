#include "guard/condition.h"

#include "base/mem.h"
#include "base/parse.h"

/* Products with times of days stay in range. */
#define MAX_VALUE INT64_C(1000000000)

static const char *const names[CONDITION_N_KINDS] = {
	[CONDITION_ALWAYS] = "always",
	[CONDITION_CLIENTS] = "clients",
	[CONDITION_FREE] = "free",
	[CONDITION_GROWTH] = "growth",
	[CONDITION_REJECTED] = "rejected",
	[CONDITION_MATCHED] = "matched",
};

static const char *const ops[] = {
	[CONDITION_GT] = ">",
	[CONDITION_GE] = ">=",
	[CONDITION_LT] = "<",
	[CONDITION_LE] = "<=",
};

const char *condition_kind_name(enum condition_kind kind)
{
	return names[kind];
}

bool condition_find_kind(struct slice name, enum condition_kind *ret_kind)
{
	for (unsigned i = 0; i < CONDITION_N_KINDS; i++) {
		if (slice_is(name, names[i])) {
			*ret_kind = (enum condition_kind)i;
			return true;
		}
	}
	return false;
}

/* ---- text ---- */

static struct slice take_op(struct slice text, enum condition_op *ret_op, bool *ret_is_op)
{
	bool is_less = slice_has_prefix(text, "<");
	size_t n = 1;

	*ret_is_op = is_less || slice_has_prefix(text, ">");
	if (text.len > 1 && text.data[1] == '=') {
		n = 2;
	}
	*ret_op = is_less ? (n == 2 ? CONDITION_LE : CONDITION_LT)
			  : (n == 2 ? CONDITION_GE : CONDITION_GT);
	return *ret_is_op ? slice_trim(slice_skip(text, n)) : text;
}

static const struct {
	const char *unit;
	int64_t ms;
} units[] = {
	{"s", 1000},
	{"m", 60 * 1000},
	{"h", 60 * 60 * 1000},
	{"d", 24 * 60 * 60 * 1000},
};

bool condition_parse_per(struct slice text, int64_t *ret_ms)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (slice_is(text, units[i].unit)) {
			*ret_ms = units[i].ms;
			return true;
		}
	}
	return false;
}

/* "/m" behind a number: the time that it is for. */
static bool take_per(struct slice *text, int64_t *ret_per_ms)
{
	struct slice number;

	if (!slice_has_char(*text, '/')) {
		return true;
	}
	slice_next(text, '/', &number);
	if (!condition_parse_per(slice_trim(*text), ret_per_ms)) {
		return false;
	}
	*text = slice_trim(number);
	return true;
}

static bool may_be_percent(enum condition_kind kind)
{
	return kind == CONDITION_CLIENTS || kind == CONDITION_FREE;
}

static bool may_be_per(enum condition_kind kind)
{
	return kind == CONDITION_GROWTH || kind == CONDITION_REJECTED;
}

bool condition_parse(enum condition_kind kind, struct slice text, struct condition *ret_condition,
	struct err *err)
{
	struct condition condition = {.kind = kind};
	bool is_op;
	struct slice rest = take_op(slice_trim(text), &condition.op, &is_op);
	bool is_fine = is_op && take_per(&rest, &condition.per_ms);

	if (slice_has_suffix(rest, "%")) {
		condition.is_percent = true;
		rest.len--;
	}
	is_fine = is_fine && parse_i64(rest, &condition.value) && condition.value >= 0 &&
		  condition.value <= MAX_VALUE &&
		  (!condition.is_percent || (may_be_percent(kind) && condition.value <= 100)) &&
		  (condition.per_ms == 0 || may_be_per(kind)) &&
		  (kind != CONDITION_GROWTH || condition.per_ms > 0);
	if (!is_fine) {
		err_set(err, "\"%.*s\" is no bound for %s; expected one such as \"%s\"",
			SLICE_ARG(text), names[kind],
			kind == CONDITION_GROWTH     ? "> 300/m"
			: kind == CONDITION_FREE     ? "< 500"
			: kind == CONDITION_CLIENTS  ? "> 80%"
			: kind == CONDITION_REJECTED ? "> 0"
						     : "> 100");
		return false;
	}
	*ret_condition = condition;
	return true;
}

char *condition_print(const struct condition *condition)
{
	const char *per = "";

	if (condition->kind == CONDITION_ALWAYS) {
		return mem_printf("always");
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		per = units[i].ms == condition->per_ms ? units[i].unit : per;
	}
	return mem_printf("%s %s %lld%s%s%s", names[condition->kind], ops[condition->op],
		(long long)condition->value, condition->is_percent ? "%" : "",
		condition->per_ms > 0 ? "/" : "", per);
}

/* ---- does it hold? ---- */

bool condition_compare(const struct condition *condition, int64_t figure)
{
	switch (condition->op) {
	case CONDITION_GT:
		return figure > condition->value;
	case CONDITION_GE:
		return figure >= condition->value;
	case CONDITION_LT:
		return figure < condition->value;
	case CONDITION_LE:
		return figure <= condition->value;
	}
	return false;
}

/* Of maxclients, rounded towards where it does not hold. */
static bool holds_of_places(
	const struct condition *condition, int64_t figure, const struct condition_figures *now)
{
	struct condition scaled = *condition;

	if (!condition->is_percent) {
		return condition_compare(condition, figure);
	}
	scaled.value = condition->value * now->max_clients;
	return now->max_clients > 0 && condition_compare(&scaled, figure * 100);
}

static bool holds_over_time(const struct condition *condition, int64_t increase, int64_t time_ms)
{
	struct condition scaled = *condition;

	if (condition->per_ms == 0) {
		return condition_compare(condition, increase);
	}
	scaled.value = condition->value * time_ms;
	return time_ms > 0 && condition_compare(&scaled, increase * condition->per_ms);
}

bool condition_holds(const struct condition *condition, const struct condition_figures *now,
	const struct condition_figures *before)
{
	int64_t time_ms = now->at_ms - before->at_ms;

	switch (condition->kind) {
	case CONDITION_ALWAYS:
		return true;
	case CONDITION_CLIENTS:
		return now->n_clients >= 0 && holds_of_places(condition, now->n_clients, now);
	case CONDITION_FREE:
		return now->n_clients >= 0 && now->max_clients >= 0 &&
		       holds_of_places(condition,
			       now->max_clients - now->n_clients - now->n_bus_links, now);
	case CONDITION_GROWTH:
		return before->at_ms > 0 && before->n_clients >= 0 && now->n_clients >= 0 &&
		       holds_over_time(condition, now->n_clients - before->n_clients, time_ms);
	case CONDITION_REJECTED:
		return before->at_ms > 0 && before->n_rejected >= 0 &&
		       now->n_rejected >= before->n_rejected &&
		       holds_over_time(condition, now->n_rejected - before->n_rejected, time_ms);
	case CONDITION_MATCHED:
		break;
	}
	return false;
}
