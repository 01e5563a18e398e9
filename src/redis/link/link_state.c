/*
 * What a link is: what follows from its connections, its state above all, why it is not READY, and
 * who is told. Below all other files of a link.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/macros.h"
#include "redis/link/link_internal.h"

/* A connection that is late for longer than this may never answer: the others are of more use. */
#define LATE_SET_MAX_MS 30000

/* The same again is no news within this time. */
#define SAME_NEWS_MS 60000

/* ---- its connections ---- */

size_t link_n_wanted(const struct link *link)
{
	return MAX(link->opts.n_links, 1U);
}

bool link_is_good(const struct connection *connection)
{
	return connection->state == CONNECTION_READY && !connection->is_late;
}

bool link_is_current(const struct connection *connection)
{
	return !connection->is_old_login && !connection->is_old_address;
}

size_t link_count(const struct link *link, bool (*is_counted)(const struct connection *connection))
{
	const struct connection *connection;
	size_t n = 0;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		n += is_counted(connection);
	}
	return n;
}

static bool is_good_and_current(const struct connection *connection)
{
	return link_is_good(connection) && link_is_current(connection);
}

bool link_is_complete(const struct link *link)
{
	return link_count(link, is_good_and_current) >= link_n_wanted(link);
}

static bool is_blocking(const struct connection *connection)
{
	return connection->n_sets > 0 &&
	       (!connection->is_late ||
		       clock_monotonic_ms() - connection->late_since_ms < LATE_SET_MAX_MS);
}

bool link_is_blocked(const struct link *link)
{
	return link_count(link, is_blocking) > 0;
}

/* ---- by turns ---- */

/*
 * Both are open, and it is not the same process behind them: it was restarted, and the end of the
 * old connection is still on its way; or the address leads to different servers by turns.
 */
static const struct connection *find_other_server(
	const struct link *link, const struct connection *connection)
{
	const struct connection *other;

	TAILQ_FOREACH(other, &link->open, entry)
	{
		if (other != connection && other->state == CONNECTION_READY &&
			link_is_current(other) && other->server.run_id[0] != '\0' &&
			connection->server.run_id[0] != '\0' &&
			!server_info_is_same_process(
				other->server.run_id, connection->server.run_id)) {
			return other;
		}
	}
	return NULL;
}

bool link_note_other_server(struct link *link, const struct connection *connection)
{
	const struct connection *other = find_other_server(link, connection);

	if (other == NULL) {
		return false;
	}
	link->turns_serial = other->serial;
	link->turns_ms = clock_monotonic_ms();
	return true;
}

/* ---- who is told ---- */

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

void link_watch(struct link *link, struct link_watcher *watcher)
{
	watcher->next = link->watchers;
	link->watchers = watcher;
}

void link_unwatch(struct link *link, struct link_watcher *watcher)
{
	for (struct link_watcher **at = &link->watchers; *at != NULL; at = &(*at)->next) {
		if (*at == watcher) {
			*at = watcher->next;
			return;
		}
	}
}
static void tell_watchers(struct link *link)
{
	struct link_watcher *next;

	for (struct link_watcher *watcher = link->watchers; watcher != NULL; watcher = next) {
		next = watcher->next;
		watcher->changed_fn(watcher, link->state);
	}
}

/* ---- the state ---- */

enum link_state link_state(const struct link *link)
{
	const struct connection *connection;
	enum link_state state = link->is_settling ? LINK_HANDSHAKE : LINK_BACKOFF;

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

enum link_trouble link_trouble(const struct link *link)
{
	return link->main != NULL ? LINK_TROUBLE_NONE : link->trouble;
}

/* Of one that cannot be used: what its handshake has found missing is worth knowing. */
const struct link_server *link_server(const struct link *link)
{
	const struct connection *connection = TAILQ_FIRST(&link->open);

	if (link->main != NULL) {
		return &link->main->server;
	}
	return connection != NULL && connection->state == CONNECTION_REFUSED ? &connection->server
									     : &link->last;
}

void link_update_state(struct link *link, bool is_told_anyway)
{
	enum link_state state = link_state(link);
	uint64_t serial = link->main != NULL ? link->main->serial : 0;

	if (state != link->state || serial != link->told_serial || is_told_anyway) {
		link->state = state;
		link->told_serial = serial;
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
