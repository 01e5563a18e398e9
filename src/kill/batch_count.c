/*
 * What the answers to a batch say: who was hit, who was there to be, and how long the server took.
 */
#include "kill/batch_internal.h"

#include "base/clock.h"
#include "kill/refusal.h"
#include "redis/reply.h"
#include "redis/server_info.h"

bool batch_may_be_entered(const struct batch *batch)
{
	return !snapshot_is_all_matched(batch->snapshot);
}

/* A set that only those can be in who were meant at the listing needs no counting. */
bool batch_needs_round(const struct batch *batch, const struct plan_step *step)
{
	return plan_step_is_set(step) &&
	       (batch->plan->least_age_s <= 0 || batch_may_be_entered(batch));
}

void batch_on_look_line(void *context, struct slice text)
{
	struct batch *batch = context;
	struct session_line line;

	if (batch->snapshot != NULL) {
		session_read_line(
			&line, text, batch->snapshot->caps->family, batch->snapshot->node);
		snapshot_look(batch->snapshot, &line);
	}
}

/* How many have connected since the listing; -1: it is not known. */
static int64_t n_newcomers(const struct batch *batch, const struct reply *reply)
{
	struct link_server server = {.n_connections = -1};

	if (reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	return server.n_connections < batch->snapshot->n_connections
		       ? -1
		       : server.n_connections - batch->snapshot->n_connections;
}

void batch_take_answer_to_question(
	struct batch *batch, enum sent_kind kind, const struct reply *reply)
{
	switch (kind) {
	case SENT_ASK:
		batch->is_asked = true;
		batch->is_quiet = n_newcomers(batch, reply) == 0;
		break;
	case SENT_CHECK:
		/* Somebody came in the moment between the question and the round. */
		batch->result.n_unsure =
			n_newcomers(batch, reply) < 0
				? batch->result.n_claimed
				: MIN((uint64_t)n_newcomers(batch, reply), batch->result.n_claimed);
		break;
	case SENT_LOOK:
		batch->has_looked = reply->type == REPLY_LISTING;
		break;
	case SENT_KILL:
	case SENT_AGAIN:
		break;
	}
}

/* Of those that a set is for, who was there to be hit; the others had ended before. */
static size_t count_there(struct batch *batch, const struct sent_command *sent)
{
	size_t n = 0;

	for (size_t i = 0; i < sent->n; i++) {
		struct snapshot_entry *entry =
			&batch->snapshot->entries[batch->plan->victims[sent->step->first + i]];

		entry->is_missed = !entry->is_listed;
		n += entry->is_listed &&
		     (sent->step->kind == PLAN_STEP_TYPE ? !entry->is_retyped : !entry->is_moved);
	}
	return n;
}

/*
 * The next burst is as large as the last one would have been to fit the budget exactly, less a
 * fifth; it grows slowly and shrinks at once.
 */
void batch_adapt_burst(struct batch *batch, int64_t now_us)
{
	int64_t budget_us = batch->plan->opts.stall_budget_ms * 1000;
	int64_t took_us = MAX(now_us - batch->burst_sent_us, (int64_t)1);
	int64_t fitting = (int64_t)batch->burst_victims * budget_us / took_us * 4 / 5;
	int64_t most = (int64_t)batch->burst * 3 / 2 + 1;

	if (batch->burst > 0) {
		batch->burst = (size_t)MAX(MIN(fitting, most), (int64_t)1);
	}
	batch->burst_victims = 0;
}

/* The server counts whom it killed; 0 for a single id means that it was gone before. */
static void count_hits(struct batch *batch, const struct sent_command *sent, uint64_t n_hits)
{
	/* Once it is cut, the plan and the snapshot may be gone. */
	bool is_planned = batch->snapshot != NULL;
	uint64_t n_most = sent->n;

	if (is_planned && batch->has_looked && batch_needs_round(batch, sent->step)) {
		n_most = count_there(batch, sent);
	}
	batch->result.n_claimed += MIN(n_hits, n_most);
	batch->result.n_extra += n_hits - MIN(n_hits, n_most);
	if (is_planned && sent->n == 1 && sent->step->kind == PLAN_STEP_IDS) {
		batch->snapshot->entries[batch->plan->victims[sent->step->first + sent->offset]]
			.is_missed = n_hits == 0;
	}
}

void batch_take_answer(
	struct batch *batch, const struct sent_command *sent, const struct reply *reply)
{
	int64_t now_us = clock_monotonic_us();
	int64_t stall_us = now_us - MAX(sent->sent_us, batch->last_reply_us);

	batch->result.max_stall_us = MAX(batch->result.max_stall_us, stall_us);
	batch->last_reply_us = now_us;
	if (reply->type == REPLY_INTEGER && reply->integer >= 0) {
		count_hits(batch, sent, (uint64_t)reply->integer);
		return;
	}
	if (batch->result.error[0] == '\0' ||
		(refusal_is_final(reply) && batch->result.outcome != BATCH_REFUSED)) {
		refusal_print(reply, batch->result.error, sizeof(batch->result.error));
	}
	if (refusal_is_final(reply)) {
		batch->result.outcome = BATCH_REFUSED;
		batch->is_stopped = true;
	}
}

/* The connection is gone with the commands in flight: the server may have carried them out. */
void batch_take_loss(struct batch *batch, const struct sent_command *sent, const char *lost)
{
	batch->result.n_presumed += sent->n;
	batch->result.outcome = BATCH_LOST;
	batch->result.lost = lost;
	batch->is_stopped = true;
}
