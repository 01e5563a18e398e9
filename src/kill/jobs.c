/*
 * Tickets and runs.
 */
#include "kill/jobs_internal.h"

#include <event2/event.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/timer.h"

/* Timers count from when their turn of the loop began: they may fire so much too early. */
#define EARLY_MS 100

/* ---- runs ---- */

static bool is_idle(const struct jobs *jobs)
{
	const struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!run->is_answered) {
			return false;
		}
	}
	return true;
}

static void log_outcome(const struct run *run, const struct report *report)
{
	log_notice("kill %s on %s: %s; found %llu, matched %llu, killed %llu, gone %llu, "
		   "survivors %llu, in %lld ms%s%s",
		report->request_id, report->instance, report_state_name(report->state),
		(unsigned long long)report->counts.found,
		(unsigned long long)report->counts.matched,
		(unsigned long long)report->counts.killed, (unsigned long long)report->counts.gone,
		(unsigned long long)report->counts.survivors, (long long)report->elapsed_ms,
		report->error != NULL ? ": " : "", report->error != NULL ? report->error : "");
	if (run->n_tickets > 1) {
		log_info("kill %s served %zu requests", report->request_id, run->n_tickets);
	}
}

static void end_run(struct run *run)
{
	const struct report *report = job_report(run->job);
	struct ticket *ticket;

	metrics_count_kill(job_instance(run->job)->metrics, report);
	run_note_in_history(run);
	log_outcome(run, report);
	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		jobs_done_fn done_fn = ticket->done_fn;

		ticket->done_fn = NULL;
		if (done_fn != NULL) {
			done_fn(ticket->context, ticket->request_id, report);
		}
	}
	run->is_answered = true;
	job_retire(run->job);
	jobs_remember(run);
}

/* Whose time is not up yet goes on in a run of their own. */
static void move_patient_tickets(struct run *from, int64_t deadline_ms)
{
	struct run *to = NULL;
	struct ticket *ticket, *next;

	for (ticket = TAILQ_FIRST(&from->tickets); ticket != NULL; ticket = next) {
		next = TAILQ_NEXT(ticket, entry);
		if (ticket->deadline_ms <= deadline_ms) {
			continue;
		}
		if (to == NULL) {
			to = run_new(from->jobs, &ticket->caller);
			to->is_recorded = from->is_recorded;
			to->job =
				job_new_again(from->job, ticket->request_id, jobs_on_job_event, to);
			job_set_gate(to->job, from->jobs->gate);
		}
		TAILQ_REMOVE(&from->tickets, ticket, entry);
		TAILQ_INSERT_TAIL(&to->tickets, ticket, entry);
		from->n_tickets--;
		to->n_tickets++;
	}
	if (to != NULL) {
		run_restart_expiry(to);
	}
}

/* It ended because the time of those who had asked first was up. */
static bool is_out_of_time(const struct run *run)
{
	enum report_state state = job_report(run->job)->state;

	return (state == REPORT_PARTIAL || state == REPORT_FAILED) &&
	       clock_monotonic_ms() + EARLY_MS >= run_deadline_ms(run) && !run->jobs->is_stopping;
}

static void part_those_out_of_time(struct jobs *jobs)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (run_is_due(run) && !run->has_outcome && is_out_of_time(run)) {
			move_patient_tickets(run, run_deadline_ms(run));
		}
	}
}

static struct run *find_recorded(struct jobs *jobs)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (run_is_due(run) && run->has_outcome) {
			return run;
		}
	}
	return NULL;
}

static void on_turns(evutil_socket_t fd, short what, void *context)
{
	jobs_start_waiting(context);
}

/*
 * Records intents and outcomes, then answers what has ended and starts what may. An answer may
 * change the list of runs: each is looked for anew.
 */
static void on_settling(evutil_socket_t fd, short what, void *context)
{
	struct jobs *jobs = context;
	struct run *run;

	part_those_out_of_time(jobs);
	jobs_record_outcomes(jobs);
	while ((run = find_recorded(jobs)) != NULL) {
		end_run(run);
	}
	jobs_start_waiting(jobs);
	if (jobs->idle_fn != NULL && is_idle(jobs)) {
		void (*idle_fn)(void *context) = jobs->idle_fn;

		jobs->idle_fn = NULL;
		idle_fn(jobs->idle_context);
	}
}

void jobs_on_job_event(void *context, enum job_event event)
{
	struct run *run = context;
	const struct ticket *ticket;

	if (event == JOB_DONE) {
		event_active(run->jobs->settling, 0, 0);
		return;
	}
	if (event == JOB_WAITING) {
		event_active(run->jobs->turns, 0, 0);
		return;
	}
	if (event == JOB_LATE) {
		jobs_record_late(run);
		jobs_start_waiting(run->jobs);
		return;
	}
	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		if (ticket->done_fn != NULL && ticket->event_fn != NULL) {
			ticket->event_fn(
				ticket->context, ticket->request_id, event, job_report(run->job));
		}
	}
	if (event == JOB_VERIFIED) {
		/* Who only looks who comes back keeps nobody waiting. */
		jobs_start_waiting(run->jobs);
	}
}

/* ---- looking things up ---- */

void jobs_detach(struct jobs *jobs, const char *request_id)
{
	struct run *run;
	struct ticket *ticket = jobs_find_ticket(jobs, slice_of(request_id), &run);

	if (ticket != NULL) {
		ticket->done_fn = NULL;
	}
}

static struct jobs_view view_of(const struct run *run, const struct ticket *ticket)
{
	return (struct jobs_view){
		.request_id = ticket->request_id,
		.action = ticket->action,
		.caller = &ticket->caller,
		.report = job_report(run->job),
		.request = job_request(run->job),
		.is_done = job_is_done(run->job),
	};
}

bool jobs_find(struct jobs *jobs, struct slice request_id, struct jobs_view *ret_view)
{
	struct run *run;
	struct ticket *ticket = jobs_find_ticket(jobs, request_id, &run);

	if (ticket == NULL) {
		return false;
	}
	*ret_view = view_of(run, ticket);
	return true;
}

void jobs_each(struct jobs *jobs, void (*view_fn)(void *context, const struct jobs_view *view),
	void *context)
{
	struct run *run;
	struct ticket *ticket;

	TAILQ_FOREACH_REVERSE(run, &jobs->runs, runs, entry)
	{
		TAILQ_FOREACH_REVERSE(ticket, &run->tickets, tickets, entry)
		{
			struct jobs_view view = view_of(run, ticket);

			view_fn(context, &view);
		}
	}
}

struct jobs_load jobs_load(const struct jobs *jobs, const struct instance *instance)
{
	struct jobs_load load = {0};
	const struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (run_is_on(run, instance->opts->id) && !job_is_done(run->job) &&
			!job_request(run->job)->is_dry_run) {
			load.n_running += job_is_started(run->job);
			load.n_waiting += !job_is_started(run->job);
		}
	}
	return load;
}

/* ---- ending early ---- */

static void cancel(struct run *run, bool is_at_once, const char *words)
{
	if (job_is_started(run->job)) {
		job_cancel(run->job, is_at_once);
	} else {
		job_abandon(run->job, REPORT_CANCELLED, words);
		event_active(run->jobs->settling, 0, 0);
	}
}

bool jobs_cancel(struct jobs *jobs, struct slice request_id)
{
	struct run *run;

	if (jobs_find_ticket(jobs, request_id, &run) == NULL || job_is_done(run->job)) {
		return false;
	}
	cancel(run, false, "cancelled before it started");
	return true;
}

static void cancel_all(struct jobs *jobs, bool waiting_only)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!job_is_done(run->job) && (!waiting_only || !job_is_started(run->job))) {
			cancel(run, !waiting_only, "the daemon is shutting down");
		}
	}
}

static void on_stop_timer(evutil_socket_t fd, short what, void *context)
{
	cancel_all(context, false);
}

void jobs_stop(
	struct jobs *jobs, int64_t deadline_ms, void (*idle_fn)(void *context), void *context)
{
	struct err err;

	/* What was ordered in this very turn is not lost: it is recorded, and has begun. */
	(void)!jobs_sync_record(jobs, &err);
	jobs_start_waiting(jobs);
	jobs->is_stopping = true;
	jobs->idle_fn = idle_fn;
	jobs->idle_context = context;
	timer_start(jobs->stop_timer, MAX(deadline_ms - clock_monotonic_ms(), (int64_t)0));
	cancel_all(jobs, true);
	event_active(jobs->settling, 0, 0);
}

struct jobs *jobs_new(
	struct event_base *loop, const struct instances *instances, struct audit *audit)
{
	struct jobs *jobs = mem_new(struct jobs);

	jobs->loop = loop;
	jobs->instances = instances;
	jobs->audit = audit;
	TAILQ_INIT(&jobs->runs);
	jobs->stop_timer = evtimer_new(loop, on_stop_timer, jobs);
	jobs->turns = evtimer_new(loop, on_turns, jobs);
	jobs->settling = event_new(loop, -1, 0, on_settling, jobs);
	CHECK(jobs->stop_timer != NULL && jobs->turns != NULL && jobs->settling != NULL);
	return jobs;
}

void jobs_set_gate(struct jobs *jobs, const struct gate *gate)
{
	jobs->gate = gate;
}

void jobs_free(struct jobs *jobs)
{
	struct run *run;

	if (jobs == NULL) {
		return;
	}
	while ((run = TAILQ_FIRST(&jobs->runs)) != NULL) {
		/* The analyzer does not see that TAILQ_REMOVE unlinks what is then freed. */
		CHECK(job_is_done(run->job)); /* NOLINT(clang-analyzer-unix.Malloc) */
		TAILQ_REMOVE(&jobs->runs, run, entry);
		run_free(run);
	}
	event_free(jobs->stop_timer);
	event_free(jobs->turns);
	event_free(jobs->settling);
	free(jobs);
}
