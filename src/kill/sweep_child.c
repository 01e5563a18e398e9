/*
 * LET_GO: a child of the server holds the sockets of sessions that have ended. Their clients would
 * see that only when the child is through, which may take minutes: the kernel ends these sockets.
 */
#include "kill/sweep_internal.h"

#include <errno.h>

/* Others have their turn in between. */
#define PAUSE_MS 1

/* Those of the next ones that have ended. */
static size_t find_ended(struct sweep *sweep, uint32_t *numbers)
{
	size_t n = 0;

	while (n < DIAG_MAX_DESTROYED && sweep->next_held < sweep->snapshot.n) {
		const struct snapshot_entry *entry = &sweep->snapshot.entries[sweep->next_held++];

		if (entry->class != REQUEST_MATCHED || entry->fate != SNAPSHOT_ENDED) {
			continue;
		}
		if (entry->socket == SOCKETS_NONE) {
			sweep->n_still_held++;
			continue;
		}
		numbers[n++] = entry->socket;
	}
	return n;
}

static void destroy(struct sweep *sweep, const uint32_t *numbers, size_t n)
{
	int errors[DIAG_MAX_DESTROYED];

	if (sockets_destroy(&sweep->sockets, numbers, n, errors) < 0) {
		sweep->n_still_held += n;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		sweep->n_let_go += errors[i] == 0;
		sweep->n_still_held += errors[i] != 0 && errors[i] != ENOENT;
	}
}

void sweep_warn_held(struct sweep *sweep)
{
	sweep_warn(sweep,
		"a child of the server saves or rewrites the data set and holds the killed "
		"sessions' sockets; their clients see the end when it is done");
}

static enum sweep_state let_some_go(struct sweep *sweep)
{
	uint32_t numbers[DIAG_MAX_DESTROYED];
	size_t n = find_ended(sweep, numbers);

	if (n > 0) {
		destroy(sweep, numbers, n);
		timer_start(sweep->pause, PAUSE_MS);
		return SWEEP_STAY;
	}
	sweep->is_held_by_child = false;
	sweep->n_cut += sweep->n_let_go;
	if (sweep->n_let_go > 0) {
		sweep_warn(sweep,
			"a child of the server saves or rewrites the data set and held the sockets "
			"of %llu sessions that had ended; the kernel ended them",
			(unsigned long long)sweep->n_let_go);
	}
	if (sweep->n_still_held > 0) {
		sweep_warn_held(sweep);
	}
	/* Who is left is asked for again: that took a while. */
	return SWEEP_VERIFY;
}

const struct sweep_phase sweep_phase_let_go = {
	.name = "LET_GO",
	.time = REPORT_PHASE_VERIFY,
	.expired = "the deadline passed while sockets were taken from a child of the server",
	.enter = let_some_go,
	.on_pause_over = let_some_go,
	.on_link = sweep_on_idle_link,
};
