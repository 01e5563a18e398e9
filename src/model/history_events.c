/*
 * Events of instances.
 */
#include "model/history_events.h"

#include <stdbool.h>
#include <string.h>

#include "base/macros.h"

const char *history_event_name(enum history_event_kind kind)
{
	static const char *const names[] = {
		[HISTORY_KILL] = "kill",
		[HISTORY_LINK_LOST] = "link_lost",
		[HISTORY_LINK_BACK] = "link_back",
		[HISTORY_GUARD] = "guard",
		[HISTORY_LEASE] = "lease",
	};

	return names[kind];
}

static bool is_of_link(const struct history_event *event)
{
	return event->kind == HISTORY_LINK_LOST || event->kind == HISTORY_LINK_BACK;
}

static size_t find_dispensable(const struct history_events *events)
{
	size_t n_of_links = 0, first_of_links = 0;

	for (size_t i = events->n; i-- > 0;) {
		if (is_of_link(&events->items[i])) {
			n_of_links++;
			first_of_links = i;
		}
	}
	return n_of_links > events->n / 2 ? first_of_links : 0;
}

static void drop(struct history_events *events, size_t index)
{
	events->n--;
	memmove(&events->items[index], &events->items[index + 1],
		(events->n - index) * sizeof(events->items[0]));
}

struct history_event *history_events_add(
	struct history_events *events, enum history_event_kind kind, int64_t at_ms)
{
	struct history_event *event;

	if (events->n == HISTORY_MAX_EVENTS) {
		drop(events, find_dispensable(events));
	}
	event = &events->items[events->n++];
	*event = (struct history_event){.at_ms = at_ms, .kind = (uint8_t)kind};
	return event;
}

struct history_event *history_events_find_kill(
	struct history_events *events, const char *request_id)
{
	for (size_t i = events->n; i-- > 0;) {
		struct history_event *event = &events->items[i];

		if (event->kind == HISTORY_KILL && strcmp(event->request_id, request_id) == 0) {
			return event;
		}
	}
	return NULL;
}

void history_event_set(char *to, size_t to_bytes, const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	if (n >= to_bytes) {
		n = to_bytes - 1;
		/* Not in the middle of a character. */
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
			n--;
		}
	}
	if (n > 0) {
		memcpy(to, text, n);
	}
	to[n] = '\0';
}
