/*
 * What the record gets of tickets: intents, without which nothing starts, and outcomes, without
 * which nobody is answered. Those of one turn of the event loop are synced together.
 */
#include "kill/jobs_internal.h"

#include <event2/event.h>

#include "base/log.h"

static struct audit_subject subject_of(
	const struct run *run, const struct ticket *ticket, struct request *request)
{
	*request = *job_request(run->job);
	request->reason = ticket->reason;
	return (struct audit_subject){
		.request_id = ticket->request_id,
		.action = ticket->action,
		.instance = job_instance_id(run->job),
		.caller = &ticket->caller,
		.request = request,
	};
}

static void record_outcome(struct run *run, const struct ticket *ticket)
{
	struct request request;
	struct audit_subject subject = subject_of(run, ticket, &request);
	struct err err;
	int r = audit_outcome(run->jobs->audit, &subject, job_report(run->job), &err);

	if (r != 0) {
		log_error("kill %s: its outcome is not recorded%s: %s", ticket->request_id,
			r == AUDIT_OWED ? " yet" : "", err.text);
	}
}

static void warn_unrecorded(struct run *run, const char *request_id, const struct err *err)
{
	log_error("kill %s goes on without a record: %s", request_id, err->text);
	job_warn_unrecorded(run->job, err->text);
}

int jobs_record_intent(struct run *run, const struct ticket *ticket, struct err *err)
{
	struct request request;
	struct audit_subject subject = subject_of(run, ticket, &request);

	if (audit_intent(run->jobs->audit, &subject, err) == 0) {
		return 0;
	}
	if (audit_is_required(run->jobs->audit)) {
		err_prefix(err, "the audit log is required");
		return JOBS_E_AUDIT;
	}
	warn_unrecorded(run, ticket->request_id, err);
	return 0;
}

/* What must be recorded and cannot be is not done; what need not be goes on. */
static void settle_intents(struct run *run, int error, struct err *err)
{
	const char *request_id = job_report(run->job)->request_id;

	run->is_recorded = true;
	if (error != 0 && audit_is_required(run->jobs->audit)) {
		err_prefix(err, "the audit log is required");
		job_abandon(run->job, REPORT_FAILED, err->text);
		event_active(run->jobs->settling, 0, 0);
		return;
	}
	if (error != 0) {
		warn_unrecorded(run, request_id, err);
	}
}

/* Whatever is synced, it is the intents that were written before that it decides about. */
int jobs_sync_record(struct jobs *jobs, struct err *err)
{
	int r = audit_sync(jobs->audit, err);
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!run->is_recorded && !job_is_done(run->job)) {
			struct err copy = *err;

			settle_intents(run, r, &copy);
		}
	}
	return r;
}

/* Before the outcome it is part of that; behind it, lines of their own tell it. */
void jobs_record_late(struct run *run)
{
	const struct job_late *late = job_late(run->job);
	struct ticket *ticket;
	struct err err = {""};

	log_notice("kill %s on %s: %s answered late: %llu more were killed%s%s",
		job_report(run->job)->request_id, job_instance_id(run->job), late->node,
		(unsigned long long)late->n_killed, late->lost != NULL ? "; " : "",
		late->lost != NULL ? late->lost : "");
	if (!run->has_outcome) {
		return;
	}
	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		struct request request;
		struct audit_subject subject = subject_of(run, ticket, &request);
		struct audit_late line = {late->node, late->n_killed, late->lost};

		if (audit_late(run->jobs->audit, &subject, &line, &err) != 0) {
			log_error("kill %s: a late answer is not recorded: %s", ticket->request_id,
				err.text);
		}
	}
	if (jobs_sync_record(run->jobs, &err) != 0) {
		log_error("late answers may not outlive a crash: %s", err.text);
	}
}

void jobs_record_outcomes(struct jobs *jobs)
{
	struct run *run;
	struct ticket *ticket;
	struct err err = {""};
	bool is_any_due = false;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (run_is_due(run)) {
			is_any_due = true;
			TAILQ_FOREACH(ticket, &run->tickets, entry)
			{
				record_outcome(run, ticket);
			}
			run->has_outcome = true;
		}
	}
	/* Each run whose intent it concerns has said so. */
	if (jobs_sync_record(jobs, &err) != 0 && is_any_due) {
		log_error("outcomes of kills may not outlive a crash: %s", err.text);
	}
}
