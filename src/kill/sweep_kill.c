/*
 * KILL: the plan is carried out.
 */
#include <string.h>

#include "kill/sweep_internal.h"

/* A server that lets wait for longer for an answer to a kill holds up nobody else's. */
#define KILLED_WITHIN_MS 5000

static enum sweep_state judge(struct sweep *sweep, const struct batch_result *result)
{
	if (result->outcome == BATCH_LATE) {
		/* Cut with the end of the sweep: its result is taken then. */
		return sweep->is_cancelled ? SWEEP_DONE : sweep_fail_silent(sweep, result->lost);
	}
	sweep_take_result(sweep, result);
	if (result->outcome == BATCH_REFUSED) {
		memcpy(sweep->refusal, result->error, sizeof(sweep->refusal));
		return sweep_refused(sweep);
	}
	if (sweep->is_cancelled) {
		return SWEEP_DONE;
	}
	if (result->outcome == BATCH_LOST) {
		return sweep_lost(sweep);
	}
	return sweep_has_turns(sweep) ? SWEEP_SPREAD : SWEEP_VERIFY;
}

static void on_batch_done(void *context, const struct batch_result *result)
{
	struct sweep *sweep = context;

	sweep_release_link(sweep);
	sweep_move(sweep, judge(sweep, result));
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

/* Before a set command: is every connection of the daemon as it was when the plan was made? */
static bool may_send_set(void *context)
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
static enum sweep_state instead_of_kill(struct sweep *sweep)
{
	bool was_hidden = sweep->has_hidden_own && sweep->n_surprises == 0;

	if (was_hidden) {
		/* By now it has said who it is, or is gone. */
		sweep->n_surprises++;
		return SWEEP_WARM;
	}
	if (!plan_has_sets(&sweep->plan) || may_send_set(sweep)) {
		return SWEEP_STAY;
	}
	sweep->n_surprises++;
	return SWEEP_WARM;
}

static enum sweep_state fire(struct sweep *sweep)
{
	sweep->n_rounds++;
	sweep->look_again_ms = SWEEP_LOOK_AGAIN_FIRST_MS;
	sweep->is_in_doubt = true;
	if (!plan_has_sets(&sweep->plan)) {
		sweep_release_link(sweep);
	}
	if (sweep->is_batch_cut) {
		batch_free(sweep->batch);
		sweep->batch = NULL;
		sweep->is_batch_cut = false;
	}
	if (sweep->batch == NULL) {
		sweep->batch = batch_new(sweep->in.link, may_send_set, on_batch_done, sweep);
	}
	batch_send(sweep->batch, &sweep->plan, &sweep->snapshot, &sweep->sockets);
	return SWEEP_STAY;
}

const struct sweep_phase sweep_phase_kill = {
	.name = "KILL",
	.time = REPORT_PHASE_KILL,
	.busy_ms = KILLED_WITHIN_MS,
	.needs_link = true,
	.expired = "the deadline passed during the kill",
	.instead = instead_of_kill,
	.enter = fire,
};
