/*
 * Sends the commands of a plan and counts the answers. As many at once as the pace allows: without
 * a budget a window that keeps the server busy, with one a burst at a time, whose size follows the
 * measured answers.
 */
#ifndef KILL_BATCH_H
#define KILL_BATCH_H

#include <stdint.h>

#include "base/err.h"
#include "model/plan.h"

struct link;
struct batch;
struct sockets;

enum batch_outcome {
	BATCH_DONE,    /* all that was sent is answered */
	BATCH_LOST,    /* the connection was lost; `lost` says why */
	BATCH_REFUSED, /* the server refuses everything; `error` says why */
	BATCH_LATE,    /* it does not answer in time; `lost` says so. See batch_cut() */
};

struct batch_result {
	enum batch_outcome outcome;
	uint64_t n_claimed;  /* victims that the server said it killed, or the kernel ended */
	uint64_t n_cut;      /* of these, those that the kernel ended */
	uint64_t n_presumed; /* in flight when the connection was lost: it may have killed them */
	uint64_t n_extra;    /* hits of set commands beyond the victims */
	uint64_t n_unsure;   /* of n_claimed, at most so many were newcomers in place of victims */
	uint64_t n_commands;
	uint64_t n_in_flight;      /* victims of commands that are not answered, and may be yet */
	int64_t max_stall_us;      /* the longest wait for an answer while nothing else came in */
	char error[ERR_MAX_BYTES]; /* the refusal, or else the first error reply; "" none */
	const char *lost;
};

typedef void (*batch_done_fn)(void *context, const struct batch_result *result);

/*
 * `done_fn` is called once for each batch_send(): from the event loop, unless nothing can be sent.
 * `may_send_set_fn` is asked before each set command: is what the plan was made by still so?
 */
struct batch *batch_new(struct link *link, bool (*may_send_set_fn)(void *context),
	batch_done_fn done_fn, void *context);
void batch_free(struct batch *batch); /* what is in flight is not waited for */

/*
 * Carries out `plan`, which has at least one step, on the READY link. Victims that the server no
 * longer knew are marked as gone in `snapshot`, which is the plan's. `sockets` are those of its
 * entries. All are borrowed until done.
 */
void batch_send(struct batch *batch, const struct plan *plan, struct snapshot *snapshot,
	const struct sockets *sockets);
/* While it fires: victims that the server has said it killed so far. */
uint64_t batch_n_claimed(const struct batch *batch);
/* When the server answered last, monotonic; 0: it has not yet. */
int64_t batch_last_reply_us(const struct batch *batch);
/* Commands that are not answered yet. */
size_t batch_n_in_flight(const struct batch *batch);
/* Sends nothing more; done when what was sent is answered. */
void batch_stop(struct batch *batch);
/*
 * Sends nothing more and waits no longer: what has come so far, without a call of done_fn. What is
 * then in flight may be carried out and answered all the same: `late_fn` is called when it is, or
 * lost for good, with what came since. Plan and snapshot are not used any more. Nothing in flight:
 * it is not called.
 */
struct batch_result batch_cut(struct batch *batch, batch_done_fn late_fn, void *context);

#endif
