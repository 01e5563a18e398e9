/*
 * GET /v1/instances/{id}/sessions: the sessions of an instance, or how many there are by a field.
 */
#ifndef CONTROL_SESSIONS_H
#define CONTROL_SESSIONS_H

struct exchange;
struct instance;

/* Answers; the instance was found already. */
void sessions_answer(struct exchange *exchange, const struct instance *instance);

#endif
