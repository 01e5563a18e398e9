/*
 * PROVE: before anything else the node shows that it belongs to the instance, as it is now; and
 * again while the kill is spread, before each new listing.
 */
#include "kill/sweep_internal.h"

#include "base/clock.h"
#include "kill/refusal.h"
#include "redis/reply.h"

/* A node that cannot prove it yet is asked again after that. */
#define AGAIN_MS 100
/* One that says it is somebody else may be on its way back: a master of before a fail-over is made
 * a replica after some seconds. Longer than that nobody waits for it. */
#define FOREIGN_PATIENCE_MS 15000

#define TWIN_PAUSE_MS 5
#define MAX_TWIN_PAUSES 60

static enum sweep_state go_on(struct sweep *sweep)
{
	bool is_spread = sweep->spread.is_proving;

	sweep->spread.is_proving = false;
	return is_spread ? SWEEP_VERIFY : SWEEP_WARM;
}

static enum sweep_state judge(struct sweep *sweep, const struct reply *reply)
{
	struct topology *topology = sweep->in.instance->topology;
	enum topology_proof proof;

	if (reply_is_error(reply, "BUSY") || reply_is_error(reply, "NOPERM")) {
		refusal_print(reply, sweep->refusal, sizeof(sweep->refusal));
		return sweep_refused(sweep);
	}
	topology_hear_proof(topology, sweep->in.link, reply);
	proof = topology_proof(topology, sweep->in.link, sweep->refusal, sizeof(sweep->refusal));
	if (proof == TOPOLOGY_PROVEN) {
		sweep->refusal[0] = '\0';
		return go_on(sweep);
	}
	if (proof == TOPOLOGY_FOREIGN &&
		clock_monotonic_ms() >= sweep->started_ms + FOREIGN_PATIENCE_MS) {
		return sweep_fail(sweep, sweep->refusal);
	}
	timer_start(sweep->pause, AGAIN_MS);
	return SWEEP_PROVE_AGAIN;
}

static void on_said(void *context, const struct reply *reply, const char *lost)
{
	sweep_move(context, lost != NULL ? sweep_lost(context) : judge(context, reply));
}

/* Nothing of it is reported twice; where it was killed before that was seen, it stays as it is. */
static bool is_swept_elsewhere(struct sweep *sweep)
{
	struct report_node *node = sweep->in.node;
	bool has_killed = sweep->is_in_doubt || node->counts.killed + node->counts.gone > 0;

	node->is_left_out = !has_killed && sweep->in.is_twin_swept_fn != NULL &&
			    sweep->in.is_twin_swept_fn(sweep->in.context, sweep);
	if (node->is_left_out) {
		sweep_forget_snapshot(sweep);
		node->counts = (struct counts){0};
		sweep->n_meant = 0;
	}
	return node->is_left_out;
}

static size_t print_question(const struct sweep *sweep, struct slice argv[TOPOLOGY_MAX_QUESTION])
{
	return topology_proof_question(sweep->in.instance->topology, argv);
}

static enum sweep_state instead_of_prove(struct sweep *sweep)
{
	struct slice argv[TOPOLOGY_MAX_QUESTION];

	/* Right after a start it takes a moment to see that two addresses are one server's. */
	if (topology_is_twin_asked(sweep->in.instance->topology, sweep->in.link) &&
		sweep->n_twin_pauses++ < MAX_TWIN_PAUSES) {
		timer_start(sweep->pause, TWIN_PAUSE_MS);
		return SWEEP_PROVE_AGAIN;
	}
	if (is_swept_elsewhere(sweep)) {
		return SWEEP_DONE;
	}
	return print_question(sweep, argv) == 0 ? go_on(sweep) : SWEEP_STAY;
}

static enum sweep_state ask(struct sweep *sweep)
{
	struct slice argv[TOPOLOGY_MAX_QUESTION];
	size_t argc = print_question(sweep, argv);

	sweep_send(sweep, (struct link_command){.argv = argv, .argc = argc, .reply_fn = on_said});
	return SWEEP_STAY;
}

static enum sweep_state ask_again(struct sweep *sweep)
{
	return SWEEP_PROVE;
}

/* What it said last is what there is to say at the deadline. */
static enum sweep_state give_up(struct sweep *sweep, const char *words)
{
	bool has_said = sweep->is_expired && sweep->refusal[0] != '\0';

	return sweep_fail(sweep, has_said ? sweep->refusal : words);
}

#define EXPIRED "the deadline passed before the node proved to belong here"

const struct sweep_phase sweep_phase_prove = {
	.name = "PROVE",
	.time = REPORT_N_PHASES,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.needs_link = true,
	.expired = EXPIRED,
	.instead = instead_of_prove,
	.enter = ask,
	.give_up = give_up,
};

const struct sweep_phase sweep_phase_prove_again = {
	.name = "PROVE_AGAIN",
	.time = REPORT_N_PHASES,
	.expired = EXPIRED,
	.on_pause_over = ask_again,
	.on_link = sweep_on_idle_link,
	.give_up = give_up,
};
