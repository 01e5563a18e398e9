/*
 * Counts of sessions.
 */
#include "kill/session_counts.h"

#include <event2/util.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/protection.h"
#include "redis/client_list.h"

/* A node that is being listed. */
struct part {
	struct session_counts *counts;
	struct link *link; /* held */
	struct listing_reader reader;
};

struct places {
	struct ranking_place items[RANKING_MAX_PLACES];
	size_t n;
};

struct session_counts {
	int64_t begun_ms; /* monotonic: when it was last begun; 0: never */
	struct part *parts;
	size_t n_parts;
	size_t n_running;
	bool is_whole; /* so far */
	struct ranking rankings[SESSION_COUNTS_N_KEYS];
	int64_t wall_ms; /* of what follows */
	struct places places[SESSION_COUNTS_N_KEYS];
};

struct session_counts *session_counts_new(void)
{
	return mem_new(struct session_counts);
}

static void forget_parts(struct session_counts *counts)
{
	for (size_t i = 0; i < counts->n_parts; i++) {
		client_list_leave(&counts->parts[i].reader);
		link_unref(counts->parts[i].link);
	}
	free(counts->parts);
	counts->parts = NULL;
	counts->n_parts = 0;
	for (size_t i = 0; i < SESSION_COUNTS_N_KEYS; i++) {
		ranking_finish(&counts->rankings[i]);
	}
}

void session_counts_free(struct session_counts *counts)
{
	if (counts != NULL) {
		forget_parts(counts);
		free(counts);
	}
}

/* ---- listing ---- */

static void on_session(void *context, const struct session_line *line)
{
	static const enum session_field fields[] = {
		[SESSION_COUNTS_NAME] = SESSION_NAME,
		[SESSION_COUNTS_USER] = SESSION_USER,
		[SESSION_COUNTS_SOURCE] = SESSION_ADDR,
	};
	struct session_counts *counts = ((struct part *)context)->counts;

	for (size_t i = 0; i < SESSION_COUNTS_N_KEYS && line->is_readable; i++) {
		struct slice value = session_group_value(&line->session, fields[i]);

		/* Else there would be another one with each connection. */
		if (i == SESSION_COUNTS_NAME && slice_has_prefix(value, PROTECTION_OWN_PREFIX)) {
			value = SLICE_LITERAL(PROTECTION_OWN_PREFIX "*");
		}
		ranking_count(&counts->rankings[i], value);
	}
}

static void end_part(struct session_counts *counts)
{
	if (--counts->n_running > 0 || !counts->is_whole) {
		return;
	}
	for (size_t i = 0; i < SESSION_COUNTS_N_KEYS; i++) {
		counts->places[i].n = ranking_read(&counts->rankings[i], counts->places[i].items);
	}
	counts->wall_ms = clock_wall_ms();
}

static void on_listed(void *context, const struct listing_result *result)
{
	struct session_counts *counts = ((struct part *)context)->counts;

	counts->is_whole &= result->end == LISTING_WHOLE;
	end_part(counts);
}

/* Each server once, as far as it is one of the instance and can be asked. */
static bool is_counted(const struct topology *topology, const struct link *link)
{
	char ignored[8];

	return link_state(link) == LINK_READY && topology_is_distinct(topology, link) &&
	       topology_proof(topology, link, ignored, sizeof(ignored)) == TOPOLOGY_PROVEN;
}

static void begin(struct session_counts *counts, const struct topology *topology)
{
	size_t n = topology_n_nodes(topology);

	counts->parts = mem_alloc_array(n, sizeof(struct part));
	counts->is_whole = true;
	for (size_t i = 0; i < SESSION_COUNTS_N_KEYS; i++) {
		evutil_secure_rng_get_bytes(
			&counts->rankings[i].texts.seed, sizeof(counts->rankings[i].texts.seed));
	}
	/* One more than nodes, so that it cannot be finished before all are asked. */
	counts->n_running = 1;
	for (size_t i = 0; i < n; i++) {
		struct part *part = &counts->parts[counts->n_parts];
		struct link *link = topology_node(topology, i);

		part->counts = counts;
		part->reader = (struct listing_reader){
			.session_fn = on_session,
			.done_fn = on_listed,
			.context = part,
		};
		if (is_counted(topology, link) && client_list_join(link, &part->reader) == 0) {
			part->link = link_ref(link);
			counts->n_parts++;
			counts->n_running++;
		}
	}
	counts->is_whole = counts->n_parts > 0;
	end_part(counts);
}

static bool does_kill_run(const struct topology *topology)
{
	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		if (link_is_hurried(topology_node(topology, i))) {
			return true;
		}
	}
	return false;
}

void session_counts_look(struct session_counts *counts, const struct topology *topology)
{
	int64_t now_ms = clock_monotonic_ms();

	/* A slow answer is waited for. */
	if (counts->n_running > 0) {
		return;
	}
	forget_parts(counts);
	if (does_kill_run(topology) ||
		(counts->begun_ms > 0 && now_ms - counts->begun_ms < SESSION_COUNTS_PERIOD_MS)) {
		return;
	}
	begin(counts, topology);
	counts->begun_ms = counts->n_parts > 0 ? now_ms : 0;
}

/* ---- for others ---- */

int64_t session_counts_wall_ms(const struct session_counts *counts)
{
	return counts->wall_ms;
}

size_t session_counts_places(const struct session_counts *counts, enum session_counts_key key,
	const struct ranking_place **ret_places)
{
	*ret_places = counts->places[key].items;
	return counts->places[key].n;
}
