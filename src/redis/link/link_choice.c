/*
 * Which connections a link has: how many, which of them calls go over, which one goes when there is
 * a better one, and when to try for another.
 */
#include <event2/event.h>
#include <event2/util.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "redis/link/link_internal.h"
#include "redis/server_info.h"
#include "redis/timer.h"

/* Between two attempts: grows from the first to the last, each +-50 %. A server that is well again
 * is had back within 5 s. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 3000
/*
 * Where a server is full, places are had by who asks most often; and who was in a moment ago may
 * find his own place still free. Nowhere else is haste of use.
 */
#define BACKOFF_FULL_WANTED_MS 2
#define BACKOFF_FULL_MS 10
/* For a second connection, while the first one is good: once it is clear that others were faster.
 */
#define BACKOFF_FULL_SPARE_MS 100
#define EAGER_MS 1000

static bool is_proven(const struct connection *connection)
{
	return connection->state == CONNECTION_READY;
}

/* ---- which one calls go over ---- */

/*
 * At another address than the present one: only while the present one says that it is full, and
 * where the server that the connection leads to says that it listens there too. It then is the same
 * one, as far as can be known without getting in.
 */
static bool serves_for_new_address(const struct link *link, const struct connection *connection)
{
	return link->attempt_trouble == LINK_TROUBLE_FULL &&
	       server_info_listens_at(&connection->server, &link->endpoint);
}

static bool is_usable(const struct link *link, const struct connection *connection)
{
	return link_is_good(connection) && !connection->is_suspect &&
	       !(connection->is_aside && link_is_blocked(link)) &&
	       (!connection->is_old_address || serves_for_new_address(link, connection));
}

/*
 * The address was changed while somebody was at it: he ends it on the server where he began, which
 * may be another one than the new.
 */
static bool is_finishing(const struct link *link)
{
	const struct connection *main = link->main;

	return link->n_wanting > 0 && main != NULL && main->is_old_address && link_is_good(main) &&
	       !main->is_suspect;
}

/* A busy one stays: what is in flight together goes over one connection. */
static struct connection *choose_main(const struct link *link)
{
	struct connection *connection;
	struct connection *best = NULL;

	if (is_finishing(link)) {
		return link->main;
	}
	if (link->main != NULL && is_usable(link, link->main) &&
		(link_is_current(link->main) || connection_is_busy(link->main))) {
		return link->main;
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (is_usable(link, connection) && (best == NULL || !link_is_current(best))) {
			best = connection;
		}
	}
	return best;
}

void link_update_main(struct link *link)
{
	struct connection *main = link->is_settling ? NULL : choose_main(link);

	if (main != link->main && link->main != NULL) {
		link->last = link->main->server;
	}
	link->main = main;
	if (main != NULL && main->is_aside) {
		connection_come_back(main);
	}
}

/* ---- too many, too few ---- */

void link_give_up(struct connection *connection, const char *words)
{
	connection->is_given_up = true;
	connection_close(connection, LINK_TROUBLE_LOST, words);
}

/* The higher, the sooner it goes. */
static int badness(const struct link *link, const struct connection *connection)
{
	return (connection->is_old_address ? 8 : 0) + (connection->is_old_login ? 4 : 0) +
	       (connection->is_late ? 2 : 0) + (connection != link->main ? 1 : 0);
}

static struct connection *find_worst(struct link *link)
{
	struct connection *connection;
	struct connection *worst = NULL;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (is_proven(connection) && connection != link->main &&
			(worst == NULL || badness(link, connection) > badness(link, worst))) {
			worst = connection;
		}
	}
	return worst;
}

/*
 * For each new one that is proven an old or late one goes; but one whose answers somebody waits for
 * may stay until they have come, as long as it is the only one too many.
 */
static void close_surplus(struct link *link)
{
	size_t n_most = link_n_wanted(link) + is_finishing(link);
	struct connection *worst;

	while (link_count(link, is_proven) > n_most && (worst = find_worst(link)) != NULL) {
		if (connection_is_busy(worst) && link_count(link, is_proven) == n_most + 1) {
			worst->is_surplus = true;
			return;
		}
		link_give_up(worst, "another connection has taken its place");
	}
}

void link_close_attempts(struct link *link, bool is_all)
{
	struct connection *connection;
	struct connection *next;

	for (connection = TAILQ_FIRST(&link->open); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (!is_proven(connection) && (is_all || !connection->was_proven)) {
			link_give_up(connection, "it is not needed any more");
		}
	}
}

/* Who makes a plan has to know all connections; where there is none, there is no plan. */
static bool is_held(const struct link *link)
{
	return link->n_holding > 0 && link_count(link, is_proven) > 0;
}

void link_close_needless(struct link *link)
{
	close_surplus(link);
	if (link_is_complete(link)) {
		link_close_attempts(link, true);
	} else if (is_held(link)) {
		link_close_attempts(link, false);
	}
}

/* ---- when to try for another ---- */

/* `ms` +-50 %, so that many links do not come back in step. */
static int64_t jitter(int64_t ms)
{
	uint16_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return ms / 2 + ms * random / UINT16_MAX;
}

/* A place of ours, or those of others, became free a moment ago. */
static bool is_eager(const struct link *link)
{
	return link->freed_ms > 0 && clock_monotonic_ms() - link->freed_ms < EAGER_MS;
}

static int64_t full_ms(const struct link *link)
{
	if (is_eager(link) || (link->main == NULL && link->n_wanting > 0)) {
		return BACKOFF_FULL_WANTED_MS;
	}
	return link->main == NULL ? BACKOFF_FULL_MS : BACKOFF_FULL_SPARE_MS;
}

static int64_t retry_ms(const struct link *link)
{
	int64_t ms = BACKOFF_FIRST_MS;

	if (link->n_failures == 0) {
		return link->n_proven > 0 ? BACKOFF_FULL_WANTED_MS : 0;
	}
	if (link->attempt_trouble == LINK_TROUBLE_FULL) {
		return full_ms(link);
	}
	for (unsigned i = 1; i < link->n_failures && ms < BACKOFF_LAST_MS; i++) {
		ms *= 2;
	}
	return MIN(ms, (int64_t)BACKOFF_LAST_MS);
}

/*
 * One attempt at a time; beside one that is not answered another one. What was refused on an open
 * connection is tried again on it.
 */
void link_schedule(struct link *link)
{
	const struct connection *connection;
	bool is_under_way = false;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		is_under_way |= !is_proven(connection) && !connection->is_late &&
				connection->state != CONNECTION_REFUSED;
	}
	if (link_is_blocked(link)) {
		timer_start(link->retry, LINK_ATTEMPT_MAX_MS);
	} else if (!link->is_started || link->is_frozen || link_is_complete(link) ||
		   is_held(link)) {
		event_del(link->retry);
	} else if (!evtimer_pending(link->retry, NULL)) {
		timer_start(
			link->retry, is_under_way ? LINK_ATTEMPT_MAX_MS : jitter(retry_ms(link)));
	}
}

void link_give_up_oldest_late(struct link *link)
{
	struct connection *connection;
	struct connection *oldest = NULL;
	size_t n = 0;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (!is_proven(connection) && connection->is_late && !connection->was_proven) {
			oldest = oldest == NULL ? connection : oldest;
			n++;
		}
	}
	if (n > 1) {
		link_give_up(oldest, "it was not answered");
	}
}

bool link_try_again(struct link *link)
{
	struct connection *connection;
	struct connection *next;
	bool is_tried = false;

	for (connection = TAILQ_FIRST(&link->open); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (connection->state == CONNECTION_REFUSED) {
			is_tried = true;
			connection->is_old_login = false;
			connection_log_in(connection);
		} else if (!is_proven(connection) && !connection->is_late) {
			is_tried = true;
		}
	}
	return is_tried;
}
