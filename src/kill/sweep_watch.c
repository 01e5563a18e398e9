/*
 * WATCH: who comes back after the kill.
 */
#include "kill/sweep_internal.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "redis/reply.h"

/* Between two looks. */
#define WATCH_PERIOD_MS 1000

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
static void on_watch_line(void *context, struct slice line)
{
	struct sweep *sweep = context;
	struct session session;
	struct err err;

	if (session_parse(line, sweep->caps.family, slice_of(sweep->in.node->address), &session,
		    &err) != 0 ||
		session.id <= sweep->watch_mark) {
		return;
	}
	sweep->newest_id = MAX(sweep->newest_id, session.id);
	sweep->n_returned += sources_count_return(sweep->in.sources, &session);
}

static void on_watch_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	int64_t left_ms = sweep->watch_until_ms - clock_monotonic_ms();

	sweep->is_looking = false;
	if (lost != NULL || sweep->is_cancelled) {
		sweep_end_watch(sweep, lost);
		return;
	}
	if (reply->type != REPLY_LISTING) {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
		sweep_end_watch(sweep, sweep->refusal);
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
	sweep->is_looking = true;
	sweep_send_list(sweep, NULL, 0, on_watch_line, on_watch_reply);
}

void sweep_begin_watch(struct sweep *sweep)
{
	sweep_settle_counts(sweep);
	event_del(sweep->timer);
	sweep->watch_mark = sweep->snapshot.watermark;
	sweep->newest_id = sweep->snapshot.watermark;
	sweep->watch_until_ms = clock_monotonic_ms() + sweep->in.request->watch_ms;
	sweep_set_state(sweep, SWEEP_WATCH);
	sweep_start_timer(
		sweep->moment, MIN((int64_t)WATCH_PERIOD_MS, sweep->in.request->watch_ms));
	sweep->in.watching_fn(sweep->in.context);
}
