/*
 * What a sweep counts: the fates of the sessions, and where the time went.
 */
#include "kill/sweep_internal.h"

#include "base/clock.h"
#include "base/mem.h"

/* Where the time goes from now on; NULL: nowhere. */
void sweep_clock_phase(struct sweep *sweep, int64_t *phase_us)
{
	int64_t now_us = clock_monotonic_us();

	if (sweep->phase_us != NULL) {
		/* At least one: zero says that it did not come to that. */
		*sweep->phase_us += MAX(now_us - sweep->phase_since_us, (int64_t)1);
	}
	sweep->phase_us = phase_us;
	sweep->phase_since_us = now_us;
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
static void count_by_claims(struct sweep *sweep, uint64_t n_claimed)
{
	struct counts *counts = &sweep->in.node->counts;
	uint64_t n_ended = counts->matched - snapshot_n_pending(&sweep->snapshot);

	counts->gone = n_ended - sweep->n_verified;
	counts->killed = MIN(n_claimed, counts->matched - counts->gone);
	counts->survivors = counts->matched - counts->gone - counts->killed;
}

/* `n_claimed`: those of a salvo that is being fired included. */
void sweep_update_counts(struct sweep *sweep, uint64_t n_claimed)
{
	struct counts *counts = &sweep->in.node->counts;

	counts->found = sweep->snapshot.counts.found;
	counts->unmatched = sweep->snapshot.counts.unmatched;
	counts->is_protected = sweep->snapshot.counts.is_protected;
	counts->matched = sweep->snapshot.counts.matched;
	sweep->n_meant = counts->matched + sweep->snapshot.n_released;
	if (sweep->in.request->is_dry_run) {
		return;
	}
	if (sweep->is_in_doubt) {
		count_by_claims(sweep, n_claimed);
	} else {
		count_by_listing(sweep);
	}
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

void sweep_settle_counts(struct sweep *sweep)
{
	if (sweep->is_settled) {
		return;
	}
	if (sweep->has_snapshot) {
		sweep_update_counts(sweep, sweep->n_claimed);
		snapshot_count_sources(&sweep->snapshot);
	}
	if (sweep->in.request->wants_results) {
		settle_results(sweep);
	}
	sweep->is_settled = true;
}
