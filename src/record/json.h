/*
 * JSON out of untrusted text. All JSON of the daemon is made of jansson values by these helpers:
 * bytes that are no UTF-8 become U+FFFD and control characters are printed as escapes, so that no
 * name of a client can break a line, an answer or the terminal that shows it.
 */
#ifndef RECORD_JSON_H
#define RECORD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/slice.h"
#include "model/caller.h"
#include "model/report.h"
#include "model/request.h"
#include "model/session.h"

/* A JSON string; never NULL. An absent slice is "". */
json_t *json_text(struct slice text);
json_t *json_text_of(const char *text); /* NUL-terminated; NULL is "" */

json_t *json_text_or_null(const char *text); /* null for NULL */
json_t *json_texts(char *const *texts, size_t n);

/* object[key] = value, taking over `value`; ends the process when there is no memory. */
void json_set(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
void json_set_number(json_t *object, const char *key, uint64_t number);

/*
 * Compact, on the heap, NUL-terminated, without a line feed. C0 and C1 controls, DEL, Unicode's
 * line ends and its direction overrides appear only as \uXXXX.
 */
char *json_print(const json_t *value);

/*
 * Prints `object`, which is given up, and the key of one more member: `{...,"key":`. The value and
 * the closing brace are the caller's to print, so that a long list is never held as values.
 */
void json_print_open(json_t *object, const char *key, FILE *out);

/* Who asks: his numbers, name and program. */
void json_set_caller(json_t *object, const struct caller *caller);

/*
 * What is asked for. Members that say what is to end are always there, the others when they were
 * given.
 */
void json_set_request(json_t *object, const struct request *request);

/* Every field that the server gave in its line, known here or not, and the type that follows. */
void json_set_session(
	json_t *object, struct slice line, enum server_family family, struct slice node);

/*
 * The report as the API answers it to the request of that id (several may share one run): the
 * summary (what is true of the whole, counts on the top level), then `nodes` and `sources`. The
 * audit log has the nodes without their plan.
 */
json_t *json_report(const char *request_id, const struct report *report);
json_t *json_report_summary(const char *request_id, const struct report *report);
json_t *json_report_nodes(const struct report *report, bool with_plan);
json_t *json_report_sources(const struct report *report);
/* How far it is known whose the sessions from this host are. */
json_t *json_local(const struct programs *programs);

#endif
