/*
 * From a request on the socket to an order for a kill: reads the parameters of the native API, and
 * hands the order to the jobs.
 */
#ifndef CONTROL_ORDER_H
#define CONTROL_ORDER_H

#include "base/err.h"
#include "base/macros.h"
#include "control/exchange.h"
#include "control/params.h"
#include "kill/instance.h"
#include "kill/jobs.h"
#include "model/request.h"

/*
 * Reads `all`, `match`, `except`, ... into an initialised request. False with words that name the
 * parameter: unknown, malformed, given twice with different values, out of bounds.
 */
NODISCARD bool order_read_request(
	const struct params *params, struct request *ret_request, struct err *err);
/* For tests and documentation: the names of these parameters; NULL behind the last one. */
const char *order_param_name(size_t index);

/*
 * Submits `request`, which is taken over. When it is accepted, `done_fn` answers `exchange`; when
 * not, the exchange is answered here.
 */
void order_submit(struct exchange *exchange, const struct instance *instance,
	struct request *request, jobs_done_fn done_fn);

/*
 * The same for a caller who asks later what became of it. False when it was not accepted, and the
 * exchange answered; else it still is to be.
 */
NODISCARD bool order_submit_detached(
	struct exchange *exchange, const struct instance *instance, struct request *request);

/* The same with a stream of events as the answer: accepted, listed, progress, verified, respawn,
 * report. */
void order_submit_streaming(
	struct exchange *exchange, const struct instance *instance, struct request *request);

#endif
