/*
 * What batch.c, which sends, and batch_count.c, which counts, share.
 */
#ifndef KILL_BATCH_INTERNAL_H
#define KILL_BATCH_INTERNAL_H

#include "kill/batch.h"
#include "redis/link.h"

/*
 * Without a budget: victims and commands in flight. The server works off what it reads at once, 16
 * KiB or some 300 commands with one id, before it answers and serves others. The window holds more
 * than two such reads, so that the next one waits in the socket when the server has answered the
 * last, and the daemon has the time of a whole read to send more; but no more than that, because
 * the server goes on with it when nobody waits for the answers any more.
 */
#define WINDOW_VICTIMS 4000
#define WINDOW_COMMANDS 768

enum sent_kind {
	SENT_KILL,
	SENT_ASK,   /* has anybody connected since the listing? */
	SENT_CHECK, /* the same behind a round that was sent because nobody had */
	SENT_LOOK,  /* who is there now? */
	SENT_AGAIN, /* are these still to be ended, by the kernel? */
};

struct sent_command {
	enum sent_kind kind;
	const struct plan_step *step; /* KILL */
	size_t offset;                /* of its first victim in the step */
	size_t n;                     /* victims; of questions none */
	int64_t sent_us;
};

struct batch {
	struct link *link;
	struct calls calls;
	bool (*may_send_set_fn)(void *context);
	batch_done_fn done_fn;
	void *context;

	const struct plan *plan;
	struct snapshot *snapshot;
	const struct sockets *sockets;
	struct plan_command command; /* reused */
	size_t step;                 /* the next to send, and where in it */
	size_t offset;
	bool is_stopped;
	uint64_t serial;  /* of the connection */
	bool is_stepping; /* the other connections of the link step aside, or come back */
	bool keeps_aside; /* they are to stay aside */
	struct link_way way;

	struct sent_command sent[WINDOW_COMMANDS]; /* in flight: a ring, oldest first */
	size_t first_sent;
	size_t n_sent;
	size_t n_victims; /* in flight */

	bool is_asked;      /* and answered, for the next round */
	bool is_quiet;      /* nobody had connected */
	bool has_looked;    /* the round in flight has a whole listing ahead of it */
	bool is_in_round;   /* one is being sent */
	size_t n_sets_left; /* of the round that is being sent */

	size_t burst; /* victims that fit into the budget, as measured so far; 0: ask the plan */
	size_t burst_victims;  /* that were sent in it */
	int64_t burst_sent_us; /* its first command */
	size_t n_again;        /* victims that are asked for again */
	size_t n_just_cut;     /* that the kernel was asked to end just before */
	int64_t last_reply_us;

	struct batch_result result;
};

/* ---- batch_sent.c ---- */

/* For `n` victims at the offset. */
void batch_note_sent(
	struct batch *batch, enum sent_kind kind, const struct plan_step *step, size_t n);
struct sent_command batch_pop_sent(struct batch *batch);
/* What is not sent yet never will be. */
void batch_take_unsent_back(struct batch *batch);

/* ---- batch_sockets.c ---- */

/* Asks for the next ones of a CUT step; nothing is in flight. */
void batch_ask_again(struct batch *batch, const struct plan_step *step, link_reply_fn reply_fn);
/* What it was asked for is answered: the kernel ends those that are as they were. */
void batch_cut_sockets(
	struct batch *batch, const struct sent_command *sent, const struct reply *reply);

/* ---- batch_count.c ---- */

/* Can others than those who were meant at the listing be among them by now? */
bool batch_may_be_entered(const struct batch *batch);
/* A set that only those can be in who were meant at the listing needs no counting. */
bool batch_needs_round(const struct batch *batch, const struct plan_step *step);
/* A line of the listing ahead of a round. */
void batch_on_look_line(void *context, struct slice text);
void batch_take_answer_to_question(
	struct batch *batch, enum sent_kind kind, const struct reply *reply);
/* Of a kill: counts, or stops the batch when the server refuses. */
void batch_take_answer(
	struct batch *batch, const struct sent_command *sent, const struct reply *reply);
/* The connection is gone with the command in flight. */
void batch_take_loss(struct batch *batch, const struct sent_command *sent, const char *lost);
/* All of a burst is answered: how large is the next one to be? */
void batch_adapt_burst(struct batch *batch, int64_t now_us);

#endif
