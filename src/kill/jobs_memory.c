/*
 * Runs that are remembered for their reports, and which of them are forgotten.
 */
#include "kill/jobs_internal.h"

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
	jobs_free_run(run);
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
