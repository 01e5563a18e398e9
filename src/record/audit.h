/*
 * The audit log: one JSON object a line, appended, for every request allowed or denied (API.md E).
 * The intent is on disk before the first kill command, the outcome before the answer. What a crash
 * left without an outcome is found when the log is opened and recorded as `interrupted`.
 *
 * Writing is synchronous: a kill that cannot be recorded must be known before it starts.
 */
#ifndef RECORD_AUDIT_H
#define RECORD_AUDIT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "model/caller.h"
#include "model/report.h"
#include "model/request.h"

struct audit_opts {
	char *file;       /* NULL: no audit log */
	bool is_required; /* a request whose intent cannot be written is refused (by the caller) */
};

/* What all lines about one request have in common; borrowed for the call. */
struct audit_subject {
	const char *request_id;
	const char *action;   /* "hdm:KillInstanceAllSession" */
	const char *instance; /* as the caller wrote it; "" when unknown */
	const struct caller *caller;
	const struct request *request; /* NULL: nothing was parsed (denied) */
};

struct audit;

/* `opts` is borrowed. Opens nothing yet. Never NULL. */
struct audit *audit_new(const struct audit_opts *opts);
void audit_free(struct audit *audit); /* closes; writes nothing */

/*
 * Opens or reopens the file (mode 0640, created when missing; its directory must exist), and in
 * the first call records what a crash left open. 0 or a negative errno with words.
 */
NODISCARD int audit_open(struct audit *audit, struct err *err);

/* Each: 0 when the line is written (intent and outcome: and synced), else negative errno, words. */
NODISCARD int audit_intent(
	struct audit *audit, const struct audit_subject *subject, struct err *err);
NODISCARD int audit_outcome(struct audit *audit, const struct audit_subject *subject,
	const struct report *report, struct err *err);
NODISCARD int audit_denied(
	struct audit *audit, const struct audit_subject *subject, struct err *err);
/* `event`: "start", "stop" or "reload". */
NODISCARD int audit_event(struct audit *audit, const char *event, struct err *err);

bool audit_is_required(const struct audit *audit);

#endif
