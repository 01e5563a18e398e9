/*
 * What the answers to a salvo say: who was hit, who was there to be, and how long the server took.
 */
#include "kill/salvo_internal.h"

#include "base/clock.h"
#include "kill/refusal.h"
#include "redis/reply.h"
#include "redis/server_info.h"

bool salvo_may_be_entered(const struct salvo *salvo)
{
	return !snapshot_is_all_matched(salvo->snapshot);
}

/* A set that only those can be in who were meant at the listing needs no counting. */
bool salvo_needs_batch(const struct salvo *salvo, const struct plan_step *step)
{
	return step->kind != PLAN_STEP_IDS &&
	       (salvo->plan->least_age_s <= 0 || salvo_may_be_entered(salvo));
}

void salvo_on_look_line(void *context, struct slice text)
{
	struct salvo *salvo = context;
	struct session_line line;

	if (salvo->snapshot != NULL) {
		session_read_line(
			&line, text, salvo->snapshot->caps->family, salvo->snapshot->node);
		snapshot_look(salvo->snapshot, &line);
	}
}

/* How many have connected since the listing; -1: it is not known. */
static int64_t n_newcomers(const struct salvo *salvo, const struct reply *reply)
{
	struct link_server server = {.n_connections = -1};

	if (reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	return server.n_connections < salvo->snapshot->n_connections
		       ? -1
		       : server.n_connections - salvo->snapshot->n_connections;
}

void salvo_take_answer_to_question(
	struct salvo *salvo, enum shot_kind kind, const struct reply *reply)
{
	switch (kind) {
	case SHOT_ASK:
		salvo->is_asked = true;
		salvo->is_quiet = n_newcomers(salvo, reply) == 0;
		break;
	case SHOT_CHECK:
		/* Somebody came in the moment between the question and the batch. */
		salvo->result.n_unsure =
			n_newcomers(salvo, reply) < 0
				? salvo->result.n_claimed
				: MIN((uint64_t)n_newcomers(salvo, reply), salvo->result.n_claimed);
		break;
	case SHOT_LOOK:
		salvo->has_looked = reply->type == REPLY_LISTING;
		break;
	case SHOT_KILL:
		break;
	}
}

/* Of those that a set is for, who was there to be hit; the others had ended before. */
static size_t count_there(struct salvo *salvo, const struct shot *shot)
{
	size_t n = 0;

	for (size_t i = 0; i < shot->n; i++) {
		struct snapshot_entry *entry =
			&salvo->snapshot->entries[salvo->plan->victims[shot->step->first + i]];

		entry->is_missed = !entry->is_listed;
		n += entry->is_listed &&
		     (shot->step->kind == PLAN_STEP_TYPE ? !entry->is_retyped : !entry->is_moved);
	}
	return n;
}

/*
 * The next burst is as large as the last one would have been to fit the budget exactly, less a
 * fifth; it grows slowly and shrinks at once.
 */
void salvo_adapt_burst(struct salvo *salvo, int64_t now_us)
{
	int64_t budget_us = salvo->plan->opts.stall_budget_ms * 1000;
	int64_t took_us = MAX(now_us - salvo->burst_sent_us, (int64_t)1);
	int64_t fitting = (int64_t)salvo->burst_victims * budget_us / took_us * 4 / 5;
	int64_t most = (int64_t)salvo->burst * 3 / 2 + 1;

	if (salvo->burst > 0) {
		salvo->burst = (size_t)MAX(MIN(fitting, most), (int64_t)1);
	}
	salvo->burst_victims = 0;
}

/* The server counts whom it killed; 0 for a single id means that it was gone before. */
static void count_hits(struct salvo *salvo, const struct shot *shot, uint64_t n_hits)
{
	/* Once it is cut, the plan and the snapshot may be gone. */
	bool is_planned = salvo->snapshot != NULL;
	uint64_t n_most = shot->n;

	if (is_planned && salvo->has_looked && salvo_needs_batch(salvo, shot->step)) {
		n_most = count_there(salvo, shot);
	}
	salvo->result.n_claimed += MIN(n_hits, n_most);
	salvo->result.n_extra += n_hits - MIN(n_hits, n_most);
	if (is_planned && shot->n == 1 && shot->step->kind == PLAN_STEP_IDS) {
		salvo->snapshot->entries[salvo->plan->victims[shot->step->first + shot->offset]]
			.is_missed = n_hits == 0;
	}
}

void salvo_take_answer(struct salvo *salvo, const struct shot *shot, const struct reply *reply)
{
	int64_t now_us = clock_monotonic_us();
	int64_t stall_us = now_us - MAX(shot->sent_us, salvo->last_reply_us);

	salvo->result.max_stall_us = MAX(salvo->result.max_stall_us, stall_us);
	salvo->last_reply_us = now_us;
	if (reply->type == REPLY_INTEGER && reply->integer >= 0) {
		count_hits(salvo, shot, (uint64_t)reply->integer);
		return;
	}
	if (salvo->result.error[0] == '\0' ||
		(refusal_is_final(reply) && salvo->result.outcome != SALVO_REFUSED)) {
		refusal_print(reply, salvo->result.error, sizeof(salvo->result.error));
	}
	if (refusal_is_final(reply)) {
		salvo->result.outcome = SALVO_REFUSED;
		salvo->is_stopped = true;
	}
}

/* The connection is gone with the commands in flight: the server may have carried them out. */
void salvo_take_loss(struct salvo *salvo, const struct shot *shot, const char *lost)
{
	salvo->result.n_presumed += shot->n;
	salvo->result.outcome = SALVO_LOST;
	salvo->result.lost = lost;
	salvo->is_stopped = true;
}
