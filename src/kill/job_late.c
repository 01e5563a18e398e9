/*
 * Answers to kill commands that come when their sweep has ended: a report is not answered twice,
 * but the record and the metrics hear of it.
 */
#include "kill/job_internal.h"

#include <event2/event.h>

#include "base/mem.h"

static void on_late_answer(void *context, const struct salvo_result *result)
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
	LIST_REMOVE(late, entry);
	event_active(job->reaping, 0, 0);
	LIST_INSERT_HEAD(&job->settled, late, entry);
	job->event_fn(job->context, JOB_LATE);
}

void job_drop_late(struct late *late)
{
	LIST_REMOVE(late, entry);
	salvo_free(late->salvo);
	free(late);
}

/* Not in a callback of their own. */
void job_on_reaping(int fd, short what, void *context)
{
	struct job *job = context;

	(void)fd;
	(void)what;
	while (!LIST_EMPTY(&job->settled)) {
		job_drop_late(LIST_FIRST(&job->settled));
	}
}

void job_on_sweep_late(void *context, const struct sweep *sweep, struct salvo *salvo)
{
	struct job *job = context;
	struct late *late = mem_new(struct late);

	*late = (struct late){.job = job, .salvo = salvo, .node = sweep_node(sweep, job->report)};
	(void)salvo_cut(salvo, on_late_answer, late);
	LIST_INSERT_HEAD(&job->late, late, entry);
}

const struct job_late *job_late(const struct job *job)
{
	return &job->late_news;
}

bool job_is_late(const struct job *job)
{
	return !LIST_EMPTY(&job->late);
}
