/*
 * Orders: accepted with a ticket, on a run of their own or on one that waits and does the same.
 */
#include "kill/jobs_internal.h"

#include <event2/event.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/timer.h"

/* How many runs and tickets of an instance are not done. */
struct load {
	size_t n_waiting, n_waiting_for_all, n_runs, n_dry_runs, n_tickets;
};

static void add_load(struct load *load, const struct run *run)
{
	bool is_dry_run = job_request(run->job)->is_dry_run;

	load->n_tickets += run->n_tickets;
	load->n_dry_runs += is_dry_run;
	load->n_runs += !is_dry_run;
	if (!is_dry_run && !job_is_started(run->job)) {
		load->n_waiting += !job_request(run->job)->is_all;
		load->n_waiting_for_all += job_request(run->job)->is_all;
	}
}

/* Of the caller's user, and of all others but root and the daemon's own. */
static void measure(const struct jobs *jobs, const struct jobs_order *order, struct load *ret_user,
	struct load *ret_others)
{
	const struct run *run;

	*ret_user = *ret_others = (struct load){0};
	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (run_is_on(run, order->instance->opts->id) && !job_is_done(run->job)) {
			if (run->uid == order->caller->uid) {
				add_load(ret_user, run);
			} else if (!run->is_own) {
				add_load(ret_others, run);
			}
		}
	}
}

/* What there is too much of, in words; NULL: nothing. `n_users`: so many may have as many. */
static const char *find_full(
	const struct load *load, const struct request *request, bool is_sharing, size_t n_users)
{
	size_t n_tickets = (request->is_all ? 2U : 1U) * JOBS_MAX_TICKETS * n_users;
	size_t n_runs = (request->is_all ? 2U : 1U) * JOBS_MAX_RUNS * n_users;
	/* Those who mean all are not kept out by those who mean some. */
	size_t n_waiting = request->is_all ? load->n_waiting_for_all : load->n_waiting;

	if (load->n_tickets >= n_tickets) {
		return "requests for this instance are not answered yet";
	}
	if (request->is_dry_run) {
		return load->n_dry_runs >= JOBS_MAX_DRY_RUNS * n_users
			       ? "dry runs of this instance are under way"
			       : NULL;
	}
	if (is_sharing) {
		return NULL;
	}
	if (n_waiting >= JOBS_MAX_WAITING * n_users) {
		return "kills of this instance are waiting already";
	}
	return load->n_runs >= n_runs ? "kills of this instance are under way" : NULL;
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
	struct run *run = run_new(jobs, order->caller);

	run->job = job_new(jobs->loop, jobs->instances, order->instance, order->request,
		order->request_id, jobs_on_job_event, run);
	job_set_gate(run->job, jobs->gate);
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
	struct load user, others;
	const char *words;

	measure(jobs, order, &user, &others);
	if (jobs->is_stopping) {
		err_set(err, "the daemon is shutting down");
		return JOBS_E_STOPPING;
	}
	words = find_full(&user, order->request, is_sharing, 1);
	/* Who has none may have one, whatever all the others have. */
	if (words == NULL && !order->caller->is_own &&
		(user.n_tickets > 0 || others.n_tickets >= JOBS_MAX_TICKETS * JOBS_SHARES)) {
		words = find_full(&others, order->request, is_sharing, JOBS_SHARES);
	}
	if (words != NULL) {
		err_set(err, "too many %s", words);
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
		run_free_ticket(ticket);
		if (!is_sharing) {
			TAILQ_REMOVE(&jobs->runs, run, entry);
			run_free(run);
		}
		return r;
	}
	TAILQ_INSERT_TAIL(&run->tickets, ticket, entry);
	run->n_tickets++;
	run_restart_expiry(run);
	run->is_recorded = !audit_is_dirty(jobs->audit);
	if (run->is_recorded) {
		jobs_start(run);
	} else {
		event_active(jobs->settling, 0, 0);
	}
	return 0;
}
