/*
 * The screen of sesskill top:
 *
 *     head      the instance, how full it is, how fast it grows, what is selected, what is wrong
 *     groups    each with its share, its growth and a bar
 *     foot      the keys, or the selector that is being typed
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/terminal/human.h"
#include "cli/print/print.h"
#include "cli/terminal/text.h"
#include "cli/top/top.h"

/* Where it is printed and nobody says how wide. */
#define DRAW_DEFAULT_WIDTH 80
#define DRAW_KEYS_COLUMNS 10 /* of the help */

#define DRAW_MARK_COLUMNS 2
#define DRAW_COUNT_COLUMNS 9
#define DRAW_SHARE_COLUMNS 6
#define DRAW_GROWTH_COLUMNS 8
#define DRAW_GAP 2
#define DRAW_FIGURES (DRAW_COUNT_COLUMNS + DRAW_SHARE_COLUMNS + DRAW_GROWTH_COLUMNS + 3 * DRAW_GAP)
#define DRAW_MIN_VALUE 8
#define DRAW_MAX_VALUE 60

#define DRAW_FOOT "1-5 by  s sort  / filter  K kill  p pause  ? help  q quit"
#define DRAW_PROMPT "match: "

/* ---- groups ---- */

/* Columns of a value and of a bar. */
struct layout {
	size_t value;
	size_t bar; /* 0: there is no room for it */
};

static struct layout lay_out(const struct canvas *canvas, const struct tally *tally)
{
	size_t taken = DRAW_MARK_COLUMNS + DRAW_FIGURES;
	size_t rest = canvas->screen.width > taken ? canvas->screen.width - taken : 1;
	size_t widest = DRAW_MIN_VALUE;
	struct layout layout = {0};

	for (size_t i = 0; i < tally->n_shown; i++) {
		widest = MAX(widest, text_width(print_value(tally_value(tally->groups[i]))));
	}
	layout.value = MIN(MIN(widest, (size_t)DRAW_MAX_VALUE), rest);
	if (rest - layout.value < DRAW_GAP + BAR_MIN_COLUMNS &&
		rest >= DRAW_MIN_VALUE + DRAW_GAP + BAR_MIN_COLUMNS) {
		layout.value = MAX(rest - DRAW_GAP - BAR_MIN_COLUMNS, (size_t)DRAW_MIN_VALUE);
	}
	rest -= layout.value;
	if (rest >= DRAW_GAP + BAR_MIN_COLUMNS) {
		layout.bar = MIN(rest - DRAW_GAP, (size_t)BAR_MAX_COLUMNS);
	}
	return layout;
}

/* Without the bar, which the titles have none of. */
static void draw_cells(struct canvas *canvas, const struct layout *layout, struct slice value,
	const char *count, const char *share, const char *growth)
{
	canvas_cell(canvas, value, TERM_PLAIN, layout->value, false);
	canvas_gap(canvas, DRAW_GAP);
	canvas_cell(canvas, slice_of(count), TERM_PLAIN, DRAW_COUNT_COLUMNS, true);
	canvas_gap(canvas, DRAW_GAP);
	canvas_cell(canvas, slice_of(share), TERM_PLAIN, DRAW_SHARE_COLUMNS, true);
	canvas_gap(canvas, DRAW_GAP);
	canvas_cell(canvas, slice_of(growth), TERM_PLAIN, DRAW_GROWTH_COLUMNS, true);
}

static void draw_titles(
	struct canvas *canvas, const struct tally *tally, const struct layout *layout)
{
	CLEANUP(mem_free_p) char *title = print_title(slice_of(tally->field));

	canvas->base = TERM_BOLD;
	canvas_gap(canvas, DRAW_MARK_COLUMNS);
	draw_cells(canvas, layout, slice_of(title), "SESSIONS", "SHARE", "PER MIN");
	canvas_end_line(canvas);
}

static void draw_group(struct canvas *canvas, const struct tally *tally,
	const struct tally_group *group, const struct layout *layout, bool is_marked)
{
	double share =
		tally->matched > 0 ? MIN((double)group->count / (double)tally->matched, 1.0) : 0;
	struct human growth = {""};
	char percent[8];
	double per_minute;

	if (trend_per_minute(&group->trend, &per_minute)) {
		growth = human_growth(per_minute);
	}
	snprintf(percent, sizeof(percent), "%.1f%%", 100 * share);
	canvas->base = is_marked ? TERM_MARKED : TERM_PLAIN;
	canvas_cell(canvas, slice_of(is_marked ? ">" : ""), TERM_PLAIN, DRAW_MARK_COLUMNS, false);
	draw_cells(canvas, layout, print_value(tally_value(group)), human_count(group->count).text,
		percent, growth.text);
	canvas_gap(canvas, DRAW_GAP);
	canvas_word(canvas, human_bar(share, layout->bar).text, TERM_PLAIN);
	canvas_end_line(canvas);
}

static void draw_order(struct canvas *canvas, const struct tally *tally)
{
	static const char *const ORDERS[TALLY_N_SORTS] = {
		[TALLY_BY_COUNT] = "the largest first",
		[TALLY_BY_GROWTH] = "the fastest growing first",
		[TALLY_BY_VALUE] = "in order",
	};

	canvas_format(canvas, TERM_PLAIN, "%s%s group%s, %s",
		tally->n_shown == TALLY_MAX_GROUPS ? "the largest " : "",
		human_count(tally->n_shown).text, tally->n_shown == 1 ? "" : "s",
		ORDERS[tally->sort]);
	if (tally->matched != tally->found) {
		canvas_format(canvas, TERM_PLAIN, "; %s sessions selected",
			human_count(tally->matched).text);
	}
	canvas_end_line(canvas);
}

/* Whole pages, so that the mark moves and not the groups. */
static void draw_groups(struct canvas *canvas, const struct tally *tally, bool is_live)
{
	struct layout layout = lay_out(canvas, tally);
	size_t n_lines, first;

	draw_order(canvas, tally);
	draw_titles(canvas, tally, &layout);
	n_lines = canvas_room(canvas) > 1 ? canvas_room(canvas) - 1 : 1;
	first = tally->mark / n_lines * n_lines;
	for (size_t i = first; i < tally->n_shown && i - first < n_lines; i++) {
		draw_group(canvas, tally, tally->groups[i], &layout,
			is_live && tally->groups[i] == tally->marked);
	}
}

/* ---- foot ---- */

static void draw_help(struct canvas *canvas)
{
	static const struct {
		const char *keys;
		const char *does;
	} KEYS[] = {
		{"up down", "move the mark; also j k, Page, Home, End"},
		{"1-5, b", "by source, user, name, library, command; the next"},
		{"s", "sort by sessions, growth, value"},
		{"/", "a selector, as in: idle > 5m; empty: none"},
		{"K", "kill the marked group: shown first, and asked"},
		{"p", "pause, and go on"},
		{"space", "ask again now; also r"},
		{"q", "quit; also Ctrl-C"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(KEYS) && canvas_room(canvas) > 1; i++) {
		canvas_gap(canvas, DRAW_MARK_COLUMNS);
		canvas_cell(canvas, slice_of(KEYS[i].keys), TERM_PLAIN, DRAW_KEYS_COLUMNS, false);
		canvas_gap(canvas, DRAW_GAP);
		canvas_word(canvas, KEYS[i].does, TERM_PLAIN);
		canvas_end_line(canvas);
	}
}

/* The end of what is typed is in sight, with a block where the next letter goes. */
static void draw_prompt(struct canvas *canvas, const struct top *top)
{
	struct slice typed = {top->edit, top->n_edit};
	size_t taken = strlen(DRAW_PROMPT) + 1;

	canvas_word(canvas, DRAW_PROMPT, TERM_BOLD);
	while (typed.len > 0 && text_width(typed) + taken > canvas->screen.width) {
		typed = slice_skip(typed, MAX(utf8_character_bytes(typed), (size_t)1));
	}
	canvas_put(canvas, typed, TERM_PLAIN);
	canvas_word(canvas, canvas->screen.has_colour ? " " : "_", TERM_MARKED);
}

static void draw_foot(struct canvas *canvas, const struct top *top)
{
	canvas_skip_to(canvas, canvas->height - 1);
	if (top->is_editing) {
		draw_prompt(canvas, top);
	} else {
		canvas_word(canvas, DRAW_FOOT, TERM_PLAIN);
	}
	canvas_end_line(canvas);
}

void top_draw(const struct top *top)
{
	CLEANUP(mem_free_p) char *text = NULL;
	size_t n_bytes = 0;
	FILE *out = open_memstream(&text, &n_bytes);
	struct canvas canvas = {.screen = term_screen(stdout)};

	if (out == NULL) {
		return;
	}
	canvas.height = canvas.screen.height;
	canvas.screen.file = out;
	canvas.screen.width -= canvas.screen.width > 1; /* the last column may wrap */
	canvas_begin(&canvas);
	top_draw_head(&canvas, top);
	if (top->notice != NULL) {
		canvas_wrap(&canvas, slice_of(top->notice), TERM_BAD, TOP_MAX_PROBLEM_LINES);
	}
	if (top->has_help) {
		draw_help(&canvas);
	} else {
		draw_groups(&canvas, &top->tally, true);
	}
	draw_foot(&canvas, top);
	canvas_end(&canvas);
	fclose(out);
	/* At once, so that nobody sees half of it. */
	fwrite(text, 1, n_bytes, stdout);
	fflush(stdout);
}

void top_print(const struct top *top)
{
	struct canvas canvas = {.screen = term_screen(stdout), .height = SIZE_MAX};

	canvas.screen.has_cursor = false;
	if (canvas.screen.width == 0) {
		canvas.screen.width = DRAW_DEFAULT_WIDTH;
	}
	top_draw_head(&canvas, top);
	draw_groups(&canvas, &top->tally, false);
}
