/*
 * The head of sesskill top's screen: how full the instance is, how fast that grows, how often it is
 * asked, and who is selected.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"
#include "cli/top/top.h"
#include "cli/when.h"

/* Columns of the words in front of the figures. */
#define HEAD_LABEL_COLUMNS 10
#define HEAD_GAP 2
#define STRIP_WORDS "up to "
/* On fewer lines than this nothing stands between head and groups. */
#define HEAD_ROOMY_LINES 16

int64_t top_rest_ms(const struct top *top)
{
	int64_t by_hand_ms = TOP_REST_FACTOR_BY_HAND * top->took_ms;
	int64_t rest_ms = MAX(top->interval_ms, TOP_REST_FACTOR * top->took_ms);

	return top->is_stale ? by_hand_ms : rest_ms;
}

void top_add_selectors(const struct top *top, char **form, const char *more)
{
	const char *typed = top->trial != NULL ? top->trial : top->filter;

	form_add_options(form, top->args);
	if (typed != NULL && typed[0] != '\0') {
		form_add(form, "match", typed);
	}
	if (more != NULL) {
		form_add(form, "match", more);
	}
}

const char *top_selector_prefix(const struct option_spec *spec)
{
	return strcmp(spec->name, "except") == 0 ? "not " : "";
}

static void begin_line(struct canvas *canvas, const char *label)
{
	canvas_cell(canvas, slice_of(label), TERM_PLAIN, HEAD_LABEL_COLUMNS, false);
}

/* "every 2.0 s", or why it is less often; NULL: printed once. On the heap. */
static char *describe_pace(const struct top *top)
{
	struct human rest =
		human_duration((double)MAX(top->interval_ms, TOP_REST_FACTOR * top->took_ms));

	if (!top->live.is_on) {
		return NULL;
	}
	if (top->is_paused) {
		return mem_printf("paused");
	}
	if (TOP_REST_FACTOR * top->took_ms <= top->interval_ms) {
		return mem_printf("every %s", rest.text);
	}
	return mem_printf("every %s: a listing takes %s", rest.text,
		human_duration((double)top->took_ms).text);
}

static void draw_title(struct canvas *canvas, const struct top *top)
{
	CLEANUP(mem_free_p) char *pace = describe_pace(top);
	const struct tally *tally = &top->tally;
	size_t width = text_width(slice_of(pace));

	canvas_word(canvas, top->instance, TERM_BOLD);
	canvas_format(canvas, TERM_PLAIN, "  %s, %zu of %zu node%s ready",
		tally->kind != NULL ? tally->kind : "", (size_t)tally_n_ready(tally),
		tally->n_nodes, tally->n_nodes == 1 ? "" : "s");
	if (width > 0 && canvas->column + HEAD_GAP + width <= canvas->screen.width) {
		canvas_gap(canvas, canvas->screen.width - width - canvas->column);
		canvas_word(canvas, pace, top->is_paused ? TERM_WARN : TERM_PLAIN);
	}
	canvas_end_line(canvas);
}

static enum term_style style_of_share(double share)
{
	return share >= 0.9 ? TERM_BAD : share >= 0.7 ? TERM_WARN : TERM_PLAIN;
}

/* "1,234 of 10,000  12.3%  " and a bar, or the address of the node that it is about. */
static void draw_share(struct canvas *canvas, const char *label, uint64_t count, uint64_t most,
	const char *address)
{
	double share = most > 0 ? (double)count / (double)most : 0;
	size_t room;

	begin_line(canvas, label);
	canvas_word(canvas, human_count(count).text, TERM_BOLD);
	if (most > 0) {
		canvas_format(canvas, TERM_PLAIN, " of %s", human_count(most).text);
		canvas_gap(canvas, HEAD_GAP);
		canvas_format(canvas, style_of_share(share), "%.1f%%", 100 * share);
		canvas_gap(canvas, HEAD_GAP);
		room = canvas->screen.width - MIN(canvas->screen.width, canvas->column + HEAD_GAP);
		if (address != NULL) {
			canvas_word(canvas, address, TERM_PLAIN);
		} else if (room >= BAR_MIN_COLUMNS) {
			canvas_word(canvas, human_bar(share, room).text, style_of_share(share));
		}
	}
	canvas_end_line(canvas);
}

static void draw_growth(struct canvas *canvas, const struct tally *tally)
{
	double per_minute, ms;

	begin_line(canvas, "growth");
	if (!trend_per_minute(&tally->trend, &per_minute)) {
		canvas_word(canvas, "not known yet", TERM_PLAIN);
		canvas_end_line(canvas);
		return;
	}
	canvas_format(canvas, TERM_PLAIN, "%s per minute", human_growth(per_minute).text);
	if (tally_time_until_full(tally, &ms) && ms > 0) {
		canvas_word(canvas, ", ", TERM_PLAIN);
		canvas_format(canvas, TERM_BAD, "full in %s", human_duration(ms).text);
		canvas_word(canvas, " at this pace", TERM_PLAIN);
	} else if (per_minute < 1) {
		canvas_word(canvas, ", not growing", TERM_PLAIN);
	}
	canvas_end_line(canvas);
}

/* "FULL, 9,102 refused in the last minute" */
static void draw_refused(struct canvas *canvas, const struct recent *recent)
{
	if (recent->full == NULL && recent->n_refused == 0) {
		return;
	}
	begin_line(canvas, "");
	if (recent->full != NULL) {
		canvas_word(canvas, "FULL", TERM_BAD);
		if (recent->n_nodes > 1) {
			canvas_format(canvas, TERM_BAD, " (%s)", recent->full);
		}
		canvas_word(canvas, ", ", TERM_BAD);
	}
	canvas_format(canvas, TERM_BAD, "%s refused in the last minute",
		human_count(recent->n_refused).text);
	canvas_end_line(canvas);
}

static void draw_out(struct canvas *canvas, const struct tally *tally)
{
	if (tally->out_until_ms > 0) {
		begin_line(canvas, "");
		canvas_format(canvas, TERM_WARN, "OUT until %s",
			when_show_short(tally->out_until_ms, clock_wall_ms()).text);
		canvas_word(canvas, " (sesskill leases)", TERM_PLAIN);
		canvas_end_line(canvas);
	}
}

/* The newest are in sight. */
static void draw_strip(struct canvas *canvas, const struct recent *recent)
{
	const struct plot_point *clients = recent->timeline.figures[HISTORY_CLIENTS];
	struct human most = human_count(plot_most(clients, recent->timeline.n));
	size_t taken = HEAD_LABEL_COLUMNS + HEAD_GAP + strlen(STRIP_WORDS) + strlen(most.text);
	size_t room = canvas->screen.width - MIN(canvas->screen.width, taken);
	size_t n = MIN(recent->timeline.n, room);

	if (recent->n_nodes == 0 || n == 0 || canvas->height < HEAD_ROOMY_LINES) {
		return;
	}
	clients += recent->timeline.n - n;
	begin_line(canvas, "last " RECENT_SINCE);
	plot_strip(canvas, clients, n, plot_most(clients, n), TERM_PLAIN);
	canvas_gap(canvas, HEAD_GAP);
	canvas_format(canvas, TERM_PLAIN, STRIP_WORDS "%s", most.text);
	canvas_end_line(canvas);
}

/* "not " in front of those that keep sessions out. */
static void draw_filter(
	struct canvas *canvas, const char *prefix, const char *expression, size_t *n_drawn)
{
	if ((*n_drawn)++ == 0) {
		begin_line(canvas, "only");
	} else {
		canvas_word(canvas, "; ", TERM_PLAIN);
	}
	canvas_format(canvas, TERM_BOLD, "%s%s", prefix, expression);
}

static void draw_filters(struct canvas *canvas, const struct top *top)
{
	const struct args *args = top->args;
	size_t n_drawn = 0;

	for (size_t i = 0; i < args->n_items; i++) {
		const struct option_spec *spec = args->items[i].spec;

		if (option_is_sent(spec)) {
			draw_filter(
				canvas, top_selector_prefix(spec), args->items[i].value, &n_drawn);
		}
	}
	if (top->filter != NULL) {
		draw_filter(canvas, "", top->filter, &n_drawn);
	}
	if (n_drawn > 0) {
		canvas_end_line(canvas);
	}
}

static void draw_node_problem(struct canvas *canvas, const struct tally *tally)
{
	for (size_t i = 0; i < tally->n_nodes; i++) {
		const struct tally_node *node = &tally->nodes[i];
		CLEANUP(mem_free_p) char *words = NULL;

		if (node->error != NULL) {
			words = mem_printf("%s: %s", node->address, node->error);
			canvas_wrap(canvas, slice_of(words), TERM_BAD, TOP_MAX_PROBLEM_LINES);
			return;
		}
	}
}

static void draw_problems(struct canvas *canvas, const struct top *top)
{
	CLEANUP(mem_free_p) char *words = NULL;
	double age_ms = (double)(clock_monotonic_ms() - top->tally.taken_ms);

	if (top->problem != NULL) {
		words = mem_printf("no news for %s: %s", human_duration(age_ms).text, top->problem);
		canvas_wrap(canvas, slice_of(words), TERM_BAD, TOP_MAX_PROBLEM_LINES);
		return;
	}
	draw_node_problem(canvas, &top->tally);
	if (top->tally.warning != NULL) {
		canvas_wrap(canvas, slice_of(top->tally.warning), TERM_WARN, TOP_MAX_PROBLEM_LINES);
	}
}

void top_draw_head(struct canvas *canvas, const struct top *top)
{
	const struct tally *tally = &top->tally;
	const struct tally_node *fullest = tally->n_nodes > 1 ? tally_fullest(tally) : NULL;

	draw_title(canvas, top);
	draw_share(canvas, "sessions", tally->found, tally_max_clients(tally), NULL);
	if (fullest != NULL) {
		draw_share(
			canvas, "fullest", fullest->count, fullest->max_clients, fullest->address);
	}
	draw_growth(canvas, tally);
	draw_strip(canvas, &top->recent);
	draw_refused(canvas, &top->recent);
	draw_out(canvas, &top->tally);
	draw_filters(canvas, top);
	draw_problems(canvas, top);
	if (canvas->height >= HEAD_ROOMY_LINES) {
		canvas_end_line(canvas);
	}
}
