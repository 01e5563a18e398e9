/*
 * Standing rules, as the configuration has them.
 */
#ifndef GUARD_GUARD_OPTS_H
#define GUARD_GUARD_OPTS_H

#include <jansson.h>
#include <stddef.h>

#include "guard/condition.h"
#include "model/request.h"

struct guard_hours {
	bool is_set;
	int from_min; /* of the local day */
	int to_min;   /* not before `from_min`: of the next day */
};

struct guard_limit {
	unsigned n; /* 0: none */
	int64_t per_ms;
};

struct guard_opts {
	char *name;
	char **instances; /* wildcards */
	size_t n_instances;
	struct condition when;
	int64_t for_ms;
	int64_t every_ms;
	struct selectors match; /* none: everybody */
	struct selectors except;
	struct goals goals;
	bool is_kill; /* else it reports */
	unsigned max; /* 0: any number */
	struct guard_limit at_most;
	struct guard_hours hours;
	char *reason; /* NULL: none */
};

/* All of them. */
struct guards_opts {
	char *hold_file; /* NULL: none */
	struct guard_opts *items;
	size_t n;
};

void guards_opts_finish(struct guards_opts *opts); /* zeroed is fine */

/* Is it for that instance? */
bool guard_opts_is_for(const struct guard_opts *opts, const char *instance);
/* "hdm:KillInstanceAllSession" or the one for a selection, by what it would do. A literal. */
const char *guard_opts_action(const struct guard_opts *opts);
/* Is it its time, at that wall-clock time in ms? By the local time of the host. */
bool guard_opts_is_in_hours(const struct guard_opts *opts, int64_t wall_ms);
/* What it asks for; the request is the caller's. */
void guard_opts_make_request(const struct guard_opts *opts, struct request *ret_request);
/* The same in JSON, as the record has it; to be released. */
json_t *guard_opts_json(const struct guard_opts *opts);

#endif
