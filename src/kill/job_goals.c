/*
 * Goals over all nodes of a job: who is spared, and how many may end at a time.
 */
#include "kill/job_internal.h"

#include "base/clock.h"
#include "base/mem.h"

void job_init_goals(struct job *job)
{
	const struct goals *goals = &job->request->goals;

	if (goals_is_bounded(goals) || goals_is_spread(goals)) {
		job->book.goals = goals;
		job->book.texts.seed = job->sources.keys.seed;
		job->in.book = &job->book;
	}
}

/* ---- who ---- */

/* What is left of the limit, without those who are chosen from again. */
static uint64_t find_left(const struct job *job, const bool *is_open)
{
	uint64_t n_used = 0;

	if (!job->request->goals.has_limit) {
		return UINT64_MAX;
	}
	for (size_t i = 0; i < job->n_sweeps; i++) {
		n_used += sweep_n_meant(job->sweeps[i]);
		n_used -= is_open[i] ? sweep_n_pending(job->sweeps[i]) : 0;
	}
	return n_used < job->request->goals.limit ? job->request->goals.limit - n_used : 0;
}

static void choose(struct job *job, const bool *is_open)
{
	CLEANUP(mem_free_p) uint64_t *n_needed = mem_alloc_array(job->n_sweeps, sizeof(uint64_t));
	struct goal_pool pool = {0};

	for (size_t i = 0; i < job->n_sweeps; i++) {
		n_needed[i] = sweep_add_candidates(job->sweeps[i], (uint32_t)i, is_open[i], &pool);
	}
	goals_choose(&job->book, pool.items, pool.n, n_needed, find_left(job, is_open));
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (is_open[i]) {
			sweep_spare(job->sweeps[i], (uint32_t)i, &pool);
		}
	}
	free(pool.items);
}

void job_choose(struct job *job)
{
	CLEANUP(mem_free_p) bool *is_open = mem_alloc_array(job->n_sweeps, sizeof(bool));

	if (!goals_is_bounded(&job->request->goals)) {
		return;
	}
	for (size_t i = 0; i < job->n_sweeps; i++) {
		is_open[i] = sweep_state_of(job->sweeps[i]) == SWEEP_PLANNED;
	}
	choose(job, is_open);
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (is_open[i]) {
			sweep_plan_again(job->sweeps[i]);
		}
	}
}

void job_judge_goals(void *context, struct sweep *sweep)
{
	struct job *job = context;
	CLEANUP(mem_free_p) bool *is_open = mem_alloc_array(job->n_sweeps, sizeof(bool));

	for (size_t i = 0; i < job->n_sweeps; i++) {
		is_open[i] = job->sweeps[i] == sweep;
	}
	choose(job, is_open);
}

/* ---- how fast ---- */

/* What has been earned since the last time; when that was long ago no more than two turns' worth.
 */
static size_t find_share(struct job *job)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t turn_ms = 0;
	double most;

	for (size_t i = 0; i < job->n_sweeps; i++) {
		turn_ms = MAX(turn_ms, sweep_turn_ms(job->sweeps[i]));
	}
	most = job->share_per_ms * (double)(2 * turn_ms) + 1;

	job->share = MIN(job->share + job->share_per_ms * (double)(now_ms - job->share_ms), most);
	job->share_ms = now_ms;
	return (size_t)job->share;
}

/* Whose turn is the next one of all nodes: the index of the sweep; n_sweeps: nobody's. */
static size_t find_next(const struct job *job, const size_t *n_granted)
{
	struct goal_candidate turn, first;
	size_t next = job->n_sweeps;

	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_peek_turn(job->sweeps[i], n_granted[i], (uint32_t)i, &turn) &&
			(next == job->n_sweeps || goals_compare(&job->book, &turn, &first) < 0)) {
			next = i;
			first = turn;
		}
	}
	return next;
}

/* In the order of the goals, on whatever nodes they are. */
void job_share(void *context)
{
	struct job *job = context;
	CLEANUP(mem_free_p) size_t *n_granted = mem_alloc_array(job->n_sweeps, sizeof(size_t));
	size_t n_left = find_share(job);
	size_t next;

	for (; n_left > 0 && (next = find_next(job, n_granted)) < job->n_sweeps; n_left--) {
		n_granted[next]++;
		job->share--;
	}
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_grant_turns(job->sweeps[i], n_granted[i]);
	}
}

static void extend(struct job *job, int64_t ms)
{
	job->in.deadline_ms += ms;
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_set_deadline(job->sweeps[i], job->in.deadline_ms);
	}
}

bool job_begin_spread(struct job *job, uint64_t n_meant)
{
	const struct request *request = job->request;
	int64_t spread_ms = goals_spread_ms(&request->goals, n_meant);
	int64_t left_ms = job->in.deadline_ms - clock_monotonic_ms();

	if (!goals_is_spread(&request->goals) || request->is_dry_run || job->share_ms > 0) {
		return true;
	}
	if (request->has_timeout ? spread_ms > left_ms : spread_ms > GOALS_MAX_OVER_MS) {
		job->report->is_too_slow = true;
		job->report->error = mem_printf(
			"to end %llu sessions one after the other takes %lld s, and there are "
			"%lld; none was killed",
			(unsigned long long)n_meant, (long long)spread_ms / 1000,
			(long long)(request->has_timeout ? left_ms : GOALS_MAX_OVER_MS) / 1000);
		return false;
	}
	if (!request->has_timeout) {
		extend(job, spread_ms);
	}
	job->share_ms = clock_monotonic_ms();
	job->share_per_ms = request->goals.rate > 0
				    ? (double)request->goals.rate / 1000
				    : (double)n_meant / (double)request->goals.over_ms;
	return true;
}
