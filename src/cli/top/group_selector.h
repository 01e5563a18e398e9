/*
 * The selector that says exactly the sessions of one group: what a kill of the group asks for.
 */
#ifndef CLI_TOP_GROUP_SELECTOR_H
#define CLI_TOP_GROUP_SELECTOR_H

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

/*
 * "FIELD = VALUE" on the heap, for a field as the daemon calls it and the value of a group. NULL
 * with words where no selector means these sessions and no others: nothing is ever approximated.
 */
NODISCARD char *group_selector_new(struct slice field, struct slice value, struct err *err);

#endif
