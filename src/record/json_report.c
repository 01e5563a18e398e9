/*
 * The report in JSON: the one place that knows what its fields are called outside. Declared in
 * json.h; who reads it and how it gets there is not known here.
 */
#include "record/json.h"

#include <stdint.h>

#include "base/clock.h"

static void set_counts(json_t *object, const struct counts *counts)
{
	json_set_number(object, "found", counts->found);
	json_set_number(object, "unmatched", counts->unmatched);
	json_set_number(object, "protected", counts->is_protected);
	json_set_number(object, "spared", counts->spared);
	json_set_number(object, "matched", counts->matched);
	json_set_number(object, "killed", counts->killed);
	json_set_number(object, "gone", counts->gone);
	json_set_number(object, "survivors", counts->survivors);
	json_set_number(object, "extra", counts->extra);
	json_set_number(object, "cut", counts->cut);
}

static json_t *node_plan(const struct report_node *node)
{
	json_t *plan = json_array();

	for (size_t i = 0; i < node->n_steps; i++) {
		json_t *step = json_object();

		json_set(step, "command", json_text_of(node->plan[i].command));
		json_set_number(step, "expect", node->plan[i].expect);
		json_add(plan, step);
	}
	return plan;
}

static json_t *phases_ms(const struct report_node *node)
{
	json_t *phases = json_object();

	for (unsigned i = 0; i < REPORT_N_PHASES; i++) {
		json_set(phases, report_phase_name((enum report_phase)i),
			json_real((double)node->phase_us[i] / 1000));
	}
	return phases;
}

static json_t *node_json(const struct report_node *node, bool with_plan)
{
	json_t *object = json_object();

	json_set(object, "address", json_text_of(node->address));
	json_set(object, "also", json_texts(node->also, node->n_also));
	json_set(object, "role", json_text_of(node->role));
	json_set(object, "server", json_text_of(node->server));
	json_set(object, "run_id", json_text_of(node->run_id));
	set_counts(object, &node->counts);
	json_set_number(object, "commands", node->n_commands);
	json_set_number(object, "in_flight", node->n_in_flight);
	json_set_number(object, "late", node->n_late);
	json_set(object, "max_stall_ms", json_real((double)node->max_stall_us / 1000));
	json_set(object, "phases_ms", phases_ms(node));
	if (with_plan) {
		json_set(object, "plan", node_plan(node));
	}
	json_set(object, "error", json_text_or_null(node->error));
	return object;
}

json_t *json_report_nodes(const struct report *report, bool with_plan)
{
	json_t *nodes = json_array();

	for (size_t i = 0; i < report->n_nodes; i++) {
		if (!report->nodes[i].is_left_out) {
			json_add(nodes, node_json(&report->nodes[i], with_plan));
		}
	}
	return nodes;
}

json_t *json_report_sources(const struct report *report)
{
	json_t *sources = json_array();

	for (size_t i = 0; i < report->n_sources; i++) {
		const struct report_source *source = &report->sources[i];
		json_t *object = json_object();

		json_set(object, "address", json_text_of(source->address));
		json_set(object, "user", json_text_of(source->user));
		json_set(object, "name", json_text_of(source->name));
		json_set(object, "lib", json_text_of(source->lib));
		json_set_number(object, "found", source->found);
		json_set_number(object, "killed", source->killed);
		json_set_number(object, "reconnected", source->reconnected);
		json_add(sources, object);
	}
	return sources;
}

static json_t *programs_json(const struct programs *programs)
{
	json_t *list = json_array();

	for (size_t i = 0; i < programs->n; i++) {
		const struct program *program = &programs->items[i];
		json_t *object = json_object();

		for (unsigned text = 0; text < PROGRAM_N_TEXTS; text++) {
			json_set(object, program_key((enum program_text)text),
				json_text_of(program->texts[text]));
		}
		json_set_number(object, "found", program->found);
		json_set_number(object, "killed", 0); /* only a dry run looks */
		json_add(list, object);
	}
	return list;
}

json_t *json_local(const struct programs *programs)
{
	json_t *object = json_object();

	json_set_number(object, "sessions", programs->n_sessions);
	json_set_number(object, "named", programs->n_named);
	json_set(object, "error", json_text_or_null(programs->error));
	return object;
}

json_t *json_report_summary(const char *request_id, const struct report *report)
{
	json_t *object = json_object();
	char started_at[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(report->started_wall_ms, started_at);
	json_set(object, "request_id", json_text_of(request_id));
	json_set(object, "instance", json_text_of(report->instance));
	json_set(object, "state", json_text_of(report_state_name(report->state)));
	json_set(object, "started_at", json_text_of(started_at));
	json_set(object, "elapsed_ms", json_integer(report->elapsed_ms));
	if (report->watched_ms > 0) {
		json_set(object, "watched_ms", json_integer(report->watched_ms));
	}
	if (report->kept_out_ms > 0) {
		json_set(object, "kept_out_ms", json_integer(report->kept_out_ms));
	}
	set_counts(object, &report->counts);
	json_set_number(object, "reconnected", report->reconnected);
	json_set(object, "warnings", json_texts(report->warnings, report->n_warnings));
	json_set(object, "error", json_text_or_null(report->error));
	return object;
}

json_t *json_report(const char *request_id, const struct report *report)
{
	json_t *object = json_report_summary(request_id, report);

	json_set(object, "nodes", json_report_nodes(report, true));
	json_set(object, "sources", json_report_sources(report));
	if (report->programs.is_wanted) {
		json_set(object, "local", json_local(&report->programs));
		json_set(object, "local_clients", programs_json(&report->programs));
	}
	return object;
}
