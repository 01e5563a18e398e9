/*
 * Making way: the other connections of a link step aside from commands for a whole type, and stay
 * there until these are answered, however late that is.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/macros.h"
#include "redis/link/link_internal.h"

static bool can_turn(const struct connection *connection)
{
	return link_is_good(connection) && caps_has(&connection->server.caps, CAP_SUBSCRIBE);
}

bool link_can_step_aside(const struct link *link)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && !can_turn(connection)) {
			return false;
		}
	}
	return true;
}

/* It has turned, and nothing that is on its way turns it back; others may have asked for the same.
 */
static bool is_clear(const struct connection *connection, bool is_aside)
{
	size_t n_turning_back = is_aside ? connection->n_turning - connection->n_turning_aside
					 : connection->n_turning_aside;

	return can_turn(connection) && connection->is_aside == is_aside && n_turning_back == 0 &&
	       (connection->n_turning == 0 || connection->is_subscribed == is_aside);
}

bool link_is_way_clear(const struct link *link, bool is_aside)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && !is_clear(connection, is_aside)) {
			return false;
		}
	}
	return true;
}

void link_bring_back(struct link *link)
{
	struct connection *connection;

	if (link->n_keeping_aside > 0 || link_is_blocked(link)) {
		return;
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->is_aside && link_is_good(connection)) {
			connection_come_back(connection);
		}
	}
}

static void on_turned(void *context, const struct reply *reply, const char *lost)
{
	struct link_way *way = context;

	/* One that was lost is in nobody's way. */
	if (reply != NULL && reply->type == REPLY_ERROR) {
		snprintf(way->failure, sizeof(way->failure), "%.*s", SLICE_ARG(reply->text));
	}
	if (--way->n_unanswered == 0) {
		way->done_fn(way->context, way->failure[0] != '\0' ? way->failure : NULL);
	}
}

/* One that is turning already is asked once more: its answer shows that it has turned. */
bool link_clear_way(struct link *link, bool is_aside, struct calls *owner, struct link_way *way)
{
	struct link_command command = {
		.reply_fn = on_turned,
		.context = way,
		.owner = owner,
	};
	struct connection *connection;

	if (!link_can_step_aside(link) || link_is_blocked(link)) {
		return false;
	}
	way->n_unanswered = 0;
	way->failure[0] = '\0';
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && !is_clear(connection, is_aside)) {
			way->n_unanswered++;
			connection_turn(connection, is_aside, &command);
		}
	}
	CHECK(way->n_unanswered > 0);
	return true;
}
