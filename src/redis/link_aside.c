/*
 * Making way: the other connections of a link step aside from commands for a whole type.
 */
#include <stdio.h>

#include "base/macros.h"
#include "redis/link_internal.h"

bool link_can_step_aside(const struct link *link)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main &&
			(!link_is_good(connection) ||
				!caps_has(&connection->server.caps, CAP_SUBSCRIBE))) {
			return false;
		}
	}
	return true;
}

static void on_stepped(void *context, const struct reply *reply, const char *lost)
{
	struct link *link = context;
	struct step_aside *aside = &link->aside;

	/* One that was lost is in nobody's way. */
	(void)lost;
	if (reply != NULL && reply->type == REPLY_ERROR) {
		snprintf(aside->failure, sizeof(aside->failure), "%.*s", SLICE_ARG(reply->text));
	}
	if (--aside->n_unanswered == 0) {
		aside->done_fn(aside->context, aside->failure[0] != '\0' ? aside->failure : NULL);
	}
}

bool link_step_aside(struct link *link, bool is_aside, struct calls *owner,
	void (*done_fn)(void *context, const char *failure), void *context)
{
	struct slice argv[] = {slice_of(is_aside ? "SUBSCRIBE" : "UNSUBSCRIBE"),
		SLICE_LITERAL(CONNECTION_CHANNEL)};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = done_fn != NULL ? on_stepped : NULL,
		.context = link,
		.owner = owner,
	};
	struct connection *connection;
	size_t n = 0;

	if (done_fn != NULL) {
		link->aside = (struct step_aside){.done_fn = done_fn, .context = context};
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && link_is_good(connection) &&
			connection->is_aside != is_aside) {
			connection_call(connection, &command);
			connection->is_aside = is_aside;
			n++;
		}
	}
	link->aside.n_unanswered = n;
	return n > 0;
}
