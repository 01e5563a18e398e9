/*
 * The control socket with its two APIs: what callers can ask of the daemon. Ties HTTP, access and
 * routes to instances and jobs.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <sys/queue.h>

#include "base/err.h"
#include "base/macros.h"
#include "control/access.h"
#include "control/http/http.h"
#include "kill/instance.h"
#include "guard/guards.h"
#include "kill/jobs.h"
#include "lease/leases.h"
#include "record/audit.h"
#include "record/metrics.h"

struct event_base;
struct session_answer;

/* All borrowed. */
struct control_inputs {
	struct event_base *loop;
	const struct access_opts *access;
	const struct instances *instances;
	struct jobs *jobs;
	struct audit *audit;
	struct metrics *metrics;
	struct guards *guards;
	struct leases *leases;
};

struct control {
	struct control_inputs in;
	LIST_HEAD(, session_answer) listings; /* that are under way */
	struct http_server *server; /* to be stopped, drained and looked after as http.h says */
};

/*
 * Listens from now on, where `opts` say or on `inherited_fd` (from the service manager; -1: none).
 * `opts` is not used later: a reload frees them. Negative errno with words on failure.
 */
NODISCARD int control_new(const struct control_inputs *inputs, const struct control_opts *opts,
	int inherited_fd, struct control **ret_control, struct err *err);
/* From now on this policy (borrowed) holds. */
void control_set_access(struct control *control, const struct access_opts *access);
void control_free(struct control *control); /* no request may be unanswered */

#endif
