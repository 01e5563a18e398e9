/*
 * What the daemon counts, held against the book and its own answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim.h"

/* The sum of all rows of that name which are about that instance. */
static uint64_t counted(const char *text, const char *name, const char *instance)
{
	uint64_t sum = 0;
	char key[80];

	snprintf(key, sizeof(key), "\n%s{instance=\"%s\"", name, instance);
	for (const char *at = strstr(text, key); at != NULL; at = strstr(at + 1, key)) {
		sum += strtoull(strchr(at, '}') + 1, NULL, 10);
	}
	return sum;
}

static void compare(const struct fleet *group, const char *name, uint64_t is, uint64_t should)
{
	if (is != should) {
		sim_fail("true", "%s of %s is %llu, and %llu is right", name, group->id,
			(unsigned long long)is, (unsigned long long)should);
	}
}

/* What its kills have answered, together; false: not all of them have, or several may share one. */
struct sums {
	uint64_t n_runs, n_killed, n_gone, n_survivors, n_extra;
	bool is_quiet; /* nobody runs, nothing was lost */
	bool is_known; /* all have told their counts */
};

static struct sums add_up(const struct fleet *group, int64_t asked)
{
	struct sums sums = {.is_quiet = true, .is_known = true};

	for (size_t i = 0; i < callers_n_kills(); i++) {
		const struct order *kill = callers_kill(i);

		if (kill->group != group || kill->status == 403 ||
			(kill->status == 400 && !kill->is_too_slow)) {
			continue;
		}
		sums.is_quiet &= !order_is_active(kill) && !kill->is_disturbed && !kill->has_late &&
				 kill->has_report;
		/* What comes late is in the report, and not in the counters. */
		/* What ended since they were asked for is not in them. */
		sums.is_quiet &= kill->answered < asked;
		sums.is_known &= kill->answered < asked;
		sums.is_known &= kill->has_report && !kill->is_crowded && !kill->has_late;
		sums.n_runs++;
		sums.n_killed += kill->n_killed;
		sums.n_gone += kill->n_gone;
		sums.n_survivors += kill->n_survivors;
		sums.n_extra += kill->n_extra;
	}
	return sums;
}

static void check_group(const char *text, const struct fleet *group, int64_t asked)
{
	struct sums sums = add_up(group, asked);
	uint64_t killed = counted(text, "sesskill_sessions_killed_total", group->id);
	uint64_t extra = counted(text, "sesskill_sessions_extra_total", group->id);

	if (sums.is_quiet) {
		compare(group, "killed and extra", killed + extra, group->n_ended);
	}
	if (sums.is_known) {
		compare(group, "kills_total", counted(text, "sesskill_kills_total", group->id),
			sums.n_runs);
		compare(group, "killed", killed, sums.n_killed);
		compare(group, "extra", extra, sums.n_extra);
		compare(group, "gone", counted(text, "sesskill_sessions_gone_total", group->id),
			sums.n_gone);
		compare(group, "survived",
			counted(text, "sesskill_sessions_survived_total", group->id),
			sums.n_survivors);
	}
}

void oracle_metrics(struct slice body, int64_t asked)
{
	CLEANUP(mem_free_p) char *text = mem_copy_text(body.data, body.len);

	/* They begin anew with each daemon. */
	for (size_t i = 0; i < scenario_n_groups() && !scenario_had_crash(); i++) {
		check_group(text, scenario_group(i), asked);
	}
}
