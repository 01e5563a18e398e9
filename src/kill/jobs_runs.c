/*
 * The list of runs: those that wait, run, or are remembered for their reports; and which of them
 * are forgotten.
 */
#include "kill/jobs_internal.h"

#include <event2/event.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/timer.h"

static void on_expiry(evutil_socket_t fd, short what, void *context)
{
	struct run *run = context;

	if (!job_is_started(run->job)) {
		job_abandon(run->job, REPORT_FAILED,
			"another kill of the instance ran until the deadline");
		event_active(run->jobs->settling, 0, 0);
	}
}

void run_restart_expiry(struct run *run)
{
	timer_start(run->expiry, MAX(run_deadline_ms(run) - clock_monotonic_ms(), (int64_t)0));
}

struct run *run_new(struct jobs *jobs, const struct caller *caller)
{
	struct run *run = mem_new(struct run);

	run->jobs = jobs;
	run->uid = caller->uid;
	run->is_own = caller->is_own;
	TAILQ_INIT(&run->tickets);
	run->expiry = evtimer_new(jobs->loop, on_expiry, run);
	CHECK(run->expiry != NULL);
	TAILQ_INSERT_TAIL(&jobs->runs, run, entry);
	return run;
}

void run_free_ticket(struct ticket *ticket)
{
	free(ticket->reason);
	free(ticket);
}

void run_free(struct run *run)
{
	struct ticket *ticket;

	while ((ticket = TAILQ_FIRST(&run->tickets)) != NULL) {
		TAILQ_REMOVE(&run->tickets, ticket, entry);
		run_free_ticket(ticket);
	}
	event_free(run->expiry);
	job_free(run->job);
	free(run);
}

bool run_is_due(const struct run *run)
{
	return job_is_done(run->job) && !run->is_answered;
}

/* By its id: a reload may put another object in its place. */
bool run_is_on(const struct run *run, const char *instance)
{
	return strcmp(job_instance_id(run->job), instance) == 0;
}

void run_note_in_history(struct run *run)
{
	const struct ticket *ticket = TAILQ_FIRST(&run->tickets);

	if (!job_request(run->job)->is_dry_run) {
		instance_history_note_kill(job_instance(run->job)->history, job_report(run->job),
			ticket->caller.user, ticket->reason);
	}
}

/* They are in the order in which they came; those that ask for the same have the same time-out. */
int64_t run_deadline_ms(const struct run *run)
{
	int64_t latest_ms = TAILQ_FIRST(&run->tickets)->deadline_ms + JOBS_ONE_DEADLINE_MS;
	int64_t deadline_ms = 0;
	const struct ticket *ticket;

	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		if (ticket->deadline_ms <= latest_ms) {
			deadline_ms = MAX(deadline_ms, ticket->deadline_ms);
		}
	}
	return deadline_ms;
}

/* The whole of it, or the beginning of no other. */
struct ticket *jobs_find_ticket(struct jobs *jobs, struct slice request_id, struct run **ret_run)
{
	struct run *run;
	struct ticket *ticket, *found = NULL;
	size_t n_found = 0;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		TAILQ_FOREACH(ticket, &run->tickets, entry)
		{
			if (slice_is_nocase(request_id, ticket->request_id)) {
				*ret_run = run;
				return ticket;
			}
			/* Behind its end is a NUL, which no id has. */
			if (request_id.len >= JOBS_MIN_PREFIX_BYTES &&
				strncasecmp(request_id.data, ticket->request_id, request_id.len) ==
					0) {
				*ret_run = run;
				found = ticket;
				n_found++;
			}
		}
	}
	return n_found == 1 ? found : NULL;
}

/* ---- memory ---- */

/* Dry runs, which are many, push out no kills, nor does a user the reports of others. */
static bool is_of_one_kind(const struct run *a, const struct run *b)
{
	return a->uid == b->uid &&
	       job_request(a->job)->is_dry_run == job_request(b->job)->is_dry_run;
}

/* Of what there is too much: results or runs. */
static size_t weigh(const struct run *run, bool is_by_results)
{
	if (!run->is_answered || job_is_late(run->job)) {
		return 0;
	}
	return is_by_results ? job_report(run->job)->results.n : 1;
}

static size_t weigh_kind(const struct jobs *jobs, const struct run *kind, bool is_by_results)
{
	const struct run *run;
	size_t weight = 0;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		weight += is_of_one_kind(run, kind) ? weigh(run, is_by_results) : 0;
	}
	return weight;
}

/* The oldest one of the kind of which there is most; NULL: none can be. */
static struct run *find_forgettable(const struct jobs *jobs, bool is_by_results)
{
	struct run *found = NULL, *run;
	size_t most = 0;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		size_t weight =
			weigh(run, is_by_results) > 0 ? weigh_kind(jobs, run, is_by_results) : 0;

		if (weight > most) {
			most = weight;
			found = run;
		}
	}
	return found;
}

static void forget(struct jobs *jobs, struct run *run)
{
	jobs->n_remembered--;
	jobs->n_remembered_results -= job_report(run->job)->results.n;
	TAILQ_REMOVE(&jobs->runs, run, entry);
	run_free(run);
}

void jobs_remember(struct run *run)
{
	struct jobs *jobs = run->jobs;

	jobs->n_remembered++;
	jobs->n_remembered_results += job_report(run->job)->results.n;
	while ((jobs->n_remembered > JOBS_MAX_REMEMBERED &&
		       (run = find_forgettable(jobs, false)) != NULL) ||
		(jobs->n_remembered_results > JOBS_MAX_REMEMBERED_RESULTS &&
			(run = find_forgettable(jobs, true)) != NULL)) {
		forget(jobs, run);
	}
}
