/*
 * Charts. Times go from left to right; a hole in the samples is a hole in the line.
 */
#include "cli/report/chart.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/report/html.h"
#include "cli/terminal/human.h"
#include "cli/when.h"

/* The drawing, in its own units. */
#define WIDTH 960
#define HEIGHT 320
#define LEFT 70
#define RIGHT 940
#define TOP 24
#define BOTTOM 230
#define REFUSED_TOP 245
#define REFUSED_BOTTOM 285
#define LABELS 306
#define N_TICKS 6
/* More nodes share a style; the list below the chart names them. */
#define N_STYLES 6

const char CHART_STYLE[] =
	"svg{width:100%;height:auto;font:12px system-ui,sans-serif}"
	"svg text{fill:var(--text)}"
	".axis{stroke:var(--muted);stroke-width:1}"
	".bound{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:6 4;fill:none}"
	".line{stroke:var(--accent);stroke-width:2;stroke-linecap:round;fill:none}"
	".s1{stroke-dasharray:8 3}.s2{stroke-dasharray:2 3}.s3{stroke-dasharray:10 3 2 3}"
	".s4{stroke-width:1}.s5{stroke-width:1;stroke-dasharray:4 4}"
	".refused{fill:var(--bad)}"
	".kill{stroke:var(--text);stroke-width:1.5}"
	".took{fill:var(--text);opacity:.15}";

struct chart {
	FILE *out;
	const struct evidence_list *list;
	const json_t *nodes;
	uint64_t most;         /* clients, or their bound: the upper end */
	uint64_t most_refused; /* in one sample */
};

static double x_of(const struct chart *chart, int64_t ms)
{
	double share = (double)(ms - chart->list->begin_ms) /
		       (double)MAX(chart->list->end_ms - chart->list->begin_ms, (int64_t)1);

	return LEFT + (RIGHT - LEFT) * MIN(MAX(share, 0.0), 1.0);
}

static double y_of(const struct chart *chart, uint64_t clients)
{
	return BOTTOM - (BOTTOM - TOP) * (double)clients / (double)MAX(chart->most, UINT64_C(1));
}

/* A sample of the time that is looked at. */
static bool is_in(const struct chart *chart, const json_t *sample, int64_t *ret_ms)
{
	return when_read_utc(field_text(sample, "time"), ret_ms) &&
	       *ret_ms >= chart->list->begin_ms && *ret_ms <= chart->list->end_ms;
}

static void measure(struct chart *chart)
{
	const json_t *node, *sample;
	size_t i, k;
	int64_t ms;

	json_array_foreach(chart->nodes, i, node)
	{
		json_array_foreach(json_object_get(node, "samples"), k, sample)
		{
			if (is_in(chart, sample, &ms)) {
				chart->most = MAX(chart->most, field_count(sample, "clients"));
				chart->most = MAX(chart->most, field_count(sample, "maxclients"));
				chart->most_refused =
					MAX(chart->most_refused, field_count(sample, "refused"));
			}
		}
	}
	chart->most += chart->most / 10;
}

/* One figure of a node as a line that breaks where it is not known for longer than two steps. */
static void put_line(const struct chart *chart, const json_t *node, const char *key, double step_ms,
	const char *style)
{
	const json_t *sample;
	int64_t ms, last_ms = INT64_MIN / 2;
	bool is_open = false;
	size_t i;

	fprintf(chart->out, "<path class=\"%s\" d=\"", style);
	json_array_foreach(json_object_get(node, "samples"), i, sample)
	{
		if (!is_in(chart, sample, &ms) || !field_has(sample, key)) {
			continue;
		}
		is_open = is_open && (double)(ms - last_ms) <= 2 * step_ms;
		/* One alone is a dot. */
		fprintf(chart->out, "%c%.1f %.1f%s", is_open ? 'L' : 'M', x_of(chart, ms),
			y_of(chart, field_count(sample, key)), is_open ? "" : "h0");
		is_open = true;
		last_ms = ms;
	}
	fputs("\"/>\n", chart->out);
}

static void put_refused(const struct chart *chart, const json_t *node, double step_ms)
{
	const json_t *sample;
	int64_t ms;
	size_t i;

	json_array_foreach(json_object_get(node, "samples"), i, sample)
	{
		uint64_t refused = field_count(sample, "refused");

		if (is_in(chart, sample, &ms) && refused > 0) {
			double height = (REFUSED_BOTTOM - REFUSED_TOP) * (double)refused /
					(double)chart->most_refused;
			double width = x_of(chart, ms + (int64_t)step_ms) - x_of(chart, ms);

			fprintf(chart->out,
				"<rect class=\"refused\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
				"height=\"%.1f\"/>\n",
				x_of(chart, ms), REFUSED_BOTTOM - height, MAX(width, 1.0),
				MAX(height, 1.0));
		}
	}
}

static void put_label(
	const struct chart *chart, double x, double y, const char *anchor, const char *words)
{
	fprintf(chart->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	html_format(chart->out, "%s", words);
	fputs("</text>\n", chart->out);
}

static void put_axes(const struct chart *chart)
{
	int64_t span_ms = chart->list->end_ms - chart->list->begin_ms;

	fprintf(chart->out, "<path class=\"axis\" fill=\"none\" d=\"M%d %dV%dH%d\"/>\n", LEFT, TOP,
		BOTTOM, RIGHT);
	put_label(chart, LEFT - 6, BOTTOM, "end", "0");
	put_label(chart, LEFT - 6, TOP + 8, "end", human_count(chart->most).text);
	for (int i = 0; i <= N_TICKS; i++) {
		int64_t ms = chart->list->begin_ms + span_ms * i / N_TICKS;
		const char *anchor = i == 0 ? "start" : i == N_TICKS ? "end" : "middle";

		put_label(chart, x_of(chart, ms), LABELS, anchor, when_show(ms).text + 11);
	}
	if (chart->most_refused > 0) {
		put_label(chart, LEFT - 6, REFUSED_BOTTOM, "end", "refused");
	}
}

/* From its begin to its end, with its number on top. */
static void put_kills(const struct chart *chart, const char *instance)
{
	for (size_t i = 0; i < chart->list->n; i++) {
		const struct evidence *kill = &chart->list->items[i];
		double from = x_of(chart, kill->started_ms);
		double to = x_of(chart, kill->ended_ms);

		if (!slice_is(field_text(kill->kill, "instance"), instance)) {
			continue;
		}
		fprintf(chart->out,
			"<rect class=\"took\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
			"<path class=\"kill\" d=\"M%.1f %dV%d\"/>\n",
			from, TOP, MAX(to - from, 1.0), REFUSED_BOTTOM - TOP, from, TOP,
			REFUSED_BOTTOM);
		fprintf(chart->out,
			"<a href=\"#kill-%zu\"><text x=\"%.1f\" y=\"%d\" "
			"text-anchor=\"middle\">kill %zu</text></a>\n",
			i + 1, from, TOP - 8, i + 1);
	}
}

static void put_drawing(const struct chart *chart, const char *instance, double step_ms)
{
	const json_t *node;
	size_t i;

	put_axes(chart);
	json_array_foreach(chart->nodes, i, node)
	{
		CLEANUP(mem_free_p) char *style = mem_printf("line s%zu", i % N_STYLES);

		put_line(chart, node, "maxclients", step_ms, "bound");
		put_line(chart, node, "clients", step_ms, style);
		put_refused(chart, node, step_ms);
	}
	put_kills(chart, instance);
}

static void put_legend(const struct chart *chart)
{
	const json_t *node;
	size_t i;

	fputs("<ul class=\"legend\">", chart->out);
	json_array_foreach(chart->nodes, i, node)
	{
		fprintf(chart->out,
			"<li><svg class=\"key\" viewBox=\"0 0 40 10\" aria-hidden=\"true\">"
			"<path class=\"line s%zu\" d=\"M0 5H40\"/></svg> clients of ",
			i % N_STYLES);
		html_text(chart->out, field_text(node, "address"));
		fputs("</li>", chart->out);
	}
	fputs("<li><svg class=\"key\" viewBox=\"0 0 40 10\" aria-hidden=\"true\">"
	      "<path class=\"bound\" d=\"M0 5H40\"/></svg> maxclients</li>",
		chart->out);
	if (chart->most_refused > 0) {
		fprintf(chart->out, "<li>below: connections refused, at most %s in one step</li>",
			human_count(chart->most_refused).text);
	}
	fputs("</ul>\n", chart->out);
}

void chart_put(FILE *out, const struct evidence_list *list, const char *instance, size_t index)
{
	const json_t *history = json_object_get(list->histories, instance);
	struct chart chart = {out, list, json_object_get(history, "nodes"), 0, 0};

	if (json_array_size(chart.nodes) == 0) {
		return;
	}
	measure(&chart);
	fprintf(out,
		"<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"chart-%zu-title "
		"chart-%zu-desc\"><title id=\"chart-%zu-title\">Clients of ",
		WIDTH, HEIGHT, index, index, index);
	html_format(out, "%s", instance);
	fprintf(out,
		"</title><desc id=\"chart-%zu-desc\">At most %s, with their bound, refused "
		"connections and the kills. The kills are told in words below.</desc>\n",
		index, human_count(chart.most - chart.most / 11).text);
	put_drawing(&chart, instance, field_number(history, "step_ms"));
	fputs("</svg>\n", out);
	put_legend(&chart);
}
