/*
 * The doors of a lease: on which nodes they are to be closed, and opened again.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kill/instance_history.h"
#include "lease/lease.h"
#include "redis/link.h"

static struct door *find_door(struct lease *lease, const char *address, const char *user)
{
	for (size_t i = 0; i < lease->n_doors; i++) {
		if (strcmp(lease->doors[i]->address, address) == 0 &&
			strcmp(lease->doors[i]->user, user) == 0) {
			return lease->doors[i];
		}
	}
	return lease_add_door(lease, address, user);
}

bool lease_is_busy(const struct lease *lease)
{
	for (size_t i = 0; i < lease->n_doors; i++) {
		if (lease->doors[i]->is_busy) {
			return true;
		}
	}
	return lease->look != NULL || (lease->ban != NULL && ban_is_busy(lease->ban));
}

int64_t lease_left_ms(const struct lease *lease)
{
	int64_t left_ms = lease->is_kill_over || lease->is_extended
				  ? lease->until_boot_ms - clock_boottime_ms()
				  : lease->keep_out_ms; /* counted from the end of its kill */

	return lease->is_over ? 0 : MAX(left_ms, INT64_C(0));
}

const struct instance *lease_instance(const struct lease *lease)
{
	return instances_find(lease->leases->in.instances, slice_of(lease->instance));
}

void lease_record(
	const struct lease *lease, const char *event, const struct caller *caller, const char *what)
{
	CLEANUP(ban_free_sources_p)
	char **sources = lease->ban != NULL ? ban_print_sources(lease->ban) : NULL;
	struct audit_lease words = {
		.request_id = lease->id,
		.instance = lease->instance,
		.users = lease->users,
		.n_users = lease->n_users,
		.sources = sources,
		.n_sources = lease->ban != NULL ? lease->ban->n_sources : 0,
		.n_refused = lease_n_refused(lease),
		.what = what,
		.until_wall_ms = lease->until_wall_ms,
	};
	const struct instance *instance = lease_instance(lease);
	struct err err;

	if (instance != NULL) {
		instance_history_note_lease(instance->history, what, lease->id);
	}
	if (audit_lease(lease->leases->in.audit, event, &words, caller, &err) < 0) {
		log_error("lease %s: not recorded: %s", lease->id, err.text);
	}
	log_notice("lease %s on %s: %s", lease->id, lease->instance, what);
}

/* ---- doors ---- */

/* The same door of another lease, if it has closed it. With `only_standing`: and goes on to. */
static const struct door *find_shared(const struct door *door, bool only_standing)
{
	const struct lease *own = door->lease, *lease;

	TAILQ_FOREACH(lease, &own->leases->list, entry)
	{
		for (size_t i = 0; i < lease->n_doors && lease != own; i++) {
			const struct door *other = lease->doors[i];

			if (other->is_ours && strcmp(lease->instance, own->instance) == 0 &&
				strcmp(other->address, door->address) == 0 &&
				strcmp(other->user, door->user) == 0 &&
				(!only_standing || lease_left_ms(lease) > 0)) {
				return other;
			}
		}
	}
	return NULL;
}

static void close_on(struct lease *lease, struct link *link)
{
	for (size_t i = 0; i < lease->n_users; i++) {
		struct door *door = find_door(lease, link_address(link), lease->users[i]);
		/* The same process as it was closed on: that is known. */
		bool is_known = door->serial == link_main_serial(link) &&
				(door->state == DOOR_CLOSED || door->state == DOOR_NOT_OURS ||
					door->state == DOOR_CHANGED);

		if (!door->is_busy && !is_known) {
			/* Off by another lease is off by us. */
			door->is_ours |= find_shared(door, false) != NULL;
			door_close(door, link);
		}
	}
}

struct link *lease_find_link(const struct instance *instance, const char *address)
{
	for (size_t i = 0; instance != NULL && i < topology_n_nodes(instance->topology); i++) {
		struct link *link = topology_node(instance->topology, i);

		if (strcmp(link_address(link), address) == 0 && link_state(link) == LINK_READY) {
			return link;
		}
	}
	return NULL;
}

void lease_close_all(struct lease *lease)
{
	const struct instance *instance = lease_instance(lease);

	for (size_t i = 0; instance != NULL && i < topology_n_nodes(instance->topology); i++) {
		struct link *link = topology_node(instance->topology, i);

		if (link_state(link) == LINK_READY) {
			close_on(lease, link);
		}
	}
}

void lease_count_all(struct lease *lease)
{
	const struct instance *instance = lease_instance(lease);

	for (size_t i = 0; i < lease->n_doors; i++) {
		struct link *link = lease_find_link(instance, lease->doors[i]->address);

		if (link != NULL) {
			door_log_ask(lease->doors[i], link);
		}
	}
}

int64_t lease_n_refused(const struct lease *lease)
{
	int64_t n = -1;

	if (lease->ban != NULL) {
		return (int64_t)ban_n_refused(lease->ban);
	}
	for (size_t i = 0; i < lease->n_doors; i++) {
		if (lease->doors[i]->n_refused >= 0) {
			n = MAX(n, INT64_C(0)) + lease->doors[i]->n_refused;
		}
	}
	return n;
}

/* They may be in from now on: the kill of who came in too early has no reason any more. */
static void open_door(struct door *door, struct link *link)
{
	if (door->kill_id[0] != '\0') {
		(void)!jobs_cancel(door->lease->leases->in.jobs, slice_of(door->kill_id));
		door->kill_id[0] = '\0';
	}
	door->late_ms = 0;
	door_open(door, link);
}

/* False: there is nothing of it to open any more. */
bool lease_open_all(struct lease *lease, bool is_at_once)
{
	const struct instance *instance = lease_instance(lease);
	bool is_any = false;

	for (size_t i = 0; i < lease->n_doors; i++) {
		struct door *door = lease->doors[i];
		struct link *link;

		if (door->is_ours && !door->is_busy && find_shared(door, true) != NULL) {
			door->is_ours = false; /* it is the other one's now */
			door->state = DOOR_OPEN;
		}
		link = door->is_ours ? lease_find_link(instance, door->address) : NULL;
		if (link != NULL && !door->is_busy) {
			open_door(door, link);
		} else if (link == NULL && door->is_ours && door->error[0] == '\0') {
			snprintf(door->error, sizeof(door->error), "the node is not connected");
		}
		is_any |= door->is_ours || door->is_busy;
	}
	return (lease->ban != NULL && ban_open(lease->ban, is_at_once)) || is_any;
}
