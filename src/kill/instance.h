/*
 * An instance under the daemon's care: its name, where its nodes are, how to get in, who is
 * protected on it. Owns its topology and links.
 */
#ifndef KILL_INSTANCE_H
#define KILL_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/request.h"
#include "model/selector.h"
#include "redis/link.h"

#define INSTANCE_MAX_ID_BYTES 128

/* Filled by the configuration; borrowed for the life of the instance. */
struct instance_opts {
	char *id;
	struct endpoint *endpoints; /* standalone: one, or a list of servers killed together */
	size_t n_endpoints;
	struct link_opts link;
	struct selectors protect;
	enum pace pace; /* PACE_FAST or PACE_GENTLE */
	int64_t stall_budget_ms;
};

#endif
