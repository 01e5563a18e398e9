/*
 * The states of a sweep: what each is stands in the row that its phase exports; here it is moved
 * from one to the next, and told of its deadline, its link and the job.
 */
#include "kill/sweep.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/priority.h"
#include "kill/sweep_internal.h"

static enum sweep_state enter_done(struct sweep *sweep);
static enum sweep_state tell_done(struct sweep *sweep);

static const struct sweep_phase phase_done = {
	.name = "DONE",
	.time = REPORT_N_PHASES,
	.enter = enter_done,
	.on_pause_over = tell_done,
};

static const struct sweep_phase *const phases[] = {
	[SWEEP_WAIT_LINK] = &sweep_phase_wait_link,
	[SWEEP_PROVE] = &sweep_phase_prove,
	[SWEEP_PROVE_AGAIN] = &sweep_phase_prove_again,
	[SWEEP_WARM] = &sweep_phase_warm,
	[SWEEP_SOCKETS] = &sweep_phase_sockets,
	[SWEEP_LIST] = &sweep_phase_list,
	[SWEEP_PLAN] = &sweep_phase_plan,
	[SWEEP_PLANNED] = &sweep_phase_planned,
	[SWEEP_KILL] = &sweep_phase_kill,
	[SWEEP_SPREAD] = &sweep_phase_spread,
	[SWEEP_VERIFY] = &sweep_phase_verify,
	[SWEEP_LOOK_AGAIN] = &sweep_phase_look_again,
	[SWEEP_BREAK_BUSY] = &sweep_phase_break_busy,
	[SWEEP_BUSY_AGAIN] = &sweep_phase_busy_again,
	[SWEEP_LET_GO] = &sweep_phase_let_go,
	[SWEEP_SILENT] = &sweep_phase_silent,
	[SWEEP_WATCH] = &sweep_phase_watch,
	[SWEEP_DONE] = &phase_done,
};

/* ---- from state to state ---- */

bool sweep_is_busy(const struct sweep *sweep)
{
	int64_t last_us = sweep->batch != NULL && sweep->state == SWEEP_KILL
				  ? batch_last_reply_us(sweep->batch)
				  : 0;

	return clock_monotonic_us() - MAX(sweep->phase_since_us, last_us) <
	       phases[sweep->state]->busy_ms * 1000;
}

/* Where the time went until now. */
static void clock_phase(struct sweep *sweep)
{
	enum report_phase phase = phases[sweep->state]->time;
	int64_t now_us = clock_monotonic_us();

	if (phase < REPORT_N_PHASES) {
		/* At least one: zero says that it did not come to that. */
		sweep->in.node->phase_us[phase] += MAX(now_us - sweep->phase_since_us, (int64_t)1);
	}
	sweep->phase_since_us = now_us;
}

static void set_state(struct sweep *sweep, enum sweep_state state)
{
	bool was_busy = sweep_is_busy(sweep);

	log_debug("%s: sweep %s -> %s", sweep->in.node->address, phases[sweep->state]->name,
		phases[state]->name);
	clock_phase(sweep);
	sweep->state = state;
	if (FAULT(SWEEP_RESET, phases[state]->name)) {
		link_reset(sweep->in.link, "connection lost: a fault of a test");
	}
	if (was_busy && !sweep_is_busy(sweep) && state != SWEEP_DONE) {
		sweep->in.event_fn(sweep->in.context, JOB_WAITING);
	}
}

/* Where it goes when it is to go to `state`; that one: it can. */
static enum sweep_state find_instead(struct sweep *sweep, enum sweep_state state)
{
	enum sweep_state instead = SWEEP_STAY;

	if (phases[state]->needs_link && link_state(sweep->in.link) != LINK_READY) {
		return SWEEP_WAIT_LINK;
	}
	if (phases[state]->instead != NULL) {
		instead = phases[state]->instead(sweep);
	}
	return instead != SWEEP_STAY ? instead : state;
}

void sweep_move(struct sweep *sweep, enum sweep_state next)
{
	while (next != SWEEP_STAY) {
		enum sweep_state state = find_instead(sweep, next);

		if (state != next) {
			next = state;
			continue;
		}
		set_state(sweep, state);
		next = phases[state]->enter != NULL ? phases[state]->enter(sweep) : SWEEP_STAY;
	}
}

static enum sweep_state enter_done(struct sweep *sweep)
{
	sweep_drop_calls(sweep);
	sweep_release_link(sweep);
	sweep_settle(sweep);
	link_unwatch(sweep->in.link, &sweep->watcher);
	if (!sweep->in.request->is_dry_run) {
		link_unhurry(sweep->in.link);
	}
	link_unwant(sweep->in.link);
	event_del(sweep->timer);
	timer_start(sweep->pause, 0);
	return SWEEP_STAY;
}

/* What is remembered of a kill is its report: the listing is as large as the server has sessions.
 */
static enum sweep_state tell_done(struct sweep *sweep)
{
	/* But for those whom goals count that choose on other nodes yet. */
	if (!goals_is_bounded(&sweep->in.request->goals)) {
		sweep_forget_snapshot(sweep);
	}
	sockets_finish(&sweep->sockets);
	batch_free(sweep->batch);
	sweep->batch = NULL;
	sweep->in.event_fn(sweep->in.context, JOB_DONE);
	return SWEEP_STAY;
}

/* ---- what happens to it ---- */

/* What is asked is not waited for any more, and no kill is sent. */
static void give_up(struct sweep *sweep, const char *words)
{
	const struct sweep_phase *phase = phases[sweep->state];

	sweep_move(sweep,
		phase->give_up != NULL ? phase->give_up(sweep, words) : sweep_fail(sweep, words));
}

/* Kills in flight may still be carried out: the report says so, and the job hears of them. */
static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	sweep->is_expired = true;
	give_up(sweep, phases[sweep->state]->expired);
}

/* A server that does not answer is not asked again: it may still carry out what it was sent. */
static void on_late(struct calls *calls, const char *words)
{
	struct sweep *sweep = (struct sweep *)((char *)calls - offsetof(struct sweep, calls));
	enum sweep_state next = sweep_silent(sweep, words);

	if (next != SWEEP_STAY) {
		sweep_move(sweep, next);
	} else {
		give_up(sweep, words);
	}
}

static void on_link_changed(struct link_watcher *watcher, enum link_state state)
{
	struct sweep *sweep = (struct sweep *)((char *)watcher - offsetof(struct sweep, watcher));

	if (phases[sweep->state]->on_link != NULL) {
		sweep_move(sweep, phases[sweep->state]->on_link(sweep, state));
	}
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	sweep_move(sweep, phases[sweep->state]->on_pause_over(sweep));
}

/* ---- from the job ---- */

struct sweep *sweep_new(const struct sweep_inputs *inputs)
{
	struct sweep *sweep = mem_new(struct sweep);

	sweep->in = *inputs;
	link_ref(inputs->link);
	sweep->address = mem_printf("%s", link_address(inputs->link));
	calls_init(&sweep->calls, on_late);
	sweep->watcher.changed_fn = on_link_changed;
	sweep->timer = evtimer_new(inputs->loop, on_deadline, sweep);
	sweep->pause = evtimer_new(inputs->loop, on_pause_over, sweep);
	CHECK(sweep->timer != NULL && sweep->pause != NULL);
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
	sockets_finish(&sweep->sockets);
	free(sweep->silence.is_spared);
	free(sweep->silence.is_foreign);
	free(sweep->silence.is_listed);
	batch_free(sweep->batch);
	free(sweep->address);
	link_unref(sweep->in.link);
	event_free(sweep->timer);
	event_free(sweep->pause);
	free(sweep);
}

void sweep_start(struct sweep *sweep)
{
	int64_t left_ms = sweep->in.deadline_ms - clock_monotonic_ms();

	timer_start(sweep->timer, MAX(left_ms, (int64_t)0));
	link_watch(sweep->in.link, &sweep->watcher);
	link_want(sweep->in.link);
	if (!sweep->in.request->is_dry_run) {
		event_priority_set(sweep->timer, PRIORITY_KILL);
		event_priority_set(sweep->pause, PRIORITY_KILL);
		link_hurry(sweep->in.link);
	}
	sweep_move(sweep, SWEEP_WAIT_LINK);
}

enum sweep_state sweep_state_of(const struct sweep *sweep)
{
	return sweep->state;
}

bool sweep_has_listed(const struct sweep *sweep)
{
	return sweep->listed_ms != 0;
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

void sweep_set_deadline(struct sweep *sweep, int64_t deadline_ms)
{
	sweep->in.deadline_ms = deadline_ms;
	if (sweep->state != SWEEP_DONE) {
		timer_start(sweep->timer, MAX(deadline_ms - clock_monotonic_ms(), (int64_t)0));
	}
}

uint64_t sweep_n_meant(const struct sweep *sweep)
{
	return sweep->n_meant;
}

void sweep_cancel(struct sweep *sweep, bool is_at_once)
{
	if (sweep->state == SWEEP_KILL && !is_at_once) {
		sweep->is_cancelled = true;
		batch_stop(sweep->batch);
	} else if (sweep->state != SWEEP_DONE) {
		sweep_move(sweep, SWEEP_DONE);
	}
}

void sweep_refresh(struct sweep *sweep)
{
	if (sweep->is_in_doubt && !sweep->is_settled) {
		sweep_count(sweep);
	}
}
