/*
 * What the files of a sweep share. Each phase has a file, which exports a row for every state of
 * it; sweep.c moves from row to row, and is the only one that sets the state. Phases know no other
 * phase: their functions return the state that comes next. sweep_ask.c has what they say to the
 * server and to the job, sweep_counts.c the counts.
 */
#ifndef KILL_SWEEP_INTERNAL_H
#define KILL_SWEEP_INTERNAL_H

#include "host/sockets.h"
#include "kill/batch.h"
#include "kill/id_list.h"
#include "kill/sweep.h"
#include "redis/client_list.h"
#include "redis/timer.h"

struct reply;

/* A server that lets wait for longer holds up nobody else's kill: it hangs, or will. */
#define SWEEP_ANSWERED_WITHIN_MS 500
/* After a kill, before the first look at sessions that are dying. */
#define SWEEP_LOOK_AGAIN_FIRST_MS 2

/* A state. Functions that are NULL have nothing to do. */
struct sweep_phase {
	const char *name;
	enum report_phase time; /* of the report; REPORT_N_PHASES: it waits for somebody else */
	int64_t busy_ms;        /* so long the server may have something to do for it; 0: nothing */
	bool needs_link;        /* READY; else the sweep waits for it first */
	const char *expired;    /* what there is to say when the deadline passes in it */

	/* Before it is entered: STAY, or where to go instead. */
	enum sweep_state (*instead)(struct sweep *sweep);
	enum sweep_state (*enter)(struct sweep *sweep);
	enum sweep_state (*on_pause_over)(struct sweep *sweep); /* the timer `pause` */
	enum sweep_state (*on_link)(struct sweep *sweep, enum link_state state);
	/* The deadline has passed, or an answer is late: not sweep_fail(). */
	enum sweep_state (*give_up)(struct sweep *sweep, const char *words);
};

extern const struct sweep_phase sweep_phase_wait_link;
extern const struct sweep_phase sweep_phase_prove;
extern const struct sweep_phase sweep_phase_prove_again;
extern const struct sweep_phase sweep_phase_warm;
extern const struct sweep_phase sweep_phase_sockets;
extern const struct sweep_phase sweep_phase_list;
extern const struct sweep_phase sweep_phase_plan;
extern const struct sweep_phase sweep_phase_planned;
extern const struct sweep_phase sweep_phase_kill;
extern const struct sweep_phase sweep_phase_spread;
extern const struct sweep_phase sweep_phase_verify;
extern const struct sweep_phase sweep_phase_look_again;
extern const struct sweep_phase sweep_phase_break_busy;
extern const struct sweep_phase sweep_phase_busy_again;
extern const struct sweep_phase sweep_phase_let_go;
extern const struct sweep_phase sweep_phase_silent;
extern const struct sweep_phase sweep_phase_watch;

/* Looking sessions up before they are listed. */
struct sweep_warming {
	uint64_t next_id;
	uint64_t last_id; /* that was likely in use when it began */
	size_t group;     /* ids in a command */
	size_t n_found;   /* of the group that is being read */
	int64_t sent_us;
	int64_t until_ms; /* monotonic */
};

/* Victims one after the other. */
struct spread {
	uint32_t *queue; /* entries of the snapshot, in the order of the goals; NULL: made anew */
	size_t n;
	size_t next;
	size_t n_granted; /* of those that come next */
	int64_t asked_ms; /* when the last listing was asked for, monotonic */
	int64_t came_ms;  /* and when it had come */
	bool is_proving;  /* before it is asked for the next one */
};

#define SILENCE_MAX_SERVERS 16

/* What the kernel does where the server does not answer. */
struct silence {
	char words[ERR_MAX_BYTES]; /* how it was seen, and what was done; "": it was not seen */
	struct ends_address servers[SILENCE_MAX_SERVERS]; /* where it listens */
	size_t n_servers;
	bool has_listing; /* one tells where else than at the address of the connection to it */
	bool *is_spared;  /* by the numbers of the sockets */
	bool *is_foreign; /* likewise: to another address */
	bool *is_listed;  /* likewise: by the listing that is kept */
	bool is_chosen;
	uint32_t next; /* socket that is looked at */
	bool is_over;
	uint64_t n_ended;
	struct counts counts; /* of what was done without a listing */
};

struct sweep {
	struct sweep_inputs in;
	enum sweep_state state;
	struct link_watcher watcher;
	struct calls calls;           /* look-ups by id, questions */
	struct listing_reader reader; /* of whole listings */
	struct event *timer;          /* the deadline */
	struct event *pause; /* ends PROVE_AGAIN, BUSY_AGAIN, LOOK_AGAIN; looks in WATCH; tells of
				 DONE */

	char *address; /* of the link, as the node is named by it */
	struct protection protection;
	int64_t started_ms;      /* monotonic; 0: not yet */
	unsigned n_twin_pauses;  /* that it was waited for who else this server is */
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
	unsigned n_surprises; /* own connections were not what they had been when it was planned */
	bool was_lost;        /* the connection, since the last listing */
	int64_t n_monitors;   /* that INFO tells of, about when it is listed; -1 it does not */
	struct snapshot snapshot;
	bool knows_newcomers; /* those of our connections that came since LIST was sent */
	bool has_hidden_own;  /* some that the listing may have without a mark */
	bool has_snapshot;    /* whole: after a loss the victims are known */
	uint64_t n_meant;     /* victims so far, those included that are none any more */
	uint64_t n_allowed;   /* victims that the request's limit was checked for */
	struct processes_server processes;
	struct sockets sockets;     /* as they were before the listing; zeroed: not looked for */
	bool has_looked_at_sockets; /* for the listing that comes next */
	bool is_asking_for_child;   /* that may hold some */
	struct silence silence;
	struct spread spread;
	uint64_t n_lines;    /* of the listing that was read last */
	int64_t max_clients; /* just before the first one; -1: the server does not tell */
	int64_t n_bus_links;
	struct plan plan;
	struct batch *batch; /* NULL: none yet, or what is in flight is the job's */
	bool is_batch_cut;   /* it sends nothing more, and another one would be needed */

	int64_t phase_since_us; /* when the state began, monotonic */
	unsigned n_rounds;      /* of kills so far */
	int64_t listed_ms;      /* when the listing had come, monotonic */
	bool has_asked_for_child;
	bool is_held_by_child; /* what of those that have ended it holds is to be ended */
	size_t next_held;      /* entry of the snapshot that is looked at for that */
	uint64_t n_let_go;     /* whose sockets the kernel ended */
	uint64_t n_still_held; /* whose sockets are not known, such as those of Unix sockets */
	size_t n_replies;      /* answers that VERIFY still waits for */
	char refusal[ERR_MAX_BYTES];
	int64_t look_again_ms;
	bool is_in_doubt;    /* kill commands were sent since the last verification */
	uint64_t n_claimed;  /* victims that the server said it killed */
	uint64_t n_cut;      /* of these, those whose connections the kernel ended */
	uint64_t n_presumed; /* in flight when the link was lost: it may have killed them */
	uint64_t n_verified; /* of the claimed ones, those that the last verification confirmed */
	int64_t watch_until_ms;
	uint64_t watch_mark;    /* newcomers up to this id are counted */
	uint64_t newest_id;     /* of all that were listed so far */
	uint64_t n_returned;    /* in the listing that is being read */
	bool is_settled;        /* the counts are final */
	unsigned n_busy_pauses; /* that a busy script was waited for */
	bool is_cancelled;      /* what its kill has in flight is waited for */
	bool is_expired;        /* the deadline has passed */
};

/* ---- sweep.c ---- */

/* From a callback of a phase: where it goes now. STAY: nowhere. */
void sweep_move(struct sweep *sweep, enum sweep_state next);

/* ---- sweep_ask.c ---- */

/* Adds a warning of the node to the report. */
void sweep_warn(struct sweep *sweep, const char *format, ...) PRINTF_LIKE(2, 3);
/* A child of the server holds sockets of sessions that have ended. */
void sweep_warn_held(struct sweep *sweep);
/* Over the link, which is READY. Of `command` the context and the owner are filled in. */
void sweep_send(struct sweep *sweep, struct link_command command);
/* A command of two words. */
void sweep_ask(struct sweep *sweep, const char *first, const char *second, link_reply_fn reply_fn);
/* What is asked and not answered is not waited for. */
void sweep_drop_calls(struct sweep *sweep);
/* The whole listing, shared with whoever wants it now. The link is READY. */
void sweep_join_listing(struct sweep *sweep, void (*started_fn)(void *context),
	void (*session_fn)(void *context, const struct session_line *line),
	void (*done_fn)(void *context, const struct listing_result *result));

struct id_list sweep_ids_new(const struct sweep *sweep, size_t n_most);
/* CLIENT LIST ID with these, none of which is left. */
void sweep_send_list(
	struct sweep *sweep, struct id_list *ids, listing_line_fn line_fn, link_reply_fn reply_fn);

/* They return where the sweep goes on. */
/* The node has failed. */
enum sweep_state sweep_fail(struct sweep *sweep, const char *words);
/* The server does not answer, as `words` say: SILENT if that is wanted, once; else STAY. */
enum sweep_state sweep_silent(struct sweep *sweep, const char *words);
/* SILENT, or the node has failed. */
enum sweep_state sweep_fail_silent(struct sweep *sweep, const char *words);
/* A command was lost with the connection. */
enum sweep_state sweep_lost(struct sweep *sweep);
/* `sweep->refusal` says how a command was refused in a way that stands for all of them. */
enum sweep_state sweep_refused(struct sweep *sweep);
/* A listing that was joined has ended without being whole. */
enum sweep_state sweep_listing_failed(struct sweep *sweep, const struct listing_result *result);
/* on_link of states in which nothing is in flight that would tell of the loss. */
enum sweep_state sweep_on_idle_link(struct sweep *sweep, enum link_state state);

/* It may open new connections again: no set is to be killed. */
void sweep_release_link(struct sweep *sweep);

/* ---- sweep_counts.c ---- */

void sweep_forget_snapshot(struct sweep *sweep);
/* The snapshot changes: in which order the victims end is found anew. */
void sweep_forget_turns(struct sweep *sweep);
/* Brings the counts of the node up to date, those of a batch in flight included. */
void sweep_count(struct sweep *sweep);
/* The batch has ended, or is cut: what it claims is in doubt until it is verified. */
void sweep_take_result(struct sweep *sweep, const struct batch_result *result);
/* It is: whom it concerns has ended, or is one of those that are dying. */
void sweep_settle_claims(struct sweep *sweep, uint64_t n_dying);
/* The server was restarted. */
void sweep_end_all(struct sweep *sweep);
/* What the kernel has just done to a silent server. */
void sweep_count_silence(struct sweep *sweep, const struct counts *counts);
/* No command is sent any more, and what is in flight is left to the job. */
void sweep_cut_batch(struct sweep *sweep);
/* Nothing will be killed any more: no command is sent, and what is in flight is left to the job. */
void sweep_settle(struct sweep *sweep);

/* ---- sweep_link.c ---- */

/* The link is READY: begins, or goes on where it was. */
enum sweep_state sweep_on_link_ready(struct sweep *sweep);
/* The end where it is not the process that the request is for: nothing of it is to be killed. */
enum sweep_state sweep_finish_unmeant(struct sweep *sweep);
/* Is it that one? */
bool sweep_is_meant(const struct sweep *sweep);
/* Is the server behind the link still the process that was listed? */
bool sweep_is_same_process(const struct sweep *sweep);

/* ---- sweep_sockets.c ---- */

/* SOCKETS, if they are to be looked at before the listing and have not been; else STAY. */
enum sweep_state sweep_instead_of_list(struct sweep *sweep);

/* ---- sweep_goals.c ---- */

/* Just before the listing. */
void sweep_begin_goals(struct sweep *sweep);
/* Why the goals cannot be applied to this server's sessions; NULL: they can. On the heap. */
char *sweep_find_obstacle(const struct sweep *sweep);

/* ---- sweep_spread.c ---- */

/* Is there somebody who is to be killed in his turn? */
bool sweep_has_turns(const struct sweep *sweep);

/* ---- sweep_plan.c ---- */

struct plan_opts sweep_plan_opts(const struct sweep *sweep);
/* Of who is left by now. */
void sweep_make_plan(struct sweep *sweep);

#endif
