/*
 * What jobs.c, which keeps the runs, and jobs_order.c, which takes orders, share.
 */
#ifndef KILL_JOBS_INTERNAL_H
#define KILL_JOBS_INTERNAL_H

#include <sys/queue.h>

#include "kill/jobs.h"

struct event;

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

bool run_is_on(const struct run *run, const char *instance);
void jobs_free_ticket(struct ticket *ticket);
void jobs_free_run(struct run *run);
/* The oldest waiting run of the instance starts, if no other kill runs there. */
void jobs_start_waiting(struct jobs *jobs, const char *instance);
/* The timer of the first of its tickets whose time is up while it waits. */
void jobs_restart_expiry(struct run *run);
/* 0, or JOBS_E_AUDIT with words. */
NODISCARD int jobs_record_intent(struct run *run, const struct ticket *ticket, struct err *err);

/* Callbacks of a run's job and timers; `context` is the run. */
void jobs_on_job_event(void *context, enum job_event event);
void jobs_on_ending(int fd, short what, void *context);
void jobs_on_expiry(int fd, short what, void *context);

#endif
