/*
 * From the plans of the nodes to the kill: who is spared, and whether there are not too many.
 */
#include "kill/job_internal.h"

#include "base/mem.h"

bool job_is_all_planned(const struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		enum sweep_state state = sweep_state_of(job->sweeps[i]);

		if (state != SWEEP_PLANNED && state != SWEEP_DONE) {
			return false;
		}
	}
	return true;
}

/* Over all nodes and rounds. */
static uint64_t n_meant(const struct job *job)
{
	uint64_t n = 0;

	for (size_t i = 0; i < job->n_sweeps; i++) {
		n += sweep_n_meant(job->sweeps[i]);
	}
	return n;
}

static void cancel_planned(struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_state_of(job->sweeps[i]) == SWEEP_PLANNED) {
			sweep_cancel(job->sweeps[i], true);
		}
	}
}

static void refuse_too_many(struct job *job, uint64_t n)
{
	const char *whom = job->is_decided     ? "those on nodes that were listed again were not"
			   : job->n_rounds > 1 ? "those on nodes that turned up later were not"
					       : "none was";

	job->is_decided = true;
	if (!job->report->is_too_many) {
		job->report->is_too_many = true;
		job->report->error =
			mem_printf("%llu sessions would be killed, more than max %llu; %s",
				(unsigned long long)n, (unsigned long long)job->request->max, whom);
	}
	cancel_planned(job);
}

void job_go_on(struct job *job)
{
	bool has_bound = job->request->has_max || job->in.book != NULL;

	if (has_bound && !job->is_decided && !job_is_all_planned(job)) {
		return;
	}
	job_choose(job);
	if (job->request->has_max && n_meant(job) > job->request->max) {
		refuse_too_many(job, n_meant(job));
		return;
	}
	if (!job_begin_spread(job, n_meant(job))) {
		job->is_decided = true;
		cancel_planned(job);
		return;
	}
	job->is_decided = true;
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_state_of(job->sweeps[i]) == SWEEP_PLANNED) {
			sweep_kill(job->sweeps[i]);
		}
	}
}
