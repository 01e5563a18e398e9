/*
 * The last minutes of an instance, as its daemon remembers them: there before this program was
 * started. Made of the daemon's answers; reads no clock and no socket, draws nothing.
 */
#ifndef CLI_TOP_RECENT_H
#define CLI_TOP_RECENT_H

#include <jansson.h>
#include <stdint.h>

#include "cli/print/timeline.h"

/* What is asked for, as a parameter and in words. */
#define RECENT_SINCE "5m"
/* The daemon knows no more often than this. */
#define RECENT_PERIOD_MS HISTORY_SHORT_STEP_MS

struct recent {
	int64_t asked_ms;         /* the caller's; 0: never */
	struct timeline timeline; /* all nodes together */
	uint64_t n_refused;       /* in the last minute, on all nodes */
	char *full;               /* the address of a node without a place; NULL: there is none */
	size_t n_nodes;           /* that have said something; 0: nothing is known */
};

void recent_finish(struct recent *recent); /* zeroed is fine */
/* The answer to /v1/instances/ID/history; one that is none: nothing is known. */
void recent_take(struct recent *recent, const json_t *answer);

#endif
