/*
 * The gate of the kills: the door is closed before a kill begins, or the kill is refused.
 */
#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lease/lease.h"

/* Why the doors could not be closed, in words; NULL: they are. */
static char *find_failure(const struct lease *lease)
{
	size_t n_closed = 0;

	if (lease->is_over) {
		return mem_printf(
			"it was released meanwhile: nobody is kept out, and nobody was killed");
	}
	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		if (door->state == DOOR_FAILED) {
			return mem_printf("the user %s could not be kept out of %s, and nobody was "
					  "killed: %s",
				door->user, door->address, door->error);
		}
		n_closed += door->state == DOOR_CLOSED || door->state == DOOR_NOT_OURS;
	}
	return n_closed > 0
		       ? NULL
		       : mem_printf("no node is connected: nobody could be kept out, and nobody "
				    "was killed");
}

/* Those who wait are told from here: not from within an answer of a server. */
static void settle(struct lease *lease)
{
	gate_done_fn done_fn = lease->done_fn;
	void *context = lease->done_context;
	char *failure;

	if (!lease->is_closing || lease_is_busy(lease)) {
		return;
	}
	failure = find_failure(lease);
	lease->is_closing = false;
	lease->done_fn = NULL;
	if (failure != NULL) {
		lease->is_over = true; /* what was closed is opened */
	} else {
		lease_record(lease, "lease", NULL, "they are kept out");
	}
	lease_save(lease->leases);
	if (done_fn != NULL) {
		done_fn(context, failure, false);
	}
	free(failure);
}

void lease_on_settling(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct leases *leases = context;
	struct lease *lease, *next;

	for (lease = TAILQ_FIRST(&leases->list); lease != NULL; lease = next) {
		next = TAILQ_NEXT(lease, entry);
		settle(lease);
	}
}

/* It stands from here on; what it was asked for by a dry run does not. */
static void on_checked(void *context, const char *failure, bool is_inexact)
{
	struct lease *lease = context;
	gate_done_fn done_fn = lease->done_fn;
	void *done_context = lease->done_context;
	bool is_dry_run = lease->until_boot_ms == 0;

	if (failure == NULL && !is_dry_run) {
		lease_check_free(lease->check);
		lease->check = NULL;
		lease->is_closing = true;
		lease_close_all(lease);
		event_active(lease->leases->settling, 0, 0);
		return;
	}
	done_fn(done_context, failure, is_inexact);
	lease_free(lease);
}

static void take_request(struct lease *lease, const struct selector *users,
	const struct instance *instance, const struct request *request)
{
	struct jobs_view view;
	bool is_known = jobs_find(lease->leases->in.jobs, slice_of(lease->id), &view);

	lease->instance = mem_printf("%s", instance->opts->id);
	lease->caller = mem_printf("%s", is_known ? view.caller->user : "");
	lease->reason = mem_printf("%s", request->reason != NULL ? request->reason : "");
	lease->since_wall_ms = clock_wall_ms();
	lease->until_wall_ms = lease->since_wall_ms + request->keep_out_ms;
	if (!request->is_dry_run) {
		lease->until_boot_ms = clock_boottime_ms() + request->keep_out_ms;
	}
	if (users == NULL) {
		return; /* the check refuses that */
	}
	lease->users = mem_alloc_array(selector_n_values(users), sizeof(char *));
	for (size_t i = 0; i < selector_n_values(users); i++) {
		lease->users[lease->n_users++] = slice_copy(selector_listed_value(users, i));
	}
}

void lease_gate_close(void *context, const char *request_id, const struct instance *instance,
	const struct request *request, gate_done_fn done_fn, void *done_context)
{
	struct leases *leases = context;
	const struct selector *users = request_users(request);
	struct lease *lease;

	if (request->keep_out_by == KEEP_OUT_ADDRESS) {
		users = NULL;
	}
	lease = lease_new(leases, request_id);
	take_request(lease, users, instance, request);
	lease->done_fn = done_fn;
	lease->done_context = done_context;
	lease->check = lease_check_new(leases->in.loop, instance, users, on_checked, lease);
}

void lease_gate_forget(void *context, const char *request_id)
{
	struct lease *lease = lease_find(context, slice_of(request_id));

	if (lease == NULL) {
		return;
	}
	lease->done_fn = NULL;
	if (lease->check != NULL) {
		lease_free(lease);
	} else {
		lease->is_over = true;
	}
}
