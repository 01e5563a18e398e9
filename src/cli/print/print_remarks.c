/*
 * What people must not miss beside the tables: what is wrong, and what is not known.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"
#include "cli/when.h"

/* Where the words of a fact begin. */
#define FACT_COLUMNS 16

void print_remark(const struct screen *screen, enum term_style style, const char *head,
	struct slice where, struct slice words)
{
	if (words.len > 0) {
		size_t used = term_format(screen, style, "%s%.*s: ", head, SLICE_ARG(where));

		text_flow(screen->file, used, strspn(head, " ") + PRINT_INDENT, words);
	}
}

void print_fact(const struct screen *screen, const char *label, struct slice words)
{
	if (words.len > 0) {
		fprintf(screen->file, "  %-*s", FACT_COLUMNS - 2, label);
		text_flow(screen->file, FACT_COLUMNS, FACT_COLUMNS, words);
	}
}

void print_time(struct table *table, const char *key, const json_t *object)
{
	int64_t ms;

	if (when_read_utc(field_text(object, key), &ms)) {
		table_set(table, key, slice_of(when_show_short(ms, clock_wall_ms()).text));
	}
}

void print_time_title(struct table *table, const char *key, const char *title)
{
	CLEANUP(mem_free_p)
	char *words = mem_printf("%s (%s)", title, when_zone(clock_wall_ms()).text);

	table_set(table, key, slice_of(words));
	table_style(table, key, TERM_BOLD);
}

void print_warnings(
	const json_t *answer, enum term_style style, const char *head, const struct screen *screen)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(answer, "warnings"), i, warning)
	{
		print_remark(screen, style, head, (struct slice){NULL, 0}, field_slice(warning));
	}
}

void print_unnamed(const json_t *answer, const struct screen *screen)
{
	const json_t *local = json_object_get(answer, "local");
	uint64_t n_sessions = field_count(local, "sessions");
	uint64_t n_named = field_count(local, "named");
	CLEANUP(mem_free_p) char *words = NULL;

	if (!field_has(local, "error")) {
		return;
	}
	words = mem_printf("not known of %s of %s sessions from this host; %.*s",
		human_count(n_sessions > n_named ? n_sessions - n_named : 0).text,
		human_count(n_sessions).text, SLICE_ARG(field_text(local, "error")));
	print_remark(screen, TERM_WARN, "processes", (struct slice){0}, slice_of(words));
}
