/*
 * A kill on several hosts: a line for each, what went wrong, the total.
 */
#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/print/table.h"
#include "cli/terminal/text.h"

static const struct table_column COLUMNS[] = {
	{"HOST", "host", TABLE_TEXT, 8, TABLE_NEEDED},
	{"INSTANCE", "instance", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"STATE", "state", TABLE_TEXT, 0, TABLE_NEEDED},
	{"FOUND", "found", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"MATCHED", "matched", TABLE_COUNT, 0, TABLE_NEEDED},
	{"KILLED", "killed", TABLE_COUNT, 0, TABLE_NEEDED},
	{"GONE", "gone", TABLE_NONZERO, 0, TABLE_OPTIONAL},
	{"SURVIVED", "survivors", TABLE_COUNT, 0, TABLE_NEEDED},
	{"CAME BACK", "reconnected", TABLE_NONZERO, 0, TABLE_NEEDED},
	{"TOOK", "elapsed_ms", TABLE_DURATION, 0, TABLE_OPTIONAL},
	{"REQUEST", "request_id", TABLE_TEXT, 0, TABLE_OPTIONAL},
};

static void add_report(struct table *table, const json_t *report)
{
	struct slice state = field_text(report, "state");
	bool is_done = slice_is(state, "done");

	table_add(table, report);
	if (is_done || !slice_is(state, "dry_run")) {
		table_style(table, "state", is_done ? TERM_GOOD : TERM_BAD);
	}
	table_style(
		table, "survivors", field_count(report, "survivors") > 0 ? TERM_BAD : TERM_PLAIN);
}

static void add_total(struct table *table, const json_t *reports)
{
	static const char *const sums[] = {
		"found", "matched", "killed", "gone", "survivors", "reconnected"};
	json_auto_t *total = json_pack("{s:s}", "host", "total");
	const json_t *report;
	size_t i;

	for (size_t key = 0; key < ARRAY_SIZE(sums); key++) {
		json_int_t sum = 0;

		json_array_foreach(reports, i, report)
		{
			sum += json_integer_value(json_object_get(report, sums[key]));
		}
		json_object_set_new(total, sums[key], json_integer(sum));
	}
	table_add(table, total);
	table_style(table, "host", TERM_BOLD);
}

static void print_problems(const json_t *report, const struct screen *screen)
{
	CLEANUP(mem_free_p)
	char *failed_on = mem_printf("%.*s failed on ", SLICE_ARG(field_text(report, "host")));
	CLEANUP(mem_free_p)
	char *warning = mem_printf("%.*s warning", SLICE_ARG(field_text(report, "host")));
	const json_t *node;
	size_t i;

	print_remark(screen, TERM_BAD, "", field_text(report, "host"), field_text(report, "error"));
	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		print_remark(screen, TERM_BAD, failed_on, field_text(node, "address"),
			field_text(node, "error"));
	}
	print_warnings(report, TERM_WARN, warning, screen);
}

void print_summary(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p) struct table *table = table_new(COLUMNS, ARRAY_SIZE(COLUMNS));
	const json_t *reports = json_object_get(answer, "reports");
	const json_t *report;
	size_t i;

	json_array_foreach(reports, i, report)
	{
		add_report(table, report);
	}
	add_total(table, reports);
	table_print(table, screen, 0);
	json_array_foreach(reports, i, report)
	{
		print_problems(report, screen);
	}
}
