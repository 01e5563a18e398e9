/*
 * What the files of a job share: job.c has its life and what happens to it, job_nodes.c which nodes
 * are swept, job_end.c the report of the end, and what comes after it.
 */
#ifndef KILL_JOB_INTERNAL_H
#define KILL_JOB_INTERNAL_H

#include <sys/queue.h>

#include "kill/job.h"
#include "kill/batch.h"
#include "kill/gate.h"
#include "kill/sweep.h"

struct event;

/* Kill commands of a sweep that has ended, whose answers may still come. */
struct late {
	LIST_ENTRY(late) entry;
	struct job *job;
	struct batch *batch;
	size_t node; /* of the report */
	bool is_answered;
};

/* What a job does, and those that go on with it when its time is up. */
struct shared_request {
	struct request request;
	unsigned n_jobs;
};

struct job {
	struct sweep_inputs in; /* of every sweep, but for its link and node */
	struct shared_request *shared;
	const struct request *request; /* of it */
	job_event_fn event_fn;
	void *context;

	struct report *report;
	struct sources sources;
	LIST_HEAD(, late) late;
	struct event *reaping; /* frees those that have been answered, from the event loop */
	struct sweep **sweeps;
	size_t n_sweeps;
	size_t sweeps_capacity;
	size_t n_running;
	int64_t started_ms;
	int64_t watching_since_ms; /* since the last node was done but for that; 0: not yet */
	unsigned n_rounds;
	struct topology_watcher watcher; /* while it is not known which nodes there are */
	const struct gate *gate;         /* NULL: nobody is kept out */
	bool is_at_gate;                 /* it has not answered yet */
	bool has_passed_gate;
	struct event *patience; /* ends that wait */
	bool is_waiting_for_nodes;
	bool has_asked_for_others; /* whether they have turned up since it began */
	bool is_started;
	bool is_done;
	struct job_late late_news; /* for the time of JOB_LATE */
	struct goal_book book;     /* of the request's goals */
	double share;              /* sessions that may be killed now, where they are spread */
	double share_per_ms;
	int64_t share_ms; /* monotonic: when that was so; 0: it has not begun */
	bool is_decided;  /* the victims are no more than `max`, or the kill is refused */
};

/* ---- job_end.c ---- */

/* All sweeps are done: says what is to say of the whole, and closes the report. */
/* A node is done but for looking who comes back; the last one may be. */
void job_note_watching(struct job *job);
void job_close_report(struct job *job);
/* Of a sweep that has ended: `batch` is taken over, its answers are waited for and told. */
void job_on_sweep_late(void *context, const struct sweep *sweep, struct batch *batch);
/* Callback of the event `reaping`: frees those whose answers have come; of all jobs' ends too. */
void job_on_reaping(int fd, short what, void *context);
void job_drop_late(struct job *job);

/* ---- job_decide.c ---- */

/* Have all nodes that can made their plan? */
bool job_is_all_planned(const struct job *job);
/*
 * A node has its plan. Without a limit or goals it goes on at once; with them all nodes wait for
 * each other, so that nothing is killed when the sum is too large. One that has to be listed again
 * comes here again, with a plan that may have grown.
 */
void job_go_on(struct job *job);

/* ---- job_goals.c ---- */

void job_init_goals(struct job *job);
/* Of the sweeps that have a plan and have not begun with it: whom of theirs to spare. */
void job_choose(struct job *job);
/* For struct sweep_inputs. */
void job_judge_goals(void *context, struct sweep *sweep);
void job_share(void *context);
/*
 * All have chosen: where the kills are spread, by how much the time grows, if it may. False: it may
 * not, and is too short; the report says so.
 */
NODISCARD bool job_begin_spread(struct job *job, uint64_t n_meant);

/* ---- job_nodes.c ---- */

/*
 * A sweep for every node that had none yet; all at once. False: there is none. No sweep may be
 * running: the nodes of the report may move.
 */
bool job_start_round(struct job *job);
/* A node may have come since: after a fail-over, or when a cluster grows. */
bool job_is_round_due(const struct job *job);
/* See struct sweep_inputs. */
bool job_is_twin_swept(void *context, const struct sweep *sweep);

#endif
