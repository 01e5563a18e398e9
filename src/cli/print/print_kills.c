/*
 * Kills: the list of them, and what one found and did: the sums first, then what needs attention,
 * then where and who.
 */
#include "cli/print/print.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/print/table.h"
#include "cli/terminal/text.h"
#include "cli/when.h"

/* From the most to the least important: the last ones go first where there is no room. */
static const struct table_column KILL_COLUMNS[] = {
	{"HOST", "host", TABLE_TEXT, 8, TABLE_NEEDED},
	{"REQUEST", "request_id", TABLE_TEXT, 0, TABLE_NEEDED},
	{"INSTANCE", "instance", TABLE_TEXT, 8, TABLE_NEEDED},
	{"STATE", "state", TABLE_TEXT, 0, TABLE_NEEDED},
	{"KILLED", "killed", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"STARTED", "started_at", TABLE_TEXT, 0, TABLE_OPTIONAL},
	{"SURVIVED", "survivors", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"TOOK", "elapsed_ms", TABLE_DURATION, 0, TABLE_OPTIONAL},
	{"CAME BACK", "reconnected", TABLE_NONZERO, 0, TABLE_OPTIONAL},
};

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
	{"spared", "spared", "beyond the goal", false, false, TERM_PLAIN},
	{"matched", "matched", "to be killed", true, false, TERM_PLAIN},
	{"killed", "killed", "", true, true, TERM_GOOD},
	{"gone", "gone", "ended before their turn, by themselves or another kill", false, true,
		TERM_PLAIN},
	{"survivors", "survived", "still there, or not tried", false, true, TERM_BAD},
	{"extra", "extra", "newcomers that were hit as well", false, true, TERM_PLAIN},
	{"cut", "cut", "of the killed, by the kernel", false, true, TERM_PLAIN},
	{"reconnected", "reconnected", "came back", false, true, TERM_WARN},
};

static const struct table_column NODE_COLUMNS[] = {
	{"NODE", "address", TABLE_TEXT, 18, TABLE_NEEDED},
	{"ROLE", "role", TABLE_TEXT, 0, TABLE_OPTIONAL},
	{"SERVER", "server", TABLE_TEXT, 6, TABLE_OPTIONAL},
	{"FOUND", "found", TABLE_COUNT, 0, TABLE_NEEDED},
	{"PROTECTED", "protected", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"MATCHED", "matched", TABLE_COUNT, 0, TABLE_NEEDED},
	{"KILLED", "killed", TABLE_COUNT, 0, TABLE_NEEDED},
	{"SURVIVED", "survivors", TABLE_COUNT, 0, TABLE_NEEDED},
	{"COMMANDS", "commands", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"LONGEST STALL", "max_stall_ms", TABLE_DURATION, 0, TABLE_OPTIONAL},
};

/* The last of them tell what was done: not in a dry run. */
#define NODE_OUTCOME_COLUMNS 4

static const struct table_column SOURCE_COLUMNS[] = {
	{"SOURCE", "address", TABLE_TEXT, 9, TABLE_NEEDED},
	{"USER", "user", TABLE_TEXT, 8, TABLE_NEEDED},
	{"NAME", "name", TABLE_TEXT, 8, TABLE_NEEDED},
	{"LIBRARY", "lib", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"SESSIONS", "found", TABLE_COUNT, 0, TABLE_NEEDED},
	{"KILLED", "killed", TABLE_NONZERO, 0, TABLE_NEEDED},
	{"CAME BACK", "reconnected", TABLE_NONZERO, 0, TABLE_NEEDED},
};

static const struct table_column PLAN_COLUMNS[] = {
	{"NODE", "address", TABLE_TEXT, 18, TABLE_NEEDED},
	{"COMMAND", "command", TABLE_TEXT, 24, TABLE_NEEDED},
	{"SESSIONS", "expect", TABLE_COUNT, 0, TABLE_NEEDED},
};

static const struct table_column LOCAL_COLUMNS[] = {
	{"LOCAL PROCESS", "process", TABLE_TEXT, 8, TABLE_NEEDED},
	{"UNIT", "unit", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"OS USER", "process_user", TABLE_TEXT, 7, TABLE_OPTIONAL},
	{"SESSIONS", "found", TABLE_COUNT, 0, TABLE_NEEDED},
};

bool print_find_kill_column(struct slice word, struct table_column *ret_column, struct err *err)
{
	return table_read_column(KILL_COLUMNS, ARRAY_SIZE(KILL_COLUMNS), word, ret_column, err);
}

/* The colour that a state of a kill deserves. */
static enum term_style style_of_state(const json_t *report)
{
	struct slice state = field_text(report, "state");

	if (slice_is(state, "done")) {
		return TERM_GOOD;
	}
	if (slice_is(state, "failed") || slice_is(state, "partial")) {
		return TERM_BAD;
	}
	return slice_is(state, "cancelled") ? TERM_WARN : TERM_PLAIN;
}

static void add_kill(struct table *table, const json_t *kill)
{
	table_add(table, kill);
	print_time(table, "started_at", kill);
	table_style(table, "state", style_of_state(kill));
	table_style(table, "survivors", field_count(kill, "survivors") > 0 ? TERM_BAD : TERM_PLAIN);
}

void print_kills(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new_form(KILL_COLUMNS, ARRAY_SIZE(KILL_COLUMNS), screen);
	const json_t *kills = json_object_get(answer, "kills");
	const json_t *kill;
	size_t i;

	if (json_array_size(kills) == 0) {
		text_line(screen->file, "no kills since the daemon started");
		return;
	}
	print_time_title(table, "started_at", "STARTED");
	json_array_foreach(kills, i, kill)
	{
		add_kill(table, kill);
	}
	table_print(table, screen, 0);
}

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
		size_t used;

		if ((is_before && line->is_outcome) || (value == 0 && !line->is_always)) {
			continue;
		}
		used = term_format(screen, style, "  %-11s %11s%s", line->title,
			human_count(value).text, line->meaning[0] != '\0' ? "  " : "");
		text_flow(screen->file, used, used, slice_of(line->meaning));
	}
}

void print_problems_of_kill(const json_t *report, const struct screen *screen)
{
	const json_t *node;
	size_t i;

	print_remark(
		screen, TERM_BAD, "  error", (struct slice){NULL, 0}, field_text(report, "error"));
	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		print_remark(screen, TERM_BAD, "  failed on ", field_text(node, "address"),
			field_text(node, "error"));
	}
	print_warnings(report, TERM_WARN, "  warning", screen);
}

/* Set apart from what is above; nothing without rows. */
static void print_below(const struct table *table, size_t n_rows, const struct screen *screen)
{
	if (n_rows > 0) {
		fputc('\n', screen->file);
		table_print(table, screen, 2);
	}
}

static void print_nodes(const json_t *report, const struct screen *screen)
{
	size_t n_columns =
		ARRAY_SIZE(NODE_COLUMNS) - (is_dry_run(report) ? NODE_OUTCOME_COLUMNS : 0);
	CLEANUP(table_free_p) struct table *table = table_new(NODE_COLUMNS, n_columns);
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		table_add(table, node);
		if (!is_dry_run(report) && field_count(node, "survivors") > 0) {
			table_style(table, "survivors", TERM_BAD);
		}
	}
	print_below(table, i, screen);
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
			table_add(table, step);
			table_set(table, "address", field_text(node, "address"));
			n_steps++;
		}
	}
	print_below(table, n_steps, screen);
}

static void print_sources(const json_t *report, size_t most, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new(SOURCE_COLUMNS, ARRAY_SIZE(SOURCE_COLUMNS));
	const json_t *sources = json_object_get(report, "sources");
	size_t n_sources = json_array_size(sources);
	size_t n_shown = MIN(n_sources, most);
	uint64_t n_told = 0;

	for (size_t i = 0; i < n_shown; i++) {
		table_add(table, json_array_get(sources, i));
		n_told += field_count(json_array_get(sources, i), "found");
	}
	print_below(table, n_shown, screen);
	if (n_shown < n_sources) {
		text_line(screen->file, "  and %zu more", n_sources - n_shown);
	} else if (n_told < field_count(report, "matched") && n_sources > 0) {
		text_line(screen->file, "  and %s sessions of further sources",
			human_count(field_count(report, "matched") - n_told).text);
	}
}

/* The programs of the host, and of how many sessions none is known, where that was asked for. */
static void print_local_clients(const json_t *report, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new(LOCAL_COLUMNS, ARRAY_SIZE(LOCAL_COLUMNS));
	const json_t *client;
	size_t i;

	json_array_foreach(json_object_get(report, "local_clients"), i, client)
	{
		table_add(table, client);
		if (field_text(client, "process").len == 0) {
			table_set(table, "process", SLICE_LITERAL("?"));
		}
	}
	print_below(table, i, screen);
	if (field_has(json_object_get(report, "local"), "error")) {
		fputs("  ", screen->file);
		print_unnamed(report, screen);
	}
}

/* Of a watch the kill itself took only a part. */
static void print_time_taken(const json_t *report, FILE *out)
{
	double elapsed_ms = field_number(report, "elapsed_ms");
	double watched_ms = field_number(report, "watched_ms");
	struct human took = human_duration(elapsed_ms - watched_ms);

	if (watched_ms > 0) {
		text_line(out, " (%s, then watched for %s)", took.text,
			human_duration(watched_ms).text);
	} else {
		text_line(out, " (%s)", took.text);
	}
}

static void print_kept_out(const json_t *report, const struct screen *screen)
{
	double ms = field_number(report, "kept_out_ms");

	if (field_has(report, "kept_out_ms")) {
		text_line(screen->file, "  kept out for %s afterwards: sesskill leases %.8s",
			human_duration(ms).text, field_text(report, "request_id").data);
	}
}

/* Before all figures: a selection with a slip in it looks like a kill that was not needed. */
static void print_nobody(const json_t *report, const struct screen *screen)
{
	struct slice state = field_text(report, "state");
	uint64_t n_selected = field_count(report, "found") - field_count(report, "unmatched");

	if (n_selected > field_count(report, "found") || field_count(report, "matched") > 0 ||
		field_count(report, "spared") > 0 ||
		(!slice_is(state, "done") && !slice_is(state, "dry_run"))) {
		return;
	}
	if (n_selected == 0) {
		text_line(screen->file, "Nobody is selected: there is nothing to kill.");
	} else {
		text_line(screen->file,
			"There is nothing to kill: all %s that are selected are kept.",
			human_count(n_selected).text);
	}
}

/* What made it less than the whole selection: "limit 3, max 100, node 127.0.0.1:6379". */
static void print_limits(const json_t *request, const struct screen *screen)
{
	static const char *const keys[] = {"node", "run_id", "limit", "free", "keep", "per", "sort",
		"rate", "over_ms", "max", "via", "pace", "cut"};
	CLEANUP(mem_free_p) char *all = mem_printf("%s", "");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *value = json_object_get(request, keys[i]);
		CLEANUP(mem_free_p) char *before = all;
		CLEANUP(mem_free_p) char *list = field_join(value, " ");
		CLEANUP(mem_free_p)
		char *number = mem_printf("%" PRIu64, field_count(request, keys[i]));
		struct slice text = field_text(request, keys[i]);

		if (json_is_integer(value)) {
			text = slice_of(number);
		} else if (json_is_array(value)) {
			text = slice_of(list);
		}
		all = mem_printf("%s%s%s%s%.*s", before,
			value != NULL && before[0] != '\0' ? ", " : "",
			value != NULL ? keys[i] : "", value != NULL ? " " : "", SLICE_ARG(text));
	}
	print_fact(screen, "limits", slice_of(all));
}

/* Who ordered it and what, where the daemon tells it: of a kill that is looked at later. */
void print_order(const json_t *report, const struct screen *screen)
{
	const json_t *request = json_object_get(report, "request");
	CLEANUP(mem_free_p) char *match = field_join(json_object_get(request, "match"), " and ");
	CLEANUP(mem_free_p) char *except = field_join(json_object_get(request, "except"), " or ");
	CLEANUP(mem_free_p) char *started = when_local(field_text(report, "started_at"));
	bool is_all = json_is_true(json_object_get(request, "all"));

	if (request == NULL) {
		return;
	}
	print_fact(screen, "ordered by", field_text(report, "user"));
	print_fact(screen, "started", slice_of(started));
	print_fact(screen, "selected", is_all ? SLICE_LITERAL("all") : slice_of(match));
	print_fact(screen, "except", slice_of(except));
	print_limits(request, screen);
	print_fact(screen, "reason", field_text(request, "reason"));
}

void print_report(const json_t *report, const struct screen *screen)
{
	struct slice instance = field_text(report, "instance");
	struct slice state = is_dry_run(report) ? SLICE_LITERAL("dry run, nothing was killed")
						: field_text(report, "state");
	struct slice id = field_text(report, "request_id");

	text_format(screen->file, "%.*s: ", SLICE_ARG(instance));
	term_format(screen, style_of_state(report), "%.*s", SLICE_ARG(state));
	print_time_taken(report, screen->file);
	print_order(report, screen);
	print_nobody(report, screen);
	print_counts(report, is_dry_run(report), screen);
	print_kept_out(report, screen);
	print_problems_of_kill(report, screen);
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
	uint64_t n_back = field_count(report, "reconnected");

	print_report(report, screen);
	if (slice_is(state, "done") && n_back > 0) {
		term_format(screen, TERM_WARN, "%s of those killed came back",
			human_count(n_back).text);
		text_line(screen->file, ": whatever makes them come runs on.");
	} else if (slice_is(state, "partial")) {
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

	term_format(screen, TERM_BOLD, "This would end %s sessions of %.*s:",
		human_count(field_count(report, "matched")).text, SLICE_ARG(instance));
	fputc('\n', screen->file);
	print_counts(report, true, screen);
	print_problems_of_kill(report, screen);
	print_sources(report, PREVIEW_MAX_SOURCES, screen);
	fputc('\n', screen->file);
}
