/*
 * From what is known to HTML.
 */
#include "cli/report/page.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/mem.h"
#include "build_config.h"
#include "cli/field.h"
#include "cli/report/chart.h"
#include "cli/report/html.h"
#include "cli/terminal/human.h"
#include "cli/when.h"

static const char STYLE[] =
	":root{color-scheme:light dark;--back:#fff;--text:#1b1b1b;--muted:#5c6066;--accent:#0b57d0;"
	"--bad:#a8201a;--good:#146c2e;--edge:#c9ccd1}"
	"@media (prefers-color-scheme:dark){:root{--back:#141414;--text:#ececec;--muted:#b0b5bb;"
	"--accent:#8ab4f8;--bad:#f4a8a3;--good:#8fd6a3;--edge:#44474c}}"
	"body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--back);color:var(--text);"
	"font:1rem/1.45 system-ui,sans-serif}"
	"a{color:var(--accent)}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}"
	"h3{font-size:1rem}"
	"table{border-collapse:collapse;margin:.5rem 0;max-width:100%}"
	"caption{text-align:left;color:var(--muted)}"
	"th,td{padding:.15rem .7rem .15rem 0;text-align:left;vertical-align:top;"
	"border-bottom:1px solid var(--edge);overflow-wrap:anywhere}"
	"td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}"
	"dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}"
	"pre,code{font:.85rem/1.4 ui-monospace,monospace;white-space:pre-wrap;"
	"overflow-wrap:anywhere}"
	".bad{color:var(--bad)}.good{color:var(--good)}"
	".legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;"
	"color:var(--muted)}.key{width:2.5rem;height:.6rem}"
	"@media "
	"print{:root{--back:#fff;--text:#000;--muted:#444;--accent:#000;--bad:#a00;--good:#060}"
	"body{max-width:none}section{break-inside:avoid}a{color:inherit}}";

char *page_headline(const struct evidence *kill)
{
	struct slice state = field_text(kill->kill, "state");
	struct slice instance = field_text(kill->kill, "instance");

	struct slice event = field_text(kill->kill, "event");

	if (slice_is(event, "interrupted") || (state.len == 0 && slice_is(event, "intent"))) {
		return mem_printf("%.*s: %s; how many were killed is not known",
			SLICE_ARG(instance),
			slice_is(event, "intent") ? "begun, and without an end in the record"
						  : "interrupted, the daemon ended in the middle");
	}
	if (state.len == 0) {
		return mem_printf("%.*s: %.*s", SLICE_ARG(instance), SLICE_ARG(event));
	}
	return mem_printf("%.*s: %s of %s sessions ended, %.*s in %s", SLICE_ARG(instance),
		human_count(field_count(kill->kill, "killed")).text,
		human_count(field_count(kill->kill, "matched")).text, SLICE_ARG(state),
		human_duration(field_number(kill->kill, "elapsed_ms") -
			       field_number(kill->kill, "watched_ms"))
			.text);
}

/* ---- pieces ---- */

static void put_fact(FILE *out, const char *name, struct slice words)
{
	if (words.len > 0) {
		fprintf(out, "<dt>%s</dt><dd>", name);
		html_text(out, words);
		fputs("</dd>\n", out);
	}
}

/* A column of a table: a count if `is_number`. */
struct column {
	const char *title;
	const char *key;
	bool is_number;
};

static void put_cell(FILE *out, const struct column *column, const json_t *row)
{
	struct slice text = field_text(row, column->key);

	fprintf(out, "<td%s>", column->is_number ? " class=\"n\"" : "");
	if (slice_has_suffix(slice_of(column->key), "_ms")) {
		html_format(out, "%s", human_duration(field_number(row, column->key)).text);
	} else if (column->is_number && field_has(row, column->key)) {
		html_format(out, "%s", human_count(field_count(row, column->key)).text);
	} else if (!column->is_number) {
		html_text(out, text.data != NULL && text.len == 0 ? SLICE_LITERAL("(none)") : text);
	}
	fputs("</td>", out);
}

/* Nothing without rows. */
static void put_table(FILE *out, const char *caption, const struct column *columns,
	size_t n_columns, const json_t *rows)
{
	const json_t *row;
	size_t i;

	if (json_array_size(rows) == 0) {
		return;
	}
	fprintf(out, "<table><caption>%s</caption>\n<thead><tr>", caption);
	for (size_t k = 0; k < n_columns; k++) {
		fprintf(out, "<th scope=\"col\"%s>%s</th>",
			columns[k].is_number ? " class=\"n\"" : "", columns[k].title);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
	json_array_foreach(rows, i, row)
	{
		fputs("<tr>", out);
		for (size_t k = 0; k < n_columns; k++) {
			put_cell(out, &columns[k], row);
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table>\n", out);
}

static void put_lines(FILE *out, const json_t *lines)
{
	const json_t *line;
	size_t i;

	fputs("<pre>", out);
	json_array_foreach(lines, i, line)
	{
		html_text(out, field_slice(line));
		fputc('\n', out);
	}
	fputs("</pre>\n", out);
}

static void put_list(FILE *out, const char *class, const json_t *texts)
{
	const json_t *text;
	size_t i;

	if (json_array_size(texts) == 0) {
		return;
	}
	fprintf(out, "<ul class=\"%s\">\n", class);
	json_array_foreach(texts, i, text)
	{
		fputs("<li>", out);
		html_text(out, field_slice(text));
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

/* ---- a kill ---- */

static void put_order(FILE *out, const json_t *kill)
{
	static const char *const others[] = {"limit", "free", "keep", "per", "sort", "rate", "via",
		"pace", "max", "keep_out", "keep_out_by", "whole_source", "hold", "readmit"};
	CLEANUP(mem_free_p) char *match = field_join(json_object_get(kill, "match"), " and ");
	CLEANUP(mem_free_p) char *except = field_join(json_object_get(kill, "except"), " or ");
	bool is_all = json_is_true(json_object_get(kill, "all"));

	put_fact(out, "Request", field_text(kill, "request_id"));
	put_fact(out, "Ordered by", field_text(kill, "user"));
	put_fact(out, "With", field_text(kill, "exe"));
	put_fact(out, "Allowed as", field_text(kill, "action"));
	put_fact(out, "Selected", is_all ? SLICE_LITERAL("all") : slice_of(match));
	put_fact(out, "Except", slice_of(except));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		CLEANUP(mem_free_p)
		char *number = mem_printf("%" PRIu64, field_count(kill, others[i]));
		struct slice text = field_text(kill, others[i]);

		if (field_has(kill, others[i])) {
			put_fact(out, others[i], text.data != NULL ? text : slice_of(number));
		}
	}
	put_fact(out, "Reason", field_text(kill, "reason"));
	put_fact(out, "Error", field_text(kill, "error"));
}

static void put_counts(FILE *out, const json_t *kill)
{
	static const struct column columns[] = {
		{"Found", "found", true},
		{"Not selected", "unmatched", true},
		{"Kept", "protected", true},
		{"Spared", "spared", true},
		{"Selected", "matched", true},
		{"Killed", "killed", true},
		{"Gone by themselves", "gone", true},
		{"Survived", "survivors", true},
		{"Newcomers hit", "extra", true},
		{"Came back", "reconnected", true},
	};
	json_auto_t *rows = json_array();

	json_array_append(rows, (json_t *)kill);
	if (field_has(kill, "found")) {
		put_table(out, "Sessions", columns, ARRAY_SIZE(columns), rows);
	}
}

static void put_nodes(FILE *out, const json_t *kill)
{
	static const struct column columns[] = {
		{"Node", "address", false},
		{"Role", "role", false},
		{"Server", "server", false},
		{"Found", "found", true},
		{"Selected", "matched", true},
		{"Killed", "killed", true},
		{"Survived", "survivors", true},
		{"Commands", "commands", true},
		{"Longest stall", "max_stall_ms", true},
		{"Error", "error", false},
	};
	static const struct column plan_columns[] = {
		{"Command", "command", false},
		{"Sessions", "expect", true},
	};
	const json_t *nodes = json_object_get(kill, "nodes");
	const json_t *node;
	size_t i;

	put_table(out, "Nodes, commands and stalls", columns, ARRAY_SIZE(columns), nodes);
	json_array_foreach(nodes, i, node)
	{
		put_table(out, "Commands", plan_columns, ARRAY_SIZE(plan_columns),
			json_object_get(node, "plan"));
	}
}

static void put_sources(FILE *out, const json_t *kill)
{
	static const struct column columns[] = {
		{"Source", "address", false},
		{"User", "user", false},
		{"Name", "name", false},
		{"Library", "lib", false},
		{"Sessions", "found", true},
		{"Killed", "killed", true},
		{"Came back", "reconnected", true},
	};

	put_table(out, "Who was to be killed, and who came back while it was watched", columns,
		ARRAY_SIZE(columns), json_object_get(kill, "sources"));
}

static void put_times(FILE *out, const struct evidence *kill)
{
	CLEANUP(mem_free_p)
	char *began = mem_printf(
		"%s %s", when_show(kill->started_ms).text, when_zone(kill->started_ms).text);
	double watched_ms = field_number(kill->kill, "watched_ms");

	put_fact(out, "Began", slice_of(began));
	if (field_has(kill->kill, "elapsed_ms")) {
		put_fact(out, "Took",
			slice_of(human_duration(field_number(kill->kill, "elapsed_ms") - watched_ms)
					 .text));
	}
	if (watched_ms > 0) {
		put_fact(out, "Watched for", slice_of(human_duration(watched_ms).text));
	}
}

static void put_kill(FILE *out, const struct evidence *kill, size_t number)
{
	CLEANUP(mem_free_p) char *headline = page_headline(kill);

	fprintf(out,
		"<section id=\"kill-%zu\" aria-labelledby=\"kill-%zu-title\">\n"
		"<h2 id=\"kill-%zu-title\">Kill %zu. ",
		number, number, number, number);
	html_format(out, "%s", headline);
	fputs("</h2>\n<dl>\n", out);
	put_times(out, kill);
	put_order(out, kill->kill);
	fputs("</dl>\n", out);
	put_list(out, "bad", json_object_get(kill->kill, "warnings"));
	put_counts(out, kill->kill);
	put_sources(out, kill->kill);
	put_nodes(out, kill->kill);
	if (json_array_size(kill->lines) > 0) {
		fputs("<h3>Its lines of the record</h3>\n", out);
		put_lines(out, kill->lines);
	}
	fputs("</section>\n", out);
}

/* ---- the page ---- */

static bool is_first_of_instance(const struct evidence_list *list, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (slice_is_equal(field_text(list->items[i].kill, "instance"),
			    field_text(list->items[index].kill, "instance"))) {
			return false;
		}
	}
	return true;
}

static void put_timeline(FILE *out, const struct evidence_list *list)
{
	CLEANUP(mem_free_p)
	char *from =
		mem_printf("%s %s", when_show(list->begin_ms).text, when_zone(list->begin_ms).text);

	fputs("<section aria-labelledby=\"timeline-title\">\n"
	      "<h2 id=\"timeline-title\">What happened</h2>\n<p>From ",
		out);
	html_format(out, "%s to %s.", from, when_show(list->end_ms).text);
	fputs("</p>\n", out);
	for (size_t i = 0; i < list->n; i++) {
		CLEANUP(mem_free_p)
		char *instance = slice_copy(field_text(list->items[i].kill, "instance"));

		if (is_first_of_instance(list, i)) {
			chart_put(out, list, instance, i + 1);
		}
	}
	if (json_array_size(list->around) > 0) {
		fputs("<h3>Besides, in the record: starts, reloads, guards, other kills</h3>\n",
			out);
		put_lines(out, list->around);
	}
	fputs("</section>\n", out);
}

static void put_head(FILE *out, const char *title)
{
	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n<title>",
		out);
	html_format(out, "%s", title);
	fputs("</title>\n<style>", out);
	fputs(STYLE, out);
	fputs(CHART_STYLE, out);
	fputs("</style>\n</head>\n<body>\n", out);
}

void page_put(FILE *out, const struct evidence_list *list)
{
	CLEANUP(mem_free_p) char *first = page_headline(&list->items[0]);
	CLEANUP(mem_free_p)
	char *title = list->n == 1 ? mem_printf("%s", first)
				   : mem_printf("%s; and %zu more kills", first, list->n - 1);
	int64_t now_ms = clock_wall_ms();

	put_head(out, title);
	fputs("<header>\n<h1>", out);
	html_format(out, "%s", title);
	fputs("</h1>\n</header>\n<main>\n", out);
	put_timeline(out, list);
	for (size_t i = 0; i < list->n; i++) {
		put_kill(out, &list->items[i], i + 1);
	}
	if (json_array_size(list->missing) > 0) {
		fputs("<section aria-labelledby=\"missing-title\">\n"
		      "<h2 id=\"missing-title\">Not known</h2>\n",
			out);
		put_list(out, "missing", list->missing);
		fputs("</section>\n", out);
	}
	fputs("</main>\n<footer><p>", out);
	html_format(out, "Made by sesskill %s, %s %s.", SESSKILL_VERSION, when_show(now_ms).text,
		when_zone(now_ms).text);
	fputs("</p></footer>\n</body>\n</html>\n", out);
}
