/*
 * What the two files of a tally share; for them alone.
 */
#ifndef CLI_TOP_TALLY_INTERNAL_H
#define CLI_TOP_TALLY_INTERNAL_H

#include "cli/top/tally.h"

/* The groups of the next listing, an array of {value, count}. */
void tally_take_groups(struct tally *tally, const json_t *list, int64_t now_ms);

#endif
