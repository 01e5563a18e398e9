/*
 * BREAK_BUSY: a script or function runs for so long that the server refuses everything but its end.
 */
#include "kill/sweep_internal.h"

#include "kill/refusal.h"
#include "redis/reply.h"

/* How often to look whether it has ended: a script is ended at its next call of the server. */
#define PAUSE_MS 20

static enum sweep_state wait_a_while(struct sweep *sweep)
{
	timer_start(sweep->pause, PAUSE_MS);
	return SWEEP_BUSY_AGAIN;
}

/* True: this answer says what has become of it. */
static bool is_told(struct sweep *sweep, const struct reply *reply, const char *what)
{
	if (reply->type == REPLY_STATUS) {
		sweep_warn(sweep, "a running %s was ended to get in", what);
		return true;
	}
	return reply_is_error(reply, "NOTBUSY"); /* it has ended by itself */
}

static enum sweep_state fail_to_end(
	struct sweep *sweep, const struct reply *reply, const char *permission)
{
	if (reply_is_error(reply, "NOPERM")) {
		link_opts_print_missing(link_options(sweep->in.link), permission, sweep->refusal,
			sizeof(sweep->refusal));
	} else {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
	}
	return sweep_fail(sweep, sweep->refusal);
}

static enum sweep_state judge_function(struct sweep *sweep, const struct reply *reply)
{
	return is_told(sweep, reply, "function") ? wait_a_while(sweep)
						 : fail_to_end(sweep, reply, "function|kill");
}

static void on_function_kill(void *context, const struct reply *reply, const char *lost)
{
	sweep_move(context, lost != NULL ? sweep_lost(context) : judge_function(context, reply));
}

static enum sweep_state judge_script(struct sweep *sweep, const struct reply *reply)
{
	if (is_told(sweep, reply, "script")) {
		return wait_a_while(sweep);
	}
	if (reply_is_error(reply, "UNKILLABLE") || reply_is_error(reply, "NOPERM")) {
		return fail_to_end(sweep, reply, "script|kill");
	}
	if (link_state(sweep->in.link) != LINK_READY) {
		return SWEEP_WAIT_LINK;
	}
	/* A function is not ended by SCRIPT KILL. */
	sweep_ask(sweep, "FUNCTION", "KILL", on_function_kill);
	sweep->in.node->n_commands++;
	return SWEEP_STAY;
}

static void on_script_kill(void *context, const struct reply *reply, const char *lost)
{
	sweep_move(context, lost != NULL ? sweep_lost(context) : judge_script(context, reply));
}

/* It was asked to end already. */
static enum sweep_state instead_of_break(struct sweep *sweep)
{
	return sweep->n_busy_pauses++ > 0 ? wait_a_while(sweep) : SWEEP_STAY;
}

static enum sweep_state enter_break(struct sweep *sweep)
{
	sweep_ask(sweep, "SCRIPT", "KILL", on_script_kill);
	sweep->in.node->n_commands++;
	return SWEEP_STAY;
}

/* Where it was refused. */
static enum sweep_state go_on(struct sweep *sweep)
{
	return sweep->has_snapshot && sweep->n_rounds > 0 ? SWEEP_VERIFY : SWEEP_PROVE;
}

#define EXPIRED "the deadline passed while a script was being ended"

const struct sweep_phase sweep_phase_break_busy = {
	.name = "BREAK_BUSY",
	.time = REPORT_N_PHASES,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.needs_link = true,
	.expired = EXPIRED,
	.instead = instead_of_break,
	.enter = enter_break,
};

const struct sweep_phase sweep_phase_busy_again = {
	.name = "BUSY_AGAIN",
	.time = REPORT_N_PHASES,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.expired = EXPIRED,
	.on_pause_over = go_on,
	.on_link = sweep_on_idle_link,
};
