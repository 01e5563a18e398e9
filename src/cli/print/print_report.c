/*
 * What a kill found and did: the sums first, then what needs attention, then where and who.
 */
#include "cli/print/print.h"

#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/terminal/table.h"
#include "cli/terminal/text.h"

/* Before a kill a person wants the heart of it. */
#define PREVIEW_MAX_SOURCES 5

struct count_line {
	const char *key;
	const char *title;
	const char *meaning;
	bool is_always;  /* else only when there are any */
	bool is_outcome; /* means nothing before the kill */
	enum term_style style;
};

static const struct count_line COUNT_LINES[] = {
	{"found", "found", "sessions on the servers", true, false, TERM_PLAIN},
	{"unmatched", "unmatched", "not selected", false, false, TERM_PLAIN},
	{"protected", "protected",
		"kept: the daemon's own, replication, internal, --except, protect", true, false,
		TERM_PLAIN},
	{"matched", "matched", "to be killed", true, false, TERM_PLAIN},
	{"killed", "killed", "", true, true, TERM_GOOD},
	{"gone", "gone", "ended by themselves before their turn", false, true, TERM_PLAIN},
	{"survivors", "survived", "still there, or not tried", false, true, TERM_BAD},
	{"extra", "extra", "newcomers that were hit as well", false, true, TERM_PLAIN},
	{"reconnected", "reconnected", "came back", false, true, TERM_WARN},
};

static const struct table_column NODE_COLUMNS[] = {
	{.title = "NODE", .min_columns = 14},
	{.title = "ROLE", .is_optional = true},
	{.title = "SERVER", .min_columns = 6, .is_optional = true},
	{.title = "FOUND", .is_right = true},
	{.title = "PROTECTED", .is_right = true, .is_optional = true},
	{.title = "MATCHED", .is_right = true},
	{.title = "KILLED", .is_right = true},
	{.title = "SURVIVED", .is_right = true},
	{.title = "COMMANDS", .is_right = true, .is_optional = true},
	{.title = "LONGEST STALL", .is_right = true, .is_optional = true},
};

/* The last of them tell what was done. */
#define NODE_OUTCOME_COLUMNS 4

static const struct table_column SOURCE_COLUMNS[] = {
	{.title = "SOURCE", .min_columns = 9},
	{.title = "USER", .min_columns = 8},
	{.title = "NAME", .min_columns = 8},
	{.title = "LIBRARY", .min_columns = 8, .is_optional = true},
	{.title = "SESSIONS", .is_right = true},
	{.title = "KILLED", .is_right = true},
	{.title = "CAME BACK", .is_right = true},
};

static const struct table_column PLAN_COLUMNS[] = {
	{.title = "NODE", .min_columns = 14},
	{.title = "COMMAND", .min_columns = 24},
	{.title = "SESSIONS", .is_right = true},
};

static bool is_dry_run(const json_t *report)
{
	return slice_is(field_text(report, "state"), "dry_run");
}

static void print_counts(const json_t *report, bool is_before, const struct screen *screen)
{
	for (size_t i = 0; i < ARRAY_SIZE(COUNT_LINES); i++) {
		const struct count_line *line = &COUNT_LINES[i];
		uint64_t value = field_count(report, line->key);
		enum term_style style = value > 0 ? line->style : TERM_PLAIN;
		char number[HUMAN_BYTES];

		if ((is_before && line->is_outcome) || (value == 0 && !line->is_always)) {
			continue;
		}
		term_begin(screen, style);
		text_format(screen->file, "  %-11s %11s", line->title, human_count(value, number));
		term_end(screen, style);
		text_line(
			screen->file, "%s%s", line->meaning[0] != '\0' ? "  " : "", line->meaning);
	}
}

/* Words that a person must not miss; absent ones are none. */
static void print_attention(const char *head, struct slice where, struct slice words,
	enum term_style style, const struct screen *screen)
{
	if (words.len == 0) {
		return;
	}
	term_begin(screen, style);
	text_format(screen->file, "  %s%.*s: ", head, SLICE_ARG(where));
	term_end(screen, style);
	text_line(screen->file, "%.*s", SLICE_ARG(words));
}

static void print_warnings(const json_t *report, const struct screen *screen)
{
	const struct slice nowhere = {NULL, 0};
	const json_t *item;
	size_t i;

	print_attention("error", nowhere, field_text(report, "error"), TERM_BAD, screen);
	json_array_foreach(json_object_get(report, "nodes"), i, item)
	{
		print_attention("failed on ", field_text(item, "address"),
			field_text(item, "error"), TERM_BAD, screen);
	}
	json_array_foreach(json_object_get(report, "warnings"), i, item)
	{
		struct slice words = {json_string_value(item), json_string_length(item)};

		print_attention("warning", nowhere, words, TERM_WARN, screen);
	}
}

/* What a dry run did not do is left empty, and so not shown. */
static void add_node_outcome(struct table *table, const json_t *node, bool is_before)
{
	if (is_before) {
		for (size_t i = 0; i < NODE_OUTCOME_COLUMNS; i++) {
			table_word(table, "");
		}
		return;
	}
	table_count(table, field_count(node, "killed"));
	table_count(table, field_count(node, "survivors"));
	table_style(table, field_count(node, "survivors") > 0 ? TERM_BAD : TERM_PLAIN);
	table_count(table, field_count(node, "commands"));
	table_duration(table, field_number(node, "max_stall_ms"));
}

static void print_nodes(const json_t *report, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new(NODE_COLUMNS, ARRAY_SIZE(NODE_COLUMNS));
	const json_t *nodes = json_object_get(report, "nodes");
	const json_t *node;
	size_t i;

	if (json_array_size(nodes) == 0) {
		return;
	}
	json_array_foreach(nodes, i, node)
	{
		table_text(table, field_text(node, "address"));
		table_text(table, field_text(node, "role"));
		table_text(table, field_text(node, "server"));
		table_count(table, field_count(node, "found"));
		table_count(table, field_count(node, "protected"));
		table_count(table, field_count(node, "matched"));
		add_node_outcome(table, node, is_dry_run(report));
	}
	fputc('\n', screen->file);
	table_print(table, screen, 2);
}

static void print_plan(const json_t *report, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new(PLAN_COLUMNS, ARRAY_SIZE(PLAN_COLUMNS));
	const json_t *node, *step;
	size_t i, j, n_steps = 0;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		json_array_foreach(json_object_get(node, "plan"), j, step)
		{
			table_text(table, field_text(node, "address"));
			table_text(table, field_text(step, "command"));
			table_count(table, field_count(step, "expect"));
			n_steps++;
		}
	}
	if (n_steps > 0) {
		fputc('\n', screen->file);
		table_print(table, screen, 2);
	}
}

/* A column whose figure is 0 for everybody is left empty, and so not shown. */
static void add_source_count(struct table *table, const json_t *source, const char *key)
{
	if (field_count(source, key) > 0) {
		table_count(table, field_count(source, key));
	} else {
		table_word(table, "");
	}
}

static void print_sources(const json_t *report, size_t most, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new(SOURCE_COLUMNS, ARRAY_SIZE(SOURCE_COLUMNS));
	const json_t *sources = json_object_get(report, "sources");
	const json_t *source;
	size_t i;

	if (json_array_size(sources) == 0) {
		return;
	}
	json_array_foreach(sources, i, source)
	{
		if (i >= most) {
			break;
		}
		table_text(table, field_text(source, "address"));
		table_text(table, field_text(source, "user"));
		table_text(table, field_text(source, "name"));
		table_text(table, field_text(source, "lib"));
		table_count(table, field_count(source, "found"));
		add_source_count(table, source, "killed");
		add_source_count(table, source, "reconnected");
	}
	fputc('\n', screen->file);
	table_print(table, screen, 2);
	if (i < json_array_size(sources)) {
		text_line(screen->file, "  and %zu more", json_array_size(sources) - i);
	}
}

void print_report(const json_t *report, const struct screen *screen)
{
	enum term_style style = print_style_of_state(report);
	struct slice instance = field_text(report, "instance");
	struct slice state = is_dry_run(report) ? SLICE_LITERAL("dry run, nothing was killed")
						: field_text(report, "state");
	struct slice id = field_text(report, "request_id");
	char took[HUMAN_BYTES];

	text_format(screen->file, "%.*s: ", SLICE_ARG(instance));
	term_begin(screen, style);
	text_format(screen->file, "%.*s", SLICE_ARG(state));
	term_end(screen, style);
	text_line(screen->file, " (%s)", human_duration(field_number(report, "elapsed_ms"), took));
	print_counts(report, is_dry_run(report), screen);
	print_warnings(report, screen);
	print_nodes(report, screen);
	if (is_dry_run(report)) {
		print_plan(report, screen);
	}
	print_sources(report, SIZE_MAX, screen);
	print_local_clients(report, screen);
	fputc('\n', screen->file);
	text_line(screen->file, "  request id  %.*s", SLICE_ARG(id));
}

void print_outcome(const json_t *report, const struct screen *screen)
{
	struct slice state = field_text(report, "state");

	print_report(report, screen);
	if (slice_is(state, "partial")) {
		text_line(screen->file, "What is left can be killed by the same command again. See "
					"sesskill instances for the state of each node.");
	} else if (slice_is(state, "failed") && !field_has(report, "error")) {
		text_line(screen->file, "See sesskill instances for the state of each node.");
	}
}

void print_cancelled(const json_t *answer, const struct screen *screen)
{
	/* The command in flight still ends: "running" is no failure here. */
	if (field_has(answer, "found")) {
		print_report(answer, screen);
	} else {
		text_line(screen->file, "cancelled");
	}
}

void print_preview(const json_t *report, const struct screen *screen)
{
	struct slice instance = field_text(report, "instance");
	char count[HUMAN_BYTES];

	term_begin(screen, TERM_BOLD);
	text_line(screen->file, "This would end %s sessions of %.*s:",
		human_count(field_count(report, "matched"), count), SLICE_ARG(instance));
	term_end(screen, TERM_BOLD);
	print_counts(report, true, screen);
	print_warnings(report, screen);
	print_sources(report, PREVIEW_MAX_SOURCES, screen);
	fputc('\n', screen->file);
}
