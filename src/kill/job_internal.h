/*
 * What the files of a job share: job.c has its life and what happens to it, job_nodes.c which nodes
 * are swept, job_end.c the end, job_late.c what comes after it.
 */
#ifndef KILL_JOB_INTERNAL_H
#define KILL_JOB_INTERNAL_H

#include <sys/queue.h>

#include "kill/job.h"
#include "kill/salvo.h"
#include "kill/sweep.h"

struct event;

/* Kill commands of a sweep that has ended, whose answers may still come. */
struct late {
	LIST_ENTRY(late) entry;
	struct job *job;
	struct salvo *salvo;
	size_t node; /* of the report */
};

struct job {
	struct event_base *loop;
	const struct instances *instances;
	const struct instance *instance;
	struct request request;
	job_event_fn event_fn;
	void *context;

	struct report *report;
	struct sources sources;
	struct processes *processes; /* of a dry run that asks for them; else NULL */
	LIST_HEAD(, late) late;
	struct sweep **sweeps;
	size_t n_sweeps;
	size_t sweeps_capacity;
	size_t n_running;
	int64_t started_ms;
	int64_t deadline_ms;
	unsigned n_waves;
	struct topology_watcher watcher; /* while it is not known which nodes there are */
	LIST_HEAD(, late) settled;       /* their answers have come: to be freed */
	struct event *reaping;           /* frees them, from the event loop */
	struct event *patience;          /* ends that wait */
	bool is_waiting_for_nodes;
	bool has_asked_for_others; /* whether they have turned up since it began */
	bool is_started;
	bool is_done;
	struct job_late late_news; /* for the time of JOB_LATE */
	bool is_decided;           /* the victims are no more than `max`, or the kill is refused */
};

/* ---- job.c ---- */

/* Who is told what becomes of a sweep. */
void job_listen(struct job *job, struct sweep_inputs *inputs);

/* ---- job_end.c ---- */

/* Closes the report and tells that the job is done. */
void job_finish(struct job *job);

/* ---- job_late.c ---- */

/* `salvo` is taken over: its answers are waited for, and told by JOB_LATE. */
void job_on_sweep_late(void *context, const struct sweep *sweep, struct salvo *salvo);
void job_drop_late(struct late *late);
/* Frees those whose answers have come. */
void job_on_reaping(int fd, short what, void *context);

/* ---- job_nodes.c ---- */

/*
 * A sweep for every node that had none yet; all at once. False: there is none. No sweep may be
 * running: the nodes of the report may move.
 */
bool job_start_wave(struct job *job);
/* A node may have come since: after a fail-over, or when a cluster grows. */
bool job_is_wave_due(const struct job *job);

#endif
