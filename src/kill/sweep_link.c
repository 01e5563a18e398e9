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

void sweep_fail_without_link(struct sweep *sweep, const char *what)
{
	char words[ERR_MAX_BYTES];

	snprintf(words, sizeof(words), "%s: %s", what, link_error(sweep->in.link));
	sweep_fail(sweep, words);
}

void sweep_hold_link(struct sweep *sweep)
{
	if (!sweep->is_holding) {
		sweep->is_holding = true;
		link_hold(sweep->in.link);
	}
}

void sweep_release_link(struct sweep *sweep)
{
	if (sweep->is_holding) {
		sweep->is_holding = false;
		link_release(sweep->in.link);
	}
}

void sweep_wait_for_link(struct sweep *sweep)
{
	sweep_drop_calls(sweep);
	sweep_release_link(sweep);
	sweep_set_state(sweep, SWEEP_WAIT_LINK);
	if (link_state(sweep->in.link) == LINK_READY) {
		sweep_on_link_ready(sweep);
	} else if (link_trouble(sweep->in.link) == LINK_TROUBLE_FINAL) {
		sweep_fail_without_link(sweep, "no connection");
	}
}

bool sweep_has_link(struct sweep *sweep)
{
	if (link_state(sweep->in.link) != LINK_READY) {
		sweep_wait_for_link(sweep);
		return false;
	}
	return true;
}

/* The one place that a lost connection leads to, from whatever state. */
void sweep_on_lost(struct sweep *sweep)
{
	if (sweep_stop_if_doomed(sweep)) {
		return;
	}
	sweep->was_lost = true;
	/* Whatever was asked to end a script may not have been heard. */
	sweep->n_busy_moments = 0;
	sweep_wait_for_link(sweep);
}

/* A server that does not answer is not asked again: it may still carry out what it was sent. */
void sweep_on_late(struct sweep *sweep, const char *words)
{
	if (sweep->state == SWEEP_WATCH) {
		sweep_end_watch(sweep, words);
	} else if (!sweep_stop_if_doomed(sweep)) {
		sweep_fail(sweep, words);
	}
}

void sweep_on_listing_failed(struct sweep *sweep, const struct listing_result *result)
{
	switch (result->end) {
	case LISTING_LOST:
		sweep_on_lost(sweep);
		return;
	case LISTING_LATE:
		sweep_on_late(sweep, result->words);
		return;
	case LISTING_REFUSED:
		refusal_print(result->reply, sweep->refusal, sizeof(sweep->refusal));
		sweep_on_refused(sweep, sweep->refusal);
		return;
	case LISTING_WHOLE:
		break;
	}
	CHECK(!"a whole listing is no failure");
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

static void resume(struct sweep *sweep)
{
	if (is_older(sweep)) {
		sweep_fail(sweep,
			"the connection was lost, and another server answers at this address now: "
			"what became of the sessions is not known");
	} else if (is_restarted(sweep)) {
		report_warn(sweep->in.report,
			"%s: the server was restarted during the kill; its old sessions ended "
			"with it",
			sweep->in.node->address);
		/* Killed is whom the server said it killed; the others ended with it. */
		sweep->n_presumed = 0;
		snapshot_end_all(
			&sweep->snapshot, sweep->n_claimed > 0 ? SNAPSHOT_ENDED : SNAPSHOT_GONE);
		sweep->is_in_doubt = false;
		sweep_finish(sweep);
	} else if (!sweep_is_same_process(sweep)) {
		sweep_fail(sweep,
			"the connection was lost, and the server does not tell whether it is "
			"still the same process");
	} else {
		if (sweep->was_lost) {
			report_warn(sweep->in.report,
				"%s: the connection was lost during the kill%s",
				sweep->in.node->address,
				link_main_serial(sweep->in.link) > sweep->newest_serial
					? " and opened again"
					: "; the second one took over");
		}
		sweep->was_lost = false;
		sweep_begin_verify(sweep);
	}
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
void sweep_finish_unmeant(struct sweep *sweep)
{
	sweep->has_met_process = false;
	sweep_forget_snapshot(sweep);
	memset(&sweep->in.node->counts, 0, sizeof(sweep->in.node->counts));
	report_node_clear_steps(sweep->in.node);
	sweep_finish(sweep);
}

void sweep_on_link_ready(struct sweep *sweep)
{
	if (is_elsewhere(sweep)) {
		char words[ERR_MAX_BYTES];

		snprintf(words, sizeof(words),
			"the connection was lost after the address was changed to %s",
			link_address(sweep->in.link));
		sweep_fail(sweep, words);
		return;
	}
	sweep->in.node->was_reached = true;
	if (sweep->has_snapshot && sweep->n_rounds > 0) {
		resume(sweep);
	} else if (!sweep_is_meant(sweep)) {
		sweep_finish_unmeant(sweep);
	} else {
		sweep_begin_prove(sweep);
	}
}
