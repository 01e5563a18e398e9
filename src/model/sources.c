/*
 * Sources of sessions.
 */
#include "model/sources.h"

#include "base/mem.h"

/* Longer keys are cut: names are bounded by nobody. */
#define MAX_KEY_BYTES 1024
#define N_PARTS 4

/* The key of all that found no place of their own; it has all its parts, too. */
#define OTHERS SLICE_LITERAL("(others)\0\0\0\0")

static size_t append_part(char *key, size_t used, struct slice part)
{
	size_t room = MAX_KEY_BYTES / N_PARTS - 1;
	size_t len = MIN(part.len, room);

	if (len > 0) {
		memcpy(key + used, part.data, len);
	}
	key[used + len] = '\0';
	return used + len + 1;
}

static struct slice make_key(char *buffer, const struct session *session)
{
	size_t used = append_part(buffer, 0, address_source_name(&session->addr));

	used = append_part(buffer, used, session->values[SESSION_USER]);
	used = append_part(buffer, used, session->values[SESSION_NAME]);
	used = append_part(buffer, used, session->values[SESSION_LIB_NAME]);
	return (struct slice){buffer, used};
}

uint32_t sources_number(struct sources *sources, const struct session *session)
{
	char buffer[MAX_KEY_BYTES];
	size_t n_before = sources->keys.n;
	struct slice key = make_key(buffer, session);
	uint32_t number;

	if (n_before >= SOURCES_MAX && intern_find(&sources->keys, key) == INTERN_NONE) {
		key = OTHERS;
	}
	number = intern_add(&sources->keys, key);
	if (number == n_before) {
		sources->counts = mem_grow_array(sources->counts, n_before, &sources->capacity,
			sizeof(struct source_counts));
		memset(&sources->counts[number], 0, sizeof(struct source_counts));
	}
	return number;
}

unsigned sources_count_return(struct sources *sources, const struct session *session)
{
	char buffer[MAX_KEY_BYTES];
	uint32_t number = intern_find(&sources->keys, make_key(buffer, session));

	if (number == INTERN_NONE || sources->counts[number].found == 0) {
		return 0;
	}
	sources->counts[number].reconnected++;
	return 1;
}

void sources_finish(struct sources *sources)
{
	intern_finish(&sources->keys);
	free(sources->counts);
	memset(sources, 0, sizeof(*sources));
}

void sources_report(const struct sources *sources, struct report *report)
{
	for (uint32_t number = 0; number < sources->keys.n; number++) {
		const char *address = intern_get(&sources->keys, number).data;
		const char *user = address + strlen(address) + 1;
		const char *name = user + strlen(user) + 1;
		const char *lib = name + strlen(name) + 1;
		struct report_source *row;

		if (sources->counts[number].found == 0) {
			continue; /* of a listing that was not finished */
		}
		row = report_add_source(report, address, user, name, lib);
		row->found = sources->counts[number].found;
		row->killed = sources->counts[number].killed;
		row->reconnected = sources->counts[number].reconnected;
	}
}
