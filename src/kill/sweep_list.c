/*
 * LIST: the sessions of the node, and the plan that follows from them.
 */
#include "kill/sweep_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/reply.h"
#include "redis/server_info.h"

/* A server that has run for less may have done so for less than the ids are known. */
#define YOUNG_S 3600

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = mem_copy_text(value, strlen(value));
}

void sweep_forget_snapshot(struct sweep *sweep)
{
	plan_finish(&sweep->plan);
	snapshot_finish(&sweep->snapshot);
	own_sessions_finish(&sweep->own);
	free(sweep->own_user);
	sweep->own_user = NULL;
	sweep->has_snapshot = false;
}

static void describe_server(struct sweep *sweep)
{
	const struct link_server *server = link_server(sweep->in.link);
	char text[80];

	snprintf(text, sizeof(text), "%s%s%s", server->name, server->version[0] ? " " : "",
		server->version);
	set_text(&sweep->in.node->server, text);
	set_text(&sweep->in.node->role, server->role);
	set_text(&sweep->in.node->run_id, server->run_id);
	memcpy(sweep->run_id, server->run_id, sizeof(sweep->run_id));
	sweep->caps = server->caps;
}

/*
 * Whom a set command would hit besides those that it is meant for. The others of the link's own
 * connections step aside, if they can; else sets are told apart by the user, if that is not ours.
 */
static void know_own(struct sweep *sweep)
{
	struct protection *protection = &sweep->protection;
	const struct own_sessions *own = &sweep->own;

	/* Options of a link go with the next reload. */
	sweep->own_user = mem_printf("%s", link_opts_user(link_options(sweep->in.link)));
	sweep->own = instances_own_sessions(sweep->in.instances, sweep->in.link);
	CHECK(own->n_of_link > 0);
	protection->own = own->items;
	protection->n_own = own->n;
	protection->n_known = own->n_known;
	protection->n_told = own->n_told;
	protection->n_aside = link_can_step_aside(sweep->in.link) ? own->n_of_link - 1 : 0;
	protection->own_user = NULL;
	if (protection->n_aside == 0 && own->n_of_link > 1 && own->n_known == own->n_of_link &&
		link_is_of_one_account(sweep->in.link)) {
		protection->own_user = sweep->own_user;
	}
}

/*
 * Connections of ours that came while the command was on its way may be listed as well. No set is
 * right with them, and those that have gone meanwhile stay ours.
 */
static void know_newcomers(struct sweep *sweep)
{
	struct own_sessions now = instances_own_sessions(sweep->in.instances, sweep->in.link);

	own_sessions_add(&sweep->own, &now);
	own_sessions_finish(&now);
	sweep->protection.own = sweep->own.items;
	sweep->protection.n_own = sweep->own.n;
}

static void on_session(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;
	bool is_victim;

	if (!sweep->knows_newcomers) {
		know_newcomers(sweep);
		sweep->knows_newcomers = true;
	}
	is_victim = snapshot_add(&sweep->snapshot, line);
	if (line->is_readable && line->session.id == sweep->snapshot.link_id) {
		processes_server_note_own(&sweep->processes, &line->session);
	} else if (is_victim && sweep->in.processes != NULL) {
		processes_server_count(&sweep->processes,
			processes_server_find(&sweep->processes, &line->session));
	}
}

/* Fields that selectors ask for and this server gives for nobody. */
static void warn_missing_fields(struct sweep *sweep, const struct selectors *list)
{
	for (size_t i = 0; i < list->n && sweep->snapshot.n > 0; i++) {
		enum session_field field = selector_field(list->items[i]);

		if ((sweep->snapshot.given_fields & (UINT64_C(1) << field)) == 0) {
			report_warn(sweep->in.report,
				"%s: the server does not give \"%s\"; \"%s\" never holds there",
				sweep->in.node->address, session_field_key(field),
				selector_text(list->items[i]));
		}
	}
}

/* Kvrocks leaves them out of the listing: nothing can be said of them, or done about them. */
static void warn_unlisted_monitors(struct sweep *sweep)
{
	int64_t n_listed = (int64_t)sweep->snapshot.n_monitors;

	if (sweep->n_monitors > n_listed) {
		report_warn(sweep->in.report,
			"%s: %lld sessions run MONITOR and are not in the server's listing; they "
			"are not killed",
			sweep->in.node->address, (long long)(sweep->n_monitors - n_listed));
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
	report_warn(sweep->in.report,
		"%s: the server started %lld s ago, and ids begin anew with each start: say "
		"run_id=%s if they were listed since then, else list again",
		sweep->in.node->address, (long long)server->uptime_s, server->run_id);
}

static void warn_about_listing(struct sweep *sweep)
{
	warn_unlisted_monitors(sweep);
	if (sweep->snapshot.n_doubtful > 0) {
		report_warn(sweep->in.report,
			"%s: %llu sessions are kept for a flag, i or E, that on some servers means "
			"a link by which slots migrate",
			sweep->in.node->address, (unsigned long long)sweep->snapshot.n_doubtful);
	}
	warn_missing_fields(sweep, &sweep->in.request->match);
	warn_missing_fields(sweep, &sweep->in.request->except);
	warn_missing_fields(sweep, &sweep->in.instance->opts->protect);
	if (link_is_by_turns(sweep->in.link)) {
		report_warn(sweep->in.report, "%s: " LINK_BY_TURNS, sweep->in.node->address);
	}
	warn_young_server(sweep);
	if (!link_are_filters_known(sweep->in.link)) {
		report_warn(sweep->in.report,
			"%s: how the server takes several filters of CLIENT KILL could not be "
			"asked yet (it takes a free place), so that ids are killed whatever the "
			"sessions have become since they were listed",
			sweep->in.node->address);
	}
	if (sweep->snapshot.n_unreadable > 0) {
		report_warn(sweep->in.report, "%s: %llu lines of the listing set aside; %s",
			sweep->in.node->address, (unsigned long long)sweep->snapshot.n_unreadable,
			sweep->snapshot.first_unreadable);
	}
}

struct plan_opts sweep_plan_opts(const struct sweep *sweep)
{
	const struct request *request = sweep->in.request;
	const struct instance_opts *instance = sweep->in.instance->opts;

	return (struct plan_opts){
		.pace = request->pace != PACE_INSTANCE ? request->pace : instance->pace,
		.stall_budget_ms = request->stall_budget_ms > 0 ? request->stall_budget_ms
								: instance->stall_budget_ms,
		.by_id_only = sweep->n_rounds > 0 || sweep->is_by_id_only,
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

static void on_listed(void *context, const struct listing_result *result)
{
	struct sweep *sweep = context;

	if (result->end != LISTING_WHOLE) {
		sweep_on_listing_failed(sweep, result);
		return;
	}
	if (!sweep->has_met_process) {
		sweep_finish_unmeant(sweep);
		return;
	}
	if (sweep->snapshot.is_too_large) {
		sweep_fail(sweep, "the listing has more sessions than sesskilld takes");
		return;
	}
	sweep_clock_phase(sweep, &sweep->in.node->phase_us[REPORT_PHASE_PLAN]);
	snapshot_seal(&sweep->snapshot);
	sweep->has_snapshot = true;
	sweep->listed_ms = clock_monotonic_ms();
	warn_about_listing(sweep);
	sweep_make_plan(sweep);
	report_plan(sweep);
	sweep_update_counts(sweep, sweep->n_claimed);
	sweep->n_allowed = sweep->in.node->counts.matched;
	sweep_set_state(sweep, SWEEP_PLANNED);
	sweep->in.planned_fn(sweep->in.context);
}

/* Of a 64-bit number. */
#define ID_TEXT_BYTES 24

struct sweep_ids sweep_ids_new(size_t n_most)
{
	return (struct sweep_ids){
		.texts = mem_alloc_array(n_most, sizeof(struct slice)),
		.bytes = mem_alloc_array(n_most, ID_TEXT_BYTES),
	};
}

void sweep_ids_add(struct sweep_ids *ids, uint64_t id)
{
	char *text = ids->bytes + ids->n * ID_TEXT_BYTES;
	int len = snprintf(text, ID_TEXT_BYTES, "%llu", (unsigned long long)id);

	ids->texts[ids->n++] = (struct slice){text, (size_t)len};
}

void sweep_ids_finish(struct sweep_ids *ids)
{
	free(ids->texts);
	free(ids->bytes);
}

void sweep_send_list(struct sweep *sweep, const struct sweep_ids *ids, listing_line_fn line_fn,
	link_reply_fn reply_fn)
{
	CLEANUP(mem_free_p) struct slice *argv = mem_alloc_array(ids->n + 3, sizeof(struct slice));
	struct link_command command = {
		.argv = argv,
		.argc = ids->n + 3,
		.line_fn = line_fn,
		.reply_fn = reply_fn,
		.context = sweep,
		.owner = &sweep->calls,
	};
	int r;

	argv[0] = slice_of(link_options(sweep->in.link)->client_command);
	argv[1] = SLICE_LITERAL("LIST");
	argv[2] = SLICE_LITERAL("ID");
	memcpy(&argv[3], ids->texts, ids->n * sizeof(struct slice));
	r = link_send(sweep->in.link, &command);
	CHECK(r == 0);
	sweep->in.node->n_commands++;
}

void sweep_join_listing(struct sweep *sweep, void (*started_fn)(void *context),
	void (*session_fn)(void *context, const struct session_line *line),
	void (*done_fn)(void *context, const struct listing_result *result))
{
	int r;

	sweep->reader = (struct listing_reader){
		.started_fn = started_fn,
		.session_fn = session_fn,
		.done_fn = done_fn,
		.context = sweep,
	};
	sweep->in.node->n_commands++;
	r = client_list_join(sweep->in.link, &sweep->reader);
	CHECK(r == 0);
}

static void on_stats(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {.n_connections = -1};

	(void)lost;
	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	sweep->snapshot.n_connections = server.n_connections;
}

/*
 * Just before the listing: how many the server has accepted so far. Sets are counted by it, see
 * salvo.c; where a keep-alive did not get to know it, nobody is asked.
 */
static void ask_for_connections(struct sweep *sweep)
{
	static const struct slice argv[] = {{"INFO", 4}, {"stats", 5}};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.called = "CLIENT LIST",
		.reply_fn = on_stats,
		.context = sweep,
		.owner = &sweep->calls,
	};
	int r;

	if (sweep->in.request->is_dry_run || sweep->is_by_id_only ||
		!caps_has(&sweep->caps, CAP_KILL_TYPE) ||
		link_server(sweep->in.link)->n_connections < 0) {
		return;
	}
	r = link_send(sweep->in.link, &command);
	CHECK(r == 0);
}

/* The command is about to go out: what is known now is what it is judged by. */
static void on_started(void *context)
{
	struct sweep *sweep = context;

	sweep_forget_snapshot(sweep);
	describe_server(sweep);
	sweep->has_met_process = sweep_is_meant(sweep);
	know_own(sweep);
	sweep->knows_newcomers = false;
	sweep->serial = link_main_serial(sweep->in.link);
	sweep->newest_serial = link_newest_serial(sweep->in.link);
	sweep->was_lost = false;
	sweep->protection.family = sweep->caps.family;
	sweep->protection.has_type = caps_has(&sweep->caps, CAP_KILL_TYPE);
	sweep->protection.is_all = sweep->in.request->is_all;
	sweep->protection.configured = &sweep->in.instance->opts->protect;
	snapshot_init(&sweep->snapshot, sweep->in.request, &sweep->protection, &sweep->caps,
		slice_of(sweep->in.node->address), sweep->in.sources, sweep->own.items[0].id);
	if (sweep->in.request->wants_results) {
		snapshot_want_results(&sweep->snapshot, &sweep->in.report->results);
	}
	if (sweep->in.processes != NULL) {
		processes_server_begin(
			&sweep->processes, sweep->in.processes, link_descriptor(sweep->in.link));
	}
	ask_for_connections(sweep);
	if (link_is_at_former_address(sweep->in.link)) {
		report_warn(sweep->in.report,
			"%s: reached over a connection from before the address was changed",
			sweep->in.node->address);
	}
}

static void on_info(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {LINK_SERVER_UNKNOWN};

	(void)lost;
	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
		sweep->n_monitors = server.n_monitors;
	}
}

/* Anew, of a server that tells: the listing's answer comes behind it. */
static void ask_for_monitors(struct sweep *sweep)
{
	static const struct slice argv[] = {{"INFO", 4}, {"clients", 7}};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = on_info,
		.context = sweep,
		.owner = &sweep->calls,
	};
	int r;

	sweep->n_monitors = link_server(sweep->in.link)->n_monitors;
	if (sweep->n_monitors >= 0) {
		r = link_send(sweep->in.link, &command);
		CHECK(r == 0);
	}
}

void sweep_begin_list(struct sweep *sweep)
{
	if (!sweep_has_link(sweep)) {
		return;
	}
	sweep_set_state(sweep, SWEEP_LIST);
	sweep_hold_link(sweep);
	ask_for_monitors(sweep);
	sweep_join_listing(sweep, on_started, on_session, on_listed);
}
