/*
 * What a link is: its state, which follows from its connections, why it is not READY, and who is
 * told.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/macros.h"
#include "redis/link_internal.h"

/* The same again is no news within this time. */
#define SAME_NEWS_MS 60000

/* FNV-1a: only to see that words are the same as before. */
static uint64_t hash(const char *words)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *words != '\0'; words++) {
		hash = (hash ^ (unsigned char)*words) * UINT64_C(1099511628211);
	}
	return hash;
}

void link_tell_news(struct link *link, enum link_news news, const char *words)
{
	struct told *oldest = link->told[news];
	int64_t now_ms = clock_monotonic_ms();

	if (link->world.news_fn == NULL || link->is_retiring) {
		return;
	}
	for (size_t i = 0; i < LINK_N_TOLD; i++) {
		struct told *told = &link->told[news][i];

		if (told->ms != 0 && told->hash == hash(words)) {
			if (now_ms - told->ms < SAME_NEWS_MS) {
				return;
			}
			oldest = told;
			break;
		}
		if (told->ms < oldest->ms) {
			oldest = told;
		}
	}
	*oldest = (struct told){now_ms, hash(words)};
	link->world.news_fn(link->world.news_context, link, news, words);
}

static void tell_watchers(struct link *link)
{
	struct link_watcher *next;

	for (struct link_watcher *watcher = link->watchers; watcher != NULL; watcher = next) {
		next = watcher->next;
		watcher->changed_fn(watcher, link->state);
	}
}

enum link_state link_state_of(const struct link *link)
{
	const struct connection *connection;
	enum link_state state = link_is_settling(link) ? LINK_HANDSHAKE : LINK_BACKOFF;

	if (link->main != NULL) {
		return LINK_READY;
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->is_late) {
			state = MIN(state, LINK_LATE);
		} else if (connection->state == CONNECTION_HANDSHAKE) {
			state = MIN(state, LINK_HANDSHAKE);
		} else if (connection->state == CONNECTION_DIALING) {
			state = MIN(state, LINK_CONNECTING);
		}
	}
	return state;
}

/* The only place that changes the state. Watchers may unwatch themselves. */
void link_update_state(struct link *link, bool is_told_anyway)
{
	enum link_state state = link_state_of(link);

	if (state != link->state || is_told_anyway) {
		link->ready_since_ms = state != LINK_READY    ? 0
				       : link->ready_since_ms ? link->ready_since_ms
							      : clock_monotonic_ms();
		link->state = state;
		if (state == LINK_READY && link->main->serial != link->ready_serial) {
			link->ready_serial = link->main->serial;
			link->n_times_ready++;
		}
		tell_watchers(link);
	}
}

void link_set_trouble(struct link *link, enum link_trouble trouble, const char *words)
{
	link->trouble = trouble;
	snprintf(link->error, sizeof(link->error), "%s", words);
}
