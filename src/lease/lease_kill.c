/*
 * Who came in where a door was closed after the kill: a node that had restarted, or that came
 * later. They are ended as everybody is, by a kill of their user on that node, in the daemon's own
 * name; should it fail, once more after a while. And who came in by another way than those that a
 * ban knows.
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

/* ---- the end of the kill ---- */

static bool has_source(char *const *sources, const char *address)
{
	for (; *sources != NULL; sources++) {
		if (strcmp(*sources, address) == 0) {
			return true;
		}
	}
	return false;
}

static void compare(struct lease *lease, const struct report *report)
{
	CLEANUP(ban_free_sources_p) char **sources = ban_print_sources(lease->ban);

	for (size_t i = 0; i < report->n_sources; i++) {
		const struct report_source *source = &report->sources[i];

		if (source->killed > 0 && !has_source(sources, source->address)) {
			snprintf(lease->ban->error, sizeof(lease->ban->error),
				"somebody came from %s just before the kill, was ended, and may "
				"come back",
				source->address);
			return;
		}
	}
}

/* Whoever was ended last is to be out as long as the first one. */
static void count_from_end(struct lease *lease, const struct report *report)
{
	int64_t took_ms = MAX(report->elapsed_ms - report->watched_ms, INT64_C(0));

	lease->until_boot_ms += took_ms;
	lease->until_wall_ms += took_ms;
	if (lease->ban != NULL && took_ms > BAN_SLACK_MS) {
		ban_raise(lease->ban);
	}
	lease_save(lease->leases);
}

void lease_note_end(struct lease *lease)
{
	struct jobs_view view;

	if (lease->is_kill_over || !jobs_find(lease->leases->in.jobs, slice_of(lease->id), &view) ||
		!view.is_done) {
		return;
	}
	lease->is_kill_over = true;
	count_from_end(lease, view.report);
	if (lease->ban != NULL) {
		compare(lease, view.report);
	}
}
