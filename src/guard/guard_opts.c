#include "guard/guard_opts.h"

#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "record/json.h"

#define DAY_MIN (24 * 60)

void guards_opts_finish(struct guards_opts *opts)
{
	for (size_t i = 0; i < opts->n; i++) {
		struct guard_opts *guard = &opts->items[i];

		for (size_t k = 0; k < guard->n_instances; k++) {
			free(guard->instances[k]);
		}
		free(guard->instances);
		free(guard->name);
		free(guard->reason);
		selectors_finish(&guard->match);
		selectors_finish(&guard->except);
	}
	free(opts->items);
	free(opts->hold_file);
	*opts = (struct guards_opts){.n = 0};
}

bool guard_opts_is_for(const struct guard_opts *opts, const char *instance)
{
	for (size_t i = 0; i < opts->n_instances; i++) {
		if (slice_matches_wildcard(slice_of(instance), slice_of(opts->instances[i]))) {
			return true;
		}
	}
	return false;
}

bool guard_opts_is_in_hours(const struct guard_opts *opts, int64_t wall_ms)
{
	time_t now_s = (time_t)(wall_ms / 1000);
	struct tm local;
	int minute;

	if (!opts->hours.is_set) {
		return true;
	}
	if (localtime_r(&now_s, &local) == NULL) {
		return false;
	}
	minute = local.tm_hour * 60 + local.tm_min;
	return (minute >= opts->hours.from_min && minute < opts->hours.to_min) ||
	       minute + DAY_MIN < opts->hours.to_min;
}

static void copy_selectors(struct selectors *to, const struct selectors *from)
{
	for (size_t i = 0; i < from->n; i++) {
		/* It was compiled before. */
		CHECK(selectors_add(to, slice_of(selector_text(from->items[i])), NULL));
	}
}

void guard_opts_make_request(const struct guard_opts *opts, struct request *ret_request)
{
	request_init(ret_request);
	ret_request->is_all = opts->match.n == 0;
	copy_selectors(&ret_request->match, &opts->match);
	copy_selectors(&ret_request->except, &opts->except);
	ret_request->goals = opts->goals;
	ret_request->has_max = opts->max > 0;
	ret_request->max = opts->max;
	ret_request->is_dry_run = !opts->is_kill;
	ret_request->reason = mem_printf("guard %s%s%s", opts->name,
		opts->reason != NULL ? ": " : "", opts->reason != NULL ? opts->reason : "");
}

json_t *guard_opts_json(const struct guard_opts *opts)
{
	json_t *object = json_object();
	struct request request;

	guard_opts_make_request(opts, &request);
	json_set_request(object, &request);
	request_finish(&request);
	return object;
}

const char *guard_opts_action(const struct guard_opts *opts)
{
	struct request request;
	bool is_everybody;

	guard_opts_make_request(opts, &request);
	is_everybody = request_is_for_everybody(&request);
	request_finish(&request);
	return is_everybody ? "hdm:KillInstanceAllSession" : "hdm:CreateKillInstanceSessionTask";
}
