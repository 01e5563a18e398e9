/*
 * What the lines of the audit log begin with: time, event and request id come first and in this
 * order, audit_scan.c goes by that.
 */
#ifndef RECORD_AUDIT_LINE_H
#define RECORD_AUDIT_LINE_H

#include <jansson.h>

#include "record/audit.h"

/* Each to be released. */
json_t *audit_line(const char *event);
json_t *audit_line_of(const char *event, const struct audit_subject *subject);

void audit_line_set_now(json_t *line);

#endif
