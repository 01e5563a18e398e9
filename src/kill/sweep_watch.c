/*
 * WATCH: who comes back after the kill.
 */
#include "kill/sweep_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kill/refusal.h"

/* Between two looks. */
#define WATCH_PERIOD_MS 1000
/* What the last look has for its answer. */
#define WATCH_LAST_LOOK_MS 1000

/* The kill is done whatever happens now; only who comes back is not known any more. */
static enum sweep_state give_up(struct sweep *sweep, const char *words)
{
	sweep_warn(sweep, "who came back is not known to the end: %s", words);
	return SWEEP_DONE;
}

/* Newer than all that were counted, and from where a victim came: somebody is back. */
static void on_session(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;

	if (!line->is_readable || line->session.id <= sweep->watch_mark) {
		return;
	}
	sweep->newest_id = MAX(sweep->newest_id, line->session.id);
	sweep->n_returned += sources_count_return(sweep->in.sources, &line->session);
}

static enum sweep_state judge(struct sweep *sweep, const struct listing_result *result)
{
	int64_t left_ms = sweep->watch_until_ms - clock_monotonic_ms();

	if (result->end == LISTING_REFUSED) {
		refusal_print(result->reply, sweep->refusal, sizeof(sweep->refusal));
		return give_up(sweep, sweep->refusal);
	}
	if (result->end != LISTING_WHOLE) {
		return give_up(sweep, result->words);
	}
	sweep->watch_mark = sweep->newest_id;
	sweep->in.report->reconnected += sweep->n_returned;
	if (sweep->n_returned > 0) {
		sweep->in.event_fn(sweep->in.context, JOB_RECONNECTED);
	}
	if (left_ms <= 0) {
		return SWEEP_DONE;
	}
	timer_start(sweep->pause, MIN((int64_t)WATCH_PERIOD_MS, left_ms));
	return SWEEP_STAY;
}

static void on_listed(void *context, const struct listing_result *result)
{
	sweep_move(context, judge(context, result));
}

static enum sweep_state look(struct sweep *sweep)
{
	/* It may be for minutes: nothing of the kill is needed any more. */
	batch_free(sweep->batch);
	sweep->batch = NULL;
	if (link_state(sweep->in.link) != LINK_READY) {
		return give_up(sweep, link_error(sweep->in.link));
	}
	sweep->n_returned = 0;
	sweep_join_listing(sweep, NULL, on_session, on_listed);
	return SWEEP_STAY;
}

static enum sweep_state on_link(struct sweep *sweep, enum link_state state)
{
	bool is_looking = sweep->reader.link != NULL; /* then the listing tells */

	return state == LINK_READY || is_looking ? SWEEP_STAY
						 : give_up(sweep, link_error(sweep->in.link));
}

static enum sweep_state enter_watch(struct sweep *sweep)
{
	sweep_settle(sweep);
	timer_start(sweep->timer, sweep->in.request->watch_ms + WATCH_LAST_LOOK_MS);
	sweep->watch_mark = sweep->snapshot.watermark;
	sweep->newest_id = sweep->snapshot.watermark;
	sweep_forget_snapshot(sweep);
	sweep->watch_until_ms = clock_monotonic_ms() + sweep->in.request->watch_ms;
	timer_start(sweep->pause, MIN((int64_t)WATCH_PERIOD_MS, sweep->in.request->watch_ms));
	sweep->in.event_fn(sweep->in.context, JOB_VERIFIED);
	return SWEEP_STAY;
}

const struct sweep_phase sweep_phase_watch = {
	.name = "WATCH",
	.time = REPORT_N_PHASES,
	.expired = "the last listing was not answered in time",
	.enter = enter_watch,
	.on_pause_over = look,
	.on_link = on_link,
	.give_up = give_up,
};
