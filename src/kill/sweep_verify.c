/*
 * VERIFY, LOOK_AGAIN: the server is asked again who is left.
 */
#include "base/clock.h"
#include "kill/refusal.h"
#include "kill/sweep_internal.h"
#include "redis/reply.h"
#include "redis/server_info.h"

/* Attempts to kill what is alive after a kill; more would be a quarrel with somebody. */
#define MAX_ROUNDS 3

/* Between two looks at dying sessions: doubled from SWEEP_LOOK_AGAIN_FIRST_MS on. */
#define LOOK_AGAIN_LAST_MS 200

static void on_session(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;

	sweep->n_lines++;
	snapshot_verify(&sweep->snapshot, line);
}

static void on_line(void *context, struct slice text)
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

/* Everybody has ended. Behind a balancer others have sessions too. */
static enum sweep_state end(struct sweep *sweep)
{
	/* A watch may last for long. */
	sockets_finish(&sweep->sockets);
	if (sweep->in.request->watch_ms > 0) {
		return SWEEP_WATCH;
	}
	return link_is_by_turns(sweep->in.link) ? sweep_fail(sweep, LINK_BY_TURNS) : SWEEP_DONE;
}

/* Everything is answered: who is left, and what about them? */
static enum sweep_state judge_remains(struct sweep *sweep)
{
	struct snapshot_remains remains = snapshot_verify_end(&sweep->snapshot);

	sweep->spread.came_ms = clock_monotonic_ms();
	if (sweep->in.book != NULL) {
		sweep->in.judge_goals_fn(sweep->in.context, sweep);
		remains = snapshot_count_remains(&sweep->snapshot);
	}
	sweep_settle_claims(sweep, remains.dying);
	if (sweep->is_held_by_child) {
		return SWEEP_LET_GO;
	}
	if (remains.alive == 0 && remains.dying == 0) {
		return end(sweep);
	}
	if (is_beyond_limit(sweep)) {
		return sweep_fail(sweep,
			"sessions turned up that the limit was not checked for; they were not "
			"killed");
	}
	if (sweep_has_turns(sweep)) {
		return SWEEP_SPREAD;
	}
	if (remains.alive > 0 && sweep->n_rounds < MAX_ROUNDS &&
		!goals_is_spread(&sweep->in.request->goals)) {
		sweep_make_plan(sweep);
		return SWEEP_KILL;
	}
	if (remains.dying > 0) {
		if (sweep->look_again_ms >= LOOK_AGAIN_LAST_MS) {
			snapshot_doubt_cuts(&sweep->snapshot);
		}
		timer_start(sweep->pause, sweep->look_again_ms);
		sweep->look_again_ms = MIN(sweep->look_again_ms * 2, (int64_t)LOOK_AGAIN_LAST_MS);
		return SWEEP_LOOK_AGAIN;
	}
	return SWEEP_DONE;
}

/* One of the answers that it waits for has come. */
static enum sweep_state count_answer(struct sweep *sweep)
{
	if (--sweep->n_replies > 0) {
		return SWEEP_STAY;
	}
	return sweep->refusal[0] != '\0' ? sweep_refused(sweep) : judge_remains(sweep);
}

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;

	if (reply != NULL && reply->type != REPLY_LISTING && sweep->refusal[0] == '\0') {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
	}
	sweep_move(sweep, lost != NULL ? sweep_lost(sweep) : count_answer(sweep));
}

static void on_listed(void *context, const struct listing_result *result)
{
	sweep_move(context, result->end == LISTING_WHOLE ? count_answer(context)
							 : sweep_listing_failed(context, result));
}

/* Asks for the victims only: cheap where ids are looked up, and where many others are connected. */
static void ask_by_ids(struct sweep *sweep)
{
	size_t n_left = (size_t)snapshot_n_pending(&sweep->snapshot);
	size_t n_chunk = MIN(n_left, (size_t)ID_LIST_MAX);
	CLEANUP(id_list_finish) struct id_list ids = sweep_ids_new(sweep, n_chunk);

	for (size_t i = 0; i < sweep->snapshot.n; i++) {
		const struct snapshot_entry *entry = &sweep->snapshot.entries[i];

		if (!snapshot_is_victim(entry)) {
			continue;
		}
		id_list_add(&ids, entry->id);
		n_left--;
		if (ids.n == n_chunk || n_left == 0) {
			sweep->n_replies++;
			sweep_send_list(sweep, &ids, on_line, on_reply);
		}
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

static void on_persistence(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {0};

	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	if (!server.has_child || !is_any_older(sweep, &server)) {
		/* No child has any of their sockets. */
	} else if (sockets_are_known(&sweep->sockets)) {
		sweep->is_held_by_child = true;
	} else {
		sweep_warn_held(sweep);
	}
	sweep_move(sweep, lost != NULL ? sweep_lost(sweep) : count_answer(sweep));
}

/*
 * "All" is verified by the whole listing: it shows whoever is left, known or not. A selective kill
 * asks for its victims where the server can look them up.
 */
static enum sweep_state enter_verify(struct sweep *sweep)
{
	/* Goals look at those that are spared as well. */
	bool is_whole = sweep->in.request->is_all || sweep->in.book != NULL;

	sweep_forget_turns(sweep);
	sweep->n_lines = 0;
	sweep->spread.asked_ms = clock_monotonic_ms();
	snapshot_verify_begin(&sweep->snapshot);
	sweep->n_replies = 0;
	if (may_child_hold_sockets(sweep)) {
		sweep_ask(sweep, "INFO", "persistence", on_persistence);
		sweep->has_asked_for_child = true;
		sweep->n_replies++;
	}
	if (snapshot_n_pending(&sweep->snapshot) == 0 && !sweep->in.request->is_all) {
		return sweep->n_replies == 0 ? judge_remains(sweep) : SWEEP_STAY;
	}
	if (is_whole || !caps_has(&sweep->caps, CAP_LIST_ID)) {
		sweep->n_replies++;
		sweep_join_listing(sweep, NULL, on_session, on_listed);
	} else {
		ask_by_ids(sweep);
	}
	return SWEEP_STAY;
}

static enum sweep_state look_again(struct sweep *sweep)
{
	return SWEEP_VERIFY;
}

static enum sweep_state leave_dying(struct sweep *sweep, const char *words)
{
	sweep_warn(sweep, "%s", words);
	return SWEEP_DONE;
}

const struct sweep_phase sweep_phase_verify = {
	.name = "VERIFY",
	.time = REPORT_PHASE_VERIFY,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.needs_link = true,
	.expired = "the deadline passed during the verification",
	.enter = enter_verify,
};

const struct sweep_phase sweep_phase_look_again = {
	.name = "LOOK_AGAIN",
	.time = REPORT_PHASE_VERIFY,
	.expired = "sessions were still being closed by the server at the deadline",
	.on_pause_over = look_again,
	.on_link = sweep_on_idle_link,
	.give_up = leave_dying,
};
