/*
 * Between the files of the DAS-compatible API; for them alone.
 */
#ifndef CONTROL_DAS_INTERNAL_H
#define CONTROL_DAS_INTERNAL_H

#include <jansson.h>

#include "control/exchange.h"
#include "kill/instance.h"

/* The instance that InstanceId names; NULL when the exchange was answered with what is wrong. */
const struct instance *das_find_instance(struct exchange *exchange);

/*
 * What the answers to all actions but KillInstanceAllSession begin with: Code and Success are a
 * number and a boolean there.
 */
json_t *das_success(const struct exchange *exchange, const char *message);

/* Commands are in upper case here. */
json_t *das_upper(struct slice text);

#define DAS_SUCCESSFUL "Successful"

#endif
