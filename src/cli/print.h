/*
 * The daemon's answers as tables and sentences for people.
 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>

#include "cli/term.h"

/* {"instances": [...]} or one instance, the latter with more about each node. */
void print_instances(const json_t *answer, const struct screen *screen);

/* {"kills": [...]} */
void print_kills(const json_t *answer, const struct screen *screen);

/* What a kill did, or what a dry run would do: all of the report. */
void print_report(const json_t *report, const struct screen *screen);

/* What a dry run found, in the few lines that a person reads before saying yes. */
void print_preview(const json_t *report, const struct screen *screen);

/* The colour that a state of a kill deserves. */
enum term_style print_style_of_state(const json_t *report);

#endif
