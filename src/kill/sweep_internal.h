/*
 * What the files of a sweep share: the sweep itself, and the steps that lead from one state to the
 * next. sweep.c has the states, the end and the loss of the link; the others are a phase each.
 */
#ifndef KILL_SWEEP_INTERNAL_H
#define KILL_SWEEP_INTERNAL_H

#include "kill/salvo.h"
#include "kill/sweep.h"
#include "redis/client_list.h"

struct event;
struct reply;

/*
 * Ids in one CLIENT LIST ID: they take a server less than a millisecond, and fit into what it may
 * have unread (CONNECTION_MAX_UNREAD_BYTES) as long as they have no more than 15 digits.
 */
#define SWEEP_MAX_IDS_PER_LIST 1500

/* Looking sessions up before they are listed. */
struct sweep_warming {
	uint64_t next_id;
	uint64_t last_id; /* that was likely in use when it began */
	size_t group;     /* ids in a command */
	size_t n_found;   /* of the group that is being read */
	int64_t sent_us;
	int64_t until_ms; /* monotonic */
};

/* Ids as arguments of a command. */
struct sweep_ids {
	struct slice *texts;
	char *bytes;
	size_t n;
};

struct sweep {
	struct sweep_inputs in;
	enum sweep_state state;
	struct link_watcher watcher;
	struct calls calls;           /* look-ups by id, questions */
	struct listing_reader reader; /* of whole listings */
	struct event *timer;          /* the deadline */
	struct event *moment;         /* ends LOOK_AGAIN */
	struct event *finished;       /* tells the job, from the event loop */

	char *address; /* of the link, as the node is named by it */
	struct protection protection;
	int64_t started_ms;      /* monotonic */
	unsigned n_twin_moments; /* that it was waited for who else this server is */
	bool was_old;            /* its plan, when it was to be carried out */
	struct own_sessions own; /* when the listing began */
	char *own_user;
	struct caps caps;
	struct sweep_warming warming;
	char run_id[sizeof(((struct link_server *)NULL)->run_id)];
	bool has_met_process;   /* it was listed, and is the one that the request is for */
	uint64_t serial;        /* of the connection that listed it */
	uint64_t newest_serial; /* of all connections then */
	bool is_holding;        /* the link opens no new connections */
	unsigned n_surprises;   /* listed again: own connections were not what they had been */
	bool is_by_id_only;     /* they never were */
	bool was_lost;          /* the connection, since the last listing */
	int64_t n_monitors;     /* that INFO tells of, about when it is listed; -1 it does not */
	struct snapshot snapshot;
	bool knows_newcomers; /* those of our connections that came since LIST was sent */
	bool has_snapshot;    /* whole: after a loss the victims are known */
	uint64_t n_meant;     /* victims so far, those included that are none any more */
	uint64_t n_allowed;   /* victims that the request's limit was checked for */
	struct processes_server processes;
	struct plan plan;
	struct salvo *salvo;

	int64_t *phase_us;      /* of the report, where the time goes now; NULL: waiting */
	int64_t phase_since_us; /* monotonic */
	unsigned n_rounds;      /* of kills so far */
	int64_t listed_ms;      /* when the listing had come, monotonic */
	bool has_asked_for_child;
	size_t n_replies; /* answers that VERIFY still waits for */
	char refusal[ERR_MAX_BYTES];
	int64_t look_again_ms;
	bool is_in_doubt;    /* kill commands were sent since the last verification */
	uint64_t n_claimed;  /* victims that the server said it killed */
	uint64_t n_presumed; /* in flight when the link was lost: it may have killed them */
	uint64_t n_verified; /* of the claimed ones, those that the last verification confirmed */
	int64_t watch_until_ms;
	uint64_t watch_mark;     /* newcomers up to this id are counted */
	uint64_t newest_id;      /* of all that were listed so far */
	uint64_t n_returned;     /* in the listing that is being read */
	bool is_settled;         /* the counts are final */
	unsigned n_busy_moments; /* that a busy script was waited for */
	bool is_cancelled;
	bool is_expired; /* the deadline has passed */
};

/* ---- sweep.c ---- */

/* The only place that changes the state. */
void sweep_set_state(struct sweep *sweep, enum sweep_state state);
void sweep_start_timer(struct event *timer, int64_t ms);
/* What is asked and not answered is not waited for. */
void sweep_drop_calls(struct sweep *sweep);
/* Nothing is left to do: the job is told from the event loop. */
void sweep_finish(struct sweep *sweep);
void sweep_fail(struct sweep *sweep, const char *words);
/* Ends a sweep that was cancelled or has run out of time; false: it may go on. */
bool sweep_stop_if_doomed(struct sweep *sweep);
/* A command was refused in a way that stands for all of them. */
void sweep_on_refused(struct sweep *sweep, const char *words);

/* ---- sweep_link.c ---- */

/* Until it is READY, which it may be: over another connection. */
void sweep_wait_for_link(struct sweep *sweep);
/* It is: begins, or goes on where it was. */
void sweep_on_link_ready(struct sweep *sweep);
/* `what`, and why the link is not READY. */
void sweep_fail_without_link(struct sweep *sweep, const char *what);
/* Before anything is asked. False: the link is not READY, and the sweep goes on when it is. */
bool sweep_has_link(struct sweep *sweep);
/* A command was lost with the connection; the link says why. */
void sweep_on_lost(struct sweep *sweep);
/* One is not answered in time: nothing more is asked. */
void sweep_on_late(struct sweep *sweep, const char *words);
/* A listing that was joined has ended without being whole. */
void sweep_on_listing_failed(struct sweep *sweep, const struct listing_result *result);
/* The link opens no new connections until the sets are killed, else they might be hit. */
void sweep_hold_link(struct sweep *sweep);
void sweep_release_link(struct sweep *sweep);
/* The end where it is not the process that the request is for: nothing of it is to be killed. */
void sweep_finish_unmeant(struct sweep *sweep);
/* Is it that one? */
bool sweep_is_meant(const struct sweep *sweep);
/* Is the server behind the link still the process that was listed? */
bool sweep_is_same_process(const struct sweep *sweep);

/* ---- sweep_counts.c ---- */

/* `n_claimed`: those of a salvo that is being fired included. */
void sweep_update_counts(struct sweep *sweep, uint64_t n_claimed);
/* Nothing will be killed any more. */
void sweep_settle_counts(struct sweep *sweep);
/* Where the time goes from now on; NULL: nowhere. */
void sweep_clock_phase(struct sweep *sweep, int64_t *phase_us);

/* ---- sweep_prove.c ---- */

/* Or the listing, where there is nothing to prove. */
void sweep_begin_prove(struct sweep *sweep);

/* ---- sweep_warm.c ---- */

/* Or the listing at once, where that is as good. */
void sweep_begin_warm(struct sweep *sweep);

/* ---- sweep_list.c ---- */

void sweep_begin_list(struct sweep *sweep);
void sweep_forget_snapshot(struct sweep *sweep);
struct plan_opts sweep_plan_opts(const struct sweep *sweep);
void sweep_make_plan(struct sweep *sweep);
/* Room for `n_most` ids, for sweep_send_list(). */
struct sweep_ids sweep_ids_new(size_t n_most);
void sweep_ids_add(struct sweep_ids *ids, uint64_t id);
void sweep_ids_finish(struct sweep_ids *ids);
/* CLIENT LIST ID with these behind it. The link is READY: it cannot refuse. */
void sweep_send_list(struct sweep *sweep, const struct sweep_ids *ids, listing_line_fn line_fn,
	link_reply_fn reply_fn);
/* The whole listing, shared with whoever wants it now. Likewise. */
void sweep_join_listing(struct sweep *sweep, void (*started_fn)(void *context),
	void (*session_fn)(void *context, const struct session_line *line),
	void (*done_fn)(void *context, const struct listing_result *result));

/* ---- sweep_verify.c ---- */

void sweep_begin_kill(struct sweep *sweep);
/* Sends no more kills, and leaves what is in flight to the job. */
void sweep_cut_kill(struct sweep *sweep);
/* Before a set command: is every connection of the daemon as it was when the plan was made? */
bool sweep_may_send_set(void *context);
void sweep_on_salvo_done(void *context, const struct salvo_result *result);
void sweep_begin_verify(struct sweep *sweep);

/* ---- sweep_watch.c ---- */

void sweep_begin_watch(struct sweep *sweep);
void sweep_look_who_came(struct sweep *sweep);
/* `words`: why it ends early; NULL: it does not. */
void sweep_end_watch(struct sweep *sweep, const char *words);

/* ---- sweep_busy.c ---- */

/* The server runs a script and refuses everything else: ends the script, if that is asked for.
 * False: it is not, or was tried in vain. */
bool sweep_break_busy(struct sweep *sweep);
/* A moment later: goes on where it was refused. */
void sweep_go_on_after_busy(struct sweep *sweep);

#endif
