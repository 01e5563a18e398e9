/*
 * How the filters of CLIENT KILL combine on the server of a link: settled once for each of its
 * processes, on a connection that is there for nothing else, and only when all connections that are
 * wanted are in, so that it takes no place that they need. Until it is known only single ids are
 * sent.
 */
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "redis/handshake.h"
#include "redis/link/link_internal.h"
#include "redis/server_info.h"
#include "redis/timer.h"

/* At the start READY waits for the answer, which takes some milliseconds. */
#define SETTLING_MS 300
/* Who gets no answer asks no more than this often; a server may take one filter only. */
#define MAX_ASKERS 3
/* Who does not get in, as on a full server, could not ask: another one tries after a while. */
#define ASK_AGAIN_MS 2000

bool link_are_filters_anded(const struct link *link, const char *run_id)
{
	return !link->world.asks_for_filters ||
	       (link->filters == LINK_FILTERS_ANDED && strcmp(link->filters_run_id, run_id) == 0);
}

bool link_are_filters_known(const struct link *link)
{
	return !link->world.asks_for_filters ||
	       (link->filters != LINK_FILTERS_UNKNOWN &&
		       strcmp(link->filters_run_id, link_server(link)->run_id) == 0);
}

void link_begin_settling(struct link *link)
{
	if (link->world.asks_for_filters && !link->opts.is_for_questions) {
		link->is_settling = true;
		timer_start(link->settling, SETTLING_MS);
	}
}

void link_end_settling(struct link *link)
{
	link->is_settling = false;
	event_del(link->settling);
}

/* A process that nothing is known of. */
static void forget(struct link *link, const char *run_id)
{
	link->filters = LINK_FILTERS_UNKNOWN;
	link->n_askers = 0;
	link->ask_again_ms = 0;
	memcpy(link->filters_run_id, run_id, sizeof(link->filters_run_id));
}

bool link_should_ask_for_filters(struct link *link)
{
	const struct connection *first = TAILQ_FIRST(&link->open);
	const char *run_id;

	if (!link->world.asks_for_filters || link->opts.is_for_questions || link->is_retired ||
		link->n_holding > 0 || link->asker != NULL || !link_is_complete(link)) {
		return false;
	}
	run_id = first->server.run_id;
	if (strcmp(link->filters_run_id, run_id) != 0) {
		forget(link, run_id);
	}
	return link->filters == LINK_FILTERS_UNKNOWN && link->n_askers < MAX_ASKERS &&
	       clock_monotonic_ms() >= link->ask_again_ms;
}

void link_probe(struct link *link, struct connection *connection)
{
	if (link->filters == LINK_FILTERS_ANDED && !connection->was_probed &&
		connection->state == CONNECTION_READY && link_is_good(connection) &&
		strcmp(connection->server.run_id, link->filters_run_id) == 0) {
		connection->is_probing = true;
		handshake_probe(connection);
	}
}

/* What the connections that are open could not be asked for before. */
static void probe_all(struct link *link)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		link_probe(link, connection);
	}
}

void link_forget_filters(struct link *link)
{
	if (link->filters_run_id[0] == '\0') {
		link->filters = LINK_FILTERS_UNKNOWN;
		link->n_askers = 0;
	}
}

void link_stop_asking(struct link *link, const char *words)
{
	bool has_asked = link->asker->has_asked;

	link_give_up(link->asker, words);
	link->n_askers -= has_asked;
	link->ask_again_ms = 0;
}

void link_note_filters(struct link *link, const struct connection *asker)
{
	if (asker->has_asked) {
		link->n_askers++;
	} else {
		link->ask_again_ms = clock_monotonic_ms() + ASK_AGAIN_MS;
		link_end_settling(link);
	}
	if (!server_info_is_same_process(asker->server.run_id, link->filters_run_id)) {
		link_note_other_server(link, asker);
		return; /* another process by now */
	}
	link->filters = asker->filters;
	if (link->filters == LINK_FILTERS_ANDED) {
		probe_all(link);
	} else {
		link_end_settling(link);
	}
}
