/*
 * Metrics: counting and printing. To add a counter of an instance, add an enum constant and a row.
 */
#include "record/metrics.h"

#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "build_config.h"
#include "record/exposition.h"
#include "record/process.h"

enum sessions {
	SESSIONS_KILLED,
	SESSIONS_GONE,
	SESSIONS_SURVIVED,
	SESSIONS_EXTRA,
	N_SESSIONS,
};

struct metrics_instance {
	char *id;
	uint64_t n_kills[REPORT_N_STATES];
	uint64_t n_sessions[N_SESSIONS];
	struct histogram phases[REPORT_N_PHASES];
};

struct answers {
	const char *method;
	const char *route;
	int status;
	uint64_t n;
};

struct denials {
	const char *action;
	uint64_t n;
};

struct metrics {
	int64_t started_wall_ms;
	int64_t configured_wall_ms; /* when the configuration in force was read */
	bool has_failed_to_reload;  /* the last time */
	struct metrics_instance **instances;
	size_t n_instances;
	size_t instances_capacity;
	struct answers *answers;
	size_t n_answers;
	size_t answers_capacity;
	struct denials *denials;
	size_t n_denials;
	size_t denials_capacity;
};

/* ---- life ---- */

struct metrics *metrics_new(void)
{
	struct metrics *metrics = mem_new(struct metrics);

	metrics->started_wall_ms = clock_wall_ms();
	metrics->configured_wall_ms = metrics->started_wall_ms;
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (metrics == NULL) {
		return;
	}
	for (size_t i = 0; i < metrics->n_instances; i++) {
		free(metrics->instances[i]->id);
		free(metrics->instances[i]);
	}
	free(metrics->instances);
	free(metrics->answers);
	free(metrics->denials);
	free(metrics);
}

/* ---- counting ---- */

struct metrics_instance *metrics_instance(struct metrics *metrics, const char *id)
{
	struct metrics_instance *instance;

	for (size_t i = 0; i < metrics->n_instances; i++) {
		if (strcmp(metrics->instances[i]->id, id) == 0) {
			return metrics->instances[i];
		}
	}
	instance = mem_new(struct metrics_instance);
	instance->id = mem_copy_text(id, strlen(id));
	metrics->instances = mem_grow_array(metrics->instances, metrics->n_instances,
		&metrics->instances_capacity, sizeof(struct metrics_instance *));
	metrics->instances[metrics->n_instances++] = instance;
	return instance;
}

void metrics_count_kill(struct metrics_instance *instance, const struct report *report)
{
	instance->n_kills[report->state]++;
	instance->n_sessions[SESSIONS_KILLED] += report->counts.killed;
	instance->n_sessions[SESSIONS_GONE] += report->counts.gone;
	instance->n_sessions[SESSIONS_SURVIVED] += report->counts.survivors;
	instance->n_sessions[SESSIONS_EXTRA] += report->counts.extra;
	for (size_t i = 0; i < report->n_nodes; i++) {
		for (size_t phase = 0; phase < REPORT_N_PHASES; phase++) {
			int64_t us = report->nodes[i].phase_us[phase];

			if (us > 0) {
				histogram_add(&instance->phases[phase], us);
			}
		}
	}
}

void metrics_count_answer(
	struct metrics *metrics, const char *method, const char *route, int status)
{
	for (size_t i = 0; i < metrics->n_answers; i++) {
		struct answers *answers = &metrics->answers[i];

		if (answers->status == status && strcmp(answers->route, route) == 0 &&
			strcmp(answers->method, method) == 0) {
			answers->n++;
			return;
		}
	}
	metrics->answers = mem_grow_array(metrics->answers, metrics->n_answers,
		&metrics->answers_capacity, sizeof(struct answers));
	metrics->answers[metrics->n_answers++] = (struct answers){method, route, status, 1};
}

static struct denials *find_denials(struct metrics *metrics, const char *action)
{
	for (size_t i = 0; i < metrics->n_denials; i++) {
		if (strcmp(metrics->denials[i].action, action) == 0) {
			return &metrics->denials[i];
		}
	}
	metrics->denials = mem_grow_array(metrics->denials, metrics->n_denials,
		&metrics->denials_capacity, sizeof(struct denials));
	metrics->denials[metrics->n_denials] = (struct denials){action, 0};
	return &metrics->denials[metrics->n_denials++];
}

void metrics_expect_action(struct metrics *metrics, const char *action)
{
	(void)find_denials(metrics, action);
}

void metrics_count_denied(struct metrics *metrics, const char *action)
{
	find_denials(metrics, action)->n++;
}

void metrics_note_reload(struct metrics *metrics, bool is_successful)
{
	metrics->has_failed_to_reload = !is_successful;
	if (is_successful) {
		metrics->configured_wall_ms = clock_wall_ms();
	}
}

/* ---- printing ---- */

struct page {
	const struct metrics_instance *const *instances;
	size_t n_instances;
	FILE *out;
};

static void print_kills(const struct page *page)
{
	static const char name[] = "sesskill_kills_total";

	exposition_begin(
		page->out, EXPOSITION_COUNTER, name, "Kills that have ended, by their outcome.");
	for (size_t i = 0; i < page->n_instances; i++) {
		for (unsigned state = REPORT_DONE; state < REPORT_N_STATES; state++) {
			exposition_number(page->out, name,
				EXPOSITION_LABELS({"instance", page->instances[i]->id},
					{"state", report_state_name((enum report_state)state)}),
				(int64_t)page->instances[i]->n_kills[state]);
		}
	}
}

static void print_sessions(const struct page *page)
{
	static const struct row {
		const char *name;
		const char *help;
	} rows[] = {
		[SESSIONS_KILLED] = {"sesskill_sessions_killed_total", "Sessions ended by kills."},
		[SESSIONS_GONE] = {"sesskill_sessions_gone_total",
			"Sessions that were to be killed and ended by themselves before."},
		[SESSIONS_SURVIVED] = {"sesskill_sessions_survived_total",
			"Sessions that were to be killed and are still there, or were not tried."},
		[SESSIONS_EXTRA] = {"sesskill_sessions_extra_total",
			"Sessions beyond the listing that a command for a whole set ended."},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		exposition_begin(page->out, EXPOSITION_COUNTER, rows[i].name, rows[i].help);
		for (size_t k = 0; k < page->n_instances; k++) {
			exposition_number(page->out, rows[i].name,
				EXPOSITION_LABELS({"instance", page->instances[k]->id}),
				(int64_t)page->instances[k]->n_sessions[i]);
		}
	}
}

static void print_phases(const struct page *page)
{
	static const char name[] = "sesskill_kill_phase_seconds";

	exposition_begin(page->out, EXPOSITION_HISTOGRAM, name,
		"Time that a kill spent on a node, by what it was spent on.");
	for (size_t i = 0; i < page->n_instances; i++) {
		for (unsigned phase = 0; phase < REPORT_N_PHASES; phase++) {
			histogram_print(&page->instances[i]->phases[phase], page->out, name,
				EXPOSITION_LABELS({"instance", page->instances[i]->id},
					{"phase", report_phase_name((enum report_phase)phase)}));
		}
	}
}

static void print_requests(const struct metrics *metrics, FILE *out)
{
	static const char requests[] = "sesskill_http_requests_total";
	static const char denied[] = "sesskill_requests_denied_total";

	exposition_begin(out, EXPOSITION_COUNTER, requests,
		"Requests that were answered, by path pattern or DAS action, and by status.");
	for (size_t i = 0; i < metrics->n_answers; i++) {
		const struct answers *answers = &metrics->answers[i];
		CLEANUP(mem_free_p) char *code = mem_printf("%d", answers->status);

		exposition_number(out, requests,
			EXPOSITION_LABELS({"method", answers->method}, {"route", answers->route},
				{"code", code}),
			(int64_t)answers->n);
	}
	exposition_begin(out, EXPOSITION_COUNTER, denied,
		"Requests refused because the caller may not do that.");
	for (size_t i = 0; i < metrics->n_denials; i++) {
		exposition_number(out, denied,
			EXPOSITION_LABELS({"action", metrics->denials[i].action}),
			(int64_t)metrics->denials[i].n);
	}
}

static void print_process(const struct metrics *metrics, FILE *out)
{
	static const char started[] = "process_start_time_seconds";
	static const char build[] = "sesskill_build_info";

	process_print(out);
	exposition_begin(out, EXPOSITION_GAUGE, started,
		"Start time of the process since unix epoch in seconds.");
	exposition_seconds(out, started, NULL, metrics->started_wall_ms * 1000);
	exposition_begin(out, EXPOSITION_GAUGE, build, "What runs; the value is always 1.");
	exposition_number(out, build, EXPOSITION_LABELS({"version", SESSKILL_VERSION}), 1);
}

static void print_config(const struct metrics *metrics, FILE *out)
{
	static const char read_at[] = "sesskill_config_last_reload_success_timestamp_seconds";

	exposition_gauge(out, "sesskill_config_last_reload_successful",
		"Whether the configuration was taken the last time it was read.",
		!metrics->has_failed_to_reload);
	exposition_begin(out, EXPOSITION_GAUGE, read_at,
		"When the configuration that is in force was read, since unix epoch in seconds.");
	exposition_seconds(out, read_at, NULL, metrics->configured_wall_ms * 1000);
}

void metrics_print(const struct metrics *metrics, const struct metrics_instance *const *instances,
	size_t n_instances, FILE *out)
{
	struct page page = {instances, n_instances, out};

	print_kills(&page);
	print_sessions(&page);
	print_phases(&page);
	print_requests(metrics, out);
	print_config(metrics, out);
	print_process(metrics, out);
}
