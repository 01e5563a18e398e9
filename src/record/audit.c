/*
 * What the lines of the audit log say. How they stay whole is the matter of linefile.c, how the
 * open ones are found again that of audit_scan.c.
 */
#include "record/audit.h"

#include <errno.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"
#include "record/audit_scan.h"
#include "record/denials.h"
#include "record/json.h"
#include "record/linefile.h"
#include "record/unfinished.h"

struct audit {
	const struct audit_opts *opts;
	struct linefile *file;
	struct unfinished *unfinished;
	struct denials denials;
	char *recovered; /* the file in which what a crash left open is recorded; NULL: none */
	uint64_t n_failures;
};

struct audit *audit_new(const struct audit_opts *opts)
{
	struct audit *audit = mem_new(struct audit);

	audit->opts = opts;
	audit->file = linefile_new();
	audit->unfinished = unfinished_new();
	return audit;
}

void audit_free(struct audit *audit)
{
	if (audit == NULL) {
		return;
	}
	denials_finish(&audit->denials);
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

static void set_now(json_t *line)
{
	char now[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(clock_wall_ms(), now);
	json_set(line, "time", json_text_of(now));
}

/* Time, event and request id come first and in this order: audit_scan.c goes by that. */
static json_t *new_line(const char *event)
{
	json_t *line = json_object();

	set_now(line);
	json_set(line, "event", json_text_of(event));
	return line;
}

static void set_caller(json_t *line, const struct caller *caller)
{
	json_set(line, "uid", json_integer(caller->uid));
	json_set(line, "gid", json_integer(caller->gid));
	json_set(line, "pid", json_integer(caller->pid));
	json_set(line, "user", json_text_of(caller->user));
	json_set(line, "exe", json_text_of(caller->exe));
}

static json_t *subject_line(const char *event, const struct audit_subject *subject)
{
	json_t *line = new_line(event);

	json_set(line, "request_id", json_text_of(subject->request_id));
	json_set(line, "action", json_text_of(subject->action));
	json_set(line, "instance", json_text_of(subject->instance));
	set_caller(line, subject->caller);
	if (subject->request != NULL) {
		json_set_request(line, subject->request);
	}
	return line;
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

/* All that the intent said, with the time of this discovery; its own is kept aside. */
static int append_interrupted(struct audit *audit, json_t *intent, struct err *err)
{
	json_set(intent, "intent_time", json_incref(json_object_get(intent, "time")));
	set_now(intent);
	json_set(intent, "event", json_text_of("interrupted"));
	return append(audit, intent, err);
}

/* All of `open`, whose offsets are those of lines in `fd`. */
static int append_all_interrupted(struct audit *audit, int fd, json_t *open, struct err *err)
{
	const char *request_id;
	json_t *offset;

	json_object_foreach(open, request_id, offset)
	{
		json_auto_t *intent = audit_scan_load(fd, json_integer_value(offset));
		int r;

		/* Balanced but no JSON after all: nobody's intent. */
		if (!json_is_object(intent)) {
			continue;
		}
		r = append_interrupted(audit, intent, err);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/*
 * What is open in this file, and of `*ret_before` what only an earlier one can have. Of a file that
 * is gone over to, only what its own FILE.open has: a kill of this process may have begun in it and
 * ended in another.
 */
static int scan(struct audit *audit, json_t **ret_before, json_t **ret_open, struct err *err)
{
	const char *request_id;
	json_t *offset;
	int r = audit_scan(unfinished_fd(audit->unfinished), NULL, ret_before, err);

	if (r == 0) {
		r = audit_scan(linefile_fd(audit->file), *ret_before, ret_open, err);
	}
	if (r < 0) {
		err_prefix(err, "%s", audit->opts->file);
		return r;
	}
	if (audit->recovered != NULL) {
		json_object_clear(*ret_open);
		unfinished_take_own(audit->unfinished, *ret_before);
	}
	json_object_foreach(*ret_open, request_id, offset)
	{
		json_object_del(*ret_before, request_id);
	}
	return 0;
}

static bool is_recovered(const struct audit *audit)
{
	return audit->opts->file != NULL && audit->recovered != NULL &&
	       strcmp(audit->recovered, audit->opts->file) == 0;
}

static int recover(struct audit *audit, struct err *err)
{
	json_auto_t *before = NULL;
	json_auto_t *open = NULL;
	int r = scan(audit, &before, &open, err);

	if (r == 0) {
		r = append_all_interrupted(audit, unfinished_fd(audit->unfinished), before, err);
	}
	if (r == 0) {
		r = append_all_interrupted(audit, linefile_fd(audit->file), open, err);
	}
	if (r == 0) {
		r = linefile_sync(audit->file, err);
	}
	if (r == 0) {
		unfinished_clear(audit->unfinished);
		free(audit->recovered);
		audit->recovered = mem_copy_text(audit->opts->file, strlen(audit->opts->file));
	}
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

/* `intent_id`: of a kill that begins; NULL: it is something else. */
static int write_event(
	struct audit *audit, const json_t *line, const char *intent_id, struct err *err)
{
	char *text CLEANUP(mem_free_p) = NULL;
	int r;

	if (audit->opts->file == NULL) {
		return 0;
	}
	text = json_print(line);
	r = write_settled(audit, text, intent_id, err);
	audit->n_failures += r < 0;
	return r;
}

static int write_line(struct audit *audit, const json_t *line, struct err *err)
{
	return write_event(audit, line, NULL, err);
}

int audit_intent(struct audit *audit, const struct audit_subject *subject, struct err *err)
{
	json_auto_t *line = subject_line("intent", subject);

	return write_event(audit, line, subject->request_id, err);
}

int audit_outcome(struct audit *audit, const struct audit_subject *subject,
	const struct report *report, struct err *err)
{
	json_auto_t *line = subject_line("outcome", subject);
	json_auto_t *summary = json_report_summary(subject->request_id, report);
	int r;

	/* The subject's word on request id and instance stands: it is that of the intent. */
	json_object_update_missing(line, summary);
	json_set(line, "nodes", json_report_nodes(report, false));
	json_set(line, "sources", json_report_sources(report));
	r = write_line(audit, line, err);
	if (r == 0) {
		unfinished_end(audit->unfinished, subject->request_id);
	}
	return r;
}

int audit_late(struct audit *audit, const struct audit_subject *subject,
	const struct audit_late *late, struct err *err)
{
	json_auto_t *line = subject_line("late", subject);
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
	json_auto_t *line = subject_line("denied", subject);

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

	while ((line = denials_take(&audit->denials)) != NULL) {
		int r;

		set_now(line);
		r = write_line(audit, line, err);
		result = r < 0 ? r : result;
		json_decref(line);
	}
	return result;
}

int audit_cancel(struct audit *audit, const struct audit_subject *subject, const struct caller *of,
	struct err *err)
{
	json_auto_t *line = subject_line("cancel", subject);

	json_set(line, "kill_uid", json_integer(of->uid));
	json_set(line, "kill_user", json_text_of(of->user));
	return write_line(audit, line, err);
}

int audit_event(struct audit *audit, const char *event, struct err *err)
{
	json_auto_t *line = new_line(event);

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
