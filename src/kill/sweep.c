/*
 * The state machine of a sweep. What is counted and why stands at the functions; the plan itself is
 * made in model/plan.
 */
#include "kill/sweep.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "kill/salvo.h"
#include "redis/reply.h"
#include "redis/server_info.h"

/* Attempts to kill what is alive after a kill; more would be a quarrel with somebody. */
#define MAX_ROUNDS 3

/* Between two looks at dying sessions: from the first to the last, doubled each time. */
#define LOOK_AGAIN_FIRST_MS 2
#define LOOK_AGAIN_LAST_MS 200

/* Between two looks at who comes back. */
#define WATCH_PERIOD_MS 1000

/* Ids in one CLIENT LIST ID: 5,000 take a server less than a millisecond. */
#define MAX_IDS_PER_LIST 5000

struct sweep {
	struct sweep_inputs in;
	enum sweep_state state;
	struct link_watcher watcher;
	struct event *timer;    /* the deadline */
	struct event *moment;   /* ends LOOK_AGAIN */
	struct event *finished; /* tells the job, from the event loop */

	struct protection protection;
	uint64_t *own_ids;
	struct caps caps;
	char run_id[sizeof(((struct link_server *)NULL)->run_id)];
	struct snapshot snapshot;
	bool has_snapshot; /* whole: after a loss the victims are known */
	struct plan plan;
	struct salvo *salvo;

	int64_t *phase_us;      /* of the report, where the time goes now; NULL: waiting */
	int64_t phase_since_us; /* monotonic */
	unsigned n_rounds;      /* of kills so far */
	bool has_asked_for_child;
	size_t n_replies; /* answers that VERIFY still waits for */
	char refusal[ERR_MAX_BYTES];
	int64_t look_again_ms;
	bool is_in_doubt;    /* kill commands were sent since the last verification */
	uint64_t n_claimed;  /* victims that the server said it killed */
	uint64_t n_presumed; /* in flight when the link was lost: it may have killed them */
	uint64_t n_verified; /* of the claimed ones, those that the last verification confirmed */
	int64_t watch_until_ms;
	uint64_t watch_mark; /* newcomers up to this id are counted */
	uint64_t newest_id;  /* of all that were listed so far */
	uint64_t n_returned; /* in the listing that is being read */
	bool is_looking;     /* that listing is on its way */
	bool is_settled;     /* the counts are final */
	bool is_cancelled;
	bool is_expired; /* the deadline has passed */
};

static void on_link_changed(struct link_watcher *watcher, enum link_state state);
static void begin_list(struct sweep *sweep);
static void begin_kill(struct sweep *sweep);
static void begin_verify(struct sweep *sweep);
static void begin_watch(struct sweep *sweep);
static void look_who_came(struct sweep *sweep);

/* ---- small things ---- */

/* Where the time goes from now on; NULL: nowhere. */
static void clock_phase(struct sweep *sweep, int64_t *phase_us)
{
	int64_t now_us = clock_monotonic_us();

	if (sweep->phase_us != NULL) {
		/* At least one: zero says that it did not come to that. */
		*sweep->phase_us += MAX(now_us - sweep->phase_since_us, (int64_t)1);
	}
	sweep->phase_us = phase_us;
	sweep->phase_since_us = now_us;
}

/* NULL: a state that only waits for somebody else. */
static int64_t *phase_of(const struct sweep *sweep, enum sweep_state state)
{
	int64_t *phase_us = sweep->in.node->phase_us;

	switch (state) {
	case SWEEP_LIST:
		return &phase_us[REPORT_PHASE_LIST];
	case SWEEP_KILL:
		return &phase_us[REPORT_PHASE_KILL];
	case SWEEP_VERIFY:
	case SWEEP_LOOK_AGAIN:
		return &phase_us[REPORT_PHASE_VERIFY];
	case SWEEP_WAIT_LINK:
	case SWEEP_PLANNED:
	case SWEEP_WATCH:
	case SWEEP_DONE:
		break;
	}
	return NULL;
}

static void set_state(struct sweep *sweep, enum sweep_state state)
{
	log_debug("%s: sweep state %d -> %d", sweep->in.node->address, sweep->state, state);
	sweep->state = state;
	clock_phase(sweep, phase_of(sweep, state));
}

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = mem_copy_text(value, strlen(value));
}

static void start_timer(struct event *timer, int64_t ms)
{
	struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(timer, &time);
}

/*
 * Everybody was asked for again: killed and gone out of what was claimed and what is seen to have
 * ended. A claim for a session that is still listed is none, and who ended without a claim ended by
 * itself.
 */
static void count_by_listing(struct sweep *sweep)
{
	struct counts *counts = &sweep->in.node->counts;
	uint64_t n_pending = snapshot_n_pending(&sweep->snapshot);
	uint64_t n_ended = counts->matched - n_pending;

	counts->killed = MIN(sweep->n_claimed + sweep->n_presumed, n_ended);
	counts->gone = n_ended - counts->killed;
	counts->survivors = n_pending;
}

/*
 * Between a kill and the listing that verifies it: what the server claims is the best that is
 * known, and whom it did not know any more is gone.
 */
static void count_by_claims(struct sweep *sweep, uint64_t n_claimed)
{
	struct counts *counts = &sweep->in.node->counts;
	uint64_t n_ended = counts->matched - snapshot_n_pending(&sweep->snapshot);

	counts->gone = n_ended - sweep->n_verified;
	counts->killed = MIN(n_claimed, counts->matched - counts->gone);
	counts->survivors = counts->matched - counts->gone - counts->killed;
}

/* `n_claimed`: those of a salvo that is being fired included. */
static void update_counts(struct sweep *sweep, uint64_t n_claimed)
{
	struct counts *counts = &sweep->in.node->counts;

	counts->found = sweep->snapshot.counts.found;
	counts->unmatched = sweep->snapshot.counts.unmatched;
	counts->is_protected = sweep->snapshot.counts.is_protected;
	counts->matched = sweep->snapshot.counts.matched;
	if (sweep->in.request->is_dry_run) {
		return;
	}
	if (sweep->is_in_doubt) {
		count_by_claims(sweep, n_claimed);
	} else {
		count_by_listing(sweep);
	}
}

/* ---- the end ---- */

/* Nothing will be killed any more. */
static void settle_counts(struct sweep *sweep)
{
	if (sweep->has_snapshot && !sweep->is_settled) {
		update_counts(sweep, sweep->n_claimed);
		snapshot_count_sources(&sweep->snapshot);
	}
	sweep->is_settled = true;
}

static void finish(struct sweep *sweep)
{
	settle_counts(sweep);
	set_state(sweep, SWEEP_DONE);
	link_unwatch(sweep->in.link, &sweep->watcher);
	link_unwant(sweep->in.link);
	event_del(sweep->timer);
	event_del(sweep->moment);
	event_active(sweep->finished, 0, 0);
}

static void fail(struct sweep *sweep, const char *words)
{
	report_node_fail(sweep->in.node, words);
	finish(sweep);
}

static void forget_snapshot(struct sweep *sweep)
{
	plan_finish(&sweep->plan);
	snapshot_finish(&sweep->snapshot);
	free(sweep->own_ids);
	sweep->own_ids = NULL;
	sweep->has_snapshot = false;
}

/* What is remembered of a kill is its report: the listing is as large as the server has sessions.
 */
static void on_finished(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	(void)fd;
	(void)what;
	forget_snapshot(sweep);
	salvo_free(sweep->salvo);
	sweep->salvo = NULL;
	sweep->in.done_fn(sweep->in.context);
}

static void fail_expired(struct sweep *sweep)
{
	char words[ERR_MAX_BYTES];

	switch (sweep->state) {
	case SWEEP_WAIT_LINK:
		snprintf(words, sizeof(words), "no connection before the deadline: %s",
			link_error(sweep->in.link));
		fail(sweep, words);
		return;
	case SWEEP_LIST:
		fail(sweep, "the deadline passed during the listing");
		return;
	case SWEEP_PLANNED:
		fail(sweep, "the deadline passed before the kill");
		return;
	case SWEEP_KILL:
		fail(sweep, "the deadline passed during the kill");
		return;
	case SWEEP_VERIFY:
		fail(sweep, "the deadline passed during the verification");
		return;
	case SWEEP_LOOK_AGAIN:
		report_warn(sweep->in.report,
			"%s: sessions were still being closed by the server at the deadline",
			sweep->in.node->address);
		finish(sweep);
		return;
	case SWEEP_WATCH:
	case SWEEP_DONE:
		break;
	}
	CHECK(!"a deadline where there is none");
}

/* Ends a sweep that was cancelled or has run out of time; false: it may go on. */
static bool stop_if_doomed(struct sweep *sweep)
{
	if (sweep->is_cancelled) {
		finish(sweep);
	} else if (sweep->is_expired) {
		fail_expired(sweep);
	}
	return sweep->state == SWEEP_DONE;
}

/* Commands in flight would go on killing after the answer: the connection goes with them. */
static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	(void)fd;
	(void)what;
	sweep->is_expired = true;
	if (sweep->state == SWEEP_LIST || sweep->state == SWEEP_KILL ||
		sweep->state == SWEEP_VERIFY) {
		link_reset(sweep->in.link, "the deadline of a request passed");
	} else {
		fail_expired(sweep);
	}
}

/* The kill is done whatever happens now; only who comes back is not known any more. */
static void end_watch(struct sweep *sweep, const char *words)
{
	if (words != NULL) {
		report_warn(sweep->in.report, "%s: who came back is not known to the end: %s",
			sweep->in.node->address, words);
	}
	finish(sweep);
}

/* ---- losing the link ---- */

/* The one place that a lost connection leads to, from whatever state. */
static void on_lost(struct sweep *sweep, const char *words)
{
	if (stop_if_doomed(sweep)) {
		return;
	}
	if (link_is_unresponsive(sweep->in.link)) {
		/* A server that does not answer is not asked again: it may still carry out what it
		 * was sent. */
		fail(sweep, words);
	} else {
		set_state(sweep, SWEEP_WAIT_LINK);
	}
}

/*
 * The process behind the link is another one: no session of the old one is left. Ids only grow
 * within a process, so that an id of ours below the watermark shows a restart even where there is
 * no run_id.
 */
static bool is_restarted(const struct sweep *sweep)
{
	const struct link_server *server = link_server(sweep->in.link);

	return strcmp(sweep->run_id, server->run_id) != 0 ||
	       server->own_id <= sweep->snapshot.watermark;
}

static void resume(struct sweep *sweep)
{
	if (is_restarted(sweep)) {
		report_warn(sweep->in.report,
			"%s: the server was restarted during the kill; its old sessions ended "
			"with it",
			sweep->in.node->address);
		snapshot_end_all(&sweep->snapshot, SNAPSHOT_ENDED);
		sweep->is_in_doubt = false;
		finish(sweep);
	} else if (sweep->run_id[0] == '\0') {
		fail(sweep, "the connection was lost, and the server does not tell whether it is "
			    "still the same process");
	} else {
		report_warn(sweep->in.report,
			"%s: the connection was lost during the kill and opened again",
			sweep->in.node->address);
		begin_verify(sweep);
	}
}

static void on_link_ready(struct sweep *sweep)
{
	sweep->in.node->was_reached = true;
	if (sweep->has_snapshot && sweep->n_rounds > 0) {
		resume(sweep);
	} else {
		begin_list(sweep);
	}
}

static void on_link_changed(struct link_watcher *watcher, enum link_state state)
{
	struct sweep *sweep = (struct sweep *)((char *)watcher - offsetof(struct sweep, watcher));

	if (state == LINK_READY && sweep->state == SWEEP_WAIT_LINK) {
		on_link_ready(sweep);
	} else if (state != LINK_READY &&
		   (sweep->state == SWEEP_PLANNED || sweep->state == SWEEP_LOOK_AGAIN)) {
		/* Nothing in flight that would tell. */
		event_del(sweep->moment);
		on_lost(sweep, link_error(sweep->in.link));
	} else if (state != LINK_READY && sweep->state == SWEEP_WATCH && !sweep->is_looking) {
		end_watch(sweep, link_error(sweep->in.link));
	}
}

/* ---- LIST ---- */

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

static void on_list_line(void *context, struct slice line)
{
	struct sweep *sweep = context;

	snapshot_add_line(&sweep->snapshot, line);
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

static void warn_about_listing(struct sweep *sweep)
{
	warn_missing_fields(sweep, &sweep->in.request->match);
	warn_missing_fields(sweep, &sweep->in.request->except);
	warn_missing_fields(sweep, &sweep->in.instance->opts->protect);
	if (sweep->snapshot.n_unreadable > 0) {
		report_warn(sweep->in.report, "%s: %llu lines of the listing set aside; %s",
			sweep->in.node->address, (unsigned long long)sweep->snapshot.n_unreadable,
			sweep->snapshot.first_unreadable);
	}
}

static void make_plan(struct sweep *sweep)
{
	const struct request *request = sweep->in.request;
	const struct instance_opts *instance = sweep->in.instance->opts;
	struct plan_opts opts = {
		.pace = request->pace != PACE_INSTANCE ? request->pace : instance->pace,
		.stall_budget_ms = request->stall_budget_ms > 0 ? request->stall_budget_ms
								: instance->stall_budget_ms,
		.by_id_only = sweep->n_rounds > 0,
	};

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

static void on_list_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;

	if (lost != NULL) {
		on_lost(sweep, lost);
		return;
	}
	if (stop_if_doomed(sweep)) {
		return;
	}
	if (reply->type != REPLY_LISTING) {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
		fail(sweep, sweep->refusal);
		return;
	}
	if (sweep->snapshot.is_too_large) {
		fail(sweep, "the listing has more sessions than sesskilld takes");
		return;
	}
	clock_phase(sweep, &sweep->in.node->phase_us[REPORT_PHASE_PLAN]);
	snapshot_seal(&sweep->snapshot);
	sweep->has_snapshot = true;
	warn_about_listing(sweep);
	make_plan(sweep);
	report_plan(sweep);
	update_counts(sweep, sweep->n_claimed);
	set_state(sweep, SWEEP_PLANNED);
	sweep->in.planned_fn(sweep->in.context);
}

/* CLIENT LIST with `ids` behind it, or all. The link is READY: it cannot refuse. */
static void send_list(struct sweep *sweep, const struct slice *ids, size_t n_ids,
	listing_line_fn line_fn, link_reply_fn reply_fn)
{
	CLEANUP(mem_free_p) struct slice *argv = mem_alloc_array(n_ids + 3, sizeof(struct slice));
	struct link_command command = {
		.argv = argv,
		.argc = n_ids > 0 ? n_ids + 3 : 2,
		.line_fn = line_fn,
		.reply_fn = reply_fn,
		.context = sweep,
	};
	int r;

	argv[0] = slice_of(link_options(sweep->in.link)->client_command);
	argv[1] = SLICE_LITERAL("LIST");
	argv[2] = SLICE_LITERAL("ID");
	if (n_ids > 0) {
		memcpy(&argv[3], ids, n_ids * sizeof(struct slice));
	}
	r = link_send(sweep->in.link, &command);
	CHECK(r == 0);
	sweep->in.node->n_commands++;
}

static void begin_list(struct sweep *sweep)
{
	forget_snapshot(sweep);
	describe_server(sweep);
	sweep->own_ids = instances_own_ids(
		sweep->in.instances, sweep->in.link, &sweep->protection.n_own_ids);
	sweep->protection.own_ids = sweep->own_ids;
	sweep->protection.family = sweep->caps.family;
	sweep->protection.configured = &sweep->in.instance->opts->protect;
	snapshot_init(&sweep->snapshot, sweep->in.request, &sweep->protection, &sweep->caps,
		slice_of(sweep->in.node->address), sweep->in.sources, sweep->own_ids[0]);
	set_state(sweep, SWEEP_LIST);
	send_list(sweep, NULL, 0, on_list_line, on_list_reply);
}

/* ---- KILL ---- */

static void on_salvo_done(void *context, const struct salvo_result *result)
{
	struct sweep *sweep = context;

	sweep->n_claimed += result->n_claimed;
	sweep->n_presumed += result->n_presumed;
	sweep->in.node->counts.extra += result->n_extra;
	sweep->in.node->n_commands += result->n_commands;
	sweep->in.node->max_stall_us = MAX(sweep->in.node->max_stall_us, result->max_stall_us);
	if (result->error[0] != '\0') {
		report_warn(sweep->in.report, "%s: %s", sweep->in.node->address, result->error);
	}
	switch (result->outcome) {
	case SALVO_LOST:
		on_lost(sweep, result->lost);
		return;
	case SALVO_REFUSED:
		fail(sweep, result->error);
		return;
	case SALVO_DONE:
		break;
	}
	if (!stop_if_doomed(sweep)) {
		begin_verify(sweep);
	}
}

static void begin_kill(struct sweep *sweep)
{
	sweep->n_rounds++;
	sweep->look_again_ms = LOOK_AGAIN_FIRST_MS;
	sweep->is_in_doubt = true;
	set_state(sweep, SWEEP_KILL);
	salvo_fire(sweep->salvo, &sweep->plan, &sweep->snapshot);
}

/* ---- VERIFY ---- */

static void on_verify_line(void *context, struct slice line)
{
	struct sweep *sweep = context;

	snapshot_verify_line(&sweep->snapshot, line);
}

/* Everything is answered: who is left, and what about them? */
static void judge_remains(struct sweep *sweep)
{
	struct snapshot_remains remains = snapshot_verify_end(&sweep->snapshot);

	sweep->is_in_doubt = false;
	update_counts(sweep, sweep->n_claimed);
	/* A claim for somebody who is still listed was none. */
	sweep->n_verified = sweep->in.node->counts.killed;
	sweep->n_claimed = sweep->n_verified;
	sweep->n_presumed = 0;
	if (remains.alive == 0 && remains.dying == 0) {
		if (sweep->in.request->watch_ms > 0) {
			begin_watch(sweep);
		} else {
			finish(sweep);
		}
	} else if (remains.alive > 0 && sweep->n_rounds < MAX_ROUNDS) {
		make_plan(sweep);
		begin_kill(sweep);
	} else if (remains.dying > 0) {
		set_state(sweep, SWEEP_LOOK_AGAIN);
		start_timer(sweep->moment, sweep->look_again_ms);
		sweep->look_again_ms = MIN(sweep->look_again_ms * 2, (int64_t)LOOK_AGAIN_LAST_MS);
	} else {
		finish(sweep);
	}
}

/* One of the answers that VERIFY waits for, or the loss of it. */
static void end_verify_reply(struct sweep *sweep, const char *lost)
{
	if (sweep->state != SWEEP_VERIFY) {
		return; /* one of several told already that it cannot go on */
	}
	if (lost != NULL) {
		on_lost(sweep, lost);
		return;
	}
	if (--sweep->n_replies > 0 || stop_if_doomed(sweep)) {
		return;
	}
	if (sweep->refusal[0] != '\0') {
		fail(sweep, sweep->refusal);
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

/* Asks for the victims only: cheap where ids are looked up, and where many others are connected. */
static void send_verify_by_ids(struct sweep *sweep)
{
	size_t n_victims = (size_t)snapshot_n_pending(&sweep->snapshot);
	size_t n_chunk = MIN(n_victims, (size_t)MAX_IDS_PER_LIST);
	CLEANUP(mem_free_p) struct slice *ids = mem_alloc_array(n_chunk, sizeof(struct slice));
	CLEANUP(mem_free_p) char *text = mem_alloc_array(n_chunk, 24);
	size_t n = 0;

	for (size_t i = 0; i < sweep->snapshot.n; i++) {
		const struct snapshot_entry *entry = &sweep->snapshot.entries[i];

		if (!snapshot_is_victim(entry)) {
			continue;
		}
		ids[n].data = text + n * 24;
		ids[n].len =
			(size_t)snprintf(text + n * 24, 24, "%llu", (unsigned long long)entry->id);
		if (++n == n_chunk) {
			sweep->n_replies++;
			send_list(sweep, ids, n, on_verify_line, on_verify_reply);
			n = 0;
		}
	}
	if (n > 0) {
		sweep->n_replies++;
		send_list(sweep, ids, n, on_verify_line, on_verify_reply);
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

static void on_info_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {0};

	if (sweep->state == SWEEP_VERIFY && reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	if (server.has_child) {
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
static void begin_verify(struct sweep *sweep)
{
	set_state(sweep, SWEEP_VERIFY);
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
		send_list(sweep, NULL, 0, on_verify_line, on_verify_reply);
	} else {
		send_verify_by_ids(sweep);
	}
}

static void on_moment(evutil_socket_t fd, short what, void *context)
{
	struct sweep *sweep = context;

	(void)fd;
	(void)what;
	if (sweep->state == SWEEP_WATCH) {
		look_who_came(sweep);
	} else {
		begin_verify(sweep);
	}
}

/* ---- WATCH ---- */

/* Newer than all that were counted, and from where a victim came: somebody is back. */
static void on_watch_line(void *context, struct slice line)
{
	struct sweep *sweep = context;
	struct session session;
	struct err err;

	if (session_parse(line, sweep->caps.family, slice_of(sweep->in.node->address), &session,
		    &err) != 0 ||
		session.id <= sweep->watch_mark) {
		return;
	}
	sweep->newest_id = MAX(sweep->newest_id, session.id);
	sweep->n_returned += sources_count_return(sweep->in.sources, &session);
}

static void on_watch_reply(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	int64_t left_ms = sweep->watch_until_ms - clock_monotonic_ms();

	sweep->is_looking = false;
	if (lost != NULL || sweep->is_cancelled) {
		end_watch(sweep, lost);
		return;
	}
	if (reply->type != REPLY_LISTING) {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
		end_watch(sweep, sweep->refusal);
		return;
	}
	sweep->watch_mark = sweep->newest_id;
	sweep->in.report->reconnected += sweep->n_returned;
	if (sweep->n_returned > 0) {
		sweep->in.respawn_fn(sweep->in.context);
	}
	if (left_ms <= 0) {
		finish(sweep);
	} else {
		start_timer(sweep->moment, MIN((int64_t)WATCH_PERIOD_MS, left_ms));
	}
}

static void look_who_came(struct sweep *sweep)
{
	sweep->n_returned = 0;
	sweep->is_looking = true;
	send_list(sweep, NULL, 0, on_watch_line, on_watch_reply);
}

static void begin_watch(struct sweep *sweep)
{
	settle_counts(sweep);
	event_del(sweep->timer);
	sweep->watch_mark = sweep->snapshot.watermark;
	sweep->newest_id = sweep->snapshot.watermark;
	sweep->watch_until_ms = clock_monotonic_ms() + sweep->in.request->watch_ms;
	set_state(sweep, SWEEP_WATCH);
	start_timer(sweep->moment, MIN((int64_t)WATCH_PERIOD_MS, sweep->in.request->watch_ms));
	sweep->in.watching_fn(sweep->in.context);
}

/* ---- from the job ---- */

struct sweep *sweep_new(const struct sweep_inputs *inputs)
{
	struct sweep *sweep = mem_new(struct sweep);

	sweep->in = *inputs;
	link_ref(inputs->link);
	sweep->watcher.changed_fn = on_link_changed;
	sweep->timer = evtimer_new(inputs->loop, on_deadline, sweep);
	sweep->moment = evtimer_new(inputs->loop, on_moment, sweep);
	sweep->finished = event_new(inputs->loop, -1, 0, on_finished, sweep);
	CHECK(sweep->timer != NULL && sweep->moment != NULL && sweep->finished != NULL);
	sweep->salvo = salvo_new(inputs->link, on_salvo_done, sweep);
	return sweep;
}

void sweep_free(struct sweep *sweep)
{
	if (sweep == NULL) {
		return;
	}
	forget_snapshot(sweep);
	salvo_free(sweep->salvo);
	link_unref(sweep->in.link);
	event_free(sweep->timer);
	event_free(sweep->moment);
	event_free(sweep->finished);
	free(sweep);
}

void sweep_start(struct sweep *sweep)
{
	start_timer(sweep->timer, MAX(sweep->in.deadline_ms - clock_monotonic_ms(), (int64_t)0));
	link_watch(sweep->in.link, &sweep->watcher);
	link_want(sweep->in.link);
	if (link_state(sweep->in.link) == LINK_READY) {
		on_link_ready(sweep);
	}
}

enum sweep_state sweep_state(const struct sweep *sweep)
{
	return sweep->state;
}

const struct link *sweep_link(const struct sweep *sweep)
{
	return sweep->in.link;
}

void sweep_kill(struct sweep *sweep)
{
	CHECK(sweep->state == SWEEP_PLANNED);
	if (sweep->in.request->is_dry_run) {
		finish(sweep);
	} else if (sweep->plan.n_steps > 0) {
		begin_kill(sweep);
	} else {
		/* Nothing to kill is verified like everything else. */
		sweep->n_rounds++;
		begin_verify(sweep);
	}
}

void sweep_refuse(struct sweep *sweep)
{
	CHECK(sweep->state == SWEEP_PLANNED);
	finish(sweep);
}

void sweep_cancel(struct sweep *sweep)
{
	sweep->is_cancelled = true;
	switch (sweep->state) {
	case SWEEP_WAIT_LINK:
	case SWEEP_PLANNED:
	case SWEEP_LOOK_AGAIN:
		finish(sweep);
		break;
	case SWEEP_KILL:
		salvo_stop(sweep->salvo);
		break;
	case SWEEP_WATCH:
		if (!sweep->is_looking) {
			finish(sweep);
		}
		break;
	case SWEEP_LIST:
	case SWEEP_VERIFY:
	case SWEEP_DONE:
		break; /* when it is answered */
	}
}

void sweep_refresh(struct sweep *sweep)
{
	if (sweep->is_in_doubt && !sweep->is_settled) {
		bool is_firing = sweep->state == SWEEP_KILL;

		update_counts(
			sweep, sweep->n_claimed + (is_firing ? salvo_n_claimed(sweep->salvo) : 0));
	}
}
