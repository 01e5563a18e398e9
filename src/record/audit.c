/*
 * Which lines come into the audit log, and when. What they begin with is the matter of
 * audit_line.c, how they stay whole that of linefile.c, how the open ones are found again that of
 * audit_scan.c.
 */
#include "record/audit.h"

#include <errno.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"
#include "record/audit_line.h"
#include "record/denials.h"
#include "record/json.h"
#include "record/linefile.h"
#include "record/owed.h"
#include "record/recovery.h"
#include "record/unfinished.h"

struct audit {
	const struct audit_opts *opts;
	struct linefile *file;
	struct unfinished *unfinished;
	struct denials denials;
	struct owed owed;
	char *recovered; /* the file in which what a crash left open is recorded; NULL: none */
	uint64_t n_failures;
};

struct audit *audit_new(const struct audit_opts *opts)
{
	struct audit *audit = mem_new(struct audit);

	audit->opts = opts;
	audit->file = linefile_new();
	audit->unfinished = unfinished_new();
	owed_init(&audit->owed);
	return audit;
}

void audit_free(struct audit *audit)
{
	if (audit == NULL) {
		return;
	}
	denials_finish(&audit->denials);
	owed_finish(&audit->owed);
	unfinished_free(audit->unfinished);
	linefile_free(audit->file);
	free(audit->recovered);
	free(audit);
}

uint64_t audit_n_failures(const struct audit *audit)
{
	return audit->n_failures;
}

bool audit_is_required(const struct audit *audit)
{
	return audit->opts->is_required;
}

static int append_text(struct audit *audit, const char *text, struct err *err)
{
	/* What is open in a file that is left must be found without it. */
	if (!linefile_is_current(audit->file, audit->opts->file)) {
		int r = unfinished_sync(audit->unfinished, err);

		if (r < 0) {
			return r;
		}
	}
	return linefile_append(audit->file, audit->opts->file, text, err);
}

static int append(struct audit *audit, const json_t *line, struct err *err)
{
	char *text CLEANUP(mem_free_p) = json_print(line);

	return append_text(audit, text, err);
}

static bool is_recovered(const struct audit *audit)
{
	return audit->opts->file != NULL && audit->recovered != NULL &&
	       strcmp(audit->recovered, audit->opts->file) == 0;
}

static int append_recovered(void *context, const json_t *line, struct err *err)
{
	return append(context, line, err);
}

static int recover(struct audit *audit, struct err *err)
{
	struct recovery recovery = {
		.path = audit->opts->file,
		.record_fd = linefile_fd(audit->file),
		.unfinished = audit->unfinished,
		.is_first = audit->recovered == NULL,
		.append_fn = append_recovered,
		.context = audit,
	};
	int r = recovery_run(&recovery, err);

	if (r == 0) {
		r = linefile_sync(audit->file, err);
	}
	if (r == 0) {
		recovery_end(&recovery);
		free(audit->recovered);
		audit->recovered = mem_copy_text(audit->opts->file, strlen(audit->opts->file));
	}
	recovery_finish(&recovery);
	return r;
}

int audit_open(struct audit *audit, struct err *err)
{
	int r;

	if (audit->opts->file == NULL) {
		return 0;
	}
	r = unfinished_sync(audit->unfinished, err);
	if (r == 0) {
		r = linefile_open(audit->file, audit->opts->file, err);
	}
	if (r == 0) {
		r = unfinished_claim(audit->unfinished, audit->opts->file, err);
	}
	if (r == 0 && !is_recovered(audit)) {
		r = recover(audit, err);
	}
	if (r < 0) {
		err_prefix(err, "audit log");
	}
	return r;
}

int audit_configure(struct audit *audit, const struct audit_opts *opts, struct err *err)
{
	const struct audit_opts *old = audit->opts;
	int r;

	audit->opts = opts;
	r = audit_open(audit, err);
	if (r < 0) {
		/* Should the other file be open by now, the next line finds out. */
		audit->opts = old;
	}
	return r;
}

/*
 * Nothing of this process comes into the file before the old is settled: a later recovery would
 * take a running kill for an interrupted one.
 */
static int write_settled(
	struct audit *audit, const char *text, const char *intent_id, struct err *err)
{
	int r = is_recovered(audit) ? 0 : audit_open(audit, err);

	if (r < 0) {
		return r;
	}
	r = append_text(audit, text, err);
	/* An intent that is not in both places is in neither: its kill may be refused. */
	if (r == 0 && intent_id != NULL) {
		r = unfinished_add(audit->unfinished, intent_id, text, err);
		if (r < 0) {
			linefile_take_back(audit->file, text);
		}
	}
	if (r < 0) {
		err_prefix(err, "audit log");
	}
	return r;
}

/* What is owed comes first: whoever reads the record finds the ends in their order. */
static int write_owed(struct audit *audit, struct err *err)
{
	const struct owed_line *line;

	if (audit->opts->file == NULL) {
		return 0;
	}
	while ((line = owed_first(&audit->owed)) != NULL) {
		int r = write_settled(audit, line->text, NULL, err);

		if (r < 0) {
			return r;
		}
		unfinished_end(audit->unfinished, line->request_id);
		owed_drop_first(&audit->owed);
	}
	return 0;
}

/* `intent_id`: of a kill that begins; NULL: it is something else. */
static int write_text(struct audit *audit, const char *text, const char *intent_id, struct err *err)
{
	int r = write_owed(audit, err);

	if (r == 0) {
		r = write_settled(audit, text, intent_id, err);
	}
	audit->n_failures += r < 0;
	return r;
}

static int write_event(
	struct audit *audit, const json_t *line, const char *intent_id, struct err *err)
{
	CLEANUP(mem_free_p) char *text = NULL;

	if (audit->opts->file == NULL) {
		return 0;
	}
	text = json_print(line);
	return write_text(audit, text, intent_id, err);
}

static int write_line(struct audit *audit, const json_t *line, struct err *err)
{
	return write_event(audit, line, NULL, err);
}

int audit_intent(struct audit *audit, const struct audit_subject *subject, struct err *err)
{
	json_auto_t *line = audit_line_of("intent", subject);

	return write_event(audit, line, subject->request_id, err);
}

/* One without an intent in the record is not owed to it. */
static int write_outcome(
	struct audit *audit, const char *request_id, const json_t *line, struct err *err)
{
	CLEANUP(mem_free_p) char *text = NULL;
	int r;

	if (audit->opts->file == NULL) {
		return 0;
	}
	text = json_print(line);
	r = write_text(audit, text, NULL, err);
	if (r == 0) {
		unfinished_end(audit->unfinished, request_id);
	} else if (unfinished_has(audit->unfinished, request_id) &&
		   owed_add(&audit->owed, request_id, text)) {
		r = AUDIT_OWED;
	}
	return r;
}

int audit_outcome(struct audit *audit, const struct audit_subject *subject,
	const struct report *report, struct err *err)
{
	json_auto_t *line = audit_line_of("outcome", subject);
	json_auto_t *summary = json_report_summary(subject->request_id, report);

	/* The subject's word on request id and instance stands: it is that of the intent. */
	json_object_update_missing(line, summary);
	json_set_number(line, "cut", report->counts.cut); /* not that it was wanted */
	json_set(line, "nodes", json_report_nodes(report, false));
	json_set(line, "sources", json_report_sources(report));
	return write_outcome(audit, subject->request_id, line, err);
}

int audit_late(struct audit *audit, const struct audit_subject *subject,
	const struct audit_late *late, struct err *err)
{
	json_auto_t *line = audit_line_of("late", subject);
	json_t *nodes = json_array();
	json_t *node = json_object();

	json_set(node, "address", json_text_of(late->node));
	json_set_number(node, "killed", late->n_killed);
	json_set(node, "lost", json_text_or_null(late->lost));
	json_add(nodes, node);
	json_set_number(line, "killed", late->n_killed);
	json_set(line, "nodes", nodes);
	return write_line(audit, line, err);
}

int audit_denied(struct audit *audit, const struct audit_subject *subject, struct slice kill,
	struct err *err)
{
	json_auto_t *line = audit_line_of("denied", subject);

	if (kill.data != NULL) {
		json_set(line, "kill", json_text(kill));
	}
	if (denials_count(&audit->denials, subject->caller->uid, line)) {
		return AUDIT_COUNTED;
	}
	return write_line(audit, line, err);
}

int audit_hold(struct audit *audit, struct err *err)
{
	return is_recovered(audit) ? unfinished_claim(audit->unfinished, audit->opts->file, err)
				   : 0;
}

int audit_flush(struct audit *audit, struct err *err)
{
	json_t *line;
	int result = 0;

	(void)write_owed(audit, NULL);
	while ((line = denials_take(&audit->denials)) != NULL) {
		int r;

		audit_line_set_now(line);
		r = write_line(audit, line, err);
		result = r < 0 ? r : result;
		json_decref(line);
	}
	return result;
}

int audit_cancel(struct audit *audit, const struct audit_subject *subject, const struct caller *of,
	struct err *err)
{
	json_auto_t *line = audit_line_of("cancel", subject);

	json_set(line, "kill_uid", json_integer(of->uid));
	json_set(line, "kill_user", json_text_of(of->user));
	return write_line(audit, line, err);
}

int audit_guard(struct audit *audit, const struct audit_guard *guard, struct err *err)
{
	json_auto_t *line = audit_line("guard");

	json_set(line, "request_id", json_text_of(guard->request_id));
	json_set(line, "guard", json_text_of(guard->name));
	json_set(line, "instance", json_text_of(guard->instance));
	json_set(line, "what", json_text_of(guard->what));
	json_set_number(line, "matched", guard->n_matched);
	json_set_number(line, "killed", guard->n_killed);
	return write_line(audit, line, err);
}

int audit_guards(
	struct audit *audit, const char *event, const struct caller *caller, struct err *err)
{
	json_auto_t *line = audit_line(event);

	json_set_caller(line, caller);
	return write_line(audit, line, err);
}

int audit_lease(struct audit *audit, const char *event, const struct audit_lease *lease,
	const struct caller *caller, struct err *err)
{
	json_auto_t *line = audit_line(event);
	char until[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(lease->until_wall_ms, until);
	json_set(line, "request_id", json_text_of(lease->request_id));
	json_set(line, "instance", json_text_of(lease->instance));
	if (caller != NULL) {
		json_set_caller(line, caller);
	}
	if (lease->sources != NULL) {
		json_set(line, "sources", json_texts(lease->sources, lease->n_sources));
	} else {
		json_set(line, "users", json_texts(lease->users, lease->n_users));
	}
	if (lease->n_refused >= 0) {
		json_set(line, "refused", json_integer(lease->n_refused));
	}
	json_set(line, "until", json_text_of(until));
	json_set(line, "what", json_text_of(lease->what));
	return write_line(audit, line, err);
}

int audit_event(struct audit *audit, const char *event, struct err *err)
{
	json_auto_t *line = audit_line(event);

	return write_line(audit, line, err);
}

int audit_sync(struct audit *audit, struct err *err)
{
	int r = linefile_sync(audit->file, err);

	if (r < 0) {
		err_prefix(err, "audit log: %s", audit->opts->file);
		audit->n_failures++;
	}
	return r;
}

bool audit_is_dirty(const struct audit *audit)
{
	return linefile_is_dirty(audit->file);
}
