/*
 * The table of everything a caller can ask: method, path, access action, handler. To add a route,
 * add a row; access is tested here, before any parameter is read. What only parameters tell is
 * tested by permission.h where they are known.
 */
#ifndef CONTROL_ROUTES_H
#define CONTROL_ROUTES_H

#include <stddef.h>

#include "control/exchange.h"

struct route {
	enum http_method method;
	/* "*" stands for one part, which becomes exchange->id. */
	const char *path;
	/* Of the DAS API: the value of Action. NULL elsewhere. */
	const char *das_action;
	/* What the caller must be allowed; NULL: everybody may. */
	const char *action;
	/*
	 * Of the same for selected sessions; NULL: no difference. It is asked for instead when
	 * `all` is not; to cancel a kill either will do, and the handler asks for that of the kill.
	 */
	const char *selective_action;
	/* Answers now or later. */
	void (*handler)(struct exchange *exchange);
	bool takes_params;
};

/* For tests and documentation. */
const struct route *routes_table(size_t *ret_n);

void routes_dispatch(struct control *control, struct http_request *request);

#endif
