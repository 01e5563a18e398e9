/*
 * GET /metrics: sessions by name, user and source, of instances for which they are counted.
 */
#include <stdio.h>

#include "control/native/native.h"
#include "record/exposition.h"

static const struct row {
	const char *name;
	const char *label;
	const char *help;
} rows[] = {
	[SESSION_COUNTS_NAME] = {"sesskill_sessions_by_name", "name",
		"Sessions of the 20 names that have most."},
	[SESSION_COUNTS_USER] = {"sesskill_sessions_by_user", "user",
		"Sessions of the 20 users that have most."},
	[SESSION_COUNTS_SOURCE] = {"sesskill_sessions_by_source", "source",
		"Sessions of the 20 addresses that have most."},
};

/* NULL: they are not counted, or were not so far. */
static const struct session_counts *counts_of(const struct instance *instance)
{
	const struct session_counts *counts = instance_history_counts(instance->history);

	return instance->opts->counts_sessions && counts != NULL &&
			       session_counts_wall_ms(counts) > 0
		       ? counts
		       : NULL;
}

static void print_row(FILE *out, enum session_counts_key key, const struct instance *instance)
{
	const struct ranking_place *places;
	size_t n = session_counts_places(counts_of(instance), key, &places);

	for (size_t i = 0; i < n; i++) {
		exposition_number(out, rows[key].name,
			EXPOSITION_LABELS({"instance", instance->opts->id},
				{rows[key].label, places[i].text}),
			(int64_t)places[i].n);
	}
}

static void print_times(FILE *out, const struct instance *const *instances, size_t n)
{
	static const char name[] = "sesskill_sessions_counted_timestamp_seconds";

	exposition_begin(out, EXPOSITION_GAUGE, name,
		"When the sessions were counted by name, user and source, since unix epoch in "
		"seconds.");
	for (size_t i = 0; i < n; i++) {
		const struct session_counts *counts = counts_of(instances[i]);

		if (counts != NULL) {
			exposition_seconds(out, name,
				EXPOSITION_LABELS({"instance", instances[i]->opts->id}),
				session_counts_wall_ms(counts) * 1000);
		}
	}
}

void native_print_session_metrics(
	FILE *out, const struct instance *const *instances, size_t n_instances)
{
	bool is_any = false;

	for (size_t i = 0; i < n_instances; i++) {
		is_any |= counts_of(instances[i]) != NULL;
	}
	for (size_t key = 0; is_any && key < SESSION_COUNTS_N_KEYS; key++) {
		exposition_begin(out, EXPOSITION_GAUGE, rows[key].name, rows[key].help);
		for (size_t i = 0; i < n_instances; i++) {
			if (counts_of(instances[i]) != NULL) {
				print_row(out, (enum session_counts_key)key, instances[i]);
			}
		}
	}
	if (is_any) {
		print_times(out, instances, n_instances);
	}
}
