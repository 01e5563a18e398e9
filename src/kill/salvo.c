/*
 * Salvos of kill commands.
 *
 * A server says how many a set command hit, not whom: newcomers may be among them, and some of the
 * listed may have left. So sets go out in batches, with nothing else in flight. Before each the
 * server is asked whether anybody has connected since the listing. Nobody: all that are hit were
 * listed. Else it lists once more right ahead of the batch, in one piece with it, which a server
 * works off without serving anybody else: who is listed then is who is hit.
 */
#include "kill/salvo_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/reply.h"

/* Set commands in a batch: with what is ahead of them they fit into one read of the server. */
#define BATCH_SETS 64

/* A command has the link's time-out and this for each victim. */
#define TIMEOUT_PER_VICTIM_MS 1

static void on_stepped(void *context, const char *failure);

static void keep_aside(struct salvo *salvo, bool keeps_aside)
{
	if (keeps_aside && !salvo->keeps_aside) {
		link_keep_aside(salvo->link);
	} else if (!keeps_aside && salvo->keeps_aside) {
		link_end_aside(salvo->link);
	}
	salvo->keeps_aside = keeps_aside;
}

static void on_late(struct calls *calls, const char *words)
{
	struct salvo *salvo = (struct salvo *)((char *)calls - offsetof(struct salvo, calls));

	if (salvo->snapshot == NULL) {
		return; /* nobody waits any more, but for what comes late */
	}
	if (salvo->is_stepping && salvo->n_shots == 0) {
		calls_drop(calls);
		on_stepped(salvo, words);
		return;
	}
	salvo->is_stopped = true;
	salvo->result.outcome = SALVO_LATE;
	salvo->result.lost = words;
	salvo->done_fn(salvo->context, &salvo->result);
}

struct salvo *salvo_new(struct link *link, bool (*may_send_set_fn)(void *context),
	salvo_done_fn done_fn, void *context)
{
	struct salvo *salvo = mem_new(struct salvo);

	salvo->link = link_ref(link);
	calls_init(&salvo->calls, on_late);
	salvo->way = (struct link_way){.done_fn = on_stepped, .context = salvo};
	salvo->may_send_set_fn = may_send_set_fn;
	salvo->done_fn = done_fn;
	salvo->context = context;
	return salvo;
}

void salvo_free(struct salvo *salvo)
{
	if (salvo == NULL) {
		return;
	}
	calls_drop(&salvo->calls);
	keep_aside(salvo, false);
	plan_command_finish(&salvo->command);
	link_unref(salvo->link);
	free(salvo);
}

static void on_reply(void *context, const struct reply *reply, const char *lost);

static const struct plan_step *next_step(const struct salvo *salvo)
{
	return salvo->step < salvo->plan->n_steps ? &salvo->plan->steps[salvo->step] : NULL;
}

/* ---- sending ---- */

/* Questions are no commands of the kill, but for a listing. */
static bool is_counted(enum shot_kind kind)
{
	return kind == SHOT_KILL || kind == SHOT_LOOK;
}

static void push_shot(
	struct salvo *salvo, enum shot_kind kind, const struct plan_step *step, size_t n)
{
	size_t place = (salvo->first_shot + salvo->n_shots) % WINDOW_COMMANDS;

	CHECK(salvo->n_shots < WINDOW_COMMANDS);
	salvo->shots[place] = (struct shot){kind, step, salvo->offset, n, clock_monotonic_us()};
	salvo->n_shots++;
	salvo->n_victims += n;
	salvo->result.n_commands += is_counted(kind);
}

static void send_question(struct salvo *salvo, enum shot_kind kind)
{
	const struct slice argv_look[] = {
		slice_of(link_options(salvo->link)->client_command), SLICE_LITERAL("LIST")};
	const struct slice argv_ask[] = {SLICE_LITERAL("INFO"), SLICE_LITERAL("stats")};
	struct link_command command = {
		.argv = kind == SHOT_LOOK ? argv_look : argv_ask,
		.argc = 2,
		.called = "CLIENT KILL",
		.line_fn = kind == SHOT_LOOK ? salvo_on_look_line : NULL,
		.reply_fn = on_reply,
		.context = salvo,
		.owner = &salvo->calls,
	};
	int r = link_send(salvo->link, &command);

	CHECK(r == 0);
	push_shot(salvo, kind, NULL, 0);
}

/* Sends the next command for at most `most` victims; returns for how many it is. */
static size_t send_next(struct salvo *salvo, size_t most)
{
	const struct plan_step *step = next_step(salvo);
	const struct link_opts *opts = link_options(salvo->link);
	size_t n = plan_step_command(salvo->plan, step, salvo->offset, most,
		slice_of(opts->client_command), &salvo->command);
	struct link_command command = {
		.argv = salvo->command.argv,
		.argc = salvo->command.argc,
		.timeout_ms = opts->command_timeout_ms + (int64_t)n * TIMEOUT_PER_VICTIM_MS,
		.is_set = step->kind != PLAN_STEP_IDS,
		.reply_fn = on_reply,
		.context = salvo,
		.owner = &salvo->calls,
	};
	int r = link_send(salvo->link, &command);

	CHECK(r == 0);
	push_shot(salvo, SHOT_KILL, step, n);
	salvo->offset += n;
	if (salvo->offset == step->n) {
		salvo->step++;
		salvo->offset = 0;
		salvo->burst = 0;
	}
	return n;
}

/* One burst: as many victims as fit into the budget, then the answers. */
static void send_burst(struct salvo *salvo)
{
	const struct plan_step *step = next_step(salvo);
	size_t left;

	if (salvo->burst == 0) {
		salvo->burst = step->victims_per_burst;
	}
	left = salvo->burst;
	salvo->burst_victims = 0;
	salvo->burst_sent_us = clock_monotonic_us();
	/* A set command is sent whole: the plan made sure that it fits. */
	while (left > 0 && next_step(salvo) == step && salvo->n_shots < WINDOW_COMMANDS) {
		size_t n = send_next(salvo, left);

		salvo->burst_victims += n;
		left -= MIN(left, n);
	}
}

static void finish_if_idle(struct salvo *salvo);
static void send_more(struct salvo *salvo);

/* The rest goes by id, in the next round. */
static void give_up_sets(struct salvo *salvo, const char *why)
{
	snprintf(salvo->result.error, sizeof(salvo->result.error), "the rest is killed by id: %s",
		why);
	salvo->is_stopped = true;
}

static void on_stepped(void *context, const char *failure)
{
	struct salvo *salvo = context;

	salvo->is_stepping = false;
	if (failure != NULL) {
		char why[sizeof(salvo->way.failure) + 64];

		snprintf(why, sizeof(why), "the second connection cannot step aside: %s", failure);
		give_up_sets(salvo, why);
	}
	send_more(salvo);
	finish_if_idle(salvo);
}

/*
 * A command for a type hits all other connections of the link that are of that type: they are made
 * to be of the other one first, while nothing is in flight. False: not yet, or they cannot.
 */
static bool is_way_clear(struct salvo *salvo, const struct plan_step *step)
{
	bool is_normal;

	if (step->kind == PLAN_STEP_IDS) {
		return true;
	}
	if (!salvo->may_send_set_fn(salvo->context)) {
		give_up_sets(salvo, "another connection of sesskilld to this server came up");
		return false;
	}
	if (salvo->snapshot->protection->n_aside == 0) {
		return true;
	}
	is_normal = plan_step_type(step) == SESSION_TYPE_NORMAL;
	if (salvo->keeps_aside == is_normal && link_is_way_clear(salvo->link, is_normal)) {
		return true;
	}
	if (salvo->n_shots > 0 || salvo->is_stepping) {
		return false;
	}
	keep_aside(salvo, is_normal);
	if (link_is_way_clear(salvo->link, is_normal)) {
		return true;
	}
	salvo->is_stepping = link_clear_way(salvo->link, is_normal, &salvo->calls, &salvo->way);
	if (!salvo->is_stepping) {
		give_up_sets(salvo, "the second connection cannot step aside now");
	}
	return false;
}

/* What belongs together goes over one connection: its answers come in order. */
static bool has_connection(struct salvo *salvo)
{
	if (salvo->serial != 0 && link_main_serial(salvo->link) == salvo->serial) {
		return true;
	}
	salvo->is_stopped = true;
	salvo->result.outcome = SALVO_LOST;
	salvo->result.lost = "the connection was changed during the kill";
	return false;
}

/* May this step be sent, as far as it is known by then whom it hits? */
static bool is_in_batch(struct salvo *salvo, const struct plan_step *step)
{
	bool can_ask = salvo->snapshot->n_connections >= 0;

	if (!salvo_needs_batch(salvo, step)) {
		return true;
	}
	if (salvo->n_sets_left > 0) {
		salvo->n_sets_left--;
		return true;
	}
	if (salvo->n_shots > 0) {
		return false;
	}
	if (can_ask && !salvo->is_asked && !salvo_may_be_entered(salvo)) {
		send_question(salvo, SHOT_ASK);
		return false;
	}
	salvo->is_asked = false;
	salvo->has_looked = false;
	salvo->is_quiet &= can_ask && !salvo_may_be_entered(salvo);
	if (!salvo->is_quiet) {
		snapshot_verify_begin(salvo->snapshot);
		send_question(salvo, SHOT_LOOK);
	}
	salvo->is_in_batch = true;
	salvo->n_sets_left = BATCH_SETS - 1;
	return true;
}

static void send_steps(struct salvo *salvo)
{
	while (!salvo->is_stopped && next_step(salvo) != NULL && has_connection(salvo)) {
		if (!is_way_clear(salvo, next_step(salvo)) ||
			!is_in_batch(salvo, next_step(salvo))) {
			return;
		}
		if (next_step(salvo)->victims_per_burst > 0) {
			/* Nothing else is in flight while a burst is. */
			if (salvo->n_victims == 0) {
				send_burst(salvo);
			}
			return;
		}
		if (salvo->burst_victims > 0 || salvo->n_shots == WINDOW_COMMANDS ||
			(salvo->n_shots > 0 && salvo->n_victims >= WINDOW_VICTIMS)) {
			return;
		}
		send_next(salvo, SIZE_MAX);
	}
}

static void send_more(struct salvo *salvo)
{
	send_steps(salvo);
	if (salvo->is_in_batch && salvo->is_quiet && salvo->n_shots < WINDOW_COMMANDS) {
		send_question(salvo, SHOT_CHECK);
	}
	salvo->is_in_batch = false;
	salvo->n_sets_left = 0;
}

/* ---- answers ---- */

static struct shot pop_shot(struct salvo *salvo)
{
	struct shot shot = salvo->shots[salvo->first_shot];

	CHECK(salvo->n_shots > 0);
	salvo->first_shot = (salvo->first_shot + 1) % WINDOW_COMMANDS;
	salvo->n_shots--;
	salvo->n_victims -= shot.n;
	return shot;
}

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct salvo *salvo = context;
	struct shot shot = pop_shot(salvo);

	if (reply == NULL) {
		salvo_take_loss(salvo, &shot, lost);
	} else if (shot.kind == SHOT_KILL) {
		salvo_take_answer(salvo, &shot, reply);
	} else {
		salvo->last_reply_us = clock_monotonic_us();
		if (salvo->snapshot != NULL) {
			salvo_take_answer_to_question(salvo, shot.kind, reply);
		}
	}
	if (salvo->n_shots == 0 && salvo->burst_victims > 0) {
		salvo_adapt_burst(salvo, clock_monotonic_us());
	}
	if (salvo->snapshot != NULL) {
		send_more(salvo);
	}
	finish_if_idle(salvo);
}

/* The others come back when all is done, whatever came of it. */
static void finish_if_idle(struct salvo *salvo)
{
	struct salvo_result result = salvo->result;

	if (salvo->n_shots > 0 || salvo->is_stepping) {
		return;
	}
	keep_aside(salvo, false);
	/* Told once: who cuts it now has nothing more to hear. */
	memset(&salvo->result, 0, sizeof(salvo->result));
	salvo->done_fn(salvo->context, &result);
}

void salvo_fire(struct salvo *salvo, const struct plan *plan, struct snapshot *snapshot)
{
	CHECK(salvo->n_shots == 0 && plan->n_steps > 0);
	salvo->plan = plan;
	salvo->snapshot = snapshot;
	salvo->step = 0;
	salvo->offset = 0;
	salvo->burst = 0;
	salvo->burst_victims = 0;
	salvo->is_asked = false;
	salvo->is_quiet = true;
	salvo->has_looked = false;
	salvo->is_stopped = false;
	salvo->serial = link_main_serial(salvo->link);
	salvo->last_reply_us = 0;
	memset(&salvo->result, 0, sizeof(salvo->result));
	send_more(salvo);
	finish_if_idle(salvo);
}

/* Those that wait for a place in the server's buffer are the newest ones. */
static void take_unsent_back(struct salvo *salvo)
{
	size_t n = calls_drop_unsent(&salvo->calls);

	CHECK(n <= salvo->n_shots);
	for (; n > 0; n--) {
		size_t place = (salvo->first_shot + --salvo->n_shots) % WINDOW_COMMANDS;

		salvo->n_victims -= salvo->shots[place].n;
		salvo->result.n_commands -= is_counted(salvo->shots[place].kind);
	}
}

void salvo_stop(struct salvo *salvo)
{
	salvo->is_stopped = true;
	take_unsent_back(salvo);
}

struct salvo_result salvo_cut(struct salvo *salvo, salvo_done_fn late_fn, void *context)
{
	struct salvo_result result;

	salvo_stop(salvo);
	salvo->result.n_in_flight = salvo->n_victims;
	result = salvo->result;
	salvo->plan = NULL;
	salvo->snapshot = NULL;
	salvo->burst_victims = 0;
	salvo->done_fn = late_fn;
	salvo->context = context;
	memset(&salvo->result, 0, sizeof(salvo->result));
	if (salvo->is_stepping || salvo->n_victims == 0) {
		/* Nobody wants to know what was only asked. */
		calls_drop(&salvo->calls);
		salvo->is_stepping = false;
		salvo->n_shots = 0;
	}
	keep_aside(salvo, false);
	return result;
}

uint64_t salvo_n_claimed(const struct salvo *salvo)
{
	return salvo->result.n_claimed;
}

int64_t salvo_last_reply_us(const struct salvo *salvo)
{
	return salvo->last_reply_us;
}

size_t salvo_n_in_flight(const struct salvo *salvo)
{
	return salvo->n_shots;
}
