/*
 * One run over all nodes of an instance: a sweep per node, all at once, and the report of them
 * together. Serves one request, or several that ask for the same (see jobs.h). Knows nothing of
 * who asked.
 */
#ifndef KILL_JOB_H
#define KILL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "kill/instance.h"
#include "kill/sweep.h"
#include "model/report.h"
#include "model/request.h"

struct gate;
struct job;

/* From the event loop; job_report() is up to date. At JOB_DONE the job may be freed. */
typedef void (*job_event_fn)(void *context, enum job_event event);

/* `instances` is borrowed, `instance` held; `request` is taken over (left empty). */
struct job *job_new(struct event_base *loop, const struct instances *instances,
	const struct instance *instance, struct request *request, const char *request_id,
	job_event_fn event_fn, void *context);
/* One that asks for the same of the same instance, which that job has not let go of. */
struct job *job_new_again(
	const struct job *job, const char *request_id, job_event_fn event_fn, void *context);
/* Not started, or done. NULL is fine. */
void job_free(struct job *job);

/*
 * Done: lets go of the instance and of all that it worked with; what remains is the request and the
 * report. Not from a callback of a link or a sweep.
 */
void job_retire(struct job *job);

/* For requests that want somebody kept out; borrowed. Before it starts. */
void job_set_gate(struct job *job, const struct gate *gate);

/* Must be done by `deadline_ms` (monotonic). A reload meanwhile: on the instance as it is now. */
void job_start(struct job *job, int64_t deadline_ms);
/* Kills in flight are waited for, unless it is to be at once. */
void job_cancel(struct job *job, bool is_at_once);

bool job_is_started(const struct job *job);
bool job_is_done(const struct job *job);
/* Does a server have something to do for it? Else it is done, or waits: for nodes, or who comes
 * back. */
bool job_is_busy(const struct job *job);
/* Has one of its nodes been listed? */
bool job_has_listed(const struct job *job);
/* The id outlives the instance. */
const char *job_instance_id(const struct job *job);
const struct instance *job_instance(const struct job *job); /* before it retires */
const struct request *job_request(const struct job *job);
/* Up to date; final once the job is done. Borrowed. */
const struct report *job_report(struct job *job);
/* What a late answer says, for JOB_LATE; borrowed. */
struct job_late {
	const char *node;  /* address */
	uint64_t n_killed; /* as the server says, which is not verified any more */
	const char *lost;  /* why some will never be known; NULL: all are answered */
};

const struct job_late *job_late(const struct job *job);
/* Are answers still to come? They come also when the job has retired. */
bool job_is_late(const struct job *job);
/* Adds to the report of a job that is not done that it has no record, and why. */
void job_warn_unrecorded(struct job *job, const char *words);
/* A waiting job that will not run: its report is then final. */
void job_abandon(struct job *job, enum report_state state, const char *words);

#endif
