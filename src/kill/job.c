/*
 * The life of a job, and what happens while its sweeps run. Which nodes are swept is the matter of
 * job_nodes.c.
 */
#include "kill/job_internal.h"

#include <event2/event.h>
#include <event2/util.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/timer.h"

/* How long the end of a kill waits to hear whether further nodes have turned up. */
#define OTHERS_PATIENCE_MS 1500

/* The process is found: nobody else is waited for. */
static void end_search(struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (!sweep_has_met_process(job->sweeps[i])) {
			sweep_cancel(job->sweeps[i], true);
		}
	}
}

/* ---- waiting to learn which nodes there are ---- */

static void wait_for_nodes(struct job *job, int64_t ms)
{
	job->is_waiting_for_nodes = true;
	topology_watch(job->in.instance->topology, &job->watcher);
	timer_start(job->patience, ms);
}

/* Nodes may have turned up since it began: not done before that is known, or cannot be. */
static bool ask_for_others(struct job *job)
{
	int64_t left_ms = job->in.deadline_ms - clock_monotonic_ms();

	if (topology_is_up_to_date(job->in.instance->topology, job->started_ms) || left_ms <= 0 ||
		job->has_asked_for_others) {
		return false;
	}
	job->has_asked_for_others = true;
	wait_for_nodes(job, MIN(left_ms, (int64_t)OTHERS_PATIENCE_MS));
	return true;
}

/* ---- the end of a sweep ---- */

static void finish(struct job *job)
{
	job_close_report(job);
	job->is_done = true;
	job->event_fn(job->context, JOB_DONE);
}

/* Nodes have turned up, or may have. Its first watch takes nothing of its time. */
static bool goes_on(struct job *job)
{
	bool has_watched = job->watching_since_ms > 0 && job->n_rounds == 1;
	int64_t ms = has_watched ? clock_monotonic_ms() - job->watching_since_ms : 0;
	int64_t watched_ms = MIN(ms, job->request->watch_ms);

	job->in.deadline_ms += watched_ms;
	if (job_is_round_due(job) && (job_start_round(job) || ask_for_others(job))) {
		return true;
	}
	job->in.deadline_ms -= watched_ms;
	return false;
}

static void on_sweep_done(struct job *job)
{
	bool is_last;

	CHECK(job->n_running > 0);
	/* Who is told that a node is done may start the next kill if it was the last: not before it
	 * is known that no further node has turned up. */
	is_last = --job->n_running == 0 && !goes_on(job);
	job->event_fn(job->context, JOB_VERIFIED);
	if (is_last) {
		finish(job);
	} else {
		/* The others may have waited for this node's plan. */
		job_go_on(job);
	}
}

static void on_sweep_event(void *context, enum job_event event)
{
	struct job *job = context;

	if (event == JOB_DONE) {
		on_sweep_done(job);
		return;
	}
	if (event == JOB_VERIFIED) {
		job_note_watching(job);
	}
	if (event == JOB_LISTED && job_is_all_planned(job)) {
		/* What is told of the plan is what comes of it. */
		job_choose(job);
	}
	job->event_fn(job->context, event);
	if (event == JOB_LISTED) {
		if (job->request->run_id != NULL) {
			end_search(job);
		}
		job_go_on(job);
	}
}

static void stop_waiting(struct job *job)
{
	job->is_waiting_for_nodes = false;
	event_del(job->patience);
	topology_unwatch(job->in.instance->topology, &job->watcher);
}

static void finish_without_nodes(struct job *job)
{
	if (job->report->state != REPORT_CANCELLED && job->report->n_nodes == 0 &&
		job->report->error == NULL) {
		job->report->error = mem_printf("no node of the instance is known: %s",
			topology_error(job->in.instance->topology));
	}
	finish(job);
}

/* Time is up, or there is something to do at last. */
static void on_patience(evutil_socket_t fd, short what, void *context)
{
	struct job *job = context;

	if (job->is_waiting_for_nodes) {
		stop_waiting(job);
	}
	if (job->report->state == REPORT_CANCELLED || !job_start_round(job)) {
		finish_without_nodes(job);
	}
}

static void on_nodes_changed(struct topology_watcher *watcher)
{
	struct job *job = (struct job *)((char *)watcher - offsetof(struct job, watcher));

	stop_waiting(job);
	event_active(job->patience, 0, 0);
}

/* ---- life ---- */

static struct job *new_job(struct event_base *loop, const struct instances *instances,
	const struct instance *instance, struct shared_request *shared, const char *request_id,
	job_event_fn event_fn, void *context)
{
	struct job *job = mem_new(struct job);

	instance_hold(instance);
	shared->n_jobs++;
	job->shared = shared;
	job->request = &shared->request;
	job->event_fn = event_fn;
	job->context = context;
	job->report = report_new(request_id, instance->opts->id, clock_wall_ms());
	job->report->state = REPORT_WAITING;
	job->in = (struct sweep_inputs){
		.loop = loop,
		.instances = instances,
		.instance = instance,
		.request = job->request,
		.sources = &job->sources,
		.report = job->report,
		.event_fn = on_sweep_event,
		.late_fn = job_on_sweep_late,
		.is_twin_swept_fn = job_is_twin_swept,
		.judge_goals_fn = job_judge_goals,
		.share_fn = job_share,
		.context = job,
	};
	evutil_secure_rng_get_bytes(&job->sources.keys.seed, sizeof(job->sources.keys.seed));
	job_init_goals(job);
	job->report->results.texts.seed = job->sources.keys.seed;
	job->report->programs.is_wanted = job->request->wants_processes;
	job->watcher.changed_fn = on_nodes_changed;
	job->patience = evtimer_new(loop, on_patience, job);
	job->reaping = event_new(loop, -1, 0, job_on_reaping, job);
	CHECK(job->patience != NULL && job->reaping != NULL);
	return job;
}

struct job *job_new(struct event_base *loop, const struct instances *instances,
	const struct instance *instance, struct request *request, const char *request_id,
	job_event_fn event_fn, void *context)
{
	struct shared_request *shared = mem_new(struct shared_request);

	request_move(&shared->request, request);
	return new_job(loop, instances, instance, shared, request_id, event_fn, context);
}

struct job *job_new_again(
	const struct job *job, const char *request_id, job_event_fn event_fn, void *context)
{
	return new_job(job->in.loop, job->in.instances, job->in.instance, job->shared, request_id,
		event_fn, context);
}

static void leave_request(struct shared_request *shared)
{
	if (--shared->n_jobs == 0) {
		request_finish(&shared->request);
		free(shared);
	}
}

/* The sweeps before the instance, whose options their links borrow. */
static void let_go(struct job *job)
{
	CHECK(job->n_running == 0 && !job->is_waiting_for_nodes);
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_free(job->sweeps[i]);
	}
	free(job->sweeps);
	job->sweeps = NULL;
	job->n_sweeps = 0;
	processes_free(job->in.processes);
	job->in.processes = NULL;
	if (job->in.instance != NULL) {
		instance_release(job->in.instance);
		job->in.instance = NULL;
	}
}

void job_retire(struct job *job)
{
	CHECK(job->is_done);
	let_go(job);
}

void job_free(struct job *job)
{
	if (job == NULL) {
		return;
	}
	let_go(job);
	job_drop_late(job);
	event_free(job->patience);
	event_free(job->reaping);
	sources_finish(&job->sources);
	goals_book_finish(&job->book);
	report_free(job->report);
	leave_request(job->shared);
	free(job);
}

/* A reload may have put another in its place; one that was removed serves this job still. */
static void choose_instance(struct job *job)
{
	const struct instance *current =
		instances_find(job->in.instances, slice_of(job->in.instance->opts->id));

	if (current != NULL) {
		instance_hold(current);
		instance_release(job->in.instance);
		job->in.instance = current;
	}
}

static void begin(struct job *job)
{
	choose_instance(job);
	topology_refresh(job->in.instance->topology);
	if (!topology_is_known(job->in.instance->topology)) {
		wait_for_nodes(job, MAX(job->in.deadline_ms - clock_monotonic_ms(), (int64_t)0));
	} else if (!job_start_round(job)) {
		event_active(job->patience, 0, 0);
	}
}

/* Nothing is to be done, or to be done any more: from the event loop. */
static void end_soon(struct job *job)
{
	event_active(job->patience, 0, 0);
}

static void on_gate(void *context, const struct gate_answer *answer)
{
	struct job *job = context;

	job->is_at_gate = false;
	if (answer->warning != NULL) {
		report_warn(job->report, "%s", answer->warning);
	}
	if (answer->is_closed) {
		job->report->kept_out_ms = job->request->keep_out_ms;
	}
	if (answer->failure != NULL) {
		job->report->error = mem_printf("%s", answer->failure);
		job->report->is_not_exact = answer->is_inexact;
		finish(job);
	} else if (job->report->state == REPORT_CANCELLED) {
		end_soon(job);
	} else {
		job->has_passed_gate = true;
		begin(job);
	}
}

static void go_to_gate(struct job *job)
{
	if (job->request->keep_out_ms == 0) {
		begin(job);
		return;
	}
	CHECK(job->gate != NULL);
	choose_instance(job);
	job->is_at_gate = true;
	job->gate->close_fn(job->gate->context, job->report->request_id, job->in.instance,
		job->request, on_gate, job);
}

/* They are known before anybody is listed; a cancellation comes to its end there. */
static void on_processes(void *context)
{
	struct job *job = context;

	if (job->report->state == REPORT_CANCELLED) {
		end_soon(job);
	} else {
		go_to_gate(job);
	}
}

void job_start(struct job *job, int64_t deadline_ms)
{
	CHECK(!job->is_started);
	job->is_started = true;
	job->started_ms = clock_monotonic_ms();
	job->in.deadline_ms = deadline_ms;
	job->report->state = REPORT_RUNNING;
	job->report->started_wall_ms = clock_wall_ms();
	if (job->request->wants_processes) {
		job->in.processes = processes_new(job->in.loop, on_processes, job);
	} else {
		go_to_gate(job);
	}
}

void job_set_gate(struct job *job, const struct gate *gate)
{
	job->gate = gate;
}

void job_cancel(struct job *job, bool is_at_once)
{
	if (!job->is_started || job->is_done) {
		return;
	}
	job->report->state = REPORT_CANCELLED;
	if (job->is_at_gate) {
		job->is_at_gate = false;
		job->gate->forget_fn(job->gate->context, job->report->request_id);
		end_soon(job);
	}
	if (job->is_waiting_for_nodes) {
		stop_waiting(job);
		event_active(job->patience, 0, 0);
	}
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_cancel(job->sweeps[i], is_at_once);
	}
}

void job_warn_unrecorded(struct job *job, const char *words)
{
	report_warn(job->report, "the audit log could not be written: %s", words);
}

void job_abandon(struct job *job, enum report_state state, const char *words)
{
	CHECK(!job->is_started);
	job->is_started = true;
	job->is_done = true;
	job->report->state = state;
	job->report->error = mem_printf("%s", words);
}

bool job_is_started(const struct job *job)
{
	return job->is_started;
}

bool job_is_done(const struct job *job)
{
	return job->is_done;
}

bool job_has_listed(const struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_has_listed(job->sweeps[i])) {
			return true;
		}
	}
	return false;
}

bool job_is_busy(const struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_is_busy(job->sweeps[i])) {
			return true;
		}
	}
	/* In a moment it may be: it asks whether nodes have turned up. */
	return job->is_waiting_for_nodes && job->has_asked_for_others;
}

const char *job_instance_id(const struct job *job)
{
	return job->report->instance;
}

const struct instance *job_instance(const struct job *job)
{
	return job->in.instance;
}

const struct request *job_request(const struct job *job)
{
	return job->request;
}

const struct report *job_report(struct job *job)
{
	if (job->is_started && !job->is_done) {
		for (size_t i = 0; i < job->n_sweeps; i++) {
			sweep_refresh(job->sweeps[i]);
		}
		report_sum(job->report);
		job->report->elapsed_ms = clock_monotonic_ms() - job->started_ms;
	}
	return job->report;
}
