/*
 * Steps that the kernel carries out: the connections of some hundred sessions at once.
 *
 * The server is asked for these sessions by their ids first. Whoever has become another since the
 * listing (a replica, of another user) is spared, and nobody is ended on an older word than this
 * answer. It is also what paces the kernel: the server answers when it is done with the connections
 * that were ended before, and how long that took says how many may be ended next.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "host/sockets.h"
#include "kill/batch_internal.h"
#include "kill/id_list.h"
#include "redis/reply.h"

_Static_assert(PLAN_MAX_CUT <= ID_LIST_MAX, "they are asked for in one command");

static struct snapshot_entry *entry_at(
	const struct batch *batch, const struct plan_step *step, size_t offset)
{
	return &batch->snapshot->entries[batch->plan->victims[step->first + offset]];
}

/* ---- asking ---- */

static void on_line(void *context, struct slice text)
{
	struct batch *batch = context;
	struct session_line line;

	if (batch->snapshot != NULL) {
		session_read_line(
			&line, text, batch->snapshot->caps->family, batch->snapshot->node);
		snapshot_verify(batch->snapshot, &line);
	}
}

void batch_ask_again(struct batch *batch, const struct plan_step *step, link_reply_fn reply_fn)
{
	CLEANUP(id_list_finish)
	struct id_list ids =
		id_list_new(PLAN_MAX_CUT, slice_of(link_options(batch->link)->client_command));
	struct link_command command = {
		.called = "CLIENT LIST ID",
		.line_fn = on_line,
		.reply_fn = reply_fn,
		.context = batch,
		.owner = &batch->calls,
	};
	int r;

	if (batch->burst == 0) {
		batch->burst = step->victims_per_burst;
	}
	batch->n_again = MIN(MIN(batch->burst, (size_t)PLAN_MAX_CUT), step->n - batch->offset);
	for (size_t i = 0; i < batch->n_again; i++) {
		struct snapshot_entry *entry = entry_at(batch, step, batch->offset + i);

		entry->is_listed = false;
		id_list_add(&ids, entry->id);
	}
	command.argv = ids.argv;
	command.argc = id_list_argc(&ids);
	r = link_send(batch->link, &command);
	CHECK(r == 0);
	batch_note_sent(batch, SENT_AGAIN, step, 0);
}

/* ---- cutting ---- */

/* The kernel has answered for some. */
static void count_cut(
	struct batch *batch, struct snapshot_entry *const *entries, size_t n, const int *errors)
{
	for (size_t i = 0; i < n; i++) {
		if (errors[i] == 0) {
			entries[i]->is_cut = true;
			batch->result.n_claimed++;
			batch->result.n_cut++;
		} else if (errors[i] == ENOENT) {
			/* It has left; should somebody else have its place, he goes by id. */
			entries[i]->is_missed = true;
		} else if (batch->result.error[0] == '\0') {
			snprintf(batch->result.error, sizeof(batch->result.error),
				"the kernel does not end a connection (%s); the rest is killed by "
				"id",
				strerror(errors[i]));
			batch->is_stopped = true;
		}
	}
}

static void cut(struct batch *batch, struct snapshot_entry *const *entries, size_t n)
{
	uint32_t numbers[DIAG_MAX_DESTROYED];
	int errors[DIAG_MAX_DESTROYED];
	int r;

	for (size_t i = 0; i < n; i++) {
		numbers[i] = entries[i]->socket;
	}
	r = sockets_destroy(batch->sockets, numbers, n, errors);
	if (r == 0) {
		count_cut(batch, entries, n, errors);
	} else {
		snprintf(batch->result.error, sizeof(batch->result.error),
			"the kernel cannot be asked (%s); the rest is killed by id", strerror(-r));
		batch->is_stopped = true;
	}
}

static void cut_those_left(struct batch *batch, const struct plan_step *step)
{
	struct snapshot_entry *entries[DIAG_MAX_DESTROYED];
	size_t n = 0;

	for (size_t i = 0; i < batch->n_again && !batch->is_stopped; i++) {
		struct snapshot_entry *entry = entry_at(batch, step, batch->offset + i);

		entry->is_missed |= !entry->is_listed;
		if (entry->is_listed && !entry->is_dying && snapshot_is_victim(entry)) {
			entries[n++] = entry;
		}
		if (n == DIAG_MAX_DESTROYED || (n > 0 && i + 1 == batch->n_again)) {
			cut(batch, entries, n);
			n = 0;
		}
	}
}

/* How long the server was busy with those that were ended before this was asked. */
static void note_stall(struct batch *batch, const struct sent_command *sent)
{
	int64_t now_us = clock_monotonic_us();

	batch->result.max_stall_us = MAX(batch->result.max_stall_us, now_us - sent->sent_us);
	batch->last_reply_us = now_us;
	if (batch->n_just_cut > 0 && batch->plan->opts.pace == PACE_GENTLE) {
		batch->burst_victims = batch->n_just_cut;
		batch->burst_sent_us = sent->sent_us;
		batch_adapt_burst(batch, now_us);
	}
}

void batch_cut_sockets(
	struct batch *batch, const struct sent_command *sent, const struct reply *reply)
{
	/* Once it is cut, the plan and the snapshot may be gone. */
	if (batch->snapshot == NULL || batch->is_stopped) {
		return;
	}
	note_stall(batch, sent);
	if (reply->type != REPLY_LISTING) {
		snprintf(batch->result.error, sizeof(batch->result.error),
			"sessions are not listed by their ids any more; the rest is killed by id");
		batch->is_stopped = true;
		return;
	}
	snapshot_look_again_end(batch->snapshot);
	cut_those_left(batch, sent->step);
	batch->n_just_cut = batch->n_again;
	batch->offset += batch->n_again;
	if (batch->offset == sent->step->n) {
		batch->step++;
		batch->offset = 0;
		batch->burst = 0;
		batch->n_just_cut = 0;
	}
}
