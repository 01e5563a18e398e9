/*
 * What a sweep counts: the fates of the sessions, as their snapshot has them, and what the server
 * claims to have killed.
 */
#include "kill/sweep_internal.h"

#include "base/check.h"
#include "base/mem.h"

void sweep_forget_turns(struct sweep *sweep)
{
	free(sweep->spread.queue);
	sweep->spread.queue = NULL;
	sweep->spread.n = sweep->spread.next = 0;
}

void sweep_forget_snapshot(struct sweep *sweep)
{
	plan_finish(&sweep->plan);
	sweep_forget_turns(sweep);
	snapshot_finish(&sweep->snapshot);
	own_sessions_finish(&sweep->own);
	free(sweep->own_user);
	sweep->own_user = NULL;
	sweep->has_snapshot = false;
}

/*
 * Everybody was asked for again: killed and gone out of what was claimed and what is seen to have
 * ended. A claim for a session that is still listed is none, and who ended without a claim ended by
 * itself.
 */
static void count_by_listing(struct sweep *sweep)
{
	struct counts *counts = &sweep->in.node->counts;
	uint64_t n_pending = snapshot_n_pending(&sweep->snapshot);
	uint64_t n_ended = counts->matched - n_pending;

	counts->killed = MIN(sweep->n_claimed + sweep->n_presumed, n_ended);
	counts->gone = n_ended - counts->killed;
	counts->survivors = n_pending;
}

/*
 * Between a kill and the listing that verifies it: what the server claims is the best that is
 * known, and whom it did not know any more is gone.
 */
static void count_by_claims(struct sweep *sweep)
{
	uint64_t n_firing = sweep->batch != NULL ? batch_n_claimed(sweep->batch) : 0;
	struct counts *counts = &sweep->in.node->counts;
	uint64_t n_ended = counts->matched - snapshot_n_pending(&sweep->snapshot);

	counts->gone = n_ended - sweep->n_verified;
	/* What the kernel did of a silent server is as good as a claim. */
	counts->killed = MIN(
		sweep->n_claimed + n_firing + (sweep->silence.n_ended > 0 ? sweep->n_presumed : 0),
		counts->matched - counts->gone);
	counts->survivors = counts->matched - counts->gone - counts->killed;
}

/* Those that the kernel ended before the listing; who was spared then is listed now. */
static void add_silence(struct sweep *sweep)
{
	struct counts ended = sweep->silence.counts;

	ended.found = ended.matched = ended.killed + ended.gone;
	ended.is_protected = ended.survivors = 0;
	counts_add(&sweep->in.node->counts, &ended);
}

/*
 * With a listing they are among its victims, or came later: who of them has ended is known when it
 * is asked, and until then it is presumed.
 */
void sweep_count_silence(struct sweep *sweep, const struct counts *counts)
{
	if (!sweep->has_snapshot) {
		counts_add(&sweep->silence.counts, counts);
		sweep->in.node->counts = sweep->silence.counts;
		return;
	}
	sweep->n_presumed += counts->killed;
	sweep->n_cut += counts->cut;
	sweep->is_in_doubt = true;
	sweep_count(sweep);
}

void sweep_count(struct sweep *sweep)
{
	struct counts *counts = &sweep->in.node->counts;

	counts->found = sweep->snapshot.counts.found;
	counts->unmatched = sweep->snapshot.counts.unmatched;
	counts->is_protected = sweep->snapshot.counts.is_protected;
	counts->spared = sweep->snapshot.counts.spared;
	counts->matched = sweep->snapshot.counts.matched;
	sweep->n_meant = counts->matched + sweep->snapshot.n_released;
	if (sweep->in.request->is_dry_run) {
		return;
	}
	if (sweep->is_in_doubt) {
		count_by_claims(sweep);
	} else {
		count_by_listing(sweep);
	}
	counts->cut = MIN(sweep->n_cut, counts->killed);
	add_silence(sweep);
}

void sweep_take_result(struct sweep *sweep, const struct batch_result *result)
{
	sweep->n_claimed += result->n_claimed;
	sweep->n_cut += result->n_cut;
	sweep->n_presumed += result->n_presumed;
	sweep->in.node->counts.extra += result->n_extra;
	sweep->in.node->n_commands += result->n_commands;
	sweep->in.node->n_in_flight = result->n_in_flight;
	sweep->in.node->max_stall_us = MAX(sweep->in.node->max_stall_us, result->max_stall_us);
	if (result->n_unsure > 0) {
		sweep_warn(sweep,
			"up to %llu of the killed may have connected after the listing, and as "
			"many of those listed may have ended by themselves",
			(unsigned long long)result->n_unsure);
	}
	if (result->error[0] != '\0') {
		sweep_warn(sweep, "%s", result->error);
	}
}

static void on_never(void *context, const struct batch_result *result)
{
	(void)context;
	(void)result;
	CHECK(!"the job is told instead");
}

/* Sends no more kills, and leaves what is in flight to the job. */
void sweep_cut_batch(struct sweep *sweep)
{
	struct batch *batch = sweep->batch;
	struct batch_result result;

	if (batch == NULL) {
		return;
	}
	result = batch_cut(batch, on_never, NULL);
	sweep->is_batch_cut = true;
	sweep_take_result(sweep, &result);
	if (result.n_in_flight > 0) {
		report_warn_in_flight(sweep->in.report, sweep->in.node);
		sweep->batch = NULL;
		sweep->is_batch_cut = false;
		sweep->in.late_fn(sweep->in.context, sweep, batch);
	}
}

/* More hits of sets than the listed that have ended, or are about to: others were hit as well. */
static void count_others(struct sweep *sweep, uint64_t n_ended)
{
	if (sweep->n_claimed > n_ended && sweep->n_presumed == 0) {
		sweep->in.node->counts.extra += sweep->n_claimed - n_ended;
	}
}

/* What was claimed is known by now: it has ended, or is about to; and so have others that sets hit.
 */
void sweep_settle_claims(struct sweep *sweep, uint64_t n_dying)
{
	sweep->is_in_doubt = false;
	sweep_count(sweep);
	/* A claim for somebody who is still listed was none, unless he is on his way out. */
	sweep->n_verified = sweep->in.node->counts.killed;
	count_others(sweep, sweep->n_verified + n_dying);
	sweep->n_claimed = MIN(sweep->n_claimed + sweep->n_presumed, sweep->n_verified + n_dying);
	sweep->n_presumed = 0;
}

void sweep_end_all(struct sweep *sweep)
{
	/* Killed is whom the server said it killed; the others ended with it. */
	sweep->n_presumed = 0;
	snapshot_end_all(&sweep->snapshot, sweep->n_claimed > 0 ? SNAPSHOT_ENDED : SNAPSHOT_GONE);
	sweep->is_in_doubt = false;
}

/*
 * What became of each session: nobody is said to be killed who was not seen to have ended, whatever
 * the server claimed. Of a node that could not be listed, as far as ids are asked for.
 */
static void settle_results(struct sweep *sweep)
{
	const struct request *request = sweep->in.request;
	struct results *results = &sweep->in.report->results;
	struct slice node = slice_of(sweep->in.node->address);
	enum result_fate left = sweep->is_expired ? RESULT_TIMED_OUT : RESULT_SURVIVED;

	if (sweep->has_snapshot) {
		snapshot_settle_results(&sweep->snapshot, left);
		return;
	}
	results_forget(results, node);
	for (size_t i = 0; i < request->n_ids; i++) {
		results_add_settled(results, node, request->ids[i], left);
	}
}

void sweep_settle(struct sweep *sweep)
{
	if (sweep->is_settled) {
		return;
	}
	sweep_cut_batch(sweep);
	if (sweep->has_snapshot) {
		sweep_count(sweep);
		if (!sweep->in.request->is_dry_run) {
			snapshot_settle_fates(&sweep->snapshot,
				sweep->is_in_doubt ? sweep->n_verified
						   : sweep->in.node->counts.killed);
		}
		snapshot_count_sources(&sweep->snapshot);
	}
	if (sweep->in.request->wants_results) {
		settle_results(sweep);
	}
	sweep->is_settled = true;
}
