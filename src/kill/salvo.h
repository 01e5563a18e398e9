/*
 * Sends the commands of a plan and counts the answers. As many at once as the pace allows: without
 * a budget a window that keeps the server busy, with one a burst at a time, whose size follows the
 * measured answers.
 */
#ifndef KILL_SALVO_H
#define KILL_SALVO_H

#include <stdint.h>

#include "base/err.h"
#include "model/plan.h"

struct link;
struct salvo;

enum salvo_outcome {
	SALVO_DONE,    /* all that was sent is answered */
	SALVO_LOST,    /* the connection was lost; `lost` says why */
	SALVO_REFUSED, /* the server refuses everything; `error` says why */
};

struct salvo_result {
	enum salvo_outcome outcome;
	uint64_t n_claimed;  /* victims that the server said it killed */
	uint64_t n_presumed; /* in flight when the connection was lost: it may have killed them */
	uint64_t n_extra;    /* hits of set commands beyond the victims */
	uint64_t n_commands;
	int64_t max_stall_us;      /* the longest wait for an answer while nothing else came in */
	char error[ERR_MAX_BYTES]; /* the refusal, or else the first error reply; "" none */
	const char *lost;
};

typedef void (*salvo_done_fn)(void *context, const struct salvo_result *result);

/* `link` is borrowed. `done_fn` is called from the event loop, once for each salvo_fire(). */
struct salvo *salvo_new(struct link *link, salvo_done_fn done_fn, void *context);
void salvo_free(struct salvo *salvo); /* nothing may be in flight */

/*
 * Carries out `plan`, which has at least one step, on the READY link. Victims that the server no
 * longer knew are marked as gone in `snapshot`, which is the plan's. Both are borrowed until done.
 */
void salvo_fire(struct salvo *salvo, const struct plan *plan, struct snapshot *snapshot);
/* While it fires: victims that the server has said it killed so far. */
uint64_t salvo_n_claimed(const struct salvo *salvo);
/* Sends nothing more. */
void salvo_stop(struct salvo *salvo);

#endif
