/*
 * What happens to the connections of a link, and what it makes of that.
 */
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "redis/link/link_internal.h"
#include "redis/server_info.h"
#include "redis/timer.h"
#include "redis/tls.h"

/* Connections lost in a row while they waited for a listing: more than chance, or somebody's kill.
 */
#define CUT_LISTINGS 2

/* A set command of somebody else's is waited for so often, and so long each time. */
#define MAX_WAITS 10
#define WAIT_MS 50

static bool is_late_and_was_proven(const struct connection *connection)
{
	return connection->was_proven && connection->is_late;
}

/* ---- what happens to connections ---- */

/* Two that came up at the same time have each worked out by itself which process it is. */
static void keep_run_id(struct link *link, struct connection *connection)
{
	const struct connection *other;

	TAILQ_FOREACH(other, &link->open, entry)
	{
		if (other != connection && other->state == CONNECTION_READY) {
			server_info_keep_run_id(&connection->server, other->server.run_id);
		}
	}
}

static void note_proven(struct link *link, struct connection *connection)
{
	keep_run_id(link, connection);
	if (link_note_other_server(link, connection)) {
		connection->was_proven = false;
		connection_close(connection, LINK_TROUBLE_PASSING,
			"another server answers at this address than on the other connection: it "
			"was restarted, or the address leads to several servers by turns");
		return;
	}
	link->n_failures = 0;
	link->freed_ms = 0;
	if (++link->n_proven == 1) {
		link_begin_settling(link);
	}
	link_set_trouble(link, LINK_TROUBLE_NONE, "");
	event_del(link->retry);
	link_tell_news(
		link, link->n_proven <= link_n_wanted(link) ? LINK_NEWS_READY : LINK_NEWS_BACK, "");
}

static void note_failed(struct link *link, const struct connection *connection)
{
	link->n_failures++;
	link->failed_ms = clock_monotonic_ms();
	/* With one that cannot get in it will not be known soon. */
	link_end_settling(link);
	link->attempt_trouble = connection->trouble;
	event_del(link->retry);
	/* One that is late says more: that its server is full as well only follows from it. */
	if (link_count(link, is_late_and_was_proven) == 0 ||
		connection->trouble != LINK_TROUBLE_FULL) {
		link_set_trouble(link, connection->trouble, connection->words);
	}
	link_tell_news(link, LINK_NEWS_REFUSED, connection->words);
}

static const char cut_words[] =
	"the server closes the connection when it is asked for CLIENT LIST: the listing is larger "
	"than its client-output-buffer-limit allows a normal client; raise it with: CONFIG SET "
	"client-output-buffer-limit \"normal 0 0 0\"";

static void note_listings(struct link *link, struct connection *connection)
{
	if (connection->has_listed) {
		link->n_cut_listings = 0;
		connection->has_listed = false;
	}
	if (connection->was_listing && ++link->n_cut_listings > CUT_LISTINGS) {
		snprintf(connection->words, sizeof(connection->words), "%s", cut_words);
		connection->trouble = LINK_TROUBLE_FINAL;
	}
}

static void note_closed(struct link *link, struct connection *connection)
{
	link->keepalive_ms = MIN(link->keepalive_ms, connection->in.keepalive_ms);
	if (link->main == connection) {
		link->last = connection->server;
		link->main = NULL;
	}
	TAILQ_REMOVE(&link->open, connection, entry);
	TAILQ_INSERT_TAIL(&link->dead, connection, entry);
	if (TAILQ_EMPTY(&link->open)) {
		link_forget_filters(link);
	}
	if (connection->is_given_up) {
		return;
	}
	note_listings(link, connection);
	if (!connection->was_proven) {
		note_failed(link, connection);
		return;
	}
	/* It had a place a moment ago. */
	link->n_failures = 0;
	link->freed_ms = clock_monotonic_ms();
	event_del(link->retry);
	link_set_trouble(link, connection->trouble, connection->words);
	link_tell_news(link, LINK_NEWS_LOST, connection->words);
}

/* What one may not do, the others of the same account may not either. */
static void note_denied(struct link *link, const struct connection *denied)
{
	struct connection *connection;

	link_set_trouble(link, LINK_TROUBLE_FINAL, denied->words);
	link->n_failures = 1;
	link->is_balancing = true;
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->state == CONNECTION_READY && !connection->is_late) {
			connection->known_state = CONNECTION_REFUSED;
			connection->server.missing = denied->server.missing;
			connection_unprove(connection, denied->words);
		}
	}
	link->is_balancing = false;
	link_balance(link);
	link_tell_news(link, LINK_NEWS_REFUSED, denied->words);
}

/* Who has heard nothing since the late one was asked may be late as well: a word is enough. */
static void suspect_others(struct link *link, const struct connection *late)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != late && link_is_good(connection) &&
			connection->last_reply_ms <= late->late_since_ms) {
			/* One that is aside is heard of when it comes back. */
			connection->is_suspect = true;
			if (!connection->is_aside) {
				connection_probe(connection);
			}
		}
	}
}

static void note_late(struct link *link, const struct connection *connection)
{
	if (connection->was_proven) {
		suspect_others(link, connection);
		link_set_trouble(link, connection->trouble, connection->words);
		link_tell_news(link, LINK_NEWS_LATE, connection->words);
	} else {
		note_failed(link, connection);
	}
}

static void note(struct link *link, struct connection *connection)
{
	enum connection_state before = connection->known_state;
	bool was_late = connection->was_known_late;

	connection->known_state = connection->state;
	connection->was_known_late = connection->is_late;
	if (connection->state == before) {
		if (connection->is_late && !was_late) {
			note_late(link, connection);
		} else if (was_late && !connection->is_late &&
			   connection->state == CONNECTION_READY) {
			link_set_trouble(link, LINK_TROUBLE_NONE, "");
			link_tell_news(link, LINK_NEWS_BACK, "the late answer has come");
		}
		return;
	}
	switch (connection->state) {
	case CONNECTION_READY:
		note_proven(link, connection);
		break;
	case CONNECTION_REFUSED:
		if (before == CONNECTION_READY) {
			note_denied(link, connection);
		} else {
			note_failed(link, connection);
		}
		break;
	case CONNECTION_CLOSED:
		note_closed(link, connection);
		break;
	case CONNECTION_HANDSHAKE:
		link->was_connected = true;
		break;
	case CONNECTION_DIALING:
		break;
	}
}

/* ---- what the link makes of it ---- */

static struct connection *open_connection(struct link *link, bool is_expendable);

void link_balance(struct link *link)
{
	bool is_blocked = link_is_blocked(link);

	if (link->is_balancing || link->is_retired) {
		return;
	}
	link->is_balancing = true;
	if (link->was_blocked && !is_blocked) {
		event_del(link->retry);
	}
	link->was_blocked = is_blocked;
	link_update_main(link);
	link_bring_back(link);
	link_close_needless(link);
	link->is_balancing = false;
	link_schedule(link);
	if (link_should_ask_for_filters(link)) {
		link->asker = open_connection(link, true);
	}
}

static void on_changed(struct connection *connection, void *context)
{
	struct link *link = context;
	bool is_failure;

	if (connection->has_listed) {
		note_listings(link, connection);
	}
	note(link, connection);
	/* It may have been in its handshake when it became known how filters combine. */
	link_probe(link, connection);
	if (connection->is_probing && connection->n_unanswered == 0) {
		connection->is_probing = false;
		link_end_settling(link);
	}
	is_failure = !connection->is_given_up && (connection->state == CONNECTION_REFUSED ||
							 connection->state == CONNECTION_CLOSED);
	link_balance(link);
	if (!link->is_balancing) {
		link_update_state(link, is_failure && link->main == NULL);
	}
}

/* The one that asks how filters combine ends in any case, and with what it has learned. */
static void on_asker_changed(struct connection *asker, void *context)
{
	struct link *link = context;

	if (asker->state == CONNECTION_REFUSED || asker->is_late) {
		link_give_up(asker, "it was refused, or is not answered");
		return;
	}
	if (asker->state != CONNECTION_CLOSED) {
		return;
	}
	link->asker = NULL;
	TAILQ_INSERT_TAIL(&link->dead, asker, entry);
	link_note_filters(link, asker);
	link_balance(link);
	link_update_state(link, false);
}

static bool has_tls(const struct link *link)
{
	return link->endpoint.has_tls || link->opts.tls.is_on;
}

static bool are_anded(const struct connection *connection, void *context)
{
	return link_are_filters_anded(context, connection->server.run_id);
}

static struct connection *open_connection(struct link *link, bool is_expendable)
{
	struct connection_inputs inputs = {
		.loop = link->world.loop,
		.resolver = link->world.resolver,
		.endpoint = &link->endpoint,
		.opts = &link->opts,
		.guard = &link->guard,
		.n_hurrying = &link->n_hurrying,
		.keepalive_ms = link->keepalive_ms,
		.proves_listing = !is_expendable && link->n_cut_listings >= CUT_LISTINGS,
		.is_expendable = is_expendable,
		.are_anded_fn = are_anded,
		.changed_fn = is_expendable ? on_asker_changed : on_changed,
		.context = link,
	};
	struct connection *connection;

	if (has_tls(link) && link->tls == NULL) {
		link->tls = tls_context_new(&link->opts.tls);
	}
	inputs.tls = has_tls(link) ? link->tls : NULL;
	snprintf(inputs.known_run_id, sizeof(inputs.known_run_id), "%s", link_server(link)->run_id);
	connection = connection_new(&inputs);
	connection->serial = ++link->n_connections;
	return connection;
}

void link_follow(struct link *link)
{
	guard_enter(&link->guard);
	link_balance(link);
	link_update_state(link, false);
	guard_leave(&link->guard);
}

/* Not for ever: a command may be late for long. */
static bool waits_for_others(struct link *link)
{
	if (link->is_in_range_fn == NULL ||
		!link->is_in_range_fn(link->is_in_range_context, link)) {
		link->n_waits = 0;
		return false;
	}
	if (link->n_waits == MAX_WAITS) {
		return false;
	}
	link->n_waits++;
	timer_start(link->retry, WAIT_MS);
	return true;
}

void link_on_retry(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	if (waits_for_others(link)) {
		return;
	}
	guard_enter(&link->guard);
	if (!link_is_blocked(link) && !link_try_again(link) && !link_is_complete(link)) {
		struct connection *connection;

		link_give_up_oldest_late(link);
		connection = open_connection(link, false);
		TAILQ_INSERT_TAIL(&link->open, connection, entry);
	}
	link_follow(link);
	guard_leave(&link->guard);
}

void link_on_settled(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	link_end_settling(link);
	link_follow(link);
}
