/*
 * What the oracles share.
 */
#ifndef SIM_ORACLES_INTERNAL_H
#define SIM_ORACLES_INTERNAL_H

#include "sim.h"

/* A server that is well is a node that is ready by then. */
#define READY_WITHIN (5 * SIM_S)

/* Of sets of kills. */
static inline uint64_t bit_of(const struct order *kill)
{
	return UINT64_C(1) << (kill->number % 64);
}

bool oracle_is_node_well(const struct server *node);
bool oracle_has_server(const struct fleet *group, const struct server *server);

#endif
