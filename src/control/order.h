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
 * Submits `request`, which is taken over; of `callbacks` those and their context count. False when
 * it was not accepted, and the exchange answered; else it still is to be.
 */
NODISCARD bool order_submit(struct exchange *exchange, const struct instance *instance,
	struct request *request, const struct jobs_order *callbacks);

/* The same, and if it is accepted, `done_fn` answers `exchange`, which is its context. */
void order_answer(struct exchange *exchange, const struct instance *instance,
	struct request *request, jobs_done_fn done_fn);

#endif
