/*
 * GET /v1/instances/{id}/sessions: the sessions of an instance, or how many there are by a field.
 */
#ifndef CONTROL_SESSIONS_H
#define CONTROL_SESSIONS_H

#include <stddef.h>

struct exchange;
struct instance;

/* Answers; the instance was found already. */
void sessions_answer(struct exchange *exchange, const struct instance *instance);

/* For tests and documentation: the names of its parameters; NULL behind the last one. */
const char *sessions_param_name(size_t index);

#endif
