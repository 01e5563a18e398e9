/*
 * A sweep and its link: waiting for it, losing it, and what is still true when it is back.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "kill/sweep_internal.h"

/* INFO tells whole seconds, and takes a moment. */
#define UPTIME_ROUNDING_S 2

/* `what`, and why the link is not READY. */
static enum sweep_state fail_without_link(struct sweep *sweep, const char *what)
{
	char words[ERR_MAX_BYTES];

	if (sweep->silence.is_over) {
		return sweep_fail(sweep, sweep->silence.words);
	}
	snprintf(words, sizeof(words), "%s: %s", what, link_error(sweep->in.link));
	return sweep_fail(sweep, words);
}

/* It is there, and says nothing. */
static enum sweep_state find_silence(struct sweep *sweep)
{
	return link_state(sweep->in.link) == LINK_LATE
		       ? sweep_silent(sweep, link_error(sweep->in.link))
		       : SWEEP_STAY;
}

bool sweep_is_meant(const struct sweep *sweep)
{
	const char *run_id = sweep->in.request->run_id;

	return run_id == NULL || strcmp(link_server(sweep->in.link)->run_id, run_id) == 0;
}

/* Did the server tell which process it is, then and now? */
static bool is_process_known(const struct sweep *sweep)
{
	return sweep->run_id[0] != '\0' && link_server(sweep->in.link)->run_id[0] != '\0';
}

bool sweep_is_same_process(const struct sweep *sweep)
{
	return link_main_serial(sweep->in.link) == sweep->serial ||
	       (is_process_known(sweep) &&
		       strcmp(sweep->run_id, link_server(sweep->in.link)->run_id) == 0);
}

/*
 * The process behind the link is another one: no session of the old one is left. Ids only grow
 * within a process, so that an id of ours below the watermark shows a restart even where there is
 * no run_id, if the connection is newer than the listing.
 */
static bool is_restarted(const struct sweep *sweep)
{
	const struct link_server *server = link_server(sweep->in.link);

	return (is_process_known(sweep) && strcmp(sweep->run_id, server->run_id) != 0) ||
	       (link_main_serial(sweep->in.link) > sweep->newest_serial &&
		       server->own_id <= sweep->snapshot.watermark);
}

/* It runs for longer than it is since the listing: it is no successor of the one that was listed.
 */
static bool is_older(const struct sweep *sweep)
{
	const struct link_server *server = link_server(sweep->in.link);
	int64_t since_s = (clock_monotonic_ms() - sweep->listed_ms) / 1000;

	return is_process_known(sweep) && strcmp(sweep->run_id, server->run_id) != 0 &&
	       server->uptime_s > since_s + UPTIME_ROUNDING_S;
}

static enum sweep_state resume(struct sweep *sweep)
{
	if (is_older(sweep)) {
		return sweep_fail(sweep,
			"the connection was lost, and another server answers at this address now: "
			"what became of the sessions is not known");
	}
	if (is_restarted(sweep)) {
		sweep_warn(sweep,
			"the server was restarted during the kill; its old sessions ended "
			"with it");
		sweep_end_all(sweep);
		return SWEEP_DONE;
	}
	if (!sweep_is_same_process(sweep)) {
		return sweep_fail(sweep,
			"the connection was lost, and the server does not tell whether it is "
			"still the same process");
	}
	if (sweep->was_lost) {
		sweep_warn(sweep, "the connection was lost during the kill%s",
			link_main_serial(sweep->in.link) > sweep->newest_serial
				? " and opened again"
				: "; the second one took over");
	}
	sweep->was_lost = false;
	return SWEEP_VERIFY;
}

/*
 * The address was changed, and it is not the server that was listed. One that was only waited for
 * is named as it is now.
 */
static bool is_elsewhere(struct sweep *sweep)
{
	struct report_node *node = sweep->in.node;
	const char *address = link_address(sweep->in.link);

	if (strcmp(address, sweep->address) == 0 || link_is_at_former_address(sweep->in.link) ||
		sweep_is_same_process(sweep)) {
		return false;
	}
	if (!node->was_reached) {
		free(node->address);
		free(sweep->address);
		node->address = mem_copy_text(address, strlen(address));
		sweep->address = mem_copy_text(address, strlen(address));
		return false;
	}
	return true;
}

/* No plan of an older listing is left, and the report has nothing of this one. */
enum sweep_state sweep_finish_unmeant(struct sweep *sweep)
{
	sweep->has_met_process = false;
	sweep_forget_snapshot(sweep);
	memset(&sweep->in.node->counts, 0, sizeof(sweep->in.node->counts));
	report_node_clear_steps(sweep->in.node);
	return SWEEP_DONE;
}

enum sweep_state sweep_on_link_ready(struct sweep *sweep)
{
	if (is_elsewhere(sweep)) {
		char words[ERR_MAX_BYTES];

		snprintf(words, sizeof(words),
			"the connection was lost after the address was changed to %s",
			link_address(sweep->in.link));
		return sweep_fail(sweep, words);
	}
	sweep->in.node->was_reached = true;
	if (sweep->has_snapshot && sweep->n_rounds > 0) {
		return resume(sweep);
	}
	return sweep_is_meant(sweep) ? SWEEP_PROVE : sweep_finish_unmeant(sweep);
}

/* ---- WAIT_LINK ---- */

/* The script was there before the link was. */
static void break_busy_handshake(struct sweep *sweep)
{
	if (sweep->in.request->break_busy && !sweep->in.request->is_dry_run) {
		link_break_busy(sweep->in.link);
	}
}

/* Nobody misses it: that is no failure, and nothing of it is in the sums. */
static enum sweep_state leave_out(struct sweep *sweep)
{
	report_warn_unused(sweep->in.report, sweep->in.node->address, link_error(sweep->in.link));
	sweep->in.node->is_left_out = true;
	return SWEEP_DONE;
}

/* The link is not READY when the sweep starts: whatever is said of it is of before. */
static enum sweep_state begin(struct sweep *sweep)
{
	if (link_leads_nowhere(sweep->in.link)) {
		return sweep_fail(sweep, link_error(sweep->in.link));
	}
	if (topology_is_unused(sweep->in.instance->topology, sweep->in.link)) {
		link_try_now(sweep->in.link);
	}
	break_busy_handshake(sweep);
	return find_silence(sweep);
}

/* The one place that a lost connection leads to, from whatever state. */
static enum sweep_state enter_wait(struct sweep *sweep)
{
	bool is_first = sweep->started_ms == 0;

	sweep->started_ms = is_first ? clock_monotonic_ms() : sweep->started_ms;
	sweep->spread.is_proving = false;
	sweep_drop_calls(sweep);
	sweep_release_link(sweep);
	if (link_state(sweep->in.link) == LINK_READY) {
		return sweep_on_link_ready(sweep);
	}
	if (is_first) {
		return begin(sweep);
	}
	return link_trouble(sweep->in.link) == LINK_TROUBLE_FINAL
		       ? fail_without_link(sweep, "no connection")
		       : find_silence(sweep);
}

static enum sweep_state on_link(struct sweep *sweep, enum link_state state)
{
	if (state == LINK_READY) {
		return sweep_on_link_ready(sweep);
	}
	if (state != LINK_BACKOFF) {
		return find_silence(sweep);
	}
	/* An attempt has failed just now. */
	if (topology_is_unused(sweep->in.instance->topology, sweep->in.link)) {
		return leave_out(sweep);
	}
	if (link_trouble(sweep->in.link) == LINK_TROUBLE_FINAL) {
		return fail_without_link(sweep, "no connection");
	}
	break_busy_handshake(sweep);
	return SWEEP_STAY;
}

const struct sweep_phase sweep_phase_wait_link = {
	.name = "WAIT_LINK",
	.time = REPORT_N_PHASES,
	.expired = "no connection before the deadline",
	.enter = enter_wait,
	.on_link = on_link,
	.give_up = fail_without_link,
};
