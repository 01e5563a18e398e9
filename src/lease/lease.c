/*
 * One lease: its texts and its doors.
 */
#include "lease/lease.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct lease *lease_new(struct leases *leases, const char *id)
{
	struct lease *lease = mem_new(struct lease);

	lease->leases = leases;
	lease->id = mem_printf("%s", id);
	TAILQ_INSERT_TAIL(&leases->list, lease, entry);
	return lease;
}

void lease_free(struct lease *lease)
{
	TAILQ_REMOVE(&lease->leases->list, lease, entry);
	lease_check_free(lease->check);
	lease_look_free(lease->look);
	ban_free(lease->ban);
	free(lease->warning);
	for (size_t i = 0; i < lease->n_doors; i++) {
		door_free(lease->doors[i]);
	}
	for (size_t i = 0; i < lease->n_users; i++) {
		free(lease->users[i]);
	}
	free(lease->doors);
	free(lease->users);
	free(lease->id);
	free(lease->instance);
	free(lease->caller);
	free(lease->reason);
	free(lease);
}

struct door *lease_add_door(struct lease *lease, const char *address, const char *user)
{
	struct door *door = door_new(lease, address, user);

	lease->doors = mem_grow_array(
		lease->doors, lease->n_doors, &lease->doors_capacity, sizeof(struct door *));
	lease->doors[lease->n_doors++] = door;
	return door;
}

bool lease_stands(const struct lease *lease)
{
	return lease->check == NULL && (lease->look == NULL || lease->is_closing);
}

struct lease *lease_find(const struct leases *leases, struct slice id)
{
	struct lease *lease, *found = NULL;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (slice_is_nocase(id, lease->id)) {
			return lease;
		}
		if (id.len >= JOBS_MIN_PREFIX_BYTES &&
			strncasecmp(lease->id, id.data, id.len) == 0) {
			if (found != NULL) {
				return NULL;
			}
			found = lease;
		}
	}
	return found;
}
