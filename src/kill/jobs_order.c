/*
 * Orders: accepted with a ticket, on a run of their own or on one that waits and does the same.
 */
#include "kill/jobs_internal.h"

#include <event2/event.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

/* How many of an instance's runs and tickets are not done. */
struct load {
	size_t n_waiting, n_dry_runs, n_tickets;
};

static struct load measure(const struct jobs *jobs, const char *instance)
{
	struct load load = {0};
	const struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!run_is_on(run, instance) || job_is_done(run->job)) {
			continue;
		}
		load.n_tickets += run->n_tickets;
		load.n_waiting += !job_is_started(run->job);
		load.n_dry_runs += job_request(run->job)->is_dry_run;
	}
	return load;
}

/* A run that has not started yet and does exactly what is asked. */
static struct run *find_shared(struct jobs *jobs, const struct jobs_order *order)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (run_is_on(run, order->instance->opts->id) && !job_is_started(run->job) &&
			request_is_same(job_request(run->job), order->request)) {
			return run;
		}
	}
	return NULL;
}

static struct run *new_run(struct jobs *jobs, const struct jobs_order *order)
{
	struct run *run = mem_new(struct run);

	run->jobs = jobs;
	TAILQ_INIT(&run->tickets);
	run->expiry = evtimer_new(jobs->loop, jobs_on_expiry, run);
	CHECK(run->expiry != NULL);
	run->job = job_new(jobs->loop, jobs->instances, order->instance, order->request,
		order->request_id, jobs_on_job_event, run);
	TAILQ_INSERT_TAIL(&jobs->runs, run, entry);
	return run;
}

static struct ticket *new_ticket(const struct jobs_order *order)
{
	struct ticket *ticket = mem_new(struct ticket);
	const char *reason = order->request->reason;

	CHECK(strlen(order->request_id) < sizeof(ticket->request_id));
	memcpy(ticket->request_id, order->request_id, strlen(order->request_id));
	ticket->action = order->action;
	ticket->reason = reason != NULL ? mem_copy_text(reason, strlen(reason)) : NULL;
	ticket->caller = *order->caller;
	ticket->deadline_ms = clock_monotonic_ms() + order->request->timeout_ms;
	ticket->done_fn = order->done_fn;
	ticket->event_fn = order->event_fn;
	ticket->context = order->context;
	return ticket;
}

static int check_load(
	struct jobs *jobs, const struct jobs_order *order, bool is_sharing, struct err *err)
{
	struct load load = measure(jobs, order->instance->opts->id);

	if (jobs->is_stopping) {
		err_set(err, "the daemon is shutting down");
		return JOBS_E_STOPPING;
	}
	if (load.n_tickets >= JOBS_MAX_TICKETS ||
		(!is_sharing && load.n_waiting >= JOBS_MAX_WAITING) ||
		(order->request->is_dry_run && load.n_dry_runs >= JOBS_MAX_DRY_RUNS)) {
		err_set(err, "%zu kills of this instance are waiting already", load.n_waiting);
		return JOBS_E_TOO_MANY;
	}
	return 0;
}

int jobs_submit(struct jobs *jobs, const struct jobs_order *order, struct err *err)
{
	struct run *run = find_shared(jobs, order);
	bool is_sharing = run != NULL;
	struct ticket *ticket;
	int r = check_load(jobs, order, is_sharing, err);

	if (r != 0) {
		return r;
	}
	ticket = new_ticket(order);
	if (!is_sharing) {
		run = new_run(jobs, order);
	}
	r = jobs_record_intent(run, ticket, err);
	if (r != 0) {
		jobs_free_ticket(ticket);
		if (!is_sharing) {
			TAILQ_REMOVE(&jobs->runs, run, entry);
			jobs_free_run(run);
		}
		return r;
	}
	TAILQ_INSERT_TAIL(&run->tickets, ticket, entry);
	run->n_tickets++;
	jobs_restart_expiry(run);
	run->is_recorded = !audit_is_dirty(jobs->audit);
	if (run->is_recorded) {
		jobs_start(run);
	} else {
		event_active(jobs->recording, 0, 0);
	}
	return 0;
}
