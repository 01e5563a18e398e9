/*
 * KILL and VERIFY: the plan is carried out, and the server asked again who is left.
 */
#include "kill/sweep_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "redis/reply.h"
#include "redis/server_info.h"

/* Attempts to kill what is alive after a kill; more would be a quarrel with somebody. */
#define MAX_ROUNDS 3

/* Between two looks at dying sessions: from the first to the last, doubled each time. */
#define LOOK_AGAIN_FIRST_MS 2
#define LOOK_AGAIN_LAST_MS 200

/* ---- KILL ---- */

static void take_result(struct sweep *sweep, const struct salvo_result *result)
{
	sweep->n_claimed += result->n_claimed;
	sweep->n_presumed += result->n_presumed;
	sweep->in.node->counts.extra += result->n_extra;
	sweep->in.node->n_commands += result->n_commands;
	sweep->in.node->n_in_flight = result->n_in_flight;
	sweep->in.node->max_stall_us = MAX(sweep->in.node->max_stall_us, result->max_stall_us);
	if (result->n_unsure > 0) {
		report_warn(sweep->in.report,
			"%s: up to %llu of the killed may have connected after the listing, and as "
			"many of those listed may have ended by themselves",
			sweep->in.node->address, (unsigned long long)result->n_unsure);
	}
	if (result->error[0] != '\0') {
		report_warn(sweep->in.report, "%s: %s", sweep->in.node->address, result->error);
	}
}

static void on_never(void *context, const struct salvo_result *result)
{
	(void)context;
	(void)result;
	CHECK(!"the job is told instead");
}

void sweep_cut_kill(struct sweep *sweep)
{
	struct salvo *salvo = sweep->salvo;
	struct salvo_result result;

	if (sweep->state != SWEEP_KILL) {
		return;
	}
	result = salvo_cut(salvo, on_never, NULL);
	take_result(sweep, &result);
	if (result.n_in_flight > 0) {
		report_warn_in_flight(sweep->in.report, sweep->in.node);
		sweep->salvo = NULL;
		sweep->in.late_fn(sweep->in.context, sweep, salvo);
	}
}

void sweep_on_salvo_done(void *context, const struct salvo_result *result)
{
	struct sweep *sweep = context;

	sweep_release_link(sweep);
	if (result->outcome == SALVO_LATE) {
		sweep_on_late(sweep, result->lost);
		return;
	}
	take_result(sweep, result);
	switch (result->outcome) {
	case SALVO_LATE:
	case SALVO_LOST:
		sweep_on_lost(sweep);
		return;
	case SALVO_REFUSED:
		sweep_on_refused(sweep, result->error);
		return;
	case SALVO_DONE:
		break;
	}
	if (!sweep_stop_if_doomed(sweep)) {
		sweep_begin_verify(sweep);
	}
}

static bool is_known(const struct own_sessions *own, const struct protection_own *one)
{
	for (size_t i = 0; i < own->n_known; i++) {
		if (own->items[i].id == one->id && strcmp(own->items[i].mark, one->mark) == 0) {
			return true;
		}
	}
	return false;
}

/* The same ones, or fewer, and the same at the front. */
static bool is_as_planned(const struct own_sessions *planned, const struct own_sessions *now)
{
	if (now->n_of_link == 0 || now->items[0].id != planned->items[0].id ||
		now->n - now->n_told > planned->n - planned->n_told ||
		now->n_told - now->n_known > planned->n_told - planned->n_known) {
		return false;
	}
	for (size_t i = 0; i < now->n_known; i++) {
		if (!is_known(planned, &now->items[i])) {
			return false;
		}
	}
	return true;
}

bool sweep_may_send_set(void *context)
{
	const struct sweep *sweep = context;
	CLEANUP(own_sessions_finish)
	struct own_sessions now = instances_own_sessions(sweep->in.instances, sweep->in.link);

	return is_as_planned(&sweep->own, &now);
}

/*
 * Sets are right only for the connections that they were planned for. Whom the daemon has connected
 * since is listed first; and if there is always somebody, all goes by id.
 */
static bool is_surprised(struct sweep *sweep)
{
	if (!plan_has_sets(&sweep->plan) || sweep_may_send_set(sweep)) {
		return false;
	}
	sweep->is_by_id_only = sweep->n_surprises++ > 0;
	sweep_begin_warm(sweep);
	return true;
}

void sweep_begin_kill(struct sweep *sweep)
{
	if (!sweep_has_link(sweep) || is_surprised(sweep)) {
		return;
	}
	sweep->n_rounds++;
	sweep->look_again_ms = LOOK_AGAIN_FIRST_MS;
	sweep->is_in_doubt = true;
	sweep_set_state(sweep, SWEEP_KILL);
	if (!plan_has_sets(&sweep->plan)) {
		sweep_release_link(sweep);
	}
	salvo_fire(sweep->salvo, &sweep->plan, &sweep->snapshot);
}

/* ---- VERIFY ---- */

static void on_verify_session(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;

	snapshot_verify(&sweep->snapshot, line);
}

static void on_verify_line(void *context, struct slice text)
{
	struct sweep *sweep = context;
	struct session_line line;

	session_read_line(&line, text, sweep->caps.family, slice_of(sweep->in.node->address));
	snapshot_verify(&sweep->snapshot, &line);
}

/*
 * Servers whose listing is no atomic picture may show sessions for the first time in the
 * verification: nobody has agreed to kill these where the request names a limit.
 */
static bool is_beyond_limit(const struct sweep *sweep)
{
	return sweep->in.request->has_max && sweep->n_meant > sweep->n_allowed;
}

/* More hits of sets than the listed that have ended, or are about to: others were hit as well. */
static void count_others(struct sweep *sweep, uint64_t n_ended)
{
	if (sweep->n_claimed > n_ended && sweep->n_presumed == 0) {
		sweep->in.node->counts.extra += sweep->n_claimed - n_ended;
	}
}

/* Behind a balancer others have sessions too. */
static void end(struct sweep *sweep)
{
	if (link_is_by_turns(sweep->in.link)) {
		sweep_fail(sweep, LINK_BY_TURNS);
	} else {
		sweep_finish(sweep);
	}
}

/* Everything is answered: who is left, and what about them? */
static void judge_remains(struct sweep *sweep)
{
	struct snapshot_remains remains = snapshot_verify_end(&sweep->snapshot);

	sweep->is_in_doubt = false;
	sweep_update_counts(sweep, sweep->n_claimed);
	/* A claim for somebody who is still listed was none, unless he is on his way out. */
	sweep->n_verified = sweep->in.node->counts.killed;
	count_others(sweep, sweep->n_verified + remains.dying);
	sweep->n_claimed =
		MIN(sweep->n_claimed + sweep->n_presumed, sweep->n_verified + remains.dying);
	sweep->n_presumed = 0;
	if (remains.alive == 0 && remains.dying == 0) {
		if (sweep->in.request->watch_ms > 0) {
			sweep_begin_watch(sweep);
		} else {
			end(sweep);
		}
	} else if (is_beyond_limit(sweep)) {
		sweep_fail(sweep,
			"sessions turned up that the limit was not checked for; they were not "
			"killed");
	} else if (remains.alive > 0 && sweep->n_rounds < MAX_ROUNDS) {
		sweep_make_plan(sweep);
		sweep_begin_kill(sweep);
	} else if (remains.dying > 0) {
		sweep_set_state(sweep, SWEEP_LOOK_AGAIN);
		sweep_start_timer(sweep->moment, sweep->look_again_ms);
		sweep->look_again_ms = MIN(sweep->look_again_ms * 2, (int64_t)LOOK_AGAIN_LAST_MS);
	} else {
		sweep_finish(sweep);
	}
}

/* One of the answers that VERIFY waits for, or the loss of it. */
static void end_verify_reply(struct sweep *sweep, const char *lost)
{
	if (sweep->state != SWEEP_VERIFY) {
		return; /* one of several told already that it cannot go on */
	}
	if (lost != NULL) {
		sweep_on_lost(sweep);
		return;
	}
	if (--sweep->n_replies > 0 || sweep_stop_if_doomed(sweep)) {
		return;
	}
	if (sweep->refusal[0] != '\0') {
		sweep_on_refused(sweep, sweep->refusal);
	} else {
		judge_remains(sweep);
	}
}

static void on_verify_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;

	if (reply != NULL && reply->type != REPLY_LISTING && sweep->refusal[0] == '\0') {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
	}
	end_verify_reply(sweep, lost);
}

static void on_verify_listed(void *context, const struct listing_result *result)
{
	struct sweep *sweep = context;

	if (result->end == LISTING_WHOLE) {
		end_verify_reply(sweep, NULL);
	} else {
		sweep_on_listing_failed(sweep, result);
	}
}

static void send_verify_chunk(struct sweep *sweep, struct sweep_ids *ids)
{
	sweep->n_replies++;
	sweep_send_list(sweep, ids, on_verify_line, on_verify_reply);
	ids->n = 0;
}

/* Asks for the victims only: cheap where ids are looked up, and where many others are connected. */
static void send_verify_by_ids(struct sweep *sweep)
{
	size_t n_victims = (size_t)snapshot_n_pending(&sweep->snapshot);
	size_t n_chunk = MIN(n_victims, (size_t)SWEEP_MAX_IDS_PER_LIST);
	CLEANUP(sweep_ids_finish) struct sweep_ids ids = sweep_ids_new(n_chunk);

	for (size_t i = 0; i < sweep->snapshot.n; i++) {
		const struct snapshot_entry *entry = &sweep->snapshot.entries[i];

		if (!snapshot_is_victim(entry)) {
			continue;
		}
		sweep_ids_add(&ids, entry->id);
		if (ids.n == n_chunk) {
			send_verify_chunk(sweep, &ids);
		}
	}
	if (ids.n > 0) {
		send_verify_chunk(sweep, &ids);
	}
}

/* Servers before 7.2, which list no library, leave a killed client's socket open in their child. */
static bool may_child_hold_sockets(const struct sweep *sweep)
{
	bool is_concerned =
		sweep->caps.family == SERVER_REDIS || sweep->caps.family == SERVER_KEYDB;

	return is_concerned && sweep->n_claimed > 0 && !sweep->has_asked_for_child &&
	       (sweep->snapshot.given_fields & (UINT64_C(1) << SESSION_LIB_NAME)) == 0;
}

/*
 * Was one of the killed there before the child, which has only the sockets of then? Both times are
 * the server's, in whole seconds: one that may be as old counts.
 */
static bool is_any_older(const struct sweep *sweep, const struct link_server *server)
{
	int64_t since_ms = clock_monotonic_ms() - sweep->listed_ms;

	return sweep->snapshot.oldest_age_s + since_ms / 1000 + 1 >= server->child_s;
}

static void on_info_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {0};

	if (sweep->state == SWEEP_VERIFY && reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	if (server.has_child && is_any_older(sweep, &server)) {
		report_warn(sweep->in.report,
			"%s: a child of the server saves or rewrites the data set and holds the "
			"killed sessions' sockets; their clients see the end when it is done",
			sweep->in.node->address);
	}
	end_verify_reply(sweep, lost);
}

static void ask_for_child(struct sweep *sweep)
{
	static const struct slice argv[] = {{"INFO", 4}, {"persistence", 11}};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = on_info_reply,
		.context = sweep,
		.owner = &sweep->calls,
	};
	int r = link_send(sweep->in.link, &command);

	CHECK(r == 0);
	sweep->has_asked_for_child = true;
	sweep->n_replies++;
}

/*
 * "All" is verified by the whole listing: it shows whoever is left, known or not. A selective kill
 * asks for its victims where the server can look them up.
 */
void sweep_begin_verify(struct sweep *sweep)
{
	if (!sweep_has_link(sweep)) {
		return;
	}
	sweep_set_state(sweep, SWEEP_VERIFY);
	snapshot_verify_begin(&sweep->snapshot);
	sweep->n_replies = 0;
	if (may_child_hold_sockets(sweep)) {
		ask_for_child(sweep);
	}
	if (snapshot_n_pending(&sweep->snapshot) == 0 && !sweep->in.request->is_all) {
		if (sweep->n_replies == 0) {
			judge_remains(sweep);
		}
	} else if (sweep->in.request->is_all || !caps_has(&sweep->caps, CAP_LIST_ID)) {
		sweep->n_replies++;
		sweep_join_listing(sweep, NULL, on_verify_session, on_verify_listed);
	} else {
		send_verify_by_ids(sweep);
	}
}
