/*
 * The parameters of a kill task of the DAS-compatible API: KillAllSessions, SessionIds,
 * IgnoredUsers, NodeId. Others, among them an account to kill with, are ignored.
 */
#ifndef CONTROL_TASK_PARAMS_H
#define CONTROL_TASK_PARAMS_H

#include "base/err.h"
#include "base/macros.h"
#include "control/params.h"
#include "model/request.h"

/* Each is compared with the user of each session. */
#define TASK_PARAMS_MAX_IGNORED_USERS 256

/*
 * Reads them into an initialised request. False with words that name the parameter: malformed,
 * empty, too long, given twice with different values. Whether the node exists is not known here.
 */
NODISCARD bool task_params_read(
	const struct params *params, struct request *ret_request, struct err *err);

#endif
