/*
 * LIST: the sessions of the node.
 */
#include "kill/kernel_use.h"
#include "kill/sweep_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/reply.h"
#include "redis/server_info.h"

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = mem_copy_text(value, strlen(value));
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
	sweep->has_hidden_own = own->n_hidden > 0;
	own_sessions_protect(own, protection);
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

	sweep->has_hidden_own |= now.n_hidden > 0;
	own_sessions_add(&sweep->own, &now);
	own_sessions_finish(&now);
	sweep->protection.own = sweep->own.items;
	sweep->protection.n_own = sweep->own.n;
}

static void on_session(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;
	bool is_victim;

	sweep->n_lines++;
	if (!sweep->knows_newcomers) {
		know_newcomers(sweep);
		sweep->knows_newcomers = true;
	}
	is_victim = snapshot_add(&sweep->snapshot, line);
	if (line->is_readable && line->session.id == sweep->snapshot.link_id) {
		processes_server_note_own(&sweep->processes, &line->session);
		sockets_note_own(&sweep->sockets, link_descriptor(sweep->in.link), &line->session);
		kernel_use_hear(sweep->in.instance, sweep->in.link, &line->session);
	}
	if (is_victim) {
		snapshot_note_socket(
			&sweep->snapshot, sockets_find(&sweep->sockets, &line->session));
	}
	if (is_victim && sweep->in.processes != NULL) {
		processes_server_count(&sweep->processes,
			processes_server_find(&sweep->processes, &line->session));
	}
}

static enum sweep_state judge(struct sweep *sweep, const struct listing_result *result)
{
	if (result->end != LISTING_WHOLE) {
		return sweep_listing_failed(sweep, result);
	}
	if (!sweep->has_met_process) {
		return sweep_finish_unmeant(sweep);
	}
	if (sweep->snapshot.is_too_large) {
		return sweep_fail(sweep, "the listing has more sessions than sesskilld takes");
	}
	return SWEEP_PLAN;
}

static void on_listed(void *context, const struct listing_result *result)
{
	sweep_move(context, judge(context, result));
}

static void on_stats(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {.n_connections = -1};

	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	sweep->snapshot.n_connections = server.n_connections;
}

/*
 * Just before the listing: how many the server has accepted so far. Sets are counted by it, see
 * batch.c; where a keep-alive did not get to know it, nobody is asked.
 */
static void ask_for_connections(struct sweep *sweep)
{
	static const struct slice argv[] = {{"INFO", 4}, {"stats", 5}};

	if (!sweep->in.request->is_dry_run && !sweep_plan_opts(sweep).by_id_only &&
		caps_has(&sweep->caps, CAP_KILL_TYPE) &&
		link_server(sweep->in.link)->n_connections >= 0) {
		sweep_send(sweep, (struct link_command){
					  .argv = argv,
					  .argc = ARRAY_SIZE(argv),
					  .called = "CLIENT LIST",
					  .reply_fn = on_stats,
				  });
	}
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
	sweep->has_looked_at_sockets = false;
	sweep->serial = link_main_serial(sweep->in.link);
	sweep->newest_serial = link_newest_serial(sweep->in.link);
	sweep->was_lost = false;
	sweep->n_lines = 0;
	sweep->spread.asked_ms = clock_monotonic_ms();
	sweep->protection.family = sweep->caps.family;
	sweep->protection.has_type = caps_has(&sweep->caps, CAP_KILL_TYPE);
	sweep->protection.is_all = sweep->in.request->is_all;
	sweep->protection.configured = &sweep->in.instance->opts->protect;
	snapshot_init(&sweep->snapshot, sweep->in.request, &sweep->protection, &sweep->caps,
		slice_of(sweep->in.node->address), sweep->in.sources, sweep->own.items[0].id);
	snapshot_want_goals(&sweep->snapshot, sweep->in.book);
	if (sweep->in.request->wants_results) {
		snapshot_want_results(&sweep->snapshot, &sweep->in.report->results);
	}
	if (sweep->in.processes != NULL) {
		processes_server_begin(
			&sweep->processes, sweep->in.processes, link_descriptor(sweep->in.link));
	}
	ask_for_connections(sweep);
	if (link_is_at_former_address(sweep->in.link)) {
		sweep_warn(sweep, "reached over a connection from before the address was changed");
	}
}

static void on_clients(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {LINK_SERVER_UNKNOWN};

	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
		sweep->n_monitors = server.n_monitors;
	}
}

/* Anew, of a server that tells: the listing's answer comes behind it. */
static void ask_for_monitors(struct sweep *sweep)
{
	sweep->n_monitors = link_server(sweep->in.link)->n_monitors;
	if (sweep->n_monitors >= 0) {
		sweep_ask(sweep, "INFO", "clients", on_clients);
	}
}

/* The link opens no new connections until the sets are killed, else they might be hit. */
static void hold_link(struct sweep *sweep)
{
	if (!sweep->is_holding) {
		sweep->is_holding = true;
		link_hold(sweep->in.link);
	}
}

static enum sweep_state enter_list(struct sweep *sweep)
{
	hold_link(sweep);
	kernel_use_keep_listing(sweep->in.instance, sweep->in.link,
		sweep->in.request->is_dry_run || sweep->in.request->wants_cut);
	ask_for_monitors(sweep);
	sweep_begin_goals(sweep);
	sweep_join_listing(sweep, on_started, on_session, on_listed);
	return SWEEP_STAY;
}

const struct sweep_phase sweep_phase_list = {
	.name = "LIST",
	.time = REPORT_PHASE_LIST,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.needs_link = true,
	.expired = "the deadline passed during the listing",
	.instead = sweep_instead_of_list,
	.enter = enter_list,
};
