/*
 * What steps cost; between the files of the plan alone.
 */
#ifndef MODEL_PLAN_INTERNAL_H
#define MODEL_PLAN_INTERNAL_H

#include "model/plan.h"

/* At most; 1 where the server takes no more. */
size_t plan_ids_per_command(const struct plan *plan);

/* How many victims by id fit into the stall budget, in one command or one burst. */
size_t plan_ids_within_budget(const struct plan *plan, enum session_type type);

/* Subscribers that would stall the server for long are paced even when the rest is not. */
enum pace plan_pace_of(const struct plan *plan, enum session_type type);

/* A set command for `n` victims stalls the server for as long as it takes to end them all. */
bool plan_is_set_within_budget(const struct plan *plan, enum session_type type, uint64_t n);

/* One walk for the cell against the walks that its victims cost by id. */
bool plan_is_cell_cheaper(const struct plan *plan, uint64_t n_victims);

#endif
