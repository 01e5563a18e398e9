/*
 * Tickets and runs.
 */
#include "kill/jobs.h"

#include <event2/event.h>
#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* One accepted request. */
struct ticket {
	TAILQ_ENTRY(ticket) entry;
	char request_id[UUID_TEXT_BYTES];
	const char *action;
	char *reason; /* its own: requests that share a run may give different ones */
	struct caller caller;
	int64_t deadline_ms;
	jobs_done_fn done_fn; /* NULL: detached or answered */
	jobs_event_fn event_fn;
	void *context;
};
TAILQ_HEAD(tickets, ticket);

/* One run and the tickets that it serves. */
struct run {
	TAILQ_ENTRY(run) entry;
	struct jobs *jobs;
	struct job *job;
	struct tickets tickets;
	size_t n_tickets;
	bool is_answered;     /* only remembered */
	struct event *ending; /* the job is done: answers are given from the event loop */
	struct event *expiry; /* the deadline, while it waits */
};
TAILQ_HEAD(runs, run);

struct jobs {
	struct event_base *loop;
	const struct instances *instances;
	struct audit *audit;
	struct runs runs; /* waiting, running and remembered ones, oldest first */
	size_t n_remembered;
	size_t n_remembered_results;
	bool is_stopping;
	void (*idle_fn)(void *context);
	void *idle_context;
	struct event *stop_timer;
	struct event *idle; /* calls idle_fn from the event loop */
};

static void start_waiting(struct jobs *jobs, const char *instance);

/* ---- the record ---- */

static struct audit_subject subject_of(
	const struct run *run, const struct ticket *ticket, struct request *request)
{
	*request = *job_request(run->job);
	request->reason = ticket->reason;
	return (struct audit_subject){
		.request_id = ticket->request_id,
		.action = ticket->action,
		.instance = job_instance_id(run->job),
		.caller = &ticket->caller,
		.request = request,
	};
}

static void record_outcome(struct run *run, const struct ticket *ticket)
{
	struct request request;
	struct audit_subject subject = subject_of(run, ticket, &request);
	struct err err;

	if (audit_outcome(run->jobs->audit, &subject, job_report(run->job), &err) != 0) {
		log_error("kill %s: its outcome is not recorded: %s", ticket->request_id, err.text);
	}
}

static int record_intent(struct run *run, const struct ticket *ticket, struct err *err)
{
	struct request request;
	struct audit_subject subject = subject_of(run, ticket, &request);

	if (audit_intent(run->jobs->audit, &subject, err) == 0) {
		return 0;
	}
	if (audit_is_required(run->jobs->audit)) {
		err_prefix(err, "the audit log is required");
		return JOBS_E_AUDIT;
	}
	log_error("kill %s goes on without a record: %s", ticket->request_id, err->text);
	job_warn(run->job, "the audit log could not be written: %s", err->text);
	return 0;
}

/* ---- runs ---- */

static void free_ticket(struct ticket *ticket)
{
	free(ticket->reason);
	free(ticket);
}

static void free_run(struct run *run)
{
	struct ticket *ticket;

	while ((ticket = TAILQ_FIRST(&run->tickets)) != NULL) {
		TAILQ_REMOVE(&run->tickets, ticket, entry);
		free_ticket(ticket);
	}
	event_free(run->ending);
	event_free(run->expiry);
	job_free(run->job);
	free(run);
}

static void forget_oldest(struct jobs *jobs)
{
	struct run *run = TAILQ_FIRST(&jobs->runs);

	while (run != NULL && (jobs->n_remembered > JOBS_MAX_REMEMBERED ||
				      jobs->n_remembered_results > JOBS_MAX_REMEMBERED_RESULTS)) {
		struct run *next = TAILQ_NEXT(run, entry);
		size_t n_results = job_report(run->job)->results.n;

		/* Of no use to forget one without results when those are too many. */
		if (run->is_answered &&
			(jobs->n_remembered > JOBS_MAX_REMEMBERED || n_results > 0)) {
			TAILQ_REMOVE(&jobs->runs, run, entry);
			free_run(run);
			jobs->n_remembered--;
			jobs->n_remembered_results -= n_results;
		}
		run = next;
	}
}

static bool is_idle(const struct jobs *jobs)
{
	const struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!run->is_answered) {
			return false;
		}
	}
	return true;
}

static void log_outcome(const struct run *run, const struct report *report)
{
	log_notice("kill %s on %s: %s; found %llu, matched %llu, killed %llu, gone %llu, "
		   "survivors %llu, in %lld ms%s%s",
		report->request_id, report->instance, report_state_name(report->state),
		(unsigned long long)report->counts.found,
		(unsigned long long)report->counts.matched,
		(unsigned long long)report->counts.killed, (unsigned long long)report->counts.gone,
		(unsigned long long)report->counts.survivors, (long long)report->elapsed_ms,
		report->error != NULL ? ": " : "", report->error != NULL ? report->error : "");
	if (run->n_tickets > 1) {
		log_info("kill %s served %zu requests", report->request_id, run->n_tickets);
	}
}

/* The outcome of every ticket is on disk before the first answer goes out. */
static void end_run(struct run *run)
{
	struct jobs *jobs = run->jobs;
	const struct report *report = job_report(run->job);
	struct ticket *ticket;

	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		record_outcome(run, ticket);
	}
	metrics_count_kill(job_metrics(run->job), report);
	log_outcome(run, report);
	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		jobs_done_fn done_fn = ticket->done_fn;

		ticket->done_fn = NULL;
		if (done_fn != NULL) {
			done_fn(ticket->context, ticket->request_id, report);
		}
	}
	run->is_answered = true;
	jobs->n_remembered++;
	jobs->n_remembered_results += report->results.n;
	job_retire(run->job);
	start_waiting(jobs, job_instance_id(run->job));
	forget_oldest(jobs);
	if (jobs->is_stopping && is_idle(jobs)) {
		event_active(jobs->idle, 0, 0);
	}
}

static void on_ending(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	end_run(context);
}

static int64_t deadline_of(const struct run *run)
{
	const struct ticket *ticket;
	int64_t latest_ms = 0;

	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		latest_ms = MAX(latest_ms, ticket->deadline_ms);
	}
	return latest_ms;
}

/* By its id: a reload may put another object in its place. */
static bool is_on(const struct run *run, const char *instance)
{
	return strcmp(job_instance_id(run->job), instance) == 0;
}

static bool is_running_kill(const struct run *run, const char *instance)
{
	return is_on(run, instance) && job_is_started(run->job) && !job_is_settled(run->job) &&
	       !job_request(run->job)->is_dry_run;
}

/* The oldest waiting run of the instance starts, if no other kill runs there. */
static void start_waiting(struct jobs *jobs, const char *instance)
{
	struct run *run;
	struct run *first = NULL;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (is_running_kill(run, instance)) {
			return;
		}
		if (first == NULL && is_on(run, instance) && !job_is_started(run->job)) {
			first = run;
		}
	}
	if (first != NULL) {
		event_del(first->expiry);
		job_start(first->job, deadline_of(first));
	}
}

static void on_expiry(evutil_socket_t fd, short what, void *context)
{
	struct run *run = context;

	(void)fd;
	(void)what;
	if (!job_is_started(run->job)) {
		job_abandon(run->job, REPORT_FAILED,
			"another kill of the instance ran until the deadline");
		event_active(run->ending, 0, 0);
	}
}

/* Each that shares the run may prolong it. */
static void restart_expiry(struct run *run)
{
	int64_t left_ms = MAX(deadline_of(run) - clock_monotonic_ms(), (int64_t)0);
	struct timeval time = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};

	evtimer_add(run->expiry, &time);
}

static void on_job_event(void *context, enum job_event event)
{
	struct run *run = context;
	const struct ticket *ticket;

	if (event == JOB_DONE) {
		event_active(run->ending, 0, 0);
		return;
	}
	TAILQ_FOREACH(ticket, &run->tickets, entry)
	{
		if (ticket->done_fn != NULL && ticket->event_fn != NULL) {
			ticket->event_fn(
				ticket->context, ticket->request_id, event, job_report(run->job));
		}
	}
	if (event == JOB_VERIFIED) {
		/* Who only looks who comes back keeps nobody waiting. */
		start_waiting(run->jobs, job_instance_id(run->job));
	}
}

/* ---- orders ---- */

/* How many of an instance's runs and tickets are not done. */
struct load {
	size_t n_waiting, n_dry_runs, n_tickets;
};

static struct load measure(const struct jobs *jobs, const char *instance)
{
	struct load load = {0};
	const struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!is_on(run, instance) || job_is_done(run->job)) {
			continue;
		}
		load.n_tickets += run->n_tickets;
		load.n_waiting += !job_is_started(run->job);
		load.n_dry_runs += job_request(run->job)->is_dry_run;
	}
	return load;
}

/* A run that has not started yet and does exactly what is asked. */
static struct run *find_shared(struct jobs *jobs, const struct jobs_order *order)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (is_on(run, order->instance->opts->id) && !job_is_started(run->job) &&
			request_is_same(job_request(run->job), order->request)) {
			return run;
		}
	}
	return NULL;
}

static struct run *new_run(struct jobs *jobs, const struct jobs_order *order)
{
	struct run *run = mem_new(struct run);

	run->jobs = jobs;
	TAILQ_INIT(&run->tickets);
	run->ending = event_new(jobs->loop, -1, 0, on_ending, run);
	run->expiry = evtimer_new(jobs->loop, on_expiry, run);
	CHECK(run->ending != NULL && run->expiry != NULL);
	run->job = job_new(jobs->loop, jobs->instances, order->instance, order->request,
		order->request_id, on_job_event, run);
	TAILQ_INSERT_TAIL(&jobs->runs, run, entry);
	return run;
}

static struct ticket *new_ticket(const struct jobs_order *order)
{
	struct ticket *ticket = mem_new(struct ticket);
	const char *reason = order->request->reason;

	CHECK(strlen(order->request_id) < sizeof(ticket->request_id));
	memcpy(ticket->request_id, order->request_id, strlen(order->request_id));
	ticket->action = order->action;
	ticket->reason = reason != NULL ? mem_copy_text(reason, strlen(reason)) : NULL;
	ticket->caller = *order->caller;
	ticket->deadline_ms = clock_monotonic_ms() + order->request->timeout_ms;
	ticket->done_fn = order->done_fn;
	ticket->event_fn = order->event_fn;
	ticket->context = order->context;
	return ticket;
}

static int check_load(
	struct jobs *jobs, const struct jobs_order *order, bool is_sharing, struct err *err)
{
	struct load load = measure(jobs, order->instance->opts->id);

	if (jobs->is_stopping) {
		err_set(err, "the daemon is shutting down");
		return JOBS_E_STOPPING;
	}
	if (load.n_tickets >= JOBS_MAX_TICKETS ||
		(!is_sharing && load.n_waiting >= JOBS_MAX_WAITING) ||
		(order->request->is_dry_run && load.n_dry_runs >= JOBS_MAX_DRY_RUNS)) {
		err_set(err, "%zu kills of this instance are waiting already", load.n_waiting);
		return JOBS_E_TOO_MANY;
	}
	return 0;
}

int jobs_submit(struct jobs *jobs, const struct jobs_order *order, struct err *err)
{
	struct run *run = find_shared(jobs, order);
	bool is_sharing = run != NULL;
	struct ticket *ticket;
	int r = check_load(jobs, order, is_sharing, err);

	if (r != 0) {
		return r;
	}
	ticket = new_ticket(order);
	if (!is_sharing) {
		run = new_run(jobs, order);
	}
	r = record_intent(run, ticket, err);
	if (r != 0) {
		free_ticket(ticket);
		if (!is_sharing) {
			TAILQ_REMOVE(&jobs->runs, run, entry);
			free_run(run);
		}
		return r;
	}
	TAILQ_INSERT_TAIL(&run->tickets, ticket, entry);
	run->n_tickets++;
	if (job_request(run->job)->is_dry_run) {
		job_start(run->job, ticket->deadline_ms);
	} else {
		restart_expiry(run);
		start_waiting(jobs, order->instance->opts->id);
	}
	return 0;
}

/* ---- looking things up ---- */

static struct ticket *find_ticket(struct jobs *jobs, struct slice request_id, struct run **ret_run)
{
	struct run *run;
	struct ticket *ticket;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		TAILQ_FOREACH(ticket, &run->tickets, entry)
		{
			if (slice_is_nocase(request_id, ticket->request_id)) {
				*ret_run = run;
				return ticket;
			}
		}
	}
	return NULL;
}

void jobs_detach(struct jobs *jobs, const char *request_id)
{
	struct run *run;
	struct ticket *ticket = find_ticket(jobs, slice_of(request_id), &run);

	if (ticket != NULL) {
		ticket->done_fn = NULL;
	}
}

static struct jobs_view view_of(const struct run *run, const struct ticket *ticket)
{
	return (struct jobs_view){
		.request_id = ticket->request_id,
		.action = ticket->action,
		.report = job_report(run->job),
		.request = job_request(run->job),
		.is_done = job_is_done(run->job),
	};
}

bool jobs_find(struct jobs *jobs, struct slice request_id, struct jobs_view *ret_view)
{
	struct run *run;
	struct ticket *ticket = find_ticket(jobs, request_id, &run);

	if (ticket == NULL) {
		return false;
	}
	*ret_view = view_of(run, ticket);
	return true;
}

void jobs_each(struct jobs *jobs, void (*view_fn)(void *context, const struct jobs_view *view),
	void *context)
{
	struct run *run;
	struct ticket *ticket;

	TAILQ_FOREACH_REVERSE(run, &jobs->runs, runs, entry)
	{
		TAILQ_FOREACH_REVERSE(ticket, &run->tickets, tickets, entry)
		{
			struct jobs_view view = view_of(run, ticket);

			view_fn(context, &view);
		}
	}
}

struct jobs_load jobs_load(const struct jobs *jobs, const struct instance *instance)
{
	struct jobs_load load = {0};
	const struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (is_on(run, instance->opts->id) && !job_is_done(run->job) &&
			!job_request(run->job)->is_dry_run) {
			load.n_running += job_is_started(run->job);
			load.n_waiting += !job_is_started(run->job);
		}
	}
	return load;
}

/* ---- ending early ---- */

static void cancel(struct run *run, const char *words)
{
	if (job_is_started(run->job)) {
		job_cancel(run->job);
	} else {
		job_abandon(run->job, REPORT_CANCELLED, words);
		event_active(run->ending, 0, 0);
	}
}

bool jobs_cancel(struct jobs *jobs, struct slice request_id)
{
	struct run *run;

	if (find_ticket(jobs, request_id, &run) == NULL || job_is_done(run->job)) {
		return false;
	}
	cancel(run, "cancelled before it started");
	return true;
}

static void cancel_all(struct jobs *jobs, bool waiting_only)
{
	struct run *run;

	TAILQ_FOREACH(run, &jobs->runs, entry)
	{
		if (!job_is_done(run->job) && (!waiting_only || !job_is_started(run->job))) {
			cancel(run, "the daemon is shutting down");
		}
	}
}

static void on_stop_timer(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	cancel_all(context, false);
}

static void on_idle(evutil_socket_t fd, short what, void *context)
{
	struct jobs *jobs = context;

	(void)fd;
	(void)what;
	jobs->idle_fn(jobs->idle_context);
}

void jobs_stop(
	struct jobs *jobs, int64_t deadline_ms, void (*idle_fn)(void *context), void *context)
{
	int64_t left_ms = MAX(deadline_ms - clock_monotonic_ms(), (int64_t)0);
	struct timeval time = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};

	jobs->is_stopping = true;
	jobs->idle_fn = idle_fn;
	jobs->idle_context = context;
	evtimer_add(jobs->stop_timer, &time);
	cancel_all(jobs, true);
	if (is_idle(jobs)) {
		event_active(jobs->idle, 0, 0);
	}
}

struct jobs *jobs_new(
	struct event_base *loop, const struct instances *instances, struct audit *audit)
{
	struct jobs *jobs = mem_new(struct jobs);

	jobs->loop = loop;
	jobs->instances = instances;
	jobs->audit = audit;
	TAILQ_INIT(&jobs->runs);
	jobs->stop_timer = evtimer_new(loop, on_stop_timer, jobs);
	jobs->idle = event_new(loop, -1, 0, on_idle, jobs);
	CHECK(jobs->stop_timer != NULL && jobs->idle != NULL);
	return jobs;
}

void jobs_free(struct jobs *jobs)
{
	struct run *run;

	if (jobs == NULL) {
		return;
	}
	while ((run = TAILQ_FIRST(&jobs->runs)) != NULL) {
		/* The analyzer does not see that TAILQ_REMOVE unlinks what is then freed. */
		CHECK(job_is_done(run->job)); /* NOLINT(clang-analyzer-unix.Malloc) */
		TAILQ_REMOVE(&jobs->runs, run, entry);
		free_run(run);
	}
	event_free(jobs->stop_timer);
	event_free(jobs->idle);
	free(jobs);
}
