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
 */
#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/http/http_internal.h"

static const char others_came[] =
	"too many callers: this user held most of the places, and one was for somebody else; "
	"what was asked for goes on";
static const char too_many_wait[] = "too many callers of this user wait for a place";

bool http_has_place(const struct http_connection *connection)
{
	return connection->state != HTTP_WAITING;
}

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

/* ---- who makes way ---- */

static bool is_waiting_for_caller(const struct http_connection *connection)
{
	return connection->state != HTTP_HANDLING;
}

static bool has_waited_long(const struct http_connection *connection)
{
	return is_waiting_for_caller(connection) &&
	       (connection->state == HTTP_LINGERING ||
		       clock_monotonic_ms() - connection->since_ms >=
			       connection->server->limits.grace_ms);
}

static bool makes_way(
	const struct http_connection *connection, const struct http_connection *newcomer)
{
	if (connection->claim == HTTP_CLAIM_NONE && newcomer->claim != HTTP_CLAIM_NONE) {
		return true;
	}
	if (connection->user == newcomer->user) {
		return has_waited_long(connection);
	}
	return connection->user->n_places > newcomer->user->n_places + 1 &&
	       (connection->claim <= newcomer->claim || has_waited_long(connection));
}

/* Of two that may be taken, neither NULL. */
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

/* NULL: nobody makes way. */
static struct http_connection *find_yielding(
	const struct http_server *server, const struct http_connection *newcomer)
{
	struct http_connection *found = NULL, *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (http_has_place(connection) && makes_way(connection, newcomer) &&
			(found == NULL || goes_before(connection, found))) {
			found = connection;
		}
	}
	return found;
}

/* ---- who is next ---- */

static bool comes_before(const struct http_connection *a, const struct http_connection *b)
{
	return a->claim != b->claim ? a->claim > b->claim : a->user->n_places < b->user->n_places;
}

static struct http_connection *find_next(const struct http_server *server)
{
	struct http_connection *found = NULL, *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (!http_has_place(connection) &&
			(found == NULL || comes_before(connection, found))) {
			found = connection;
		}
	}
	return found;
}

static bool is_place_free(const struct http_server *server, const struct http_connection *newcomer)
{
	size_t n_places = server->max_connections;

	if (newcomer->claim == HTTP_CLAIM_OWN) {
		n_places += HTTP_RESERVED_PLACES;
	}
	return server->n_connections - server->n_waiting < n_places;
}

/* Too many wait: of the user with the most connections the first to come, who has most likely given
 * up, is turned away. */
static void shorten_queue(struct http_server *server)
{
	struct http_connection *found = NULL, *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (!http_has_place(connection) &&
			(found == NULL || connection->claim < found->claim ||
				(connection->claim == found->claim &&
					connection->user->n_connections >
						found->user->n_connections))) {
			found = connection;
		}
	}
	http_connection_turn_away(found, too_many_wait);
}

/* Those who are passed over may get one when others have kept theirs for long enough. */
static void look_again(struct http_server *server)
{
	struct timeval pause = {
		server->limits.grace_ms / 1000, server->limits.grace_ms % 1000 * 1000};

	event_add(server->seating, &pause);
}

void http_places_fill(struct http_server *server)
{
	struct http_connection *next, *yielding;

	while (server->n_waiting > 0) {
		next = find_next(server);
		if (!is_place_free(server, next)) {
			yielding = find_yielding(server, next);
			if (yielding == NULL) {
				look_again(server);
				break;
			}
			http_connection_turn_away(yielding, others_came);
		}
		http_connection_give_place(next);
	}
	while (server->n_waiting > HTTP_MAX_WAITING) {
		shorten_queue(server);
	}
}

void http_places_spare(struct http_server *server)
{
	struct http_connection *found = NULL, *connection;

	TAILQ_FOREACH(connection, &server->connections, link)
	{
		if (has_waited_long(connection) &&
			(found == NULL || goes_before(connection, found))) {
			found = connection;
		}
	}
	if (found != NULL) {
		http_connection_turn_away(found, "no descriptor is left");
	}
}
