/*
 * PROVE: before anything else the node shows that it belongs to the instance, as it is now.
 */
#include "kill/sweep_internal.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "kill/refusal.h"
#include "redis/reply.h"

/* A node that cannot prove it yet is asked again after that. */
#define AGAIN_MS 100
/* One that says it is somebody else may be on its way back: a master of before a fail-over is made
 * a replica after some seconds. Longer than that nobody waits for it. */
#define FOREIGN_PATIENCE_MS 15000

#define TWIN_MOMENT_MS 5
#define MAX_TWIN_MOMENTS 60

static void on_said(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct topology *topology = sweep->in.instance->topology;
	enum topology_proof proof;

	if (lost != NULL) {
		sweep_on_lost(sweep);
		return;
	}
	if (sweep_stop_if_doomed(sweep)) {
		return;
	}
	if (reply_is_error(reply, "BUSY") || reply_is_error(reply, "NOPERM")) {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
		sweep_on_refused(sweep, sweep->refusal);
		return;
	}
	topology_hear_proof(topology, sweep->in.link, reply);
	proof = topology_proof(topology, sweep->in.link, sweep->refusal, sizeof(sweep->refusal));
	if (proof == TOPOLOGY_PROVEN) {
		sweep->refusal[0] = '\0';
		sweep_begin_warm(sweep);
	} else if (proof == TOPOLOGY_FOREIGN &&
		   clock_monotonic_ms() >= sweep->started_ms + FOREIGN_PATIENCE_MS) {
		sweep_fail(sweep, sweep->refusal);
	} else {
		sweep_start_timer(sweep->moment, AGAIN_MS);
	}
}

/* Right after a start it takes a moment to see that two addresses are one server's. */
static bool waits_for_twin(struct sweep *sweep)
{
	if (!topology_is_twin_asked(sweep->in.instance->topology, sweep->in.link) ||
		sweep->n_twin_moments++ == MAX_TWIN_MOMENTS) {
		return false;
	}
	sweep_set_state(sweep, SWEEP_PROVE);
	sweep_start_timer(sweep->moment, TWIN_MOMENT_MS);
	return true;
}

/* Nothing of it is reported twice. */
static bool is_swept_elsewhere(struct sweep *sweep)
{
	if (sweep->in.is_twin_swept_fn == NULL ||
		!sweep->in.is_twin_swept_fn(sweep->in.context, sweep)) {
		return false;
	}
	sweep->in.node->is_left_out = true;
	sweep_finish(sweep);
	return true;
}

void sweep_begin_prove(struct sweep *sweep)
{
	struct slice argv[TOPOLOGY_MAX_QUESTION];
	struct link_command command = {
		.argv = argv,
		.argc = topology_proof_question(sweep->in.instance->topology, argv),
		.reply_fn = on_said,
		.context = sweep,
		.owner = &sweep->calls,
	};
	int r;

	if (waits_for_twin(sweep) || is_swept_elsewhere(sweep)) {
		return;
	}
	if (command.argc == 0) {
		sweep_begin_warm(sweep);
		return;
	}
	if (!sweep_has_link(sweep)) {
		return;
	}
	sweep_set_state(sweep, SWEEP_PROVE);
	r = link_send(sweep->in.link, &command);
	CHECK(r == 0);
}
