/*
 * The audit log: one JSON object a line, appended, for every request allowed or denied. The intent
 * is on disk before the first kill command, the outcome before the answer. What a crash left
 * without an outcome is found when the log is opened and recorded as `interrupted`.
 *
 * Every line has `time` (UTC, RFC 3339) and `event`: intent, outcome, denied, interrupted, cancel,
 * start, stop, reload, late, guard, hold, resume. Those about a request have `request_id`,
 * `action`, `instance`, the caller
 * (`uid`, `gid`, `pid`, `user`, `exe`) and, once parsed, the parameters (`all`, `match`, `except`,
 * `dry_run`, `timeout_ms`, `reason`; `node`, `run_id`, `max`, `pace`, `stall_budget_ms`,
 * `break_busy`, `watch_ms` where given). An outcome has the report without the plan. A `late` line
 * has `killed`, more than the outcome says, and `nodes` with `address`, `killed` and `lost`. An
 * `interrupted` line says what its intent said, which is from `intent_time`.
 *
 * Writing is synchronous: a kill that cannot be recorded must be known before it starts. A line
 * that could not be written does not remain in part; the next call opens the file again. That lines
 * are on the disk is a step of its own, audit_sync(), so that many of them share what it costs.
 *
 * One daemon writes a file, which unfinished.h sees to: a second one would take the running kills
 * of the first for interrupted ones. Programs that limit the size of files must
 * ignore SIGXFSZ, else the limit ends the process instead of the write.
 */
#ifndef RECORD_AUDIT_H
#define RECORD_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "model/caller.h"
#include "model/report.h"
#include "model/request.h"

struct audit_opts {
	char *file;       /* NULL: no audit log, and all below succeeds and does nothing */
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

/* `opts` is borrowed until there are others. Opens nothing yet. Never NULL. */
struct audit *audit_new(const struct audit_opts *opts);
void audit_free(struct audit *audit); /* closes; writes nothing */

/*
 * Opens or reopens the file (mode 0640, created when missing; its directory must exist; regular
 * files only), and in the first call that succeeds records what a crash left open, in a file that
 * was rotated away since as well. 0 or a negative errno with words, -EBUSY when another process
 * writes this record; what was open before stays open then.
 */
NODISCARD int audit_open(struct audit *audit, struct err *err);

/*
 * Goes over to other options (borrowed), their file opened as by audit_open(); on failure nothing
 * changes. Of what an earlier process left open there, that is recorded which its FILE.open has.
 */
NODISCARD int audit_configure(struct audit *audit, const struct audit_opts *opts, struct err *err);

/* Each: 0 when the line is written, though not yet on the disk, else negative errno, words. */
NODISCARD int audit_intent(
	struct audit *audit, const struct audit_subject *subject, struct err *err);
/* AUDIT_OWED, with words, when it cannot be written now, and is as soon as something can be. */
#define AUDIT_OWED 2
NODISCARD int audit_outcome(struct audit *audit, const struct audit_subject *subject,
	const struct report *report, struct err *err);
/* What an answer says that came after the outcome. */
struct audit_late {
	const char *node;
	uint64_t n_killed; /* more than the outcome has; not verified */
	const char *lost;  /* why the rest will never be known; NULL: it is known */
};
NODISCARD int audit_late(struct audit *audit, const struct audit_subject *subject,
	const struct audit_late *late, struct err *err);
/*
 * `kill`: the request id of the one that it was about; absent: of none. AUDIT_COUNTED when there
 * were so many of that user that this one is only counted, in a line to come with audit_flush().
 */
#define AUDIT_COUNTED 1
NODISCARD int audit_denied(struct audit *audit, const struct audit_subject *subject,
	struct slice kill, struct err *err);
/* `subject` is about the kill, by its action, but for the caller, who ends it; `of` had ordered it.
 */
NODISCARD int audit_cancel(struct audit *audit, const struct audit_subject *subject,
	const struct caller *of, struct err *err);
/*
 * Once a second: keeps others out, should somebody have removed the file that does. 0, or negative
 * errno with words, -EBUSY when another process writes this record by now.
 */
NODISCARD int audit_hold(struct audit *audit, struct err *err);
/* Once a second, and at the end: writes what is owed and what was only counted. */
NODISCARD int audit_flush(struct audit *audit, struct err *err);
/* What a guard has done. */
struct audit_guard {
	const char *name;
	const char *instance;
	const char *what;       /* report, kill, spent, too_many */
	const char *request_id; /* of the order, whose intent and outcome stand there as well */
	uint64_t n_matched;
	uint64_t n_killed;
};
NODISCARD int audit_guard(struct audit *audit, const struct audit_guard *guard, struct err *err);
/* `event`: "hold" or "resume", of all guards, by `caller`. `err` may be NULL. */
NODISCARD int audit_guards(
	struct audit *audit, const char *event, const struct caller *caller, struct err *err);
/* A lease begins, is changed or ends: `event` is "lease" or "release"; `caller` NULL: by itself. */
struct audit_lease {
	const char *request_id; /* of the kill */
	const char *instance;
	char *const *users;
	size_t n_users;
	char *const *sources; /* addresses; NULL: it is by users */
	size_t n_sources;
	int64_t n_refused; /* how often they have knocked so far; -1: not known */
	const char *what;  /* in words */
	int64_t until_wall_ms;
};
NODISCARD int audit_lease(struct audit *audit, const char *event, const struct audit_lease *lease,
	const struct caller *caller, struct err *err);
/* `event`: "start", "stop" or "reload". */
NODISCARD int audit_event(struct audit *audit, const char *event, struct err *err);

/*
 * All lines so far are on the disk on return. Else a negative errno with words: they are there, but
 * may not outlive a crash of the system.
 */
NODISCARD int audit_sync(struct audit *audit, struct err *err);
/* Is there something to sync? */
bool audit_is_dirty(const struct audit *audit);

bool audit_is_required(const struct audit *audit);
/* Lines that could not be written, and syncs that failed, since the start. */
uint64_t audit_n_failures(const struct audit *audit);

#endif
