/*
 * Programs of the host.
 */
#include "model/local_clients.h"

#include <string.h>

#include "base/macros.h"
#include "base/mem.h"

/* A unit's name has at most 255 bytes, those of users and processes far less. */
#define MAX_PART_BYTES 256
#define N_PARTS 3

/* The key of all that found no place of their own; it has all its parts, too. */
#define OTHERS SLICE_LITERAL("(others)\0\0\0")

static size_t append_part(char *key, size_t used, struct slice part)
{
	size_t len = MIN(part.len, (size_t)MAX_PART_BYTES - 1);
	/* A process may put anything into its name, but no NUL. */
	const char *end = len > 0 ? memchr(part.data, '\0', len) : NULL;

	len = end != NULL ? (size_t)(end - part.data) : len;
	if (len > 0) {
		memcpy(key + used, part.data, len);
	}
	key[used + len] = '\0';
	return used + len + 1;
}

void local_clients_count(struct local_clients *clients, struct slice process, struct slice unit,
	struct slice user, bool is_killed)
{
	char buffer[N_PARTS * MAX_PART_BYTES];
	size_t n_before = clients->keys.n;
	struct slice key = {buffer, append_part(buffer, 0, process)};
	uint32_t number;

	key.len = append_part(buffer, key.len, unit);
	key.len = append_part(buffer, key.len, user);
	if (n_before >= LOCAL_CLIENTS_MAX && intern_find(&clients->keys, key) == INTERN_NONE) {
		key = OTHERS;
	}
	number = intern_add(&clients->keys, key);
	if (number == n_before) {
		clients->counts = mem_grow_array(clients->counts, n_before, &clients->capacity,
			sizeof(struct local_client_counts));
		clients->counts[number] = (struct local_client_counts){0};
	}
	clients->counts[number].found++;
	clients->counts[number].killed += is_killed;
}

void local_clients_finish(struct local_clients *clients)
{
	intern_finish(&clients->keys);
	free(clients->counts);
	memset(clients, 0, sizeof(*clients));
}

void local_clients_report(const struct local_clients *clients, struct report *report)
{
	for (uint32_t number = 0; number < clients->keys.n; number++) {
		const char *process = intern_get(&clients->keys, number).data;
		const char *unit = process + strlen(process) + 1;
		const char *user = unit + strlen(unit) + 1;
		struct report_local_client *row =
			report_add_local_client(report, process, unit, user);

		row->found = clients->counts[number].found;
		row->killed = clients->counts[number].killed;
	}
}
