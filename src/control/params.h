/*
 * Parameters of a request out of query string and body, decoded strictly.
 */
#ifndef CONTROL_PARAMS_H
#define CONTROL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define PARAMS_MAX 256
#define PARAMS_MAX_VALUE_BYTES 8192 /* longer ones are malformed */
/* But for the one parameter that is a long list: as much as a body holds. */
#define PARAMS_LONG_NAME "SessionIds"
#define PARAMS_MAX_LONG_BYTES 65536

struct param {
	char *name;
	struct slice value; /* owned, decoded; may hold any byte but NUL */
};

struct params {
	struct param *items;
	size_t n;
	size_t capacity;
};

/*
 * Adds what `text` (a query string or an application/x-www-form-urlencoded body) holds: pairs
 * separated by '&'; %XX and '+' decoded; raw * ( ) ! ~ stand for themselves; empty pieces are
 * skipped; a name without '=' has an empty value. False with words that name the parameter for a
 * bad escape, a NUL, a name that is empty, too many parameters, or a value too long.
 */
NODISCARD bool params_add(struct params *params, struct slice text, struct err *err);
/* Adds one that is decoded already. False likewise. */
NODISCARD bool params_add_one(
	struct params *params, struct slice name, struct slice value, struct err *err);
void params_finish(struct params *params); /* zeroed is fine */

/* The first value of that name; absent (data NULL) when there is none. Names are case-sensitive. */
struct slice params_get(const struct params *params, const char *name);

/*
 * The one value of that name. Given twice with different values: false with words that name it.
 * Given twice with the same value is one. Not given: true, and *ret_value is absent.
 */
NODISCARD bool params_get_single(
	const struct params *params, const char *name, struct slice *ret_value, struct err *err);

/* ---- into a struct, by a table ---- */

struct param_row {
	const char *name;
	bool is_repeatable; /* else it may be given twice with the same value only */
	/* Reads one value into `field`, to which `offset` leads. False with words about the value.
	 */
	bool (*read_fn)(
		const struct param_row *row, struct slice value, void *field, struct err *err);
	size_t offset; /* in the struct that is filled */
	int64_t least; /* bounds, for a read_fn that asks for them */
	int64_t most;
};

/*
 * Fills `target` as the rows say. False with words that name the parameter: unknown, given twice
 * with different values, malformed.
 */
NODISCARD bool params_read(const struct params *params, const struct param_row *rows, size_t n_rows,
	void *target, struct err *err);

/* For tables: a goal of the row's name in struct goals. */
bool params_read_goal(
	const struct param_row *row, struct slice value, void *field, struct err *err);
/* Likewise a bool, and struct selectors to which one is added. */
bool params_read_switch(
	const struct param_row *row, struct slice value, void *field, struct err *err);
bool params_read_selector(
	const struct param_row *row, struct slice value, void *field, struct err *err);

/* Likewise milliseconds, within the row's bounds; a unit is required. */
bool params_read_duration(
	const struct param_row *row, struct slice value, void *field, struct err *err);

#endif
