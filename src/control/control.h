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
#include "kill/jobs.h"
#include "record/audit.h"
#include "record/metrics.h"

struct event_base;
struct exchange;

/* All borrowed. */
struct control_inputs {
	struct event_base *loop;
	const struct access_opts *access;
	const struct instances *instances;
	struct jobs *jobs;
	struct audit *audit;
	struct metrics *metrics;
};

struct control {
	struct control_inputs in;
	LIST_HEAD(, exchange) listings; /* that are under way */
	struct http_server *server;
};

/*
 * Listens from now on, where `opts` say or on `inherited_fd` (from the service manager; -1: none).
 * `opts` is not used later: a reload frees them. Negative errno with words on failure.
 */
NODISCARD int control_new(const struct control_inputs *inputs, const struct control_opts *opts,
	int inherited_fd, struct control **ret_control, struct err *err);
/* From now on this policy (borrowed) holds. */
void control_set_access(struct control *control, const struct access_opts *access);
/* NULL: callers find the socket. Else words for people about what has become of its file. */
const char *control_socket_problem(const struct control *control);
/* See http_server_renew_socket(). */
NODISCARD int control_renew_socket(struct control *control, struct err *err);
/* Takes no more requests; those under way can still be answered. */
void control_stop(struct control *control);
/* Stopped: `idle_fn` is called once, from the event loop, when no request is unanswered. */
void control_drain(struct control *control, void (*idle_fn)(void *context), void *context);
/* No longer waits for callers who are slow to take an answer. */
void control_cut(struct control *control);
void control_free(struct control *control); /* no request may be unanswered */

#endif
