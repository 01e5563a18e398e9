/*
 * WATCH: who comes back after the kill.
 */
#include "kill/sweep_internal.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kill/refusal.h"

/* Between two looks. */
#define WATCH_PERIOD_MS 1000
/* What the last look has for its answer. */
#define WATCH_LAST_LOOK_MS 1000

/* The kill is done whatever happens now; only who comes back is not known any more. */
void sweep_end_watch(struct sweep *sweep, const char *words)
{
	if (words != NULL) {
		report_warn(sweep->in.report, "%s: who came back is not known to the end: %s",
			sweep->in.node->address, words);
	}
	sweep_finish(sweep);
}

/* Newer than all that were counted, and from where a victim came: somebody is back. */
static void on_watch_session(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;

	if (!line->is_readable || line->session.id <= sweep->watch_mark) {
		return;
	}
	sweep->newest_id = MAX(sweep->newest_id, line->session.id);
	sweep->n_returned += sources_count_return(sweep->in.sources, &line->session);
}

static void on_watch_listed(void *context, const struct listing_result *result)
{
	struct sweep *sweep = context;
	int64_t left_ms = sweep->watch_until_ms - clock_monotonic_ms();

	if (result->end == LISTING_REFUSED) {
		refusal_print(result->reply, sweep->refusal, sizeof(sweep->refusal));
		sweep_end_watch(sweep, sweep->refusal);
		return;
	}
	if (result->end != LISTING_WHOLE) {
		sweep_end_watch(sweep, result->words);
		return;
	}
	sweep->watch_mark = sweep->newest_id;
	sweep->in.report->reconnected += sweep->n_returned;
	if (sweep->n_returned > 0) {
		sweep->in.respawn_fn(sweep->in.context);
	}
	if (left_ms <= 0) {
		sweep_finish(sweep);
	} else {
		sweep_start_timer(sweep->moment, MIN((int64_t)WATCH_PERIOD_MS, left_ms));
	}
}

void sweep_look_who_came(struct sweep *sweep)
{
	sweep->n_returned = 0;
	sweep_join_listing(sweep, NULL, on_watch_session, on_watch_listed);
}

void sweep_begin_watch(struct sweep *sweep)
{
	sweep_settle_counts(sweep);
	sweep_start_timer(sweep->timer, sweep->in.request->watch_ms + WATCH_LAST_LOOK_MS);
	sweep->watch_mark = sweep->snapshot.watermark;
	sweep->newest_id = sweep->snapshot.watermark;
	sweep->watch_until_ms = clock_monotonic_ms() + sweep->in.request->watch_ms;
	sweep_set_state(sweep, SWEEP_WATCH);
	sweep_start_timer(
		sweep->moment, MIN((int64_t)WATCH_PERIOD_MS, sweep->in.request->watch_ms));
	sweep->in.watching_fn(sweep->in.context);
}
