/*
 * SPREAD: the victims end one after the other, so that those who come back come in a trickle. A
 * few go in each turn, as many as the job's share of the time allows; and the server proves again
 * that it belongs here, and lists whom it has, before the last listing is too old to kill anybody
 * by.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "kill/sweep_internal.h"

/* Between two turns, */
#define TURN_MS 100
/* and where the server's commands can only name ids, so that it lists before each of them. */
#define BLIND_TURN_MS 500
/* With what the answer and the turn take, nobody is killed by one that is older than five. */
#define MAX_LISTING_AGE_MS 4000
/* So long a listing is used that is old when it comes. */
#define MAX_USE_MS 1000
/* The same where whoever has become another since would be hit. */
#define MAX_BLIND_USE_MS 20
/* Who is still there after so many is left. */
#define MAX_TRIES 3

static bool is_waiting(const struct snapshot_entry *entry)
{
	return snapshot_is_victim(entry) && !entry->is_dying && !entry->is_cut &&
	       entry->n_tries < MAX_TRIES;
}

static void make_queue(struct sweep *sweep)
{
	struct snapshot *snapshot = &sweep->snapshot;
	struct spread *spread = &sweep->spread;
	uint64_t n_needed = UINT64_MAX;
	struct goal_pool pool = {0};

	for (size_t i = 0; i < snapshot->n; i++) {
		struct snapshot_entry *entry = &snapshot->entries[i];
		struct goal_candidate *candidate;

		if (is_waiting(entry)) {
			candidate = mem_append(&pool.items, &pool.n, &pool.capacity,
				sizeof(struct goal_candidate));
			*candidate = (struct goal_candidate){
				.mark = snapshot->marks[entry->mark],
				.id = entry->id,
				.owner = entry,
			};
		}
	}
	goals_choose(sweep->in.book, pool.items, pool.n, &n_needed, UINT64_MAX);
	spread->queue = mem_alloc_array(pool.n + 1, sizeof(uint32_t));
	spread->n = pool.n;
	spread->next = 0;
	for (size_t i = 0; i < pool.n; i++) {
		spread->queue[i] = (uint32_t)((struct snapshot_entry *)pool.items[i].owner -
					      snapshot->entries);
	}
	free(pool.items);
}

bool sweep_has_turns(const struct sweep *sweep)
{
	const struct spread *spread = &sweep->spread;

	if (!goals_is_spread(&sweep->in.request->goals)) {
		return false;
	}
	if (spread->queue != NULL) {
		return spread->next < spread->n;
	}
	for (size_t i = 0; i < sweep->snapshot.n; i++) {
		if (is_waiting(&sweep->snapshot.entries[i])) {
			return true;
		}
	}
	return false;
}

/* How filters combine may be known since: then who is another by now can be left out. */
static void refresh_caps(struct sweep *sweep)
{
	if (sweep_is_same_process(sweep)) {
		sweep->caps = link_server(sweep->in.link)->caps;
	}
}

/* Of those whose turn it is only; the plan of all was reported. */
static void plan_turn(struct sweep *sweep, size_t n)
{
	struct plan_opts opts = sweep_plan_opts(sweep);
	struct spread *spread = &sweep->spread;

	for (size_t i = 0; i < sweep->snapshot.n; i++) {
		sweep->snapshot.entries[i].is_due = false;
	}
	for (; n > 0 && spread->next < spread->n; n--) {
		struct snapshot_entry *entry =
			&sweep->snapshot.entries[spread->queue[spread->next++]];

		entry->is_due = true;
		entry->n_tries++;
	}
	opts.only_due = true;
	refresh_caps(sweep);
	plan_finish(&sweep->plan);
	plan_init(&sweep->plan, &sweep->snapshot, &opts);
}

/* Does a command hit whoever has that id, whatever he has become? */
static bool is_blind(const struct sweep *sweep)
{
	return !caps_has(&sweep->caps, CAP_KILL_TYPE);
}

int64_t sweep_turn_ms(const struct sweep *sweep)
{
	return is_blind(sweep) ? BLIND_TURN_MS : TURN_MS;
}

/* One that takes longer than that is good enough when it has just come. */
static bool is_listing_old(const struct sweep *sweep)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t used_ms = now_ms - sweep->spread.came_ms;

	if (is_blind(sweep)) {
		return used_ms > MAX_BLIND_USE_MS;
	}
	return now_ms - sweep->spread.asked_ms > MAX_LISTING_AGE_MS && used_ms > MAX_USE_MS;
}

bool sweep_peek_turn(
	const struct sweep *sweep, size_t offset, uint32_t number, struct goal_candidate *ret_turn)
{
	const struct spread *spread = &sweep->spread;
	size_t place = spread->next + spread->n_granted + offset;
	const struct snapshot_entry *entry;

	if (sweep->state != SWEEP_SPREAD || place >= spread->n) {
		return false;
	}
	entry = &sweep->snapshot.entries[spread->queue[place]];
	*ret_turn = (struct goal_candidate){
		.mark = sweep->snapshot.marks[entry->mark],
		.id = entry->id,
		.node = number,
	};
	return true;
}

void sweep_grant_turns(struct sweep *sweep, size_t n)
{
	sweep->spread.n_granted += n;
}

/* A listing is asked for only when somebody is to be killed by it. */
static enum sweep_state take_turn(struct sweep *sweep)
{
	struct spread *spread = &sweep->spread;
	size_t n;

	if (spread->next == spread->n) {
		return SWEEP_VERIFY;
	}
	if (spread->n_granted == 0) {
		sweep->in.share_fn(sweep->in.context);
	}
	if (spread->n_granted == 0) {
		timer_start(sweep->pause, sweep_turn_ms(sweep));
		return SWEEP_STAY;
	}
	if (is_listing_old(sweep)) {
		spread->is_proving = true;
		return SWEEP_PROVE;
	}
	n = MIN(spread->n_granted, spread->n - spread->next);
	spread->n_granted = 0;
	plan_turn(sweep, n);
	return sweep->plan.n_steps > 0 ? SWEEP_KILL : SWEEP_VERIFY;
}

static enum sweep_state enter_spread(struct sweep *sweep)
{
	if (sweep->spread.queue == NULL) {
		make_queue(sweep);
	}
	/* Whose turn it was has been listed for it. */
	timer_start(sweep->pause, sweep->spread.n_granted > 0 ? 0 : sweep_turn_ms(sweep));
	return SWEEP_STAY;
}

const struct sweep_phase sweep_phase_spread = {
	.name = "SPREAD",
	.time = REPORT_PHASE_KILL,
	.busy_ms = 0,
	.needs_link = true,
	.expired = "the deadline passed during the kill",
	.enter = enter_spread,
	.on_pause_over = take_turn,
	.on_link = sweep_on_idle_link,
};
