/*
 * Batchs of kill commands.
 *
 * A server says how many a set command hit, not whom: newcomers may be among them, and some of the
 * listed may have left. So sets go out in rounds, with nothing else in flight. Before each the
 * server is asked whether anybody has connected since the listing. Nobody: all that are hit were
 * listed. Else it lists once more right ahead of the round, in one piece with it, which a server
 * works off without serving anybody else: who is listed then is who is hit.
 */
#include "kill/batch_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/reply.h"

/* Set commands in a round: with what is ahead of them they fit into one read of the server. */
#define ROUND_SETS 64

/* A command has the link's time-out and this for each victim. */
#define TIMEOUT_PER_VICTIM_MS 1

static void on_stepped(void *context, const char *failure);

static void keep_aside(struct batch *batch, bool keeps_aside)
{
	if (keeps_aside && !batch->keeps_aside) {
		link_keep_aside(batch->link);
	} else if (!keeps_aside && batch->keeps_aside) {
		link_end_aside(batch->link);
	}
	batch->keeps_aside = keeps_aside;
}

static void on_late(struct calls *calls, const char *words)
{
	struct batch *batch = (struct batch *)((char *)calls - offsetof(struct batch, calls));

	if (batch->snapshot == NULL) {
		return; /* nobody waits any more, but for what comes late */
	}
	if (batch->is_stepping && batch->n_sent == 0) {
		calls_drop(calls);
		on_stepped(batch, words);
		return;
	}
	batch->is_stopped = true;
	batch->result.outcome = BATCH_LATE;
	batch->result.lost = words;
	batch->done_fn(batch->context, &batch->result);
}

struct batch *batch_new(struct link *link, bool (*may_send_set_fn)(void *context),
	batch_done_fn done_fn, void *context)
{
	struct batch *batch = mem_new(struct batch);

	batch->link = link_ref(link);
	calls_init(&batch->calls, on_late);
	batch->way = (struct link_way){.done_fn = on_stepped, .context = batch};
	batch->may_send_set_fn = may_send_set_fn;
	batch->done_fn = done_fn;
	batch->context = context;
	return batch;
}

void batch_free(struct batch *batch)
{
	if (batch == NULL) {
		return;
	}
	calls_drop(&batch->calls);
	keep_aside(batch, false);
	plan_command_finish(&batch->command);
	link_unref(batch->link);
	free(batch);
}

static void on_reply(void *context, const struct reply *reply, const char *lost);

static const struct plan_step *next_step(const struct batch *batch)
{
	return batch->step < batch->plan->n_steps ? &batch->plan->steps[batch->step] : NULL;
}

/* ---- sending ---- */

static void send_question(struct batch *batch, enum sent_kind kind)
{
	const struct slice argv_look[] = {
		slice_of(link_options(batch->link)->client_command), SLICE_LITERAL("LIST")};
	const struct slice argv_ask[] = {SLICE_LITERAL("INFO"), SLICE_LITERAL("stats")};
	struct link_command command = {
		.argv = kind == SENT_LOOK ? argv_look : argv_ask,
		.argc = 2,
		.called = "CLIENT KILL",
		.line_fn = kind == SENT_LOOK ? batch_on_look_line : NULL,
		.reply_fn = on_reply,
		.context = batch,
		.owner = &batch->calls,
	};
	int r = link_send(batch->link, &command);

	CHECK(r == 0);
	batch_note_sent(batch, kind, NULL, 0);
}

/* Sends the next command for at most `most` victims; returns for how many it is. */
static size_t send_next(struct batch *batch, size_t most)
{
	const struct plan_step *step = next_step(batch);
	const struct link_opts *opts = link_options(batch->link);
	size_t n = plan_step_command(batch->plan, step, batch->offset, most,
		slice_of(opts->client_command), &batch->command);
	struct link_command command = {
		.argv = batch->command.argv,
		.argc = batch->command.argc,
		.timeout_ms = opts->command_timeout_ms + (int64_t)n * TIMEOUT_PER_VICTIM_MS,
		.is_set = plan_step_is_set(step),
		.reply_fn = on_reply,
		.context = batch,
		.owner = &batch->calls,
	};
	int r = link_send(batch->link, &command);

	CHECK(r == 0);
	batch_note_sent(batch, SENT_KILL, step, n);
	batch->offset += n;
	if (batch->offset == step->n) {
		batch->step++;
		batch->offset = 0;
		batch->burst = 0;
	}
	return n;
}

/* One burst: as many victims as fit into the budget, then the answers. */
static void send_burst(struct batch *batch)
{
	const struct plan_step *step = next_step(batch);
	size_t left;

	if (batch->burst == 0) {
		batch->burst = step->victims_per_burst;
	}
	left = batch->burst;
	batch->burst_victims = 0;
	batch->burst_sent_us = clock_monotonic_us();
	/* A set command is sent whole: the plan made sure that it fits. */
	while (left > 0 && next_step(batch) == step && batch->n_sent < WINDOW_COMMANDS) {
		size_t n = send_next(batch, left);

		batch->burst_victims += n;
		left -= MIN(left, n);
	}
}

static void finish_if_idle(struct batch *batch);
static void send_more(struct batch *batch);

/* The rest goes by id, in the next round. */
static void give_up_sets(struct batch *batch, const char *why)
{
	snprintf(batch->result.error, sizeof(batch->result.error), "the rest is killed by id: %s",
		why);
	batch->is_stopped = true;
}

static void on_stepped(void *context, const char *failure)
{
	struct batch *batch = context;

	batch->is_stepping = false;
	if (failure != NULL) {
		char why[sizeof(batch->way.failure) + 64];

		snprintf(why, sizeof(why), "the second connection cannot step aside: %s", failure);
		give_up_sets(batch, why);
	}
	send_more(batch);
	finish_if_idle(batch);
}

/*
 * A command for a type hits all other connections of the link that are of that type: they are made
 * to be of the other one first, while nothing is in flight. False: not yet, or they cannot.
 */
static bool is_way_clear(struct batch *batch, const struct plan_step *step)
{
	bool is_normal;

	if (!plan_step_is_set(step)) {
		return true;
	}
	if (!batch->may_send_set_fn(batch->context)) {
		give_up_sets(batch, "another connection of sesskilld to this server came up");
		return false;
	}
	if (batch->snapshot->protection->n_aside == 0) {
		return true;
	}
	is_normal = plan_step_type(step) == SESSION_TYPE_NORMAL;
	if (batch->keeps_aside == is_normal && link_is_way_clear(batch->link, is_normal)) {
		return true;
	}
	if (batch->n_sent > 0 || batch->is_stepping) {
		return false;
	}
	keep_aside(batch, is_normal);
	if (link_is_way_clear(batch->link, is_normal)) {
		return true;
	}
	batch->is_stepping = link_clear_way(batch->link, is_normal, &batch->calls, &batch->way);
	if (!batch->is_stepping) {
		give_up_sets(batch, "the second connection cannot step aside now");
	}
	return false;
}

/* What belongs together goes over one connection: its answers come in order. */
static bool has_connection(struct batch *batch)
{
	if (batch->serial != 0 && link_main_serial(batch->link) == batch->serial) {
		return true;
	}
	batch->is_stopped = true;
	batch->result.outcome = BATCH_LOST;
	batch->result.lost = "the connection was changed during the kill";
	return false;
}

/* May this step be sent, as far as it is known by then whom it hits? */
static bool is_in_round(struct batch *batch, const struct plan_step *step)
{
	bool can_ask = batch->snapshot->n_connections >= 0;

	if (!batch_needs_round(batch, step)) {
		return true;
	}
	if (batch->n_sets_left > 0) {
		batch->n_sets_left--;
		return true;
	}
	if (batch->n_sent > 0) {
		return false;
	}
	if (can_ask && !batch->is_asked && !batch_may_be_entered(batch)) {
		send_question(batch, SENT_ASK);
		return false;
	}
	batch->is_asked = false;
	batch->has_looked = false;
	batch->is_quiet &= can_ask && !batch_may_be_entered(batch);
	if (!batch->is_quiet) {
		snapshot_verify_begin(batch->snapshot);
		send_question(batch, SENT_LOOK);
	}
	batch->is_in_round = true;
	batch->n_sets_left = ROUND_SETS - 1;
	return true;
}

static void send_steps(struct batch *batch)
{
	while (!batch->is_stopped && next_step(batch) != NULL && has_connection(batch)) {
		if (next_step(batch)->kind == PLAN_STEP_CUT) {
			if (batch->n_sent == 0) {
				batch_ask_again(batch, next_step(batch), on_reply);
			}
			return;
		}
		if (!is_way_clear(batch, next_step(batch)) ||
			!is_in_round(batch, next_step(batch))) {
			return;
		}
		if (next_step(batch)->victims_per_burst > 0) {
			/* Nothing else is in flight while a burst is. */
			if (batch->n_victims == 0) {
				send_burst(batch);
			}
			return;
		}
		if (batch->burst_victims > 0 || batch->n_sent == WINDOW_COMMANDS ||
			(batch->n_sent > 0 && batch->n_victims >= WINDOW_VICTIMS)) {
			return;
		}
		send_next(batch, SIZE_MAX);
	}
}

static void send_more(struct batch *batch)
{
	send_steps(batch);
	if (batch->is_in_round && batch->is_quiet && batch->n_sent < WINDOW_COMMANDS) {
		send_question(batch, SENT_CHECK);
	}
	batch->is_in_round = false;
	batch->n_sets_left = 0;
}

/* ---- answers ---- */

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct batch *batch = context;
	struct sent_command sent = batch_pop_sent(batch);

	if (reply == NULL) {
		batch_take_loss(batch, &sent, lost);
	} else if (sent.kind == SENT_KILL) {
		batch_take_answer(batch, &sent, reply);
	} else if (sent.kind == SENT_AGAIN) {
		batch_cut_sockets(batch, &sent, reply);
	} else {
		batch->last_reply_us = clock_monotonic_us();
		if (batch->snapshot != NULL) {
			batch_take_answer_to_question(batch, sent.kind, reply);
		}
	}
	if (batch->n_sent == 0 && batch->burst_victims > 0) {
		batch_adapt_burst(batch, clock_monotonic_us());
	}
	if (batch->snapshot != NULL) {
		send_more(batch);
	}
	finish_if_idle(batch);
}

/* The others come back when all is done, whatever came of it. */
static void finish_if_idle(struct batch *batch)
{
	struct batch_result result = batch->result;

	if (batch->n_sent > 0 || batch->is_stepping) {
		return;
	}
	keep_aside(batch, false);
	/* Told once: who cuts it now has nothing more to hear. */
	memset(&batch->result, 0, sizeof(batch->result));
	batch->done_fn(batch->context, &result);
}

void batch_send(struct batch *batch, const struct plan *plan, struct snapshot *snapshot,
	const struct sockets *sockets)
{
	CHECK(batch->n_sent == 0 && plan->n_steps > 0);
	batch->plan = plan;
	batch->snapshot = snapshot;
	batch->sockets = sockets;
	batch->step = 0;
	batch->offset = 0;
	batch->burst = 0;
	batch->burst_victims = 0;
	batch->n_just_cut = 0;
	batch->is_asked = false;
	batch->is_quiet = true;
	batch->has_looked = false;
	batch->is_stopped = false;
	batch->serial = link_main_serial(batch->link);
	batch->last_reply_us = 0;
	memset(&batch->result, 0, sizeof(batch->result));
	send_more(batch);
	finish_if_idle(batch);
}

void batch_stop(struct batch *batch)
{
	batch->is_stopped = true;
	batch_take_unsent_back(batch);
}

struct batch_result batch_cut(struct batch *batch, batch_done_fn late_fn, void *context)
{
	struct batch_result result;

	batch_stop(batch);
	batch->result.n_in_flight = batch->n_victims;
	result = batch->result;
	batch->plan = NULL;
	batch->snapshot = NULL;
	batch->burst_victims = 0;
	batch->done_fn = late_fn;
	batch->context = context;
	memset(&batch->result, 0, sizeof(batch->result));
	if (batch->is_stepping || batch->n_victims == 0) {
		/* Nobody wants to know what was only asked. */
		calls_drop(&batch->calls);
		batch->is_stepping = false;
		batch->n_sent = 0;
	}
	keep_aside(batch, false);
	return result;
}

uint64_t batch_n_claimed(const struct batch *batch)
{
	return batch->result.n_claimed;
}

int64_t batch_last_reply_us(const struct batch *batch)
{
	return batch->last_reply_us;
}

size_t batch_n_in_flight(const struct batch *batch)
{
	return batch->n_sent;
}
