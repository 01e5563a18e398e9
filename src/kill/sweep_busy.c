/*
 * BREAK_BUSY: a script or function runs for so long that the server refuses everything but its end.
 */
#include "kill/sweep_internal.h"

#include "base/check.h"
#include "kill/refusal.h"
#include "redis/reply.h"

/* How long to wait for it to end, and how often: a script is ended at its next call of the server.
 */
#define MOMENT_MS 20
#define MAX_MOMENTS 100

static void on_function_kill(void *context, const struct reply *reply, const char *lost);

static void send_words(struct sweep *sweep, const char *what, link_reply_fn reply_fn)
{
	struct slice argv[] = {slice_of(what), SLICE_LITERAL("KILL")};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = reply_fn,
		.context = sweep,
		.owner = &sweep->calls,
	};
	int r;

	if (!sweep_has_link(sweep)) {
		return;
	}
	r = link_send(sweep->in.link, &command);
	CHECK(r == 0);
	sweep->in.node->n_commands++;
}

static void wait_a_moment(struct sweep *sweep)
{
	sweep_start_timer(sweep->moment, MOMENT_MS);
}

/* True: this answer says what has become of it. */
static bool is_told(struct sweep *sweep, const struct reply *reply, const char *what)
{
	if (reply->type == REPLY_STATUS) {
		report_warn(sweep->in.report, "%s: a running %s was ended to get in",
			sweep->in.node->address, what);
		return true;
	}
	return reply_is_error(reply, "NOTBUSY"); /* it has ended by itself */
}

static void fail_to_end(struct sweep *sweep, const struct reply *reply, const char *permission)
{
	if (reply_is_error(reply, "NOPERM")) {
		link_opts_print_missing(link_options(sweep->in.link), permission, sweep->refusal,
			sizeof(sweep->refusal));
	} else {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
	}
	sweep_fail(sweep, sweep->refusal);
}

static void on_script_kill(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;

	if (lost != NULL) {
		sweep_on_lost(sweep);
	} else if (sweep_stop_if_doomed(sweep)) {
		return;
	} else if (is_told(sweep, reply, "script")) {
		wait_a_moment(sweep);
	} else if (reply_is_error(reply, "UNKILLABLE") || reply_is_error(reply, "NOPERM")) {
		fail_to_end(sweep, reply, "script|kill");
	} else {
		/* A function is not ended by SCRIPT KILL. */
		send_words(sweep, "FUNCTION", on_function_kill);
	}
}

static void on_function_kill(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;

	if (lost != NULL) {
		sweep_on_lost(sweep);
	} else if (sweep_stop_if_doomed(sweep)) {
		return;
	} else if (is_told(sweep, reply, "function")) {
		wait_a_moment(sweep);
	} else {
		fail_to_end(sweep, reply, "function|kill");
	}
}

bool sweep_break_busy(struct sweep *sweep)
{
	const struct request *request = sweep->in.request;

	if (!request->break_busy || request->is_dry_run || sweep->n_busy_moments++ == MAX_MOMENTS) {
		return false;
	}
	sweep->refusal[0] = '\0';
	sweep_set_state(sweep, SWEEP_BREAK_BUSY);
	if (sweep->n_busy_moments == 1) {
		send_words(sweep, "SCRIPT", on_script_kill);
	} else {
		wait_a_moment(sweep);
	}
	return true;
}

void sweep_go_on_after_busy(struct sweep *sweep)
{
	if (sweep->has_snapshot && sweep->n_rounds > 0) {
		sweep_begin_verify(sweep);
	} else {
		sweep_begin_prove(sweep);
	}
}
