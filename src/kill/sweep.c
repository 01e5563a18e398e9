/*
 * The states of a sweep, its end, and the loss of its link. What is counted and why stands in
 * sweep_counts.c; the plan itself is made in model/plan.
 */
#include "kill/sweep_internal.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "kill/refusal.h"

/* A plan that has waited for longer is made anew. */
#define MAX_PLAN_AGE_MS 1000
/* A server that lets wait for longer holds up nobody else's kill: it hangs, or will. */
#define ANSWERED_WITHIN_MS 500
#define KILLED_WITHIN_MS 5000

static void on_link_changed(struct link_watcher *watcher, enum link_state state);

/* NULL: a state that only waits for somebody else. */
static int64_t *phase_of(const struct sweep *sweep, enum sweep_state state)
{
	int64_t *phase_us = sweep->in.node->phase_us;

	switch (state) {
	case SWEEP_WARM:
	case SWEEP_LIST:
		return &phase_us[REPORT_PHASE_LIST];
	case SWEEP_KILL:
		return &phase_us[REPORT_PHASE_KILL];
	case SWEEP_VERIFY:
	case SWEEP_LOOK_AGAIN:
		return &phase_us[REPORT_PHASE_VERIFY];
	case SWEEP_WAIT_LINK:
	case SWEEP_PROVE:
	case SWEEP_PLANNED:
	case SWEEP_BREAK_BUSY:
	case SWEEP_WATCH:
	case SWEEP_DONE:
		break;
	}
	return NULL;
}

static const char *state_name(enum sweep_state state)
{
	switch (state) {
	case SWEEP_WAIT_LINK:
		return "WAIT_LINK";
	case SWEEP_PROVE:
		return "PROVE";
	case SWEEP_WARM:
		return "WARM";
	case SWEEP_LIST:
		return "LIST";
	case SWEEP_PLANNED:
		return "PLANNED";
	case SWEEP_KILL:
		return "KILL";
	case SWEEP_VERIFY:
		return "VERIFY";
	case SWEEP_LOOK_AGAIN:
		return "LOOK_AGAIN";
	case SWEEP_BREAK_BUSY:
		return "BREAK_BUSY";
	case SWEEP_WATCH:
		return "WATCH";
	case SWEEP_DONE:
		return "DONE";
	}
	return "";
}

bool sweep_has_listed(const struct sweep *sweep)
{
	return sweep->listed_ms != 0;
}

static bool is_since(int64_t then_us, int64_t ms)
{
	return clock_monotonic_us() - then_us <= ms * 1000;
}

bool sweep_is_busy(const struct sweep *sweep)
{
	switch (sweep->state) {
	case SWEEP_PROVE:
		/* Between two questions it only waits. */
		return !evtimer_pending(sweep->moment, NULL) &&
		       is_since(sweep->phase_since_us, ANSWERED_WITHIN_MS);
	case SWEEP_WARM:
	case SWEEP_LIST:
	case SWEEP_VERIFY:
	case SWEEP_BREAK_BUSY:
		return is_since(sweep->phase_since_us, ANSWERED_WITHIN_MS);
	case SWEEP_KILL:
		/* None any more: what is in flight is waited for by others. */
		return sweep->salvo != NULL &&
		       is_since(MAX(sweep->phase_since_us, salvo_last_reply_us(sweep->salvo)),
			       KILLED_WITHIN_MS);
	case SWEEP_WAIT_LINK:
	case SWEEP_PLANNED:
	case SWEEP_LOOK_AGAIN:
	case SWEEP_WATCH:
	case SWEEP_DONE:
		break;
	}
	return false;
}

void sweep_set_state(struct sweep *sweep, enum sweep_state state)
{
	bool was_busy = sweep_is_busy(sweep);

	log_debug("%s: sweep %s -> %s", sweep->in.node->address, state_name(sweep->state),
		state_name(state));
	sweep->state = state;
	if (FAULT(SWEEP_RESET, state_name(state))) {
		link_reset(sweep->in.link, "connection lost: a fault of a test");
	}
	sweep_clock_phase(sweep, phase_of(sweep, state));
	if (was_busy && !sweep_is_busy(sweep) && state != SWEEP_DONE &&
		sweep->in.waiting_fn != NULL) {
		sweep->in.waiting_fn(sweep->in.context);
	}
}

void sweep_start_timer(struct event *timer, int64_t ms)
{
	struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(timer, &time);
}

/* ---- the end ---- */

void sweep_drop_calls(struct sweep *sweep)
{
	calls_drop(&sweep->calls);
	client_list_leave(&sweep->reader);
}

void sweep_finish(struct sweep *sweep)
{
	sweep_drop_calls(sweep);
	sweep_cut_kill(sweep);
	sweep_release_link(sweep);
	sweep_settle_counts(sweep);
	sweep_set_state(sweep, SWEEP_DONE);
	link_unwatch(sweep->in.link, &sweep->watcher);
	link_unwant(sweep->in.link);
	event_del(sweep->timer);
	event_del(sweep->moment);
	sweep_start_timer(sweep->finished, 0);
}

void sweep_fail(struct sweep *sweep, const char *words)
{
	report_node_fail(sweep->in.node, words);
	sweep_finish(sweep);
}

/* What is remembered of a kill is its report: the listing is as large as the server has sessions.
 */
static void on_finished(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	(void)fd;
	(void)what;
	sweep_forget_snapshot(sweep);
	salvo_free(sweep->salvo);
	sweep->salvo = NULL;
	sweep->in.done_fn(sweep->in.context);
}

static void fail_expired(struct sweep *sweep)
{
	switch (sweep->state) {
	case SWEEP_WAIT_LINK:
		sweep_fail_without_link(sweep, "no connection before the deadline");
		return;
	case SWEEP_PROVE:
		sweep_fail(sweep,
			sweep->refusal[0] != '\0'
				? sweep->refusal
				: "the deadline passed before the node proved to belong here");
		return;
	case SWEEP_WARM:
	case SWEEP_LIST:
		sweep_fail(sweep, "the deadline passed during the listing");
		return;
	case SWEEP_PLANNED:
		sweep_fail(sweep, "the deadline passed before the kill");
		return;
	case SWEEP_KILL:
		sweep_fail(sweep, "the deadline passed during the kill");
		return;
	case SWEEP_VERIFY:
		sweep_fail(sweep, "the deadline passed during the verification");
		return;
	case SWEEP_LOOK_AGAIN:
		report_warn(sweep->in.report,
			"%s: sessions were still being closed by the server at the deadline",
			sweep->in.node->address);
		sweep_finish(sweep);
		return;
	case SWEEP_BREAK_BUSY:
		sweep_fail(sweep, "the deadline passed while a script was being ended");
		return;
	case SWEEP_WATCH:
		sweep_end_watch(sweep, "the last listing was not answered in time");
		return;
	case SWEEP_DONE:
		break;
	}
	CHECK(!"a deadline where there is none");
}

/* Ends a sweep that was cancelled or has run out of time; false: it may go on. */
bool sweep_stop_if_doomed(struct sweep *sweep)
{
	if (sweep->is_cancelled) {
		sweep_finish(sweep);
	} else if (sweep->is_expired) {
		fail_expired(sweep);
	}
	return sweep->state == SWEEP_DONE;
}

/*
 * What is asked is not waited for any more, and no kill is sent. Those in flight may still be
 * carried out: the report says so, and the job hears of their answers.
 */
static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	(void)fd;
	(void)what;
	sweep->is_expired = true;
	fail_expired(sweep);
}

/* A refusal may be a script that somebody is asked to end; everything else is the end. */
void sweep_on_refused(struct sweep *sweep, const char *words)
{
	if (!slice_has_prefix(slice_of(words), "BUSY") || !sweep_break_busy(sweep)) {
		sweep_fail(sweep, words);
	}
}

/* The script was there before the link was. */
static void break_busy_handshake(struct sweep *sweep)
{
	if (sweep->in.request->break_busy && !sweep->in.request->is_dry_run) {
		link_break_busy(sweep->in.link);
	}
}

/* Is nothing in flight that would tell of a loss? */
static bool is_idle(const struct sweep *sweep)
{
	return sweep->state == SWEEP_PLANNED || sweep->state == SWEEP_LOOK_AGAIN ||
	       ((sweep->state == SWEEP_BREAK_BUSY || sweep->state == SWEEP_PROVE) &&
		       evtimer_pending(sweep->moment, NULL));
}

/* Nobody misses it: that is no failure, and nothing of it is in the sums. */
static void leave_out(struct sweep *sweep)
{
	report_warn_unused(sweep->in.report, sweep->in.node->address, link_error(sweep->in.link));
	sweep->in.node->is_left_out = true;
	sweep_finish(sweep);
}

static void on_link_changed(struct link_watcher *watcher, enum link_state state)
{
	struct sweep *sweep = (struct sweep *)((char *)watcher - offsetof(struct sweep, watcher));

	if (state == LINK_READY && sweep->state == SWEEP_WAIT_LINK) {
		sweep_on_link_ready(sweep);
	} else if (state == LINK_BACKOFF && sweep->state == SWEEP_WAIT_LINK) {
		/* An attempt has failed just now. */
		if (topology_is_unused(sweep->in.instance->topology, sweep->in.link)) {
			leave_out(sweep);
		} else if (link_trouble(sweep->in.link) == LINK_TROUBLE_FINAL) {
			sweep_fail_without_link(sweep, "no connection");
		} else {
			break_busy_handshake(sweep);
		}
	} else if (state != LINK_READY && is_idle(sweep)) {
		event_del(sweep->moment);
		sweep->was_lost |= state != LINK_LATE;
		if (!sweep_stop_if_doomed(sweep)) {
			sweep_wait_for_link(sweep);
		}
	} else if (state != LINK_READY && sweep->state == SWEEP_WATCH &&
		   sweep->reader.link == NULL) {
		sweep_end_watch(sweep, link_error(sweep->in.link));
	}
}

static void on_late(struct calls *calls, const char *words)
{
	sweep_on_late((struct sweep *)((char *)calls - offsetof(struct sweep, calls)), words);
}

static void on_moment(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	(void)fd;
	(void)what;
	if (sweep->state == SWEEP_WATCH) {
		if (link_state(sweep->in.link) == LINK_READY) {
			sweep_look_who_came(sweep);
		} else {
			sweep_end_watch(sweep, link_error(sweep->in.link));
		}
	} else if (sweep->state == SWEEP_BREAK_BUSY) {
		if (!sweep_stop_if_doomed(sweep)) {
			sweep_go_on_after_busy(sweep);
		}
	} else if (sweep->state == SWEEP_PROVE) {
		sweep_begin_prove(sweep);
	} else {
		sweep_begin_verify(sweep);
	}
}

/* ---- from the job ---- */

struct sweep *sweep_new(const struct sweep_inputs *inputs)
{
	struct sweep *sweep = mem_new(struct sweep);

	sweep->in = *inputs;
	link_ref(inputs->link);
	sweep->address =
		mem_copy_text(link_address(inputs->link), strlen(link_address(inputs->link)));
	calls_init(&sweep->calls, on_late);
	sweep->watcher.changed_fn = on_link_changed;
	sweep->timer = evtimer_new(inputs->loop, on_deadline, sweep);
	sweep->moment = evtimer_new(inputs->loop, on_moment, sweep);
	sweep->finished = evtimer_new(inputs->loop, on_finished, sweep);
	CHECK(sweep->timer != NULL && sweep->moment != NULL && sweep->finished != NULL);
	sweep->salvo = salvo_new(inputs->link, sweep_may_send_set, sweep_on_salvo_done, sweep);
	return sweep;
}

void sweep_free(struct sweep *sweep)
{
	if (sweep == NULL) {
		return;
	}
	sweep_drop_calls(sweep);
	sweep_forget_snapshot(sweep);
	processes_server_end(&sweep->processes);
	salvo_free(sweep->salvo);
	free(sweep->address);
	link_unref(sweep->in.link);
	event_free(sweep->timer);
	event_free(sweep->moment);
	event_free(sweep->finished);
	free(sweep);
}

void sweep_start(struct sweep *sweep)
{
	sweep_start_timer(
		sweep->timer, MAX(sweep->in.deadline_ms - clock_monotonic_ms(), (int64_t)0));
	sweep->started_ms = clock_monotonic_ms();
	link_watch(sweep->in.link, &sweep->watcher);
	link_want(sweep->in.link);
	if (link_state(sweep->in.link) == LINK_READY) {
		sweep_on_link_ready(sweep);
	} else if (link_leads_nowhere(sweep->in.link)) {
		sweep_fail(sweep, link_error(sweep->in.link));
	} else {
		if (topology_is_unused(sweep->in.instance->topology, sweep->in.link)) {
			link_try_now(sweep->in.link);
		}
		break_busy_handshake(sweep);
	}
}

enum sweep_state sweep_state(const struct sweep *sweep)
{
	return sweep->state;
}

const struct link *sweep_link(const struct sweep *sweep)
{
	return sweep->in.link;
}

size_t sweep_node(const struct sweep *sweep, const struct report *report)
{
	return (size_t)(sweep->in.node - report->nodes);
}

bool sweep_has_met_process(const struct sweep *sweep)
{
	return sweep->has_met_process;
}

void sweep_sum_processes(const struct sweep *sweep, struct programs *programs)
{
	processes_server_sum(&sweep->processes, programs);
}

uint64_t sweep_n_meant(const struct sweep *sweep)
{
	return sweep->n_meant;
}

/* Once: where all is slow the second one is not younger. */
static bool is_plan_old(struct sweep *sweep)
{
	bool is_old = clock_monotonic_ms() - sweep->listed_ms > MAX_PLAN_AGE_MS && !sweep->was_old;

	sweep->was_old |= is_old;
	return is_old;
}

void sweep_kill(struct sweep *sweep)
{
	CHECK(sweep->state == SWEEP_PLANNED);
	if (sweep->in.request->is_dry_run) {
		sweep_finish(sweep);
	} else if (!sweep_is_same_process(sweep) || is_plan_old(sweep)) {
		/* It was restarted, or others were waited for: who is there may be others now. */
		if (sweep_has_link(sweep)) {
			sweep_on_link_ready(sweep);
		}
	} else if (sweep->plan.n_steps > 0) {
		sweep_begin_kill(sweep);
	} else {
		/* Nothing to kill is verified like everything else. */
		sweep->n_rounds++;
		sweep_begin_verify(sweep);
	}
}

void sweep_refuse(struct sweep *sweep)
{
	CHECK(sweep->state == SWEEP_PLANNED);
	sweep_finish(sweep);
}

void sweep_cancel(struct sweep *sweep, bool is_at_once)
{
	if (sweep->state == SWEEP_DONE) {
		return;
	}
	sweep->is_cancelled = true;
	if (sweep->state == SWEEP_KILL && !is_at_once) {
		salvo_stop(sweep->salvo);
	} else {
		sweep_finish(sweep);
	}
}

void sweep_refresh(struct sweep *sweep)
{
	if (sweep->is_in_doubt && !sweep->is_settled) {
		bool is_firing = sweep->state == SWEEP_KILL;

		sweep_update_counts(
			sweep, sweep->n_claimed + (is_firing ? salvo_n_claimed(sweep->salvo) : 0));
	}
}
