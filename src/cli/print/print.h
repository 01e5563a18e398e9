/*
 * The daemon's answers as tables and sentences for people.
 */
#ifndef CLI_PRINT_PRINT_H
#define CLI_PRINT_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "base/slice.h"
#include "base/err.h"
#include "cli/listing.h"
#include "cli/print/table.h"
#include "cli/terminal/term.h"

/* The columns of the tables by a word, for command.find_column. False with words. */
bool print_find_instance_column(
	struct slice word, struct table_column *ret_column, struct err *err);
bool print_find_session_column(struct slice word, struct table_column *ret_column, struct err *err);
bool print_find_kill_column(struct slice word, struct table_column *ret_column, struct err *err);
bool print_find_lease_column(struct slice word, struct table_column *ret_column, struct err *err);
bool print_find_guard_column(struct slice word, struct table_column *ret_column, struct err *err);

/* The value of a group as it is shown: "(none)" if it is empty or there is none. */
struct slice print_value(struct slice value);
/* The name of a field as a column's title, on the heap. */
char *print_title(struct slice field);

/* {"instances": [...]} or one instance, the latter with more about each node. */
void print_instances(const json_t *answer, const struct screen *screen);

/* In a table: the moment of that field, short and local; the title names the zone. */
void print_time(struct table *table, const char *key, const json_t *object);
void print_time_title(struct table *table, const char *key, const char *title);

/* Of one instance: what is wrong with it and its nodes, and what helps. */
void print_instance_problems(const json_t *instance, const struct screen *screen);

/*
 * The next line of a listing. A table is printed at the listing's end, and before it whenever so
 * many rows wait that more of them would only cost memory.
 */
void print_sessions(struct listing *listing, struct slice line, const struct screen *screen);
/* What waits still, then to `remarks` what is wrong and the sums. */
void print_sessions_end(
	struct listing *listing, const struct screen *screen, const struct screen *remarks);

/* All of a listing at once; what is wrong, and the sums, to stderr. */
void print_listing(const json_t *answer, const struct screen *screen);

/* {"group_by": ..., "groups": [...]}: each with its share, as a figure and as a bar. */
void print_groups(const json_t *head, const struct screen *screen);

/* {"guards": [...]} */
void print_guards(const json_t *answer, const struct screen *screen);

/* {"nodes": [...], "events": [...]} of a history */
void print_history(const json_t *answer, const struct screen *screen);

/* {"leases": [...]}, or one of them. */
void print_leases(const json_t *answer, const struct screen *screen);
/* What was released: whom it lets in again. */
void print_released(const json_t *lease, const struct screen *screen);

/* {"kills": [...]} */
void print_kills(const json_t *answer, const struct screen *screen);

/* {"reports": [...]}, each of its host: a line for each. */
void print_summary(const json_t *answer, const struct screen *screen);

/* What a kill did, or what a dry run would do: all of the report. */
void print_report(const json_t *report, const struct screen *screen);

/* Of the lines that go on with a remark, beyond its own. */
#define PRINT_INDENT 2

/* "HEADWHERE: WORDS", the part before the words in a style; nothing without words. */
void print_remark(const struct screen *screen, enum term_style style, const char *head,
	struct slice where, struct slice words);
/* "  LABEL         WORDS", nothing without words. */
void print_fact(const struct screen *screen, const char *label, struct slice words);
/* The daemon's warnings, a line each. */
void print_warnings(
	const json_t *answer, enum term_style style, const char *head, const struct screen *screen);

/* Of a listing or a report: of how many sessions from this host no process is known, and why. */
void print_unnamed(const json_t *answer, const struct screen *screen);

/* Of a report that has its request: who ordered it, when, what. */
void print_order(const json_t *report, const struct screen *screen);
/* Of a report: what is wrong. */
void print_problems_of_kill(const json_t *report, const struct screen *screen);

/* The report of a kill just done, with what can be done about what is left. */
void print_outcome(const json_t *report, const struct screen *screen);

/* What cancelling was answered with: the report if the kill had ended. */
void print_cancelled(const json_t *answer, const struct screen *screen);

/* What a dry run found, in the few lines that a person reads before saying yes. */
void print_preview(const json_t *report, const struct screen *screen);

#endif
