/*
 * Handlers of the DAS-compatible API (2020-01-16): parameters in, answers with its field names and
 * its types.
 */
#ifndef CONTROL_DAS_H
#define CONTROL_DAS_H

struct exchange;

/* KillInstanceAllSession: ends all sessions of an instance. */
void das_kill_all(struct exchange *exchange);

#endif
