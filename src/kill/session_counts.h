/*
 * How many sessions an instance has by name, by user and by source, for a monitoring system. Lists
 * all nodes once a minute, and not while a kill runs there. Whoever has not been counted in whole
 * leaves what was known before.
 */
#ifndef KILL_SESSION_COUNTS_H
#define KILL_SESSION_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "model/ranking.h"
#include "redis/topology.h"

#define SESSION_COUNTS_PERIOD_MS (60 * INT64_C(1000))

enum session_counts_key {
	SESSION_COUNTS_NAME, /* those of the daemon's own as one */
	SESSION_COUNTS_USER,
	SESSION_COUNTS_SOURCE, /* the address without its port */
	SESSION_COUNTS_N_KEYS
};

struct session_counts;

struct session_counts *session_counts_new(void);
void session_counts_free(struct session_counts *counts); /* NULL is fine */

/* Counts if that is due; once a second. */
void session_counts_look(struct session_counts *counts, const struct topology *topology);

/* Wall clock: when it was counted last; 0: never so far. */
int64_t session_counts_wall_ms(const struct session_counts *counts);
/* The largest first; borrowed until the event loop goes on. */
size_t session_counts_places(const struct session_counts *counts, enum session_counts_key key,
	const struct ranking_place **ret_places);

#endif
