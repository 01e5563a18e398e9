/*
 * What the files of the jobs share: jobs_order.c takes orders, jobs.c has what happens to them, and
 * below it jobs_turns.c lets runs start, jobs_record.c records them, jobs_runs.c keeps them.
 */
#ifndef KILL_JOBS_INTERNAL_H
#define KILL_JOBS_INTERNAL_H

#include <sys/queue.h>

#include "kill/jobs.h"

struct event;

/* Deadlines that lie so close together are one. */
#define JOBS_ONE_DEADLINE_MS 500

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
	uid_t uid;       /* who asked first */
	bool is_own;     /* he is root, or the daemon's own user */
	uint64_t serial; /* the order in which runs started; 0: not yet */
	struct tickets tickets;
	size_t n_tickets;
	bool is_recorded;     /* the intents of all its tickets are on the disk: it may start */
	bool has_outcome;     /* and so are the outcomes: it may be answered */
	bool is_answered;     /* only remembered */
	struct event *expiry; /* the deadline, while it waits */
};
TAILQ_HEAD(runs, run);

struct jobs {
	struct event_base *loop;
	const struct instances *instances;
	struct audit *audit;
	const struct gate *gate; /* NULL: nobody is kept out */
	uint64_t n_started;
	struct runs runs; /* waiting, running and remembered ones, oldest first */
	size_t n_remembered;
	size_t n_remembered_results;
	struct event *turns;    /* looks again who may start */
	struct event *settling; /* records what is new and what is done, answers, starts */
	bool is_stopping;
	void (*idle_fn)(void *context); /* NULL: it is not to stop, or was told */
	void *idle_context;
	struct event *stop_timer;
};

/* ---- jobs_runs.c ---- */

/* The last of the list; its job is still to be made. */
struct run *run_new(struct jobs *jobs, const struct caller *caller);
/* What waits for its turn until its deadline fails then. */
void run_restart_expiry(struct run *run);
void run_free_ticket(struct ticket *ticket);
void run_free(struct run *run);
/* By its id: a reload may put another object in its place. */
bool run_is_on(const struct run *run, const char *instance);
/* How it stands, in the history of its instance: before its job retires. */
void run_note_in_history(struct run *run);
/* It is done, and its tickets wait for the answer. */
bool run_is_due(const struct run *run);
/* Of its first ticket, and of those that came within JOBS_ONE_DEADLINE_MS of it; monotonic. */
int64_t run_deadline_ms(const struct run *run);
/* NULL: never heard of, or forgotten. */
struct ticket *jobs_find_ticket(struct jobs *jobs, struct slice request_id, struct run **ret_run);
/* It was answered, and is remembered from now on; others may have to be forgotten for it. */
void jobs_remember(struct run *run);

/* ---- jobs_turns.c ---- */

/* A run that waits starts, or the one whose turn it is, if the record allows it and no other kill
 * of the instance is busy. */
void jobs_start(struct run *run);
/* Likewise whoever waits for his turn, on any instance. */
void jobs_start_waiting(struct jobs *jobs);

/* ---- jobs_record.c ---- */

/* 0, or JOBS_E_AUDIT with words. */
NODISCARD int jobs_record_intent(struct run *run, const struct ticket *ticket, struct err *err);
/* Of every run that is due, on the disk before the first answer goes out. */
void jobs_record_outcomes(struct jobs *jobs);
/* What a late answer to a run that is answered says, for each of its tickets. */
void jobs_record_late(struct run *run);
/*
 * Puts on the disk what was recorded: runs that wait for that may start, or have failed. What
 * audit_sync() says.
 */
NODISCARD int jobs_sync_record(struct jobs *jobs, struct err *err);

/* ---- jobs.c ---- */

/* Of a run's job; `context` is the run. */
void jobs_on_job_event(void *context, enum job_event event);

#endif
