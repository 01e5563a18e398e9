/*
 * Handlers of the DAS-compatible API (2020-01-16): parameters in, answers with its field names and
 * its types.
 */
#ifndef CONTROL_DAS_H
#define CONTROL_DAS_H

struct exchange;

/* KillInstanceAllSession: ends all sessions of an instance. */
void das_kill_all(struct exchange *exchange);

/* GetRedisAllSession: lists the sessions of an instance. */
void das_sessions(struct exchange *exchange);

/*
 * CreateKillInstanceSessionTask, with or without ...WithMaintainUser: orders a kill of all sessions
 * or of some by their ids, and answers with its id at once. GetKillInstanceSessionTaskResult: what
 * became of it.
 */
void das_create_task(struct exchange *exchange);
void das_task_result(struct exchange *exchange);

#endif
