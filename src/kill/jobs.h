/*
 * Requests and the runs that serve them. Each accepted request has a ticket: an id of its own, a
 * place in the audit log, an answer. Of each instance one kill at a time is busy with its servers;
 * requests that arrive meanwhile wait for the next run, and those that ask for exactly the same
 * share it: a run answers only requests that were accepted before it started. A run that itself
 * waits, for a node or for who comes back, keeps nobody waiting. Users take turns. Dry runs change
 * nothing and wait for nobody. Who waits in vain until his deadline is answered then.
 *
 * Nothing starts before its intent is on the disk, and nobody is answered before his outcome is.
 * What is submitted, or ends, in one turn of the event loop is synced together.
 *
 * Finished runs are remembered for a while, so that a report can be fetched later by id.
 */
#ifndef KILL_JOBS_H
#define KILL_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "base/uuid.h"
#include "kill/instance.h"
#include "kill/job.h"
#include "model/caller.h"
#include "model/report.h"
#include "model/request.h"
#include "record/audit.h"

struct event_base;

/*
 * Named limits. Those of an instance are of each user there; all others than root and the daemon's
 * own user together have JOBS_SHARES times as much.
 */
#define JOBS_MAX_WAITING 16   /* kills that wait for their turn */
#define JOBS_MAX_RUNS 64      /* kills that are not done, which wait for nodes mostly */
#define JOBS_MAX_DRY_RUNS 8   /* at once */
#define JOBS_MAX_TICKETS 1024 /* unanswered requests */
#define JOBS_SHARES 4
#define JOBS_MAX_REMEMBERED 100 /* finished runs, of the whole daemon; users share them */
/* Sessions that their results name, all together: some 10 MB. */
#define JOBS_MAX_REMEMBERED_RESULTS 100000

enum {
	JOBS_E_TOO_MANY = 1, /* a limit above */
	JOBS_E_AUDIT,        /* the record is required and cannot be written; should it turn out
			      * later that it cannot be synced, the run fails before it starts */
	JOBS_E_STOPPING,     /* the daemon is shutting down */
};

struct jobs;

/* The answer: `report` is borrowed, its request_id is that of the run, not of the ticket. */
typedef void (*jobs_done_fn)(void *context, const char *request_id, const struct report *report);

/* What happens meanwhile. */
typedef void (*jobs_event_fn)(
	void *context, const char *request_id, enum job_event event, const struct report *report);

struct jobs_order {
	const char *request_id; /* of the ticket; copied */
	const char *action;     /* access action; static */
	const struct instance *instance;
	const struct caller *caller; /* copied */
	struct request *request;     /* taken over when accepted */
	jobs_done_fn done_fn;        /* NULL: nobody waits for the answer */
	jobs_event_fn event_fn;      /* NULL: not wanted; never after done_fn */
	void *context;
};

/* All borrowed. */
struct jobs *jobs_new(
	struct event_base *loop, const struct instances *instances, struct audit *audit);
/* For requests that want somebody kept out; borrowed. Without one there are none. */
void jobs_set_gate(struct jobs *jobs, const struct gate *gate);
/* After jobs_stop() has said that it is idle. */
void jobs_free(struct jobs *jobs);

/*
 * Accepts an order: its intent is written to the audit log, and done_fn will be called once, from
 * the event loop. Else a JOBS_E_* with words, and nothing happens.
 */
NODISCARD int jobs_submit(struct jobs *jobs, const struct jobs_order *order, struct err *err);

/* The caller is not interested in the answer any more; the kill goes on. */
void jobs_detach(struct jobs *jobs, const char *request_id);

/* A ticket as others see it. Borrowed until the event loop goes on. */
struct jobs_view {
	const char *request_id;
	const char *action;
	const struct caller *caller; /* who ordered it */
	const struct report *report;
	const struct request *request;
	bool is_done; /* the report is final */
};

/* False: never heard of, or forgotten. The id may be cut short, if it is that of one only. */
#define JOBS_MIN_PREFIX_BYTES 4
NODISCARD bool jobs_find(struct jobs *jobs, struct slice request_id, struct jobs_view *ret_view);
/* All known tickets, newest first. */
void jobs_each(struct jobs *jobs, void (*view_fn)(void *context, const struct jobs_view *view),
	void *context);

/* Kills of an instance at the moment; dry runs, which wait for nobody, do not count. */
struct jobs_load {
	size_t n_running;
	size_t n_waiting; /* runs, not requests */
};

struct jobs_load jobs_load(const struct jobs *jobs, const struct instance *instance);

/* Cancels the run of that ticket, for all its tickets. False: not found, or already done. */
NODISCARD bool jobs_cancel(struct jobs *jobs, struct slice request_id);

/*
 * No new orders; waiting ones are answered as cancelled; running ones have until `deadline_ms`
 * (monotonic), then they are cancelled. idle_fn is called once nothing runs any more.
 */
void jobs_stop(
	struct jobs *jobs, int64_t deadline_ms, void (*idle_fn)(void *context), void *context);

#endif
