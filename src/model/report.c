/*
 * Reports.
 */
#include "model/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

const char *report_state_name(enum report_state state)
{
	static const char *const names[REPORT_N_STATES] = {
		[REPORT_WAITING] = "waiting",
		[REPORT_RUNNING] = "running",
		[REPORT_DONE] = "done",
		[REPORT_DRY_RUN] = "dry_run",
		[REPORT_PARTIAL] = "partial",
		[REPORT_FAILED] = "failed",
		[REPORT_CANCELLED] = "cancelled",
	};

	return names[state];
}

const char *report_phase_name(enum report_phase phase)
{
	static const char *const names[REPORT_N_PHASES] = {
		[REPORT_PHASE_LIST] = "list",
		[REPORT_PHASE_PLAN] = "plan",
		[REPORT_PHASE_KILL] = "kill",
		[REPORT_PHASE_VERIFY] = "verify",
	};

	return names[phase];
}

static char *copy(const char *text)
{
	return mem_copy_text(text, strlen(text));
}

struct report *report_new(const char *request_id, const char *instance, int64_t started_wall_ms)
{
	struct report *report = mem_new(struct report);

	report->request_id = copy(request_id);
	report->instance = copy(instance);
	report->state = REPORT_RUNNING;
	report->started_wall_ms = started_wall_ms;
	return report;
}

void report_node_clear_steps(struct report_node *node)
{
	for (size_t i = 0; i < node->n_steps; i++) {
		free(node->plan[i].command);
	}
	node->n_steps = 0;
}

static void finish_node(struct report_node *node)
{
	report_node_clear_steps(node);
	free(node->plan);
	free(node->address);
	free(node->role);
	free(node->server);
	free(node->run_id);
	free(node->error);
	for (size_t i = 0; i < node->n_also; i++) {
		free(node->also[i]);
	}
	free(node->also);
}

static void finish_source(struct report_source *source)
{
	free(source->address);
	free(source->user);
	free(source->name);
	free(source->lib);
}

void report_free(struct report *report)
{
	if (report == NULL) {
		return;
	}
	for (size_t i = 0; i < report->n_nodes; i++) {
		finish_node(&report->nodes[i]);
	}
	for (size_t i = 0; i < report->n_sources; i++) {
		finish_source(&report->sources[i]);
	}
	for (size_t i = 0; i < report->n_warnings; i++) {
		free(report->warnings[i]);
	}
	results_finish(&report->results);
	programs_finish(&report->programs);
	free(report->nodes);
	free(report->sources);
	free(report->warnings);
	free(report->request_id);
	free(report->instance);
	free(report->error);
	free(report);
}

void report_warn(struct report *report, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (report->n_warnings == REPORT_MAX_WARNINGS) {
		return;
	}
	for (size_t i = 0; i < report->n_warnings; i++) {
		if (strcmp(report->warnings[i], text) == 0) {
			return;
		}
	}
	report->warnings = mem_grow_array(
		report->warnings, report->n_warnings, &report->warnings_capacity, sizeof(char *));
	report->warnings[report->n_warnings++] = copy(text);
}

static void print_in_flight(const struct report_node *node, char *text, size_t n_bytes)
{
	snprintf(text, n_bytes,
		"%s: %llu sessions are named by commands that the server has not answered; what "
		"becomes of them is not known yet",
		node->address, (unsigned long long)node->n_in_flight);
}

void report_warn_in_flight(struct report *report, const struct report_node *node)
{
	char text[512];

	print_in_flight(node, text, sizeof(text));
	report_warn(report, "%s", text);
}

/* It is not true any more. */
static void take_warning_back(struct report *report, const char *text)
{
	for (size_t i = 0; i < report->n_warnings; i++) {
		if (strcmp(report->warnings[i], text) == 0) {
			free(report->warnings[i]);
			report->n_warnings--;
			memmove(&report->warnings[i], &report->warnings[i + 1],
				(report->n_warnings - i) * sizeof(char *));
			return;
		}
	}
}

struct report_node *report_add_node(struct report *report, const char *address)
{
	struct report_node *node = mem_append(&report->nodes, &report->n_nodes,
		&report->nodes_capacity, sizeof(struct report_node));

	*node = (struct report_node){
		.address = copy(address),
		.role = copy(""),
		.server = copy(""),
		.run_id = copy(""),
	};
	return node;
}

void report_warn_unused(struct report *report, const char *address, const char *words)
{
	report_warn(report, "%s was never reached, but another address of its name was: %s",
		address, words);
}

void report_node_add_address(struct report_node *node, const char *address)
{
	node->also = mem_grow_array(node->also, node->n_also, &node->also_capacity, sizeof(char *));
	node->also[node->n_also++] = copy(address);
}

void report_node_fail(struct report_node *node, const char *words)
{
	free(node->error);
	node->error = copy(words);
	node->is_failed = true;
}

void report_node_add_step(struct report_node *node, const char *command, uint64_t expect)
{
	struct report_step *step = mem_append(
		&node->plan, &node->n_steps, &node->steps_capacity, sizeof(struct report_step));

	*step = (struct report_step){copy(command), expect};
}

struct report_source *report_add_source(struct report *report, const char *address,
	const char *user, const char *name, const char *lib)
{
	struct report_source *source = mem_append(&report->sources, &report->n_sources,
		&report->sources_capacity, sizeof(struct report_source));

	*source = (struct report_source){
		.address = copy(address),
		.user = copy(user),
		.name = copy(name),
		.lib = copy(lib),
	};
	return source;
}

void counts_add(struct counts *sum, const struct counts *part)
{
	sum->found += part->found;
	sum->unmatched += part->unmatched;
	sum->is_protected += part->is_protected;
	sum->spared += part->spared;
	sum->matched += part->matched;
	sum->killed += part->killed;
	sum->cut += part->cut;
	sum->gone += part->gone;
	sum->survivors += part->survivors;
	sum->extra += part->extra;
}

bool counts_is_consistent(const struct counts *counts, bool is_dry_run)
{
	uint64_t ended = counts->killed + counts->gone + counts->survivors;

	return counts->found == counts->unmatched + counts->is_protected + counts->spared +
					counts->matched &&
	       ended == (is_dry_run ? 0 : counts->matched);
}

bool report_was_any_node_reached(const struct report *report)
{
	for (size_t i = 0; i < report->n_nodes; i++) {
		if (report->nodes[i].was_reached) {
			return true;
		}
	}
	return false;
}

/* The words for people: how many survived and where, or which node failed and why. */
static void explain(struct report *report)
{
	size_t n_failed = 0;
	const struct report_node *first = NULL;

	for (size_t i = 0; i < report->n_nodes; i++) {
		if (report->nodes[i].is_failed) {
			n_failed++;
			first = first == NULL ? &report->nodes[i] : first;
		}
	}
	if (report->error != NULL) {
		return;
	}
	if (first != NULL) {
		report->error =
			mem_printf("%zu of %zu nodes failed (%s: %s); %llu sessions killed, "
				   "%llu survived",
				n_failed, report->n_nodes, first->address, first->error,
				(unsigned long long)report->counts.killed,
				(unsigned long long)report->counts.survivors);
	} else if (report->counts.survivors > 0) {
		for (size_t i = 0; i < report->n_nodes && first == NULL; i++) {
			first = report->nodes[i].counts.survivors > 0 ? &report->nodes[i] : NULL;
		}
		CHECK(first != NULL);
		report->error = mem_printf("%llu sessions survived, %llu of them on %s",
			(unsigned long long)report->counts.survivors,
			(unsigned long long)first->counts.survivors, first->address);
	}
}

uint64_t report_add_late(struct report *report, struct report_node *node, uint64_t n_killed,
	uint64_t n_extra, const char *lost)
{
	uint64_t n = MIN(n_killed, node->counts.survivors);
	char text[512];

	print_in_flight(node, text, sizeof(text));
	take_warning_back(report, text);
	node->counts.killed += n;
	node->counts.survivors -= n;
	node->counts.extra += n_extra;
	node->n_late += n;
	node->n_in_flight = 0;
	report_sum(report);
	if (report->error != NULL && !report->is_too_many) {
		free(report->error);
		report->error = NULL;
		explain(report);
	}
	report_warn(report,
		"%s: an answer that came late says that %llu more were killed%s%s; that was not "
		"verified",
		node->address, (unsigned long long)n,
		lost != NULL ? ", and the rest will not be known: " : "", lost != NULL ? lost : "");
	return n;
}

static enum report_state decide_state(const struct report *report, bool is_dry_run)
{
	size_t n_failed = 0;
	size_t n_left_out = 0;

	for (size_t i = 0; i < report->n_nodes; i++) {
		n_failed += report->nodes[i].is_failed;
		n_left_out += report->nodes[i].is_left_out;
	}
	if (report->is_too_many || report->is_restarted ||
		(n_failed + n_left_out == report->n_nodes &&
			report->counts.killed + report->counts.gone == 0)) {
		return REPORT_FAILED;
	}
	if (n_failed > 0 || report->counts.survivors > 0) {
		return REPORT_PARTIAL;
	}
	return is_dry_run ? REPORT_DRY_RUN : REPORT_DONE;
}

/* The most found first; equals by their texts. */
static int compare_sources(const void *a, const void *b)
{
	const struct report_source *left = a;
	const struct report_source *right = b;
	int order = (left->found < right->found) - (left->found > right->found);

	order = order != 0 ? order : strcmp(left->address, right->address);
	order = order != 0 ? order : strcmp(left->user, right->user);
	order = order != 0 ? order : strcmp(left->name, right->name);
	return order != 0 ? order : strcmp(left->lib, right->lib);
}

void report_sum(struct report *report)
{
	memset(&report->counts, 0, sizeof(report->counts));
	for (size_t i = 0; i < report->n_nodes; i++) {
		counts_add(&report->counts, &report->nodes[i].counts);
	}
}

/* Also gives back the room of the others: there may have been thousands. */
static void keep_largest_sources(struct report *report)
{
	if (report->n_sources == 0) {
		return;
	}
	qsort(report->sources, report->n_sources, sizeof(struct report_source), compare_sources);
	for (size_t i = REPORT_MAX_SOURCES; i < report->n_sources; i++) {
		finish_source(&report->sources[i]);
	}
	report->n_sources = MIN(report->n_sources, (size_t)REPORT_MAX_SOURCES);
	report->sources_capacity = report->n_sources;
	report->sources =
		mem_resize_array(report->sources, report->n_sources, sizeof(struct report_source));
}

void report_close(struct report *report, bool is_dry_run, int64_t elapsed_ms)
{
	report->elapsed_ms = elapsed_ms;
	for (size_t i = 0; i < report->n_nodes; i++) {
		CHECK(counts_is_consistent(&report->nodes[i].counts, is_dry_run));
	}
	report_sum(report);
	keep_largest_sources(report);
	programs_close(&report->programs);
	if (report->state != REPORT_CANCELLED) {
		report->state = decide_state(report, is_dry_run);
		explain(report);
	}
}
