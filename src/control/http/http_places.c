/*
 * Who is served when more want to be than there are places. Whoever is accepted waits for one;
 * while some are free that takes no time. When none is, the next to get one is whose user has the
 * fewest, and he may take it from
 *
 *  1. somebody who may do nothing here, unless he is such a one himself;
 *  2. a connection of his own user that has kept its place waiting for its caller (to ask, or to
 *     take an answer) for longer than limits.grace_ms;
 *  3. one of a user who would still have as many as his: one that waits for its caller so long, or,
 *     of no higher claim, any other. What it asked for goes on without it.
 *
 * Among these one of the lowest claim goes first, then one that waits for its caller, then one of
 * the user with the most places, then the oldest. Root and the daemon's own user have some places
 * more than all others, and a user who may do nothing has few connections, be they served or not.
 *
 * What is decided here, http_server.c does.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "control/http/http_internal.h"

/* ---- users ---- */

/* NULL: he has no connection. */
static struct http_user *find_user(const struct http_server *server, uid_t uid)
{
	struct http_user *user;

	LIST_FOREACH(user, &server->users, link)
	{
		if (user->uid == uid) {
			break;
		}
	}
	return user;
}

bool http_places_admits(const struct http_server *server, uid_t uid, enum http_claim claim)
{
	const struct http_user *user = find_user(server, uid);

	return claim != HTTP_CLAIM_NONE || user == NULL ||
	       user->n_connections < HTTP_MAX_OF_STRANGER;
}

struct http_user *http_places_enter(struct http_server *server, uid_t uid)
{
	struct http_user *user = find_user(server, uid);

	if (user == NULL) {
		user = mem_new(struct http_user);
		user->uid = uid;
		LIST_INSERT_HEAD(&server->users, user, link);
	}
	user->n_connections++;
	return user;
}

void http_places_leave(struct http_user *user)
{
	if (--user->n_connections == 0) {
		LIST_REMOVE(user, link);
		free(user);
	}
}

/* ---- connections, the first as seen from `newcomer`, if there is one ---- */

typedef bool may_be_fn(
	const struct http_connection *connection, const struct http_connection *newcomer);
typedef bool is_before_fn(const struct http_connection *a, const struct http_connection *b);

/* Of those that may be, the one that is before all others; of equals the oldest. */
static struct http_connection *find(const struct http_server *server, may_be_fn *may_be,
	const struct http_connection *newcomer, is_before_fn *is_before)
{
	struct http_connection *found = NULL, *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (may_be(connection, newcomer) &&
			(found == NULL || is_before(connection, found))) {
			found = connection;
		}
	}
	return found;
}

static bool is_waiting_for_place(
	const struct http_connection *connection, const struct http_connection *newcomer UNUSED)
{
	return connection->state == HTTP_WAITING;
}

static bool is_waiting_for_caller(const struct http_connection *connection)
{
	return connection->state != HTTP_HANDLING;
}

static bool has_waited_long(
	const struct http_connection *connection, const struct http_connection *newcomer UNUSED)
{
	return is_waiting_for_caller(connection) &&
	       (connection->state == HTTP_LINGERING ||
		       clock_monotonic_ms() - connection->since_ms >=
			       connection->server->limits.grace_ms);
}

/* ---- who makes way ---- */

static bool makes_way(
	const struct http_connection *connection, const struct http_connection *newcomer)
{
	if (connection->state == HTTP_WAITING) {
		return false;
	}
	if (connection->claim == HTTP_CLAIM_NONE && newcomer->claim != HTTP_CLAIM_NONE) {
		return true;
	}
	if (connection->user == newcomer->user) {
		return has_waited_long(connection, newcomer);
	}
	return connection->user->n_places > newcomer->user->n_places + 1 &&
	       (connection->claim <= newcomer->claim || has_waited_long(connection, newcomer));
}

static bool goes_before(const struct http_connection *a, const struct http_connection *b)
{
	if (a->claim != b->claim) {
		return a->claim < b->claim;
	}
	if (is_waiting_for_caller(a) != is_waiting_for_caller(b)) {
		return is_waiting_for_caller(a);
	}
	if (a->user->n_places != b->user->n_places) {
		return a->user->n_places > b->user->n_places;
	}
	return a->since_ms < b->since_ms;
}

struct http_connection *http_places_yielding(
	const struct http_server *server, const struct http_connection *newcomer)
{
	return find(server, makes_way, newcomer, goes_before);
}

struct http_connection *http_places_spared(const struct http_server *server)
{
	return find(server, has_waited_long, NULL, goes_before);
}

/* ---- who is next ---- */

static bool comes_before(const struct http_connection *a, const struct http_connection *b)
{
	return a->claim != b->claim ? a->claim > b->claim : a->user->n_places < b->user->n_places;
}

struct http_connection *http_places_next(const struct http_server *server)
{
	return find(server, is_waiting_for_place, NULL, comes_before);
}

bool http_places_is_free(const struct http_server *server, const struct http_connection *newcomer)
{
	size_t n_places = server->max_connections;

	if (newcomer->claim == HTTP_CLAIM_OWN) {
		n_places += HTTP_RESERVED_PLACES;
	}
	return server->n_connections - server->n_waiting < n_places;
}

/* Of the user with the most connections the first to come has most likely given up. */
static bool is_turned_away_before(const struct http_connection *a, const struct http_connection *b)
{
	return a->claim != b->claim ? a->claim < b->claim
				    : a->user->n_connections > b->user->n_connections;
}

struct http_connection *http_places_surplus(const struct http_server *server)
{
	return find(server, is_waiting_for_place, NULL, is_turned_away_before);
}
