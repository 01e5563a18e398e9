/*
 * Who came in where a door was closed after the kill: a node that had restarted, or that came
 * later. They are ended as everybody is, by a kill of their user on that node, in the daemon's own
 * name; should it fail, once more after a while.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/lease.h"

#define AGAIN_MS (60 * 1000)

static bool is_of(const struct door *door, const char *request_id)
{
	return strcmp(door->kill_id, request_id) == 0;
}

/* The lease may be over by now, and gone. */
static void on_done(void *context, const char *request_id, const struct report *report)
{
	struct leases *leases = context;
	bool is_done = report->state == REPORT_DONE;
	struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		for (size_t i = 0; i < lease->n_doors; i++) {
			struct door *door = lease->doors[i];

			if (is_of(door, request_id)) {
				door->kill_id[0] = '\0';
				door->late_ms = is_done ? 0 : clock_monotonic_ms() + AGAIN_MS;
			}
		}
	}
	log_message(is_done ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
		"who came in to %s before a door was closed again: killed %llu of %llu, %s, "
		"kill %s",
		report->instance, (unsigned long long)report->counts.killed,
		(unsigned long long)report->counts.matched, report_state_name(report->state),
		request_id);
	lease_save(leases);
}

static bool is_due(const struct door *door, const struct instance *instance)
{
	return door->late_ms > 0 && door->late_ms <= clock_monotonic_ms() &&
	       door->kill_id[0] == '\0' && door->state == DOOR_CLOSED && !door->is_busy &&
	       lease_find_link(instance, door->address) != NULL;
}

static void order(struct door *door, const struct instance *instance)
{
	struct leases *leases = door->lease->leases;
	struct request request;
	struct jobs_order order = {
		.request_id = door->kill_id,
		.action = "hdm:CreateKillInstanceSessionTask",
		.instance = instance,
		.caller = &leases->own,
		.request = &request,
		.done_fn = on_done,
		.context = leases,
	};
	struct err err;

	request_init(&request);
	selectors_add_exact(&request.match, SESSION_USER, slice_of(door->user));
	request.nodes = mem_alloc_array(1, sizeof(char *));
	request.nodes[request.n_nodes++] = mem_printf("%s", door->address);
	request.reason = mem_printf("lease %s: before the door was closed again", door->lease->id);
	uuid_make(door->kill_id);
	if (jobs_submit(leases->in.jobs, &order, &err) != 0) {
		log_error("lease %s: who came in to %s before the door was closed again cannot be "
			  "ended yet: %s",
			door->lease->id, door->address, err.text);
		door->kill_id[0] = '\0';
		door->late_ms = clock_monotonic_ms() + AGAIN_MS;
	}
	request_finish(&request);
}

void lease_kill_late(struct lease *lease)
{
	const struct instance *instance = lease_instance(lease);

	for (size_t i = 0; i < lease->n_doors; i++) {
		if (is_due(lease->doors[i], instance)) {
			order(lease->doors[i], instance);
		}
	}
}
