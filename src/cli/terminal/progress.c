/*
 * How far a kill is.
 */
#include "cli/terminal/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"

#define PROGRESS_BAR_INTERVAL_MS 100
#define PROGRESS_LINE_INTERVAL_MS 1000
#define PROGRESS_MAX_BAR 40
#define PROGRESS_MIN_BAR 8 /* a shorter one shows nothing */

static void set_phase(struct progress *progress, struct slice words)
{
	size_t len = MIN(words.len, sizeof(progress->phase) - 1);

	if (len > 0) {
		memcpy(progress->phase, words.data, len);
		progress->phase[len] = '\0';
	}
}

void progress_init(struct progress *progress, int64_t now_ms)
{
	*progress = (struct progress){.started_ms = now_ms};
	set_phase(progress, SLICE_LITERAL("waiting"));
}

void progress_take(struct progress *progress, const json_t *event)
{
	static const struct {
		const char *event;
		const char *phase;
	} PHASES[] = {
		{"accepted", "listing"},
		{"listed", "killing"},
		{"respawn", "watching"},
	};
	struct slice name = field_text(event, "event");

	for (size_t i = 0; i < ARRAY_SIZE(PHASES); i++) {
		if (slice_is(name, PHASES[i].event)) {
			set_phase(progress, slice_of(PHASES[i].phase));
		}
	}
	set_phase(progress, field_text(event, "phase"));
	if (field_has(event, "matched")) {
		progress->matched = field_count(event, "matched");
	}
	if (field_has(event, "killed") || field_has(event, "gone")) {
		uint64_t ended = field_count(event, "killed") + field_count(event, "gone");

		progress->quiet_ms = ended != progress->ended ? 0 : progress->quiet_ms;
		progress->ended = ended;
	}
	if (field_has(event, "reconnected")) {
		progress->n_back = field_count(event, "reconnected");
	}
	/* A node says so; when it was the last one, only --watch can still keep the report back. */
	if (slice_is(name, "verified") && progress->matched > 0 &&
		progress->ended >= progress->matched) {
		set_phase(progress, SLICE_LITERAL("watching"));
	}
}

/* "12,000 of 18,000  66%  1.2 s", "2 of 2  100%  1 came back  1.2 s", on the heap. */
static char *describe(const struct progress *progress, int64_t now_ms)
{
	struct human took = human_duration((double)(now_ms - progress->started_ms));
	CLEANUP(mem_free_p) char *back = NULL;

	if (progress->matched == 0) {
		return mem_printf("%s", took.text);
	}
	if (progress->n_back > 0) {
		back = mem_printf("%s came back  ", human_count(progress->n_back).text);
	}
	return mem_printf("%s of %s  %.0f%%  %s%s", human_count(progress->ended).text,
		human_count(progress->matched).text,
		100 * MIN((double)progress->ended / (double)progress->matched, 1.0),
		back != NULL ? back : "", took.text);
}

/* "[#####.....]  ", or nothing where there is no room or nothing to show. */
static void draw_bar(const struct progress *progress, FILE *out, size_t room)
{
	size_t width = MIN(room, (size_t)PROGRESS_MAX_BAR);
	double share;
	size_t n_full;

	if (progress->matched == 0 || width < PROGRESS_MIN_BAR) {
		return;
	}
	share = MIN((double)progress->ended / (double)progress->matched, 1.0);
	n_full = (size_t)(share * (double)width);
	fputc('[', out);
	for (size_t i = 0; i < width; i++) {
		fputc(i < n_full ? '#' : '.', out);
	}
	fputs("]  ", out);
}

static void show_bar(struct progress *progress, const struct screen *screen, int64_t now_ms)
{
	CLEANUP(mem_free_p) char *figures = describe(progress, now_ms);
	size_t width = screen->width > 0 ? screen->width - 1 : 0; /* the last column may wrap */
	size_t used;

	progress_clear(progress, screen);
	used = text_put(screen->file, slice_of(progress->phase), width);
	if (used + 2 < width) {
		size_t rest = width - used - 2;
		size_t needed = strlen(figures) + strlen("[]  ");

		fputs("  ", screen->file);
		draw_bar(progress, screen->file, rest > needed ? rest - needed : 0);
		text_put(screen->file, slice_of(figures), rest);
	}
	progress->has_bar = true;
}

/* In a log: another line when there is news, or when one has waited for twice as long. */
static void show_line(struct progress *progress, const struct screen *screen, int64_t now_ms)
{
	CLEANUP(mem_free_p) char *figures = describe(progress, now_ms);

	text_line(screen->file, "%s  %s", progress->phase, figures);
	progress->quiet_ms =
		progress->ended == progress->shown_ended
			? MAX(progress->quiet_ms * 2, (int64_t)PROGRESS_LINE_INTERVAL_MS)
			: PROGRESS_LINE_INTERVAL_MS;
	progress->shown_ended = progress->ended;
}

void progress_show(struct progress *progress, const struct screen *screen, int64_t now_ms)
{
	int64_t interval_ms = screen->has_cursor
				      ? PROGRESS_BAR_INTERVAL_MS
				      : MAX(progress->quiet_ms, (int64_t)PROGRESS_LINE_INTERVAL_MS);
	/* A kill that takes no second needs no lines in a log. */
	int64_t before_ms = progress->shown_ms > 0 ? progress->shown_ms : progress->started_ms;

	if (now_ms - before_ms < interval_ms) {
		return;
	}
	progress->shown_ms = now_ms;
	if (screen->has_cursor) {
		show_bar(progress, screen, now_ms);
	} else {
		show_line(progress, screen, now_ms);
	}
	fflush(screen->file);
}

void progress_clear(struct progress *progress, const struct screen *screen)
{
	if (progress->has_bar) {
		fputs("\r\033[K", screen->file);
		progress->has_bar = false;
	}
}
