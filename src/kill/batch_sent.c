/*
 * What of a batch is in flight: a ring, oldest first, as its answers come.
 */
#include "base/check.h"
#include "base/clock.h"
#include "kill/batch_internal.h"

/* Questions are no commands of the kill, but for a listing. */
static bool is_counted(enum sent_kind kind)
{
	return kind == SENT_KILL || kind == SENT_LOOK || kind == SENT_AGAIN;
}

void batch_note_sent(
	struct batch *batch, enum sent_kind kind, const struct plan_step *step, size_t n)
{
	size_t place = (batch->first_sent + batch->n_sent) % WINDOW_COMMANDS;

	CHECK(batch->n_sent < WINDOW_COMMANDS);
	batch->sent[place] =
		(struct sent_command){kind, step, batch->offset, n, clock_monotonic_us()};
	batch->n_sent++;
	batch->n_victims += n;
	batch->result.n_commands += is_counted(kind);
}

struct sent_command batch_pop_sent(struct batch *batch)
{
	struct sent_command sent = batch->sent[batch->first_sent];

	CHECK(batch->n_sent > 0);
	batch->first_sent = (batch->first_sent + 1) % WINDOW_COMMANDS;
	batch->n_sent--;
	batch->n_victims -= sent.n;
	return sent;
}

/* Those that wait for a place in the server's buffer are the newest ones. */
void batch_take_unsent_back(struct batch *batch)
{
	size_t n = calls_drop_unsent(&batch->calls);

	CHECK(n <= batch->n_sent);
	for (; n > 0; n--) {
		size_t place = (batch->first_sent + --batch->n_sent) % WINDOW_COMMANDS;

		batch->n_victims -= batch->sent[place].n;
		batch->result.n_commands -= is_counted(batch->sent[place].kind);
	}
}
