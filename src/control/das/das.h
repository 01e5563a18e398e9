/*
 * The DAS-compatible API (2020-01-16): parameters in, answers with its field names and its types.
 */
#ifndef CONTROL_DAS_H
#define CONTROL_DAS_H

#include <jansson.h>

#include "control/exchange.h"
#include "kill/instance.h"

/* Each is compared with the user of each session. */
#define DAS_MAX_IGNORED_USERS 256

#define DAS_SUCCESSFUL "Successful"

/* ---- handlers of routes ---- */

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

/* ---- what they share ---- */

/* The instance that InstanceId names; NULL when the exchange was answered with what is wrong. */
const struct instance *das_find_instance(struct exchange *exchange);

/* The one value of a parameter that may be left out (absent), but not be empty; else words. */
NODISCARD bool das_get_param(
	const struct params *params, const char *name, struct slice *ret_value, struct err *err);
/* Of one that may not be left out either. */
NODISCARD bool das_need_param(
	const struct params *params, const char *name, struct slice *ret_value, struct err *err);

/*
 * Reads KillAllSessions, SessionIds, IgnoredUsers and NodeId into an initialised request; others,
 * among them an account to kill with, are ignored. False with words that name the parameter:
 * malformed, empty, too long, given twice with different values. Whether the node exists is not
 * known here.
 */
NODISCARD bool das_read_task(
	const struct params *params, struct request *ret_request, struct err *err);

/*
 * What the answers to all actions but KillInstanceAllSession begin with: Code and Success are a
 * number and a boolean there.
 */
json_t *das_success(const struct exchange *exchange, const char *message);

/* Commands are in upper case here. */
json_t *das_upper(struct slice text);

#endif
