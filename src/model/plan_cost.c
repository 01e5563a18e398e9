/*
 * What the steps of a plan cost the server, and what of it fits into the stall budget.
 */
#include "model/plan_internal.h"

/* The server's word is taken up to here: it must not make the estimates overflow. */
#define MAX_SUBSCRIPTIONS UINT64_C(1000000000)

static int64_t walk_ns(const struct plan *plan)
{
	return (int64_t)plan->snapshot->n * PLAN_WALK_NS;
}

size_t plan_ids_per_command(const struct plan *plan)
{
	return caps_has(plan->snapshot->caps, CAP_MULTI_ID) ? PLAN_MAX_IDS_PER_COMMAND : 1;
}

/*
 * What it takes to end one session. Servers before Redis 7.4 and Valkey 8.0 search the list of
 * subscribers of each of its channels (redis#12838: 24 s for 5,000 clients with 100 channels);
 * these are the servers without MAXAGE.
 */
static int64_t end_ns(const struct plan *plan, enum session_type type)
{
	const struct snapshot *snapshot = plan->snapshot;
	uint64_t n_subscriptions = MIN(snapshot->n_subscriptions, MAX_SUBSCRIPTIONS);

	if (type != SESSION_TYPE_PUBSUB || caps_has(snapshot->caps, CAP_KILL_MAXAGE)) {
		return PLAN_END_NS;
	}
	return PLAN_END_NS + (int64_t)n_subscriptions * PLAN_SUBSCRIBER_NS;
}

size_t plan_ids_within_budget(const struct plan *plan, enum session_type type)
{
	int64_t budget_ns = plan->opts.stall_budget_ms * 1000000;
	int64_t n;

	if (plan_ids_per_command(plan) > 1) {
		n = (budget_ns - walk_ns(plan)) / end_ns(plan, type);
	} else {
		n = budget_ns / (walk_ns(plan) + end_ns(plan, type));
	}
	return n < 1 ? 1 : (size_t)n;
}

enum pace plan_pace_of(const struct plan *plan, enum session_type type)
{
	int64_t excess_ns = end_ns(plan, type) - PLAN_END_NS;
	int64_t stall_ns = excess_ns * (int64_t)plan->snapshot->n_subscribers;

	return stall_ns > PLAN_MAX_SUBSCRIBER_STALL_MS * INT64_C(1000000) ? PACE_GENTLE
									  : plan->opts.pace;
}

bool plan_is_set_within_budget(const struct plan *plan, enum session_type type, uint64_t n)
{
	int64_t stall_ns = walk_ns(plan) + (int64_t)n * end_ns(plan, type);

	return plan_pace_of(plan, type) == PACE_FAST ||
	       stall_ns <= plan->opts.stall_budget_ms * 1000000;
}

bool plan_is_cell_cheaper(const struct plan *plan, uint64_t n_victims)
{
	return n_victims > plan_ids_per_command(plan);
}
