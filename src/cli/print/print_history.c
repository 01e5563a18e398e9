/*
 * What happened on an instance: of each node a plot of its clients with what came, was refused and
 * waited below it, and marks where something was done; then what that was.
 */
#include <stdio.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/print/table.h"
#include "cli/print/timeline.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"
#include "cli/when.h"

#define DEFAULT_WIDTH 80
#define PLOT_ROWS 8
#define LABEL_COLUMNS 8
#define LABEL_GAP 1
/* From the beginning of a time to that of the next below the plot. */
#define TICK_COLUMNS 12
#define SHORT_TICK_MS (2 * 60 * 1000)
#define CAPTION_LINES 4
/* Of a request id, which may be shortened. */
#define ID_COLUMNS 8
/* Of "2026-11-24 05:50:23": without the year, and of that the parts. */
#define YEAR_BYTES 5
#define DATE_BYTES 11
#define MINUTE_BYTES 5

static const struct table_column COLUMNS[] = {
	{"TIME", "time", TABLE_TEXT, 0, TABLE_NEEDED},
	{"EVENT", "event", TABLE_TEXT, 0, TABLE_NEEDED},
	{"NODE", "node", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"WHAT", "what", TABLE_TEXT, 12, TABLE_NEEDED},
	{"REQUEST", "request_id", TABLE_TEXT, 0, TABLE_OPTIONAL},
};

/* The letter of an event below the plot; of several in a column the first of these. */
static const struct {
	const char *event;
	char letter;
	const char *words;
} MARKS[] = {
	{"kill", 'K', "kill"},
	{"link_lost", 'L', "link lost"},
	{"guard", 'G', "guard"},
	{"lease", 'O', "lease: kept out, or let in"},
	{"link_back", 'B', "link back"},
};

static void begin_line(struct canvas *canvas, const char *label)
{
	canvas_cell(canvas, slice_of(label), TERM_PLAIN, LABEL_COLUMNS, true);
	canvas_gap(canvas, LABEL_GAP);
}

/* ---- the plot ---- */

static void draw_clients(struct canvas *canvas, const struct timeline *timeline)
{
	const struct plot_point *clients = timeline->figures[HISTORY_CLIENTS];
	uint64_t most = plot_most(clients, timeline->n);
	uint64_t max_clients = plot_most(timeline->figures[HISTORY_MAX_CLIENTS], timeline->n);
	/* Far below the limit, the limit would hide what happened. */
	bool has_line = max_clients > 0 && most >= max_clients / 2;
	struct plot plot = {
		.points = clients,
		.n = timeline->n,
		.top = MAX(has_line ? MAX(max_clients, most) : most, (uint64_t)1),
		.n_rows = PLOT_ROWS,
		.has_line = has_line,
	};

	for (size_t row = 0; row < PLOT_ROWS; row++) {
		begin_line(canvas, row == 0 ? human_count(plot.top).text : "");
		plot_row(canvas, &plot, row, TERM_PLAIN);
		canvas_end_line(canvas);
	}
	begin_line(canvas, "0");
	plot_ground(canvas, &plot);
	canvas_end_line(canvas);
}

/* Each by its own measure, in one line; nothing of what never was. */
static void draw_strips(struct canvas *canvas, const struct timeline *timeline)
{
	static const struct {
		enum history_figure figure;
		enum term_style style;
	} STRIPS[] = {
		{HISTORY_NEW, TERM_PLAIN},
		{HISTORY_REFUSED, TERM_BAD},
		{HISTORY_BLOCKED, TERM_PLAIN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(STRIPS); i++) {
		const struct plot_point *points = timeline->figures[STRIPS[i].figure];
		uint64_t most = plot_most(points, timeline->n);

		if (most > 0) {
			begin_line(canvas, history_figure_name(STRIPS[i].figure));
			plot_strip(canvas, points, timeline->n, most, STRIPS[i].style);
			canvas_end_line(canvas);
		}
	}
}

/* Which of MARKS stands there; ARRAY_SIZE(MARKS): none. */
static size_t find_mark(const json_t *event)
{
	size_t mark = 0;

	while (mark < ARRAY_SIZE(MARKS) &&
		!slice_is(field_text(event, "event"), MARKS[mark].event)) {
		mark++;
	}
	return mark;
}

/* Of the instance, and of this node. */
static bool is_about(const json_t *event, struct slice address)
{
	return !field_has(event, "node") || slice_is_equal(field_text(event, "node"), address);
}

static void draw_marks(struct canvas *canvas, const struct timeline *timeline, const json_t *events,
	struct slice address)
{
	size_t marks[TIMELINE_MAX_COLUMNS + 1];
	bool is_any = false;
	const json_t *event;
	size_t i;

	for (i = 0; i <= timeline->n; i++) {
		marks[i] = ARRAY_SIZE(MARKS);
	}
	json_array_foreach(events, i, event)
	{
		int64_t wall_ms;

		if (is_about(event, address) &&
			when_read_utc(field_text(event, "time"), &wall_ms)) {
			size_t column = timeline_column(timeline, wall_ms);

			marks[column] = MIN(marks[column], find_mark(event));
			is_any |= column < timeline->n && marks[column] < ARRAY_SIZE(MARKS);
		}
	}
	if (!is_any) {
		return;
	}
	begin_line(canvas, "events");
	for (i = 0; i < timeline->n; i++) {
		char text[] = {marks[i] < ARRAY_SIZE(MARKS) ? MARKS[marks[i]].letter : ' ', '\0'};

		canvas_word(canvas, text, marks[i] < ARRAY_SIZE(MARKS) ? TERM_BOLD : TERM_PLAIN);
	}
	canvas_end_line(canvas);
}

static void draw_times(struct canvas *canvas, const struct timeline *timeline)
{
	/* Two ticks are not the same. */
	bool is_short = timeline->column_ms * TICK_COLUMNS < SHORT_TICK_MS;

	begin_line(canvas, "");
	for (size_t i = 0; i < timeline->n; i += TICK_COLUMNS) {
		struct when when = when_show(timeline->begin_ms + (int64_t)i * timeline->column_ms);
		struct slice text = slice_skip(slice_of(when.text), DATE_BYTES);

		text.len = is_short ? text.len : MIN(text.len, (size_t)MINUTE_BYTES);
		canvas_cell(canvas, text, TERM_PLAIN, TICK_COLUMNS, false);
	}
	canvas_end_line(canvas);
}

/* "10.0.0.1:6379 (master): up to 9,876 of 10,000 clients; 120 came, 9,102 refused" */
static void draw_caption(struct canvas *canvas, const struct timeline *timeline, const json_t *node)
{
	struct slice role = field_text(node, "role");
	bool is_former = json_is_true(json_object_get(node, "former"));
	uint64_t most = plot_most(timeline->figures[HISTORY_CLIENTS], timeline->n);
	uint64_t max_clients = plot_most(timeline->figures[HISTORY_MAX_CLIENTS], timeline->n);
	uint64_t n_new = plot_sum(timeline->figures[HISTORY_NEW], timeline->n);
	uint64_t n_refused = plot_sum(timeline->figures[HISTORY_REFUSED], timeline->n);
	CLEANUP(mem_free_p)
	char *limit = max_clients > 0 ? mem_printf(" of %s", human_count(max_clients).text)
				      : mem_printf("%s", "");
	CLEANUP(mem_free_p)
	char *refused = n_refused > 0 ? mem_printf(", %s refused", human_count(n_refused).text)
				      : mem_printf("%s", "");
	CLEANUP(mem_free_p)
	char *words = mem_printf("%.*s%s%.*s%s: up to %s%s clients; %s came%s",
		SLICE_ARG(field_text(node, "address")), role.len > 0 || is_former ? " (" : "",
		SLICE_ARG(is_former ? SLICE_LITERAL("no node any more") : role),
		role.len > 0 || is_former ? ")" : "", human_count(most).text, limit,
		human_count(n_new).text, refused);

	canvas_wrap(canvas, slice_of(words), n_refused > 0 ? TERM_BAD : TERM_BOLD, CAPTION_LINES);
}

static void draw_node(struct canvas *canvas, const json_t *answer, const json_t *node)
{
	CLEANUP(mem_free_p) struct timeline *timeline = mem_new(struct timeline);
	size_t label = LABEL_COLUMNS + LABEL_GAP;
	size_t room = canvas->screen.width > label ? canvas->screen.width - label : 1;

	if (!timeline_begin(timeline, answer, room)) {
		return;
	}
	timeline_add(timeline, answer, node);
	draw_caption(canvas, timeline, node);
	draw_clients(canvas, timeline);
	draw_strips(canvas, timeline);
	draw_marks(
		canvas, timeline, json_object_get(answer, "events"), field_text(node, "address"));
	draw_times(canvas, timeline);
	canvas_end_line(canvas);
}

/* ---- the events ---- */

/* On the heap. */
static char *describe_kill(const json_t *event)
{
	struct slice user = field_text(event, "user");
	struct slice reason = field_text(event, "reason");

	return mem_printf("%.*s, %s killed%s%.*s%s%.*s", SLICE_ARG(field_text(event, "state")),
		human_count(field_count(event, "killed")).text, user.len > 0 ? " by " : "",
		SLICE_ARG(user), reason.len > 0 ? ": " : "", SLICE_ARG(reason));
}

static char *describe(const json_t *event)
{
	struct slice kind = field_text(event, "event");

	if (slice_is(kind, "kill")) {
		return describe_kill(event);
	}
	if (slice_is(kind, "guard")) {
		return mem_printf("%.*s: %.*s, %s selected", SLICE_ARG(field_text(event, "guard")),
			SLICE_ARG(field_text(event, "what")),
			human_count(field_count(event, "matched")).text);
	}
	return slice_copy(field_text(event, slice_is(kind, "lease") ? "what" : "why"));
}

static void add_event(struct table *table, const json_t *event)
{
	CLEANUP(mem_free_p) char *what = describe(event);
	struct slice id = field_text(event, "request_id");
	size_t mark = find_mark(event);
	struct when when = {""};
	int64_t wall_ms;

	if (when_read_utc(field_text(event, "time"), &wall_ms)) {
		when = when_show(wall_ms);
	}
	id.len = MIN(id.len, (size_t)ID_COLUMNS);
	table_add(table, event);
	table_set(table, "time", slice_skip(slice_of(when.text), YEAR_BYTES));
	table_set(table, "what", slice_of(what));
	table_set(table, "request_id", id);
	if (mark < ARRAY_SIZE(MARKS)) {
		table_set(table, "event", slice_of(MARKS[mark].words));
	}
	table_style(table, "event",
		slice_is(field_text(event, "event"), "link_lost") ? TERM_BAD : TERM_PLAIN);
}

void print_history(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p) struct table *table = table_new(COLUMNS, ARRAY_SIZE(COLUMNS));
	struct canvas canvas = {.screen = *screen, .height = SIZE_MAX};
	const json_t *nodes = json_object_get(answer, "nodes");
	const json_t *events = json_object_get(answer, "events");
	const json_t *item;
	size_t i;

	canvas.screen.has_cursor = false;
	if (canvas.screen.width == 0) {
		canvas.screen.width = DEFAULT_WIDTH;
	}
	json_array_foreach(nodes, i, item)
	{
		draw_node(&canvas, answer, item);
	}
	if (json_array_size(nodes) == 0) {
		text_line(screen->file, "no node has said anything so far");
	}
	json_array_foreach(events, i, item)
	{
		add_event(table, item);
	}
	if (json_array_size(events) > 0) {
		table_print(table, screen, 0);
	}
}
