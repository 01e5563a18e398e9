/*
 * What people must not miss beside the tables: what is wrong, and what is not known.
 */
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"

void print_remark(const struct screen *screen, enum term_style style, const char *head,
	struct slice where, struct slice words)
{
	if (words.len > 0) {
		term_format(screen, style, "%s%.*s: ", head, SLICE_ARG(where));
		text_line(screen->file, "%.*s", SLICE_ARG(words));
	}
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

void print_list(const json_t *texts, const char *before, const char *between, FILE *out)
{
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
	{
		text_format(out, "%s%.*s", i > 0 ? between : before, SLICE_ARG(field_slice(text)));
	}
}

void print_unnamed(const json_t *answer, const struct screen *screen)
{
	const json_t *local = json_object_get(answer, "local");
	uint64_t n_sessions = field_count(local, "sessions");
	uint64_t n_named = field_count(local, "named");

	if (!field_has(local, "error")) {
		return;
	}
	term_format(screen, TERM_WARN, "processes: ");
	text_line(screen->file, "not known of %s of %s sessions from this host; %.*s",
		human_count(n_sessions > n_named ? n_sessions - n_named : 0).text,
		human_count(n_sessions).text, SLICE_ARG(field_text(local, "error")));
}
