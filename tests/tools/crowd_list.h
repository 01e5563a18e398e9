/*
 * The sessions of `crowd`: a bit for each, and a line of a listing in the form of Redis 7.0.
 */
#ifndef TOOLS_CROWD_LIST_H
#define TOOLS_CROWD_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* The asking connection's own session; those of the crowd have ids from the second one on. */
#define CROWD_OWN_ID 7
#define CROWD_FIRST_ID 10000000

#define CROWD_MAX_LINE_BYTES 512

struct crowd {
	uint8_t *is_alive;
	size_t n;
	size_t n_alive;
};

void crowd_init(struct crowd *crowd, size_t n);
void crowd_finish(struct crowd *crowd);

/* How many it ended: 1 or 0; all of them. */
size_t crowd_kill(struct crowd *crowd, uint64_t id);
size_t crowd_kill_all(struct crowd *crowd);

bool crowd_is_listed(const struct crowd *crowd, uint64_t id);

/* Writes the line of a session, with its line feed; returns its length. */
size_t crowd_print(uint64_t id, char *line);

#endif
