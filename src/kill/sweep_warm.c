/*
 * WARM: what a gentle kill does before it lists.
 *
 * A server asks the kernel for both addresses of a session when it lists it for the first time,
 * some 3 us each, and remembers them. CLIENT LIST does that for all sessions in one command: 60 ms
 * for 18,000 fresh ones, in which nobody is served, whatever the stall budget says. Looked up by
 * their ids, group by group, they cost the same, but the server serves others in between.
 *
 * What is answered is not used: the listing that counts is the one that follows, for it is an
 * atomic picture and knows everybody. Nobody knows the ids beforehand either. They are counted up
 * from 1, each is taken once, and one that is not in use costs the server next to nothing, so that
 * all of them are tried, the newest million if there were more.
 */
#include "kill/sweep_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "redis/reply.h"

/* What a session costs that was never listed. */
#define FRESH_SESSION_US 5

#define FIRST_GROUP 500
#define SMALLEST_GROUP 50
#define MAX_IDS 1000000

/* Of the time that the sweep has, at most this part. */
#define SHARE_OF_TIME 4

static int64_t budget_us(const struct sweep *sweep)
{
	return sweep_plan_opts(sweep).stall_budget_ms * 1000;
}

/* Does a plain listing fit into the budget? Where the number of sessions is not known it may not.
 */
static bool is_small(const struct sweep *sweep)
{
	int64_t n_clients = link_server(sweep->in.link)->n_clients;

	return n_clients >= 0 && n_clients * FRESH_SESSION_US <= budget_us(sweep);
}

/* Others keep no addresses, or cannot look up ids. */
static bool is_remembering(const struct caps *caps)
{
	return caps_has(caps, CAP_LIST_ID) &&
	       (caps->family == SERVER_REDIS || caps->family == SERVER_VALKEY ||
		       caps->family == SERVER_KEYDB);
}

static bool is_worth_it(const struct sweep *sweep)
{
	const struct link_server *server = link_server(sweep->in.link);

	return sweep_plan_opts(sweep).pace == PACE_GENTLE && server->n_connections >= 0 &&
	       is_remembering(&server->caps) && !is_small(sweep);
}

static void on_line(void *context, struct slice line)
{
	struct sweep_warming *warming = &((struct sweep *)context)->warming;

	(void)line;
	warming->n_found++;
}

/* As many as would just have fitted, less a fifth; it grows slowly and shrinks at once. */
static size_t next_group(const struct sweep_warming *warming, int64_t took_us, int64_t budget)
{
	int64_t fitting = (int64_t)warming->group * budget / MAX(took_us, (int64_t)1) * 4 / 5;
	int64_t most = MIN((int64_t)warming->group * 2, (int64_t)ID_LIST_MAX);

	return (size_t)MAX(MIN(fitting, most), (int64_t)SMALLEST_GROUP);
}

/* Beyond what was known when it began, as long as there is somebody. */
static bool is_warm(const struct sweep_warming *warming)
{
	return (warming->next_id > warming->last_id && warming->n_found == 0) ||
	       clock_monotonic_ms() >= warming->until_ms;
}

static void on_reply(void *context, const struct reply *reply, const char *lost);

static void send_group(struct sweep *sweep)
{
	struct sweep_warming *warming = &sweep->warming;
	CLEANUP(id_list_finish)
	struct id_list ids = sweep_ids_new(sweep, warming->group);

	warming->n_found = 0;
	for (size_t i = 0; i < warming->group; i++) {
		id_list_add(&ids, warming->next_id++);
	}
	warming->sent_us = clock_monotonic_us();
	sweep_send_list(sweep, &ids, on_line, on_reply);
}

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct sweep_warming *warming = &sweep->warming;

	if (lost != NULL) {
		sweep_move(sweep, sweep_lost(sweep));
	} else if (reply->type != REPLY_LISTING || is_warm(warming)) {
		/* Whatever it refuses it will refuse again, and the listing knows what to do. */
		sweep_move(sweep, SWEEP_LIST);
	} else {
		warming->group = next_group(
			warming, clock_monotonic_us() - warming->sent_us, budget_us(sweep));
		send_group(sweep);
	}
}

static enum sweep_state instead_of_warm(struct sweep *sweep)
{
	return is_worth_it(sweep) ? SWEEP_STAY : SWEEP_LIST;
}

static enum sweep_state enter_warm(struct sweep *sweep)
{
	int64_t now_ms = clock_monotonic_ms();
	uint64_t last_id = (uint64_t)link_server(sweep->in.link)->n_connections;

	sweep->warming = (struct sweep_warming){
		.next_id = last_id > MAX_IDS ? last_id - MAX_IDS : 1,
		.last_id = last_id,
		.group = FIRST_GROUP,
		.until_ms = now_ms + (sweep->in.deadline_ms - now_ms) / SHARE_OF_TIME,
	};
	send_group(sweep);
	return SWEEP_STAY;
}

const struct sweep_phase sweep_phase_warm = {
	.name = "WARM",
	.time = REPORT_PHASE_LIST,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.needs_link = true,
	.expired = "the deadline passed during the listing",
	.instead = instead_of_warm,
	.enter = enter_warm,
};
