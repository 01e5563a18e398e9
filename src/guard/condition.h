/*
 * When a guard is to act: a figure of a node and a bound for it. A pure value.
 */
#ifndef GUARD_CONDITION_H
#define GUARD_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

enum condition_kind {
	CONDITION_ALWAYS,
	CONDITION_CLIENTS,  /* connected ones, or their share of maxclients */
	CONDITION_FREE,     /* places, or their share */
	CONDITION_GROWTH,   /* of the connected ones, in a time */
	CONDITION_REJECTED, /* connections refused because all places are taken, since the last
			       look or in a time */
	CONDITION_MATCHED,  /* sessions that the guard selects, on the whole instance */
};

#define CONDITION_N_KINDS (CONDITION_MATCHED + 1)

enum condition_op { CONDITION_GT, CONDITION_GE, CONDITION_LT, CONDITION_LE };

struct condition {
	enum condition_kind kind;
	enum condition_op op;
	int64_t value;
	bool is_percent; /* of maxclients */
	int64_t per_ms;  /* 0: not in a time */
};

const char *condition_kind_name(enum condition_kind kind);
NODISCARD bool condition_find_kind(struct slice name, enum condition_kind *ret_kind);

/* "> 80%", "< 500", "> 300/m": what comes behind the name of the figure. False with words. */
NODISCARD bool condition_parse(enum condition_kind kind, struct slice text,
	struct condition *ret_condition, struct err *err);
/* "s", "m", "h" or "d": a time that something is counted in. */
NODISCARD bool condition_parse_per(struct slice text, int64_t *ret_ms);
/* "clients > 80%"; on the heap. */
char *condition_print(const struct condition *condition);

/* What a node said of itself; negative: it did not. */
struct condition_figures {
	int64_t at_ms; /* monotonic: when it was asked; 0: never */
	int64_t n_clients;
	int64_t max_clients;
	int64_t n_bus_links; /* 0: none, or not told */
	int64_t n_rejected;  /* since it started */
};

/*
 * Does it hold? `before` are those of the look before, of the same process: what is counted over a
 * time needs them, and does not hold without. Not for MATCHED, of which condition_compare() is.
 */
NODISCARD bool condition_holds(const struct condition *condition,
	const struct condition_figures *now, const struct condition_figures *before);
NODISCARD bool condition_compare(const struct condition *condition, int64_t figure);

#endif
