/*
 * The daemon's answers as tables and sentences for people.
 */
#ifndef CLI_PRINT_PRINT_H
#define CLI_PRINT_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "base/slice.h"
#include "cli/listing.h"
#include "cli/terminal/term.h"

/* The value of a group as it is shown: "(none)" if it is empty or there is none. */
struct slice print_value(struct slice value);
/* The name of a field as a column's title, on the heap. */
char *print_title(struct slice field);

/* {"instances": [...]} or one instance, the latter with more about each node. */
void print_instances(const json_t *answer, const struct screen *screen);

/*
 * The next line of a listing. A table is printed at the listing's end, and before it whenever so
 * many rows wait that more of them would only cost memory.
 */
void print_sessions(struct listing *listing, struct slice line, const struct screen *screen);
/* What waits still, then to `remarks` what is wrong and the sums. */
void print_sessions_end(
	struct listing *listing, const struct screen *screen, const struct screen *remarks);

/* {"group_by": ..., "groups": [...]}: each with its share, as a figure and as a bar. */
void print_groups(const json_t *head, const struct screen *screen);

/* {"guards": [...]} */
void print_guards(const json_t *answer, const struct screen *screen);

/* {"kills": [...]} */
void print_kills(const json_t *answer, const struct screen *screen);

/* What a kill did, or what a dry run would do: all of the report. */
void print_report(const json_t *report, const struct screen *screen);

/* "HEADWHERE: WORDS", the part before the words in a style; nothing without words. */
void print_remark(const struct screen *screen, enum term_style style, const char *head,
	struct slice where, struct slice words);
/* The daemon's warnings, a line each. */
void print_warnings(
	const json_t *answer, enum term_style style, const char *head, const struct screen *screen);

/* The texts of an array: `before` the first, `between` two of them. */
void print_list(const json_t *texts, const char *before, const char *between, FILE *out);

/* Of a listing or a report: of how many sessions from this host no process is known, and why. */
void print_unnamed(const json_t *answer, const struct screen *screen);

/* The report of a kill just done, with what can be done about what is left. */
void print_outcome(const json_t *report, const struct screen *screen);

/* What cancelling was answered with: the report if the kill had ended. */
void print_cancelled(const json_t *answer, const struct screen *screen);

/* What a dry run found, in the few lines that a person reads before saying yes. */
void print_preview(const json_t *report, const struct screen *screen);

#endif
