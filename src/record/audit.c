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
#include "record/json.h"
#include "record/linefile.h"

struct audit {
	const struct audit_opts *opts;
	struct linefile *file;
	bool is_recovered; /* what a crash left open is recorded */
	uint64_t n_failures;
};

struct audit *audit_new(const struct audit_opts *opts)
{
	struct audit *audit = mem_new(struct audit);

	audit->opts = opts;
	audit->file = linefile_new();
	return audit;
}

void audit_free(struct audit *audit)
{
	if (audit == NULL) {
		return;
	}
	linefile_free(audit->file);
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

static json_t *selector_texts(const struct selectors *selectors)
{
	json_t *texts = json_array();

	for (size_t i = 0; i < selectors->n; i++) {
		json_add(texts, json_text_of(selector_text(selectors->items[i])));
	}
	return texts;
}

/* Session ids that were asked for one by one. */
static void set_ids(json_t *line, const struct request *request)
{
	json_t *ids;

	if (request->n_ids == 0) {
		return;
	}
	ids = json_array();
	for (size_t i = 0; i < request->n_ids; i++) {
		json_add(ids, json_integer((json_int_t)request->ids[i]));
	}
	json_set(line, "ids", ids);
}

/* `nodes` is what an outcome says of each node; what the caller chose is `node`, as in the API. */
static void set_chosen_nodes(json_t *line, const struct request *request)
{
	json_t *nodes;

	if (request->n_nodes == 0) {
		return;
	}
	nodes = json_array();
	for (size_t i = 0; i < request->n_nodes; i++) {
		json_add(nodes, json_text_of(request->nodes[i]));
	}
	json_set(line, "node", nodes);
}

static void set_pace(json_t *line, enum pace pace)
{
	switch (pace) {
	case PACE_INSTANCE:
		break;
	case PACE_FAST:
		json_set(line, "pace", json_text_of("fast"));
		break;
	case PACE_GENTLE:
		json_set(line, "pace", json_text_of("gentle"));
		break;
	}
}

/* Parameters that say what is to end are always there, the others when they were given. */
static void set_request(json_t *line, const struct request *request)
{
	json_set(line, "all", json_boolean(request->is_all));
	json_set(line, "match", selector_texts(&request->match));
	set_ids(line, request);
	json_set(line, "except", selector_texts(&request->except));
	set_chosen_nodes(line, request);
	if (request->run_id != NULL) {
		json_set(line, "run_id", json_text_of(request->run_id));
	}
	json_set(line, "dry_run", json_boolean(request->is_dry_run));
	if (request->has_max) {
		json_set(line, "max", json_integer((json_int_t)request->max));
	}
	set_pace(line, request->pace);
	if (request->stall_budget_ms > 0) {
		json_set(line, "stall_budget_ms", json_integer(request->stall_budget_ms));
	}
	json_set(line, "timeout_ms", json_integer(request->timeout_ms));
	if (request->break_busy) {
		json_set(line, "break_busy", json_true());
	}
	if (request->watch_ms > 0) {
		json_set(line, "watch_ms", json_integer(request->watch_ms));
	}
	json_set(line, "reason", json_text_of(request->reason));
}

static json_t *subject_line(const char *event, const struct audit_subject *subject)
{
	json_t *line = new_line(event);

	json_set(line, "request_id", json_text_of(subject->request_id));
	json_set(line, "action", json_text_of(subject->action));
	json_set(line, "instance", json_text_of(subject->instance));
	set_caller(line, subject->caller);
	if (subject->request != NULL) {
		set_request(line, subject->request);
	}
	return line;
}

static int append(struct audit *audit, const json_t *line, struct err *err)
{
	char *text CLEANUP(mem_free_p) = json_print(line);

	return linefile_append(audit->file, audit->opts->file, text, err);
}

/* All that the intent said, with the time of this discovery; its own is kept aside. */
static int append_interrupted(struct audit *audit, json_t *intent, struct err *err)
{
	json_set(intent, "intent_time", json_incref(json_object_get(intent, "time")));
	set_now(intent);
	json_set(intent, "event", json_text_of("interrupted"));
	return append(audit, intent, err);
}

static int recover(struct audit *audit, struct err *err)
{
	json_auto_t *open = NULL;
	const char *request_id;
	json_t *offset;
	int r;

	r = audit_scan(linefile_fd(audit->file), &open, err);
	if (r < 0) {
		err_prefix(err, "%s", audit->opts->file);
		return r;
	}
	json_object_foreach(open, request_id, offset)
	{
		json_auto_t *intent =
			audit_scan_load(linefile_fd(audit->file), json_integer_value(offset));

		/* Balanced but no JSON after all: nobody's intent. */
		if (!json_is_object(intent)) {
			continue;
		}
		r = append_interrupted(audit, intent, err);
		if (r < 0) {
			return r;
		}
	}
	r = linefile_sync(audit->file, err);
	audit->is_recovered = r == 0;
	return r;
}

int audit_open(struct audit *audit, struct err *err)
{
	int r;

	if (audit->opts->file == NULL) {
		return 0;
	}
	r = linefile_open(audit->file, audit->opts->file, err);
	if (r == 0 && !audit->is_recovered) {
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
static int write_settled(struct audit *audit, const json_t *line, struct err *err)
{
	int r;

	if (!audit->is_recovered) {
		r = audit_open(audit, err);
		if (r < 0) {
			return r;
		}
	}
	r = append(audit, line, err);
	if (r < 0) {
		err_prefix(err, "audit log");
	}
	return r;
}

static int write_line(struct audit *audit, const json_t *line, struct err *err)
{
	int r = 0;

	if (audit->opts->file != NULL) {
		r = write_settled(audit, line, err);
		audit->n_failures += r < 0;
	}
	return r;
}

int audit_intent(struct audit *audit, const struct audit_subject *subject, struct err *err)
{
	json_auto_t *line = subject_line("intent", subject);

	return write_line(audit, line, err);
}

int audit_outcome(struct audit *audit, const struct audit_subject *subject,
	const struct report *report, struct err *err)
{
	json_auto_t *line = subject_line("outcome", subject);
	json_auto_t *summary = json_report_summary(subject->request_id, report);

	/* The subject's word on request id and instance stands: it is that of the intent. */
	json_object_update_missing(line, summary);
	json_set(line, "nodes", json_report_nodes(report, false));
	json_set(line, "sources", json_report_sources(report));
	return write_line(audit, line, err);
}

int audit_late(struct audit *audit, const struct audit_subject *subject,
	const struct audit_late *late, struct err *err)
{
	json_auto_t *line = subject_line("late", subject);
	json_t *nodes = json_array();
	json_t *node = json_object();

	json_set(node, "address", json_text_of(late->node));
	json_set(node, "killed", json_integer((json_int_t)late->n_killed));
	json_set(node, "lost", late->lost != NULL ? json_text_of(late->lost) : json_null());
	json_add(nodes, node);
	json_set(line, "killed", json_integer((json_int_t)late->n_killed));
	json_set(line, "nodes", nodes);
	return write_line(audit, line, err);
}

int audit_denied(struct audit *audit, const struct audit_subject *subject, struct err *err)
{
	json_auto_t *line = subject_line("denied", subject);

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
