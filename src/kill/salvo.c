/*
 * Salvos of kill commands.
 *
 * A server says how many a set command hit, not whom: newcomers may be among them, and some of the
 * listed may have left. So sets go out in batches, with nothing else in flight. Before each the
 * server is asked whether anybody has connected since the listing. Nobody: all that are hit were
 * listed. Else it lists once more right ahead of the batch, in one piece with it, which a server
 * works off without serving anybody else: who is listed then is who is hit.
 */
#include "kill/salvo.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "redis/link.h"
#include "redis/reply.h"
#include "redis/server_info.h"

/*
 * Without a budget: victims and commands in flight. The server works off what it reads at once, 16
 * KiB or some 300 commands with one id, before it answers and serves others. The window holds more
 * than two such reads, so that the next one waits in the socket when the server has answered the
 * last, and the daemon has the time of a whole read to send more; but no more than that, because
 * the server goes on with it when nobody waits for the answers any more.
 */
#define WINDOW_VICTIMS 4000
#define WINDOW_COMMANDS 768

/* Set commands in a batch: with what is ahead of them they fit into one read of the server. */
#define BATCH_SETS 64

/* A command has the link's time-out and this for each victim. */
#define TIMEOUT_PER_VICTIM_MS 1

enum shot_kind {
	SHOT_KILL,
	SHOT_ASK,   /* has anybody connected since the listing? */
	SHOT_CHECK, /* the same behind a batch that was sent because nobody had */
	SHOT_LOOK,  /* who is there now? */
};

struct shot {
	enum shot_kind kind;
	const struct plan_step *step; /* KILL */
	size_t offset;                /* of its first victim in the step */
	size_t n;                     /* victims; of questions none */
	int64_t sent_us;
};

struct salvo {
	struct link *link;
	struct calls calls;
	bool (*may_send_set_fn)(void *context);
	salvo_done_fn done_fn;
	void *context;

	const struct plan *plan;
	struct snapshot *snapshot;
	struct plan_command command; /* reused */
	size_t step;                 /* the next to send, and where in it */
	size_t offset;
	bool is_stopped;
	uint64_t serial;  /* of the connection */
	bool is_stepping; /* the other connections of the link step aside, or come back */
	bool keeps_aside; /* they are to stay aside */
	struct link_way way;

	struct shot shots[WINDOW_COMMANDS]; /* in flight: a ring, oldest first */
	size_t first_shot;
	size_t n_shots;
	size_t n_victims; /* in flight */

	bool is_asked;      /* and answered, for the next batch */
	bool is_quiet;      /* nobody had connected */
	bool has_looked;    /* the batch in flight has a whole listing ahead of it */
	bool is_in_batch;   /* one is being sent */
	size_t n_sets_left; /* of the batch that is being sent */

	size_t burst; /* victims that fit into the budget, as measured so far; 0: ask the plan */
	size_t burst_victims;  /* that were sent in it */
	int64_t burst_sent_us; /* its first command */
	int64_t last_reply_us;

	struct salvo_result result;
};

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
static void on_look_line(void *context, struct slice text);

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
		.line_fn = kind == SHOT_LOOK ? on_look_line : NULL,
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
	is_normal = plan_step_type(salvo->plan, step) == SESSION_TYPE_NORMAL;
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

/* May somebody who was listed have come to be in the set since, by AUTH or another name? */
static bool may_be_entered(const struct salvo *salvo)
{
	return !snapshot_is_all_matched(salvo->snapshot);
}

/* A set that only those can be in who were meant at the listing needs no counting. */
static bool needs_batch(const struct salvo *salvo, const struct plan_step *step)
{
	return step->kind != PLAN_STEP_IDS &&
	       (salvo->plan->least_age_s <= 0 || may_be_entered(salvo));
}

/* May this step be sent, as far as it is known by then whom it hits? */
static bool is_in_batch(struct salvo *salvo, const struct plan_step *step)
{
	bool can_ask = salvo->snapshot->n_connections >= 0;

	if (!needs_batch(salvo, step)) {
		return true;
	}
	if (salvo->n_sets_left > 0) {
		salvo->n_sets_left--;
		return true;
	}
	if (salvo->n_shots > 0) {
		return false;
	}
	if (can_ask && !salvo->is_asked && !may_be_entered(salvo)) {
		send_question(salvo, SHOT_ASK);
		return false;
	}
	salvo->is_asked = false;
	salvo->has_looked = false;
	salvo->is_quiet &= can_ask && !may_be_entered(salvo);
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

/* ---- counting ---- */

static void on_look_line(void *context, struct slice text)
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

static void take_answer_to_question(
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
static void adapt_burst(struct salvo *salvo, int64_t now_us)
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

static struct shot pop_shot(struct salvo *salvo)
{
	struct shot shot = salvo->shots[salvo->first_shot];

	CHECK(salvo->n_shots > 0);
	salvo->first_shot = (salvo->first_shot + 1) % WINDOW_COMMANDS;
	salvo->n_shots--;
	salvo->n_victims -= shot.n;
	return shot;
}

/* The server counts whom it killed; 0 for a single id means that it was gone before. */
static void count_hits(struct salvo *salvo, const struct shot *shot, uint64_t n_hits)
{
	/* Once it is cut, the plan and the snapshot may be gone. */
	bool is_planned = salvo->snapshot != NULL;
	uint64_t n_most = shot->n;

	if (is_planned && salvo->has_looked && needs_batch(salvo, shot->step)) {
		n_most = count_there(salvo, shot);
	}
	salvo->result.n_claimed += MIN(n_hits, n_most);
	salvo->result.n_extra += n_hits - MIN(n_hits, n_most);
	if (is_planned && shot->n == 1 && shot->step->kind == PLAN_STEP_IDS) {
		salvo->snapshot->entries[salvo->plan->victims[shot->step->first + shot->offset]]
			.is_missed = n_hits == 0;
	}
}

static void take_answer(struct salvo *salvo, const struct shot *shot, const struct reply *reply)
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
static void take_loss(struct salvo *salvo, const struct shot *shot, const char *lost)
{
	salvo->result.n_presumed += shot->n;
	salvo->result.outcome = SALVO_LOST;
	salvo->result.lost = lost;
	salvo->is_stopped = true;
}

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct salvo *salvo = context;
	struct shot shot = pop_shot(salvo);

	if (reply == NULL) {
		take_loss(salvo, &shot, lost);
	} else if (shot.kind == SHOT_KILL) {
		take_answer(salvo, &shot, reply);
	} else {
		salvo->last_reply_us = clock_monotonic_us();
		if (salvo->snapshot != NULL) {
			take_answer_to_question(salvo, shot.kind, reply);
		}
	}
	if (salvo->n_shots == 0 && salvo->burst_victims > 0) {
		adapt_burst(salvo, clock_monotonic_us());
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

size_t salvo_n_in_flight(const struct salvo *salvo)
{
	return salvo->n_shots;
}
