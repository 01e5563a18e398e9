/*
 * PLAN, PLANNED: what follows from the listing, and what the job then says to it.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kill/kernel_use.h"
#include "kill/sweep_internal.h"

/* A server that has run for less may have done so for less than the ids are known. */
#define YOUNG_S 3600
/* A plan that has waited for longer is made anew. */
#define MAX_PLAN_AGE_MS 1000

/* ---- PLAN ---- */

/* Fields that selectors ask for and this server gives for nobody. */
static void warn_missing_fields(struct sweep *sweep, const struct selectors *list)
{
	for (size_t i = 0; i < list->n && sweep->snapshot.n > 0; i++) {
		enum session_field field = selector_field(list->items[i]);

		if ((sweep->snapshot.given_fields & (UINT64_C(1) << field)) == 0) {
			sweep_warn(sweep,
				"the server does not give \"%s\"; \"%s\" never holds there",
				session_field_key(field), selector_text(list->items[i]));
		}
	}
}

/* Kvrocks leaves them out of the listing: nothing can be said of them, or done about them. */
static void warn_unlisted_monitors(struct sweep *sweep)
{
	int64_t n_listed = (int64_t)sweep->snapshot.n_monitors;

	if (sweep->n_monitors > n_listed) {
		sweep_warn(sweep,
			"%lld sessions run MONITOR and are not in the server's listing; they "
			"are not killed",
			(long long)(sweep->n_monitors - n_listed));
	}
}

/* Whoever took the ids from a listing may have done so before the start. */
static void warn_young_server(struct sweep *sweep)
{
	const struct link_server *server = link_server(sweep->in.link);

	if (sweep->in.request->run_id != NULL || server->uptime_s < 0 ||
		server->uptime_s >= YOUNG_S || !selectors_name_ids(&sweep->in.request->match)) {
		return;
	}
	sweep_warn(sweep,
		"the server started %lld s ago, and ids begin anew with each start: say "
		"run_id=%s if they were listed since then, else list again",
		(long long)server->uptime_s, server->run_id);
}

static void warn_about_listing(struct sweep *sweep)
{
	warn_unlisted_monitors(sweep);
	if (sweep->snapshot.n_doubtful > 0) {
		sweep_warn(sweep,
			"%llu sessions are kept for a flag, i or E, that on some servers means "
			"a link by which slots migrate",
			(unsigned long long)sweep->snapshot.n_doubtful);
	}
	warn_missing_fields(sweep, &sweep->in.request->match);
	warn_missing_fields(sweep, &sweep->in.request->except);
	warn_missing_fields(sweep, &sweep->in.instance->opts->protect);
	if (link_is_by_turns(sweep->in.link)) {
		sweep_warn(sweep, LINK_BY_TURNS);
	}
	warn_young_server(sweep);
	if (!link_are_filters_known(sweep->in.link)) {
		sweep_warn(sweep,
			"how the server takes several filters of CLIENT KILL could not be "
			"asked yet (it takes a free place), so that ids are killed whatever the "
			"sessions have become since they were listed");
	}
	if (sweep->snapshot.n_unreadable > 0) {
		sweep_warn(sweep, "%llu lines of the listing set aside; %s",
			(unsigned long long)sweep->snapshot.n_unreadable,
			sweep->snapshot.first_unreadable);
	}
}

/* Who is to be ended by the kernel is looked up by his id again just before. */
static bool has_kernel(const struct sweep *sweep)
{
	return sockets_are_known(&sweep->sockets) && caps_has(&sweep->caps, CAP_LIST_ID);
}

struct plan_opts sweep_plan_opts(const struct sweep *sweep)
{
	const struct request *request = sweep->in.request;
	const struct instance_opts *instance = sweep->in.instance->opts;

	return (struct plan_opts){
		.pace = request->pace != PACE_INSTANCE ? request->pace : instance->pace,
		.stall_budget_ms = request->stall_budget_ms > 0 ? request->stall_budget_ms
								: instance->stall_budget_ms,
		/* Where they end one after the other each turn is the first for those whose it is.
		 */
		.by_id_only = (sweep->n_rounds > 0 && !goals_is_spread(&request->goals)) ||
			      sweep->n_surprises > 1,
		.has_goals = sweep->in.book != NULL,
		.has_kernel = has_kernel(sweep),
		.wants_kernel = request->via == VIA_KERNEL,
	};
}

void sweep_make_plan(struct sweep *sweep)
{
	struct plan_opts opts = sweep_plan_opts(sweep);

	plan_finish(&sweep->plan);
	plan_init(&sweep->plan, &sweep->snapshot, &opts);
}

static void report_plan(struct sweep *sweep)
{
	struct slice client = slice_of(link_options(sweep->in.link)->client_command);

	report_node_clear_steps(sweep->in.node);
	for (size_t i = 0; i < sweep->plan.n_steps; i++) {
		const struct plan_step *step = &sweep->plan.steps[i];
		char *words = plan_step_print(&sweep->plan, step, client);

		report_node_add_step(sweep->in.node, words, step->n);
		free(words);
	}
}

/* The request takes no other way. */
static enum sweep_state fail_without_kernel(struct sweep *sweep)
{
	const char *words = kernel_use_words(sweep->in.instance, sweep->in.link);
	char text[ERR_MAX_BYTES];

	if (strcmp(words, "yes") == 0) {
		words = caps_has(&sweep->caps, CAP_LIST_ID)
				? "what the server says of its connections is not what the kernel "
				  "says"
				: "the server does not list sessions by their ids";
	}
	snprintf(text, sizeof(text), "via=kernel: %s", words);
	sweep_count(sweep);
	return sweep_fail(sweep, text);
}

void sweep_plan_again(struct sweep *sweep)
{
	sweep_make_plan(sweep);
	report_plan(sweep);
	sweep_count(sweep);
	sweep->n_allowed = sweep->in.node->counts.matched;
}

static enum sweep_state enter_plan(struct sweep *sweep)
{
	CLEANUP(mem_free_p) char *obstacle = NULL;

	snapshot_seal(&sweep->snapshot);
	sweep->has_snapshot = true;
	sweep->listed_ms = clock_monotonic_ms();
	sweep->spread.came_ms = sweep->listed_ms;
	if (sweep->in.request->via == VIA_KERNEL && !has_kernel(sweep)) {
		return fail_without_kernel(sweep);
	}
	warn_about_listing(sweep);
	obstacle = sweep_find_obstacle(sweep);
	if (obstacle != NULL) {
		sweep_count(sweep);
		return sweep_fail(sweep, obstacle);
	}
	sweep_plan_again(sweep);
	return SWEEP_PLANNED;
}

const struct sweep_phase sweep_phase_plan = {
	.name = "PLAN",
	.time = REPORT_PHASE_PLAN,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.enter = enter_plan,
};

/* ---- PLANNED ---- */

static enum sweep_state tell(struct sweep *sweep)
{
	sweep->in.event_fn(sweep->in.context, JOB_LISTED);
	return SWEEP_STAY;
}

/* Once: where all is slow the second one is not younger. */
static bool is_plan_old(struct sweep *sweep)
{
	bool is_old = clock_monotonic_ms() - sweep->listed_ms > MAX_PLAN_AGE_MS && !sweep->was_old;

	sweep->was_old |= is_old;
	return is_old;
}

static enum sweep_state carry_out(struct sweep *sweep)
{
	if (sweep->in.request->is_dry_run) {
		return SWEEP_DONE;
	}
	if (!sweep_is_same_process(sweep) || is_plan_old(sweep)) {
		/* It was restarted, or others were waited for: who is there may be others now. */
		return link_state(sweep->in.link) == LINK_READY ? sweep_on_link_ready(sweep)
								: SWEEP_WAIT_LINK;
	}
	if (sweep->plan.n_steps > 0) {
		return goals_is_spread(&sweep->in.request->goals) ? SWEEP_SPREAD : SWEEP_KILL;
	}
	/* Nothing to kill is verified like everything else. */
	sweep->n_rounds++;
	return SWEEP_VERIFY;
}

void sweep_kill(struct sweep *sweep)
{
	CHECK(sweep->state == SWEEP_PLANNED);
	sweep_move(sweep, carry_out(sweep));
}

const struct sweep_phase sweep_phase_planned = {
	.name = "PLANNED",
	.time = REPORT_N_PHASES,
	.expired = "the deadline passed before the kill",
	.enter = tell,
	.on_link = sweep_on_idle_link,
};
