/*
 * When a run may start, and whose turn it is.
 */
#include "kill/jobs_internal.h"

#include "redis/timer.h"

#define LOOK_AGAIN_MS 100

static bool is_kill_on(const struct run *run, const char *instance)
{
	return run_is_on(run, instance) && !job_request(run->job)->is_dry_run;
}

/* The last kill of the instance that started; NULL: none is remembered. *ret_is_busy: one is. */
static const struct run *find_last(const struct jobs *jobs, const char *instance, bool *ret_is_busy)
{
	const struct run *last = NULL, *run;

	*ret_is_busy = false;
	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (is_kill_on(run, instance) && run->serial > 0) {
			*ret_is_busy |= job_is_busy(run->job);
			last = last == NULL || run->serial > last->serial ? run : last;
		}
	}
	return last;
}

/* A run may stop being in the way without an event: when its server hangs. */
static void look_again(const struct jobs *jobs)
{
	if (!evtimer_pending(jobs->turns, NULL)) {
		timer_start(jobs->turns, LOOK_AGAIN_MS);
	}
}

/*
 * One that does the same has started and has no listing yet: what it finds is what this one would.
 * Else all who ask for the same while nothing answers would kill one after the other once it does.
 */
static bool has_forerunner(const struct jobs *jobs, const struct run *run)
{
	const struct run *other;

	TAILQ_FOREACH(other, &jobs->runs, entry)
	{
		if (other != run && job_is_started(other->job) && !job_is_done(other->job) &&
			!job_has_listed(other->job) &&
			run_is_on(other, job_instance_id(run->job)) &&
			request_is_same(job_request(other->job), job_request(run->job))) {
			return true;
		}
	}
	return false;
}

/* The oldest that waits, of another user than the last one if there is such; NULL: none does. */
static struct run *find_next(const struct jobs *jobs, const char *instance)
{
	struct run *first = NULL, *run;
	bool is_busy;
	const struct run *last = find_last(jobs, instance, &is_busy);

	if (is_busy) {
		look_again(jobs);
		return NULL;
	}
	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		/* Else it does as soon as it is recorded. */
		if (!is_kill_on(run, instance) || job_is_started(run->job) || !run->is_recorded) {
			continue;
		}
		if (has_forerunner(jobs, run)) {
			look_again(jobs);
			continue;
		}
		if (last == NULL || run->uid != last->uid) {
			return run;
		}
		first = first == NULL ? run : first;
	}
	return first;
}

static void start(struct run *run)
{
	event_del(run->expiry);
	run->serial = ++run->jobs->n_started;
	job_start(run->job, run_deadline_ms(run));
	run_note_in_history(run);
}

static void start_waiting(struct jobs *jobs, const char *instance)
{
	struct run *run;

	while ((run = find_next(jobs, instance)) != NULL) {
		start(run);
	}
}

void jobs_start(struct run *run)
{
	if (!job_request(run->job)->is_dry_run) {
		start_waiting(run->jobs, job_instance_id(run->job));
	} else if (run->is_recorded) {
		start(run);
	}
}

void jobs_start_waiting(struct jobs *jobs)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!job_is_started(run->job)) {
			jobs_start(run);
		}
	}
}
