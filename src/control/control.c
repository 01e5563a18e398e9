/*
 * The control socket.
 */
#include "control/control.h"

#include "base/mem.h"
#include "control/routes.h"

static void on_request(void *context, struct http_request *request)
{
	routes_dispatch(context, request);
}

/* Root finds a place whatever the policy says of it: it can change that. */
static enum http_claim claim_of(void *context, const struct caller *caller)
{
	const struct control *control = context;

	if (caller->is_own) {
		return HTTP_CLAIM_OWN;
	}
	return access_has_any(control->in.access, caller) ? HTTP_CLAIM_SOME : HTTP_CLAIM_NONE;
}

static void expect_actions(struct metrics *metrics)
{
	size_t n;
	const struct route *routes = routes_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (routes[i].action != NULL) {
			metrics_expect_action(metrics, routes[i].action);
		}
		if (routes[i].selective_action != NULL) {
			metrics_expect_action(metrics, routes[i].selective_action);
		}
	}
}

int control_new(const struct control_inputs *inputs, const struct control_opts *opts,
	int inherited_fd, struct control **ret_control, struct err *err)
{
	struct control *control = mem_new(struct control);
	int r;

	control->in = *inputs;
	r = http_server_new(inputs->loop, opts, inherited_fd, on_request, claim_of, control,
		&control->server, err);
	if (r != 0) {
		free(control);
		return r;
	}
	expect_actions(inputs->metrics);
	*ret_control = control;
	return 0;
}

void control_set_access(struct control *control, const struct access_opts *access)
{
	control->in.access = access;
}

void control_free(struct control *control)
{
	if (control == NULL) {
		return;
	}
	http_server_free(control->server);
	free(control);
}
