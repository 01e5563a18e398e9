/*
 * The end of a job: what its report says of the whole, besides what its sweeps have said; and
 * answers to kill commands that come when their sweep has ended.
 */
#include "kill/job_internal.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"

/* Whose the victims were, where that was asked for. */
static void report_processes(struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		sweep_sum_processes(job->sweeps[i], &job->report->programs);
	}
}

/* Which nodes there are is known as of before. */
static void warn_of_old_nodes(struct job *job)
{
	const struct topology *topology = job->in.instance->topology;

	if (topology_is_known(topology) && topology_error(topology)[0] != '\0') {
		report_warn(job->report, "the nodes are those that were known before: %s",
			topology_error(topology));
	} else if (job->has_asked_for_others &&
		   !topology_is_up_to_date(topology, job->started_ms)) {
		report_warn(job->report,
			"which nodes there are was not answered in time; they are those "
			"that were known before");
	}
}

/* The process that the request is for was not met, before there was no more time to wait for it. */
static void refuse_restarted(struct job *job)
{
	struct report *report = job->report;
	size_t n_missing = 0;

	for (size_t i = 0; i < report->n_nodes; i++) {
		n_missing += !report->nodes[i].was_reached;
	}
	free(report->error);
	report->is_restarted = true;
	report->error = mem_printf("no node is the server process %s (%zu not reached): its "
				   "sessions ended with it if it was restarted; nothing was killed",
		job->request->run_id, n_missing);
}

static bool has_met_process(const struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_has_met_process(job->sweeps[i])) {
			return true;
		}
	}
	return false;
}

/* As it is known at the end: the look-up may have been on its way at the beginning. */
static void warn_of_former_addresses(struct job *job)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		const struct link *link = sweep_link(job->sweeps[i]);

		if (topology_is_former(job->in.instance->topology, link)) {
			report_warn(job->report,
				"%s: the configured name does not stand for this address any more; "
				"it is a node over the connection that is still open",
				link_address(link));
		}
	}
}

/* `sources` NULL: it is over but for looking who comes back. */
static void tell_gate(struct job *job, const struct sources *sources)
{
	const struct gate *gate = job->gate;

	if (job->has_passed_gate && !job->request->is_dry_run &&
		!gate->ended_fn(gate->context, job->report->request_id, sources)) {
		job->report->kept_out_ms = 0;
	}
}

void job_note_watching(struct job *job)
{
	bool is_any_busy = false;

	job->watching_since_ms = clock_monotonic_ms();
	for (size_t i = 0; i < job->n_sweeps; i++) {
		enum sweep_state state = sweep_state_of(job->sweeps[i]);

		is_any_busy |= state != SWEEP_WATCH && state != SWEEP_DONE;
	}
	if (!is_any_busy) {
		tell_gate(job, NULL);
	}
}

void job_close_report(struct job *job)
{
	warn_of_old_nodes(job);
	warn_of_former_addresses(job);
	if (job->request->run_id != NULL && !has_met_process(job) &&
		job->report->state != REPORT_CANCELLED) {
		refuse_restarted(job);
	}
	job->report->watched_ms =
		job->watching_since_ms > 0 ? clock_monotonic_ms() - job->watching_since_ms : 0;
	tell_gate(job, &job->sources);
	sources_report(&job->sources, job->report);
	sources_finish(&job->sources);
	report_processes(job);
	report_close(job->report, job->request->is_dry_run, clock_monotonic_ms() - job->started_ms);
}

/* ---- what comes later ---- */

/* A report is not answered twice, but the record and the metrics hear of it. */
static void on_late_answer(void *context, const struct batch_result *result)
{
	struct late *late = context;
	struct job *job = late->job;
	struct report_node *node = &job->report->nodes[late->node];
	uint64_t n = report_add_late(
		job->report, node, result->n_claimed, result->n_extra, result->lost);

	job->late_news = (struct job_late){
		.node = node->address,
		.n_killed = n,
		.lost = result->lost,
	};
	late->is_answered = true;
	event_active(job->reaping, 0, 0);
	job->event_fn(job->context, JOB_LATE);
}

static void drop(struct late *late)
{
	LIST_REMOVE(late, entry);
	batch_free(late->batch);
	free(late);
}

/* Not in a callback of their own. */
void job_on_reaping(int fd, short what, void *context)
{
	struct job *job = context;
	struct late *late, *next;

	for (late = LIST_FIRST(&job->late); late != NULL; late = next) {
		next = LIST_NEXT(late, entry);
		if (late->is_answered) {
			drop(late);
		}
	}
}

void job_drop_late(struct job *job)
{
	while (!LIST_EMPTY(&job->late)) {
		drop(LIST_FIRST(&job->late));
	}
}

void job_on_sweep_late(void *context, const struct sweep *sweep, struct batch *batch)
{
	struct job *job = context;
	struct late *late = mem_new(struct late);

	*late = (struct late){.job = job, .batch = batch, .node = sweep_node(sweep, job->report)};
	(void)batch_cut(batch, on_late_answer, late);
	LIST_INSERT_HEAD(&job->late, late, entry);
}

const struct job_late *job_late(const struct job *job)
{
	return &job->late_news;
}

bool job_is_late(const struct job *job)
{
	const struct late *late;

	LIST_FOREACH(late, &job->late, entry)
	{
		if (!late->is_answered) {
			return true;
		}
	}
	return false;
}
