/*
 * Jobs.
 */
#include "kill/job.h"

#include <event2/event.h>
#include <event2/util.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kill/sweep.h"

struct job {
	struct event_base *loop;
	const struct instances *instances;
	const struct instance *instance;
	struct request request;
	job_event_fn event_fn;
	void *context;

	struct report *report;
	struct sources sources;
	struct sweep **sweeps;
	size_t n_sweeps;
	size_t n_running;
	int64_t started_ms;
	bool is_started;
	bool is_done;
	bool is_decided; /* the victims are no more than `max`, or the kill is refused */
	struct event *nothing_to_do;
};

static void finish(struct job *job)
{
	sources_report(&job->sources, job->report);
	report_close(job->report, job->request.is_dry_run, clock_monotonic_ms() - job->started_ms);
	job->is_done = true;
	job->event_fn(job->context, JOB_DONE);
}

/* ---- from plan to kill ---- */

/* Have all nodes that can made their plan? */
static bool is_all_planned(const struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		enum sweep_state state = sweep_state(job->sweeps[i]);

		if (state != SWEEP_PLANNED && state != SWEEP_DONE) {
			return false;
		}
	}
	return true;
}

static uint64_t n_matched(const struct job *job)
{
	uint64_t n = 0;

	for (size_t i = 0; i < job->report->n_nodes; i++) {
		n += job->report->nodes[i].counts.matched;
	}
	return n;
}

static void refuse_too_many(struct job *job, uint64_t n)
{
	job->report->is_too_many = true;
	job->report->error =
		mem_printf("%llu sessions would be killed, more than max %llu; none was",
			(unsigned long long)n, (unsigned long long)job->request.max);
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_state(job->sweeps[i]) == SWEEP_PLANNED) {
			sweep_refuse(job->sweeps[i]);
		}
	}
}

/*
 * A node has its plan. Without a limit it goes on at once; with one all nodes wait for each other,
 * so that nothing is killed when the sum is too large.
 */
static void go_on(struct job *job)
{
	if (job->request.has_max && !job->is_decided) {
		if (!is_all_planned(job)) {
			return;
		}
		job->is_decided = true;
		if (n_matched(job) > job->request.max) {
			refuse_too_many(job, n_matched(job));
			return;
		}
	}
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_state(job->sweeps[i]) == SWEEP_PLANNED) {
			sweep_kill(job->sweeps[i]);
		}
	}
}

static void on_sweep_planned(void *context)
{
	struct job *job = context;

	job->event_fn(job->context, JOB_LISTED);
	go_on(job);
}

static void on_sweep_watching(void *context)
{
	struct job *job = context;

	job->event_fn(job->context, JOB_VERIFIED);
}

static void on_sweep_respawn(void *context)
{
	struct job *job = context;

	job->event_fn(job->context, JOB_RESPAWN);
}

static void on_sweep_done(void *context)
{
	struct job *job = context;

	CHECK(job->n_running > 0);
	job->event_fn(job->context, JOB_VERIFIED);
	if (--job->n_running == 0) {
		finish(job);
	} else {
		/* The others may have waited for this node's plan. */
		go_on(job);
	}
}

/* ---- life ---- */

static void on_nothing_to_do(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	finish(context);
}

struct job *job_new(struct event_base *loop, const struct instances *instances,
	const struct instance *instance, struct request *request, const char *request_id,
	job_event_fn event_fn, void *context)
{
	struct job *job = mem_new(struct job);

	job->loop = loop;
	job->instances = instances;
	job->instance = instance;
	request_move(&job->request, request);
	job->event_fn = event_fn;
	job->context = context;
	job->report = report_new(request_id, instance->opts->id, clock_wall_ms());
	job->report->state = REPORT_WAITING;
	evutil_secure_rng_get_bytes(&job->sources.keys.seed, sizeof(job->sources.keys.seed));
	job->nothing_to_do = event_new(loop, -1, 0, on_nothing_to_do, job);
	CHECK(job->nothing_to_do != NULL);
	return job;
}

void job_free(struct job *job)
{
	if (job == NULL) {
		return;
	}
	CHECK(job->n_running == 0);
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_free(job->sweeps[i]);
	}
	free(job->sweeps);
	event_free(job->nothing_to_do);
	sources_finish(&job->sources);
	report_free(job->report);
	request_finish(&job->request);
	free(job);
}

/* The nodes first, so that their places in the report do not move any more. */
static void choose_nodes(struct job *job, struct link **links)
{
	const struct topology *topology = job->instance->topology;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		struct link *link = topology_node(topology, i);

		if (request_wants_node(&job->request, link_address(link))) {
			report_add_node(job->report, link_address(link));
			links[job->n_sweeps++] = link;
		}
	}
}

void job_start(struct job *job, int64_t deadline_ms)
{
	size_t n_nodes = topology_n_nodes(job->instance->topology);
	CLEANUP(mem_free_p) struct link **links = mem_alloc_array(n_nodes, sizeof(struct link *));

	CHECK(!job->is_started);
	job->is_started = true;
	job->started_ms = clock_monotonic_ms();
	job->report->state = REPORT_RUNNING;
	job->report->started_wall_ms = clock_wall_ms();
	choose_nodes(job, links);
	job->sweeps = mem_alloc_array(job->n_sweeps, sizeof(struct sweep *));
	job->n_running = job->n_sweeps;
	for (size_t i = 0; i < job->n_sweeps; i++) {
		struct sweep_inputs inputs = {
			.loop = job->loop,
			.instances = job->instances,
			.instance = job->instance,
			.link = links[i],
			.request = &job->request,
			.sources = &job->sources,
			.report = job->report,
			.node = &job->report->nodes[i],
			.deadline_ms = deadline_ms,
			.planned_fn = on_sweep_planned,
			.watching_fn = on_sweep_watching,
			.respawn_fn = on_sweep_respawn,
			.done_fn = on_sweep_done,
			.context = job,
		};

		job->sweeps[i] = sweep_new(&inputs);
	}
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_start(job->sweeps[i]);
	}
	if (job->n_sweeps == 0) {
		event_active(job->nothing_to_do, 0, 0);
	}
}

void job_cancel(struct job *job)
{
	if (!job->is_started || job->is_done) {
		return;
	}
	job->report->state = REPORT_CANCELLED;
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_cancel(job->sweeps[i]);
	}
}

void job_warn(struct job *job, const char *format, ...)
{
	char text[ERR_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report_warn(job->report, "%s", text);
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

bool job_is_settled(const struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		enum sweep_state state = sweep_state(job->sweeps[i]);

		if (state != SWEEP_WATCH && state != SWEEP_DONE) {
			return false;
		}
	}
	return job->is_started;
}

const struct instance *job_instance(const struct job *job)
{
	return job->instance;
}

const struct request *job_request(const struct job *job)
{
	return &job->request;
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
