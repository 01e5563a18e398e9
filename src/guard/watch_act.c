/*
 * What a guard does when its condition has held for long enough, and what keeps it from it.
 */
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "guard/watch.h"
#include "record/audit.h"

/* So long after its start the daemon looks only: what it saw last may be from before an incident.
 */
#define STARTING_MS (60 * 1000)

/* NULL: it is as when it watches. */
static const struct {
	const char *state;
	const char *words;
} rests[] = {
	[GUARD_ACTS] = {NULL, ""},
	[GUARD_HELD] = {"held", "held"},
	[GUARD_STARTING] = {NULL, "the daemon started less than a minute ago"},
	[GUARD_OFF_HOURS] = {NULL, "it is not its time"},
	[GUARD_KILL_RUNS] = {NULL, "a kill runs on the instance"},
	[GUARD_BLIND] = {"blind", "no node has answered of late"},
	[GUARD_NO_FIELD] = {"unknown_field", "the server does not give a field that it goes by"},
	[GUARD_NOBODY] = {NULL, "nobody is selected"},
	[GUARD_SPENT] = {"spent", "spent: it has acted as often as it may"},
	[GUARD_REPORTED] = {"reported", "reported"},
	[GUARD_TOO_MANY] = {"too_many", "more than its max are selected: nobody was killed"},
	[GUARD_CANCELLED] = {"cancelled", "its kill was cancelled"},
	[GUARD_NOT_STATED] = {"failed",
		"it cannot be remembered that it acts, or ordered: see the log"},
};

const char *guard_rest_words(enum guard_rest rest)
{
	return rests[rest].words;
}

const char *guard_view_state(const struct guard_view *view)
{
	if (view->is_acting) {
		return "acting";
	}
	if (rests[view->rest].state != NULL) {
		return rests[view->rest].state;
	}
	return view->holds ? "holding" : "watching";
}

/* It goes by what it saw in its interval; its own kill is given some time all the same. */
#define LEAST_TIMEOUT_MS 5000

static unsigned count_recent(const struct watch *watch)
{
	return guard_state_n_acts(watch->world->state, watch->opts->name, watch->instance,
		clock_wall_ms() - watch->opts->at_most.per_ms);
}

static bool is_spent(const struct watch *watch)
{
	return watch->opts->at_most.n > 0 && count_recent(watch) >= watch->opts->at_most.n;
}

/* A file that cannot be seen may be there. */
static bool is_file_there(const char *path)
{
	struct stat status;

	return path != NULL && (lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

bool watch_is_held(const struct watch_world *world)
{
	return guard_state_is_held(world->state) || is_file_there(world->hold_file);
}

static bool does_kill_run(const struct watch *watch)
{
	const struct instance *instance =
		instances_find(watch->world->in.instances, slice_of(watch->instance));
	struct jobs_load load = {0};

	if (instance != NULL) {
		load = jobs_load(watch->world->in.jobs, instance);
	}
	return watch->is_acting || load.n_running + load.n_waiting > 0;
}

enum guard_rest watch_find_rest(const struct watch *watch)
{
	if (watch_is_held(watch->world)) {
		return GUARD_HELD;
	}
	if (clock_monotonic_ms() - watch->world->started_ms < STARTING_MS &&
		!FAULT(GUARD_EARLY, NULL)) {
		return GUARD_STARTING;
	}
	if (!guard_opts_is_in_hours(watch->opts, clock_wall_ms())) {
		return GUARD_OFF_HOURS;
	}
	if (does_kill_run(watch)) {
		return GUARD_KILL_RUNS;
	}
	if (watch->was_too_many) {
		return GUARD_TOO_MANY;
	}
	if (watch->was_cancelled) {
		return GUARD_CANCELLED;
	}
	if (watch->has_reported && !watch->opts->is_kill) {
		return GUARD_REPORTED;
	}
	/* Beyond what it may it reports, once; and kills when it may again. */
	return watch->has_reported && is_spent(watch) ? GUARD_SPENT : GUARD_ACTS;
}

/* ---- episodes ---- */

void watch_begin_episode(struct watch *watch)
{
	if (!watch->is_in_episode) {
		watch->is_in_episode = true;
		watch->episode_wall_ms = clock_wall_ms();
		watch->n_episodes++;
	}
}

void watch_end_episode(struct watch *watch)
{
	watch->is_in_episode = false;
	watch->has_reported = false;
	watch->was_too_many = false;
	watch->was_cancelled = false;
}

/* ---- acting ---- */

static void record(struct watch *watch, const char *what, uint64_t n_killed)
{
	const struct audit_guard guard = {
		.name = watch->opts->name,
		.instance = watch->instance,
		.what = what,
		.request_id = watch->request_id,
		.n_matched = watch->n_matched,
		.n_killed = n_killed,
	};
	const struct instance *instance =
		instances_find(watch->world->in.instances, slice_of(watch->instance));
	struct err err;

	if (instance != NULL) {
		instance_history_note_guard(
			instance->history, guard.name, what, guard.request_id, guard.n_matched);
	}
	if (audit_guard(watch->world->in.audit, &guard, &err) < 0) {
		log_error("guard %s on %s is not recorded: %s", watch->opts->name, watch->instance,
			err.text);
	}
}

static void tell_end(struct watch *watch, const struct report *report)
{
	const char *name = watch->opts->name;
	unsigned long long n = watch->n_matched;

	if (report->is_too_many) {
		log_warning("guard %s on %s: %s", name, watch->instance, report->error);
		record(watch, "too_many", 0);
	} else if (watch->is_kill) {
		log_notice("guard %s on %s: killed %llu of %llu, %s", name, watch->instance,
			(unsigned long long)report->counts.killed, n, watch->request_id);
		record(watch, "kill", report->counts.killed);
	} else if (report->state != REPORT_DRY_RUN) {
		log_warning("guard %s on %s: cannot say whom it would kill, %s", name,
			watch->instance, watch->request_id);
		record(watch, "failed", 0);
	} else {
		log_notice("guard %s on %s: would kill %llu%s, %s", name, watch->instance, n,
			watch->opts->is_kill ? ", but has acted as often as it may" : "",
			watch->request_id);
		record(watch, watch->opts->is_kill ? "spent" : "report", 0);
	}
}

static void on_done(void *context, const char *request_id UNUSED, const struct report *report)
{
	struct watch *watch = context;
	bool is_report = report->state == REPORT_DRY_RUN;

	watch->is_acting = false;
	watch->n_matched = report->counts.matched;
	watch->n_killed += report->counts.killed;
	watch->was_too_many = report->is_too_many;
	watch->was_cancelled = report->state == REPORT_CANCELLED && !watch->is_stopped;
	watch->has_reported = !watch->is_kill && (is_report || report->is_too_many);
	if (watch->is_kill && report->counts.killed == 0) {
		guard_state_take_back(watch->world->state, watch->opts->name, watch->instance);
	}
	/* What was seen before it says nothing of what is now. */
	for (size_t i = 0; i < watch->n_nodes; i++) {
		watch->nodes[i].holds_since_ms = 0;
	}
	watch->holds_since_ms = 0;
	tell_end(watch, report);
}

void watch_stop_acting(struct watch *watch)
{
	if (watch->is_acting) {
		watch->is_stopped = true;
		(void)!jobs_cancel(watch->world->in.jobs, slice_of(watch->request_id));
	}
}

/* The nodes that its condition is about, and no others. */
static void choose_nodes(const struct watch *watch, struct request *request)
{
	const char *run_id = "";

	request->nodes = mem_alloc_array(watch->n_nodes + 1, sizeof(char *));
	for (size_t i = 0; i < watch->n_nodes; i++) {
		if (watch->nodes[i].is_ripe) {
			request->nodes[request->n_nodes++] =
				mem_printf("%s", watch->nodes[i].address);
			run_id = watch->nodes[i].run_id;
		}
	}
	/* Of one node also the process that has said so. */
	if (request->n_nodes == 1 && run_id[0] != '\0') {
		request->run_id = mem_printf("%s", run_id);
	}
}

static bool order(struct watch *watch, bool is_dry_run)
{
	const struct watch_world *world = watch->world;
	const struct instance *instance =
		instances_find(world->in.instances, slice_of(watch->instance));
	struct request request;
	struct jobs_order order = {
		.request_id = watch->request_id,
		.action = guard_opts_action(watch->opts),
		.instance = instance,
		.caller = &world->caller,
		.request = &request,
		.done_fn = on_done,
		.context = watch,
	};
	struct err err;
	int r;

	guard_opts_make_request(watch->opts, &request);
	request.is_dry_run = is_dry_run;
	request.timeout_ms = MAX(watch->interval_ms, (int64_t)LEAST_TIMEOUT_MS);
	choose_nodes(watch, &request);
	uuid_make(watch->request_id);
	r = jobs_submit(world->in.jobs, &order, &err);
	request_finish(&request);
	if (r != 0) {
		log_error("guard %s on %s cannot act: %s", watch->opts->name, watch->instance,
			err.text);
	}
	return r == 0;
}

/* Before it is ordered: whoever starts anew must not act once more. */
static bool remember(const struct watch *watch)
{
	struct err err;
	int64_t keep_ms = MAX(watch->opts->at_most.per_ms, (int64_t)1);

	if (guard_state_act(watch->world->state, watch->opts->name, watch->instance,
		    clock_wall_ms(), keep_ms, &err) == 0) {
		return true;
	}
	log_error("guard %s on %s does not act: %s", watch->opts->name, watch->instance, err.text);
	return false;
}

void watch_act(struct watch *watch)
{
	bool is_kill = watch->opts->is_kill && !is_spent(watch);

	if (is_kill && !remember(watch)) {
		watch->rest = GUARD_NOT_STATED;
		return;
	}
	if (!order(watch, !is_kill)) {
		if (is_kill) {
			guard_state_take_back(
				watch->world->state, watch->opts->name, watch->instance);
		}
		watch->rest = GUARD_NOT_STATED;
		return;
	}
	watch->is_acting = true;
	watch->is_stopped = false;
	watch->is_kill = is_kill;
	watch->n_acts += is_kill;
	watch->n_reports += !is_kill;
}
