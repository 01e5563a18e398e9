/*
 * One request on ONE node: prove, list, plan, kill, verify. A state machine over the node's link.
 *
 *      sweep_start
 *          |       link is READY            all lines            sweep_kill()
 *          v                                are in
 *      WAIT_LINK ----- (PROVE) ----> LIST ---------> PLANNED --------------> KILL <-----------+
 *       ^  ^  |                       |                 |                     |               |
 *       |  |  |       link lost       |                 |                     | all answered  |
 * still |  +--|-----------------------+-----------------+                     v               |
 * there |     |                                                             VERIFY -----------+
 *       +-----|------------------------------- link lost -----------------    |  ^
 *             | same server: VERIFY                                           v  | in a moment
 *             | restarted: all have ended                                   LOOK_AGAIN (dying)
 *             v
 *            DONE  <-- nothing pending; the deadline; a refusal; cancelled
 *              ^------ WATCH <-- nothing pending, and the request wants to see who comes back
 *
 * On its way there a node that was discovered shows in PROVE that it belongs to the instance; one
 * that cannot yet is asked again for a while (sweep_prove.c).
 *
 * A gentle kill of many sessions passes through WARM on its way to LIST: it looks them up in small
 * groups, so that the listing itself is short (sweep_warm.c).
 *
 * Kills that are spread over a time go through SPREAD on their way to KILL, a few sessions each
 * time, and through VERIFY so often that nobody is killed by an old listing (sweep_spread.c).
 *
 * A command that is not answered in time ends the sweep. The connection stays; what a kill has in
 * flight then is left to the job, and told when it is known.
 *
 * LIST, KILL and VERIFY may pass through BREAK_BUSY, where a script that keeps the server from
 * answering is ended, if the request wants that; it leads back to LIST (or WARM) or VERIFY.
 *
 * Owner: the job. Nothing of it blocks, and a slow node delays no other.
 */
#ifndef KILL_SWEEP_H
#define KILL_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "host/processes_server.h"
#include "kill/instance.h"
#include "kill/own_sessions.h"
#include "model/plan.h"
#include "model/report.h"
#include "model/request.h"
#include "model/sources.h"

struct event_base;
struct link;
struct batch;

enum sweep_state {
	SWEEP_WAIT_LINK, /* for the link to be READY; ends at the deadline, or when that is in vain
			  */
	SWEEP_PROVE_AGAIN, /* for a moment, because it cannot show that yet */
	SWEEP_PROVE,       /* for the node to show that it belongs to the instance; the deadline */
	SWEEP_WARM,    /* for small look-ups; their time-outs, a share of the time, the deadline */
	SWEEP_SOCKETS, /* for the kernel's list of the server's connections */
	SWEEP_LIST,    /* for the listing; its command's time-out, the deadline */
	SWEEP_PLAN,    /* for nothing: the plan is made */
	SWEEP_PLANNED, /* for sweep_kill(); the deadline */
	SWEEP_KILL,    /* for the answers to kill commands; their time-outs, the deadline */
	SWEEP_SPREAD,  /* for a moment, until some more may end; the deadline */
	SWEEP_VERIFY,  /* for the listing that shows what is left */
	SWEEP_LOOK_AGAIN, /* for a moment, because sessions are still dying */
	SWEEP_BREAK_BUSY, /* for the answers to what ends a busy script; their time-outs */
	SWEEP_BUSY_AGAIN, /* for a moment, until it has ended; the number of moments, the deadline
			   */
	SWEEP_LET_GO,     /* for the kernel to end sockets that a child of the server holds */
	SWEEP_SILENT,     /* for the kernel to end the sessions of a server that does not answer */
	SWEEP_WATCH,      /* for those who come back, as long as the request wants */
	SWEEP_DONE,
	SWEEP_STAY, /* no state: it waits where it is */
};

/* What a sweep tells its job of, and the job whoever wants to know. */
enum job_event {
	JOB_LISTED,      /* a node was listed and its plan is made; again, when the link was lost */
	JOB_WAITING,     /* it has nothing to ask of a node for now; a moment to take note of it */
	JOB_VERIFIED,    /* a node is done, as far as killing goes */
	JOB_RECONNECTED, /* somebody came back to a node: the counts of the sources are up to date
			  */
	JOB_DONE,        /* all is known; once */
	JOB_LATE,        /* not of a sweep: an answer came later than that, see job_late() */
};

struct sweep;

/* What a sweep works with; all borrowed while it lives. */
struct sweep_inputs {
	struct event_base *loop;
	const struct instances *instances;
	const struct instance *instance;
	struct link *link;
	const struct request *request;
	struct sources *sources;     /* shared by the sweeps of a job */
	struct goal_book *book;      /* likewise; NULL: the request has no goals */
	struct processes *processes; /* of a dry run that asks whose the victims are; NULL: not */
	struct report *report;       /* for warnings */
	struct report_node *node;    /* kept up to date while it runs */
	int64_t deadline_ms;         /* monotonic */
	/* At JOB_LISTED: go on with sweep_kill(). JOB_DONE: the sweep may be freed after that. */
	void (*event_fn)(void *context, enum job_event event);
	/*
	 * Commands of the kill are in flight when the sweep ends: `batch` is the callee's now, cut.
	 * Their answers may come late.
	 */
	void (*late_fn)(void *context, const struct sweep *sweep, struct batch *batch);
	/* Is its server swept by another address already? Then this sweep ends. NULL: it is not. */
	bool (*is_twin_swept_fn)(void *context, const struct sweep *sweep);
	/* Goals: it has been listed again. Who is not to be killed any more by it is spared. */
	void (*judge_goals_fn)(void *context, struct sweep *sweep);
	/* Kills are spread over a time: some sweeps may be granted some turns now. */
	void (*share_fn)(void *context);
	void *context;
};

struct sweep *sweep_new(const struct sweep_inputs *inputs);
void sweep_free(struct sweep *sweep); /* before it started, or when it is DONE; NULL is fine */

void sweep_start(struct sweep *sweep);
enum sweep_state sweep_state_of(const struct sweep *sweep);
/* Has it had a whole listing? */
bool sweep_has_listed(const struct sweep *sweep);
/* Does the server have something to do for it? Else it waits: for its node, others, time. */
bool sweep_is_busy(const struct sweep *sweep);
const struct link *sweep_link(const struct sweep *sweep);
/* The index of its node in the report. */
size_t sweep_node(const struct sweep *sweep, const struct report *report);

/* Brings the counts of the node up to date, as far as the server's answers tell. */
void sweep_refresh(struct sweep *sweep);

/* Was the node listed, and was it the process that the request is for, if it is for one? */
bool sweep_has_met_process(const struct sweep *sweep);

/* Sessions that it has killed, tried to or is about to, each counted once. */
uint64_t sweep_n_meant(const struct sweep *sweep);

/* Adds those that the victims belong to, where that was wanted. */
void sweep_sum_processes(const struct sweep *sweep, struct programs *programs);

/* Goals that bound: its sessions that they choose from, or in any case count. */
struct goal_pool {
	struct goal_candidate *items;
	size_t n;
	size_t capacity;
};
/*
 * Adds them. `is_open`: they may be spared yet; else they stay what they are. Returns how many may
 * end there, by the places that the server is to have.
 */
uint64_t sweep_add_candidates(
	const struct sweep *sweep, uint32_t number, bool is_open, struct goal_pool *pool);
/* Victims that have not ended. */
uint64_t sweep_n_pending(const struct sweep *sweep);
/* They were chosen: an open one's that were not are spared. */
void sweep_spare(struct sweep *sweep, uint32_t number, const struct goal_pool *pool);
/* In PLANNED, after that: plan and counts are those of who is left. */
void sweep_plan_again(struct sweep *sweep);
/* In SPREAD: the one whose turn comes `offset` turns behind those that were granted; false: none.
 */
NODISCARD bool sweep_peek_turn(
	const struct sweep *sweep, size_t offset, uint32_t number, struct goal_candidate *ret_turn);
void sweep_grant_turns(struct sweep *sweep, size_t n);
int64_t sweep_turn_ms(const struct sweep *sweep); /* from one to the next */
void sweep_set_deadline(struct sweep *sweep, int64_t deadline_ms);

/* In PLANNED: carry the plan out; a dry run ends here. */
void sweep_kill(struct sweep *sweep);
/* No further command; ends when kills in flight are answered, or at once. No error of the node. */
void sweep_cancel(struct sweep *sweep, bool is_at_once);

#endif
