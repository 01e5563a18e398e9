/*
 * Permissions of a caller.
 */
#include "control/permission.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/names.h"
#include "control/routes.h"

#define KILL_ALL "hdm:KillInstanceAllSession"

bool permission_has(const struct exchange *exchange, const char *action, struct slice instance)
{
	return access_is_allowed(
		exchange->control->in.access, &exchange->http->caller, action, instance);
}

bool permission_has_here(const struct exchange *exchange, const char *action)
{
	return permission_has(exchange, action, exchange->instance);
}

static bool is_about_kill(const struct exchange *exchange)
{
	return exchange->id.data != NULL &&
	       slice_has_prefix(slice_of(exchange->route->path), NAMES_PATH_KILLS);
}

/* Of names no more than there can be of one: longer ones are as unknown as any other. */
static void record(struct exchange *exchange, const char *action, struct slice instance)
{
	const struct caller *caller = &exchange->http->caller;
	CLEANUP(mem_free_p)
	char *name = slice_copy(
		(struct slice){instance.data, MIN(instance.len, (size_t)INSTANCE_MAX_ID_BYTES)});
	struct audit_subject subject = {
		.request_id = exchange->request_id,
		.action = action,
		.instance = name,
		.caller = caller,
	};
	struct slice kill = {exchange->id.data, MIN(exchange->id.len, (size_t)UUID_TEXT_BYTES)};
	struct err err;
	int r = audit_denied(exchange->control->in.audit, &subject,
		is_about_kill(exchange) ? kill : (struct slice){NULL, 0}, &err);

	metrics_count_denied(exchange->control->in.metrics, action);
	if (r < 0) {
		log_error("a denied request is not recorded: %s", err.text);
	}
	if (r != AUDIT_COUNTED) {
		log_warning(
			"denied: %s for uid %u (%s)", action, (unsigned)caller->uid, caller->user);
	}
}

void permission_refuse(struct exchange *exchange, const char *action)
{
	record(exchange, action, exchange->instance);
	exchange_fail(exchange, EXCHANGE_NO_PERMISSION, "uid %u may not do %s here",
		(unsigned)exchange->http->caller.uid, action);
}

bool permission_covers_order(struct exchange *exchange, const struct request *request)
{
	const char *needed = NULL;

	if (request_is_for_everybody(request) && !permission_has_here(exchange, KILL_ALL)) {
		needed = KILL_ALL;
	} else if (request->keep_out_ms > 0 && !permission_has_here(exchange, NAMES_KEEP_OUT)) {
		needed = NAMES_KEEP_OUT;
	}
	if (needed != NULL) {
		permission_refuse(exchange, needed);
	}
	return needed == NULL;
}

bool permission_covers_kill(
	struct exchange *exchange, const char *action, const struct jobs_view *kill)
{
	struct slice instance = slice_of(kill->report->instance);
	const char *needed = action != NULL ? action : kill->action;
	bool is_allowed = permission_has(exchange, needed, instance);

	if (is_allowed && action == NULL && request_is_for_everybody(kill->request)) {
		needed = KILL_ALL;
		is_allowed = permission_has(exchange, needed, instance);
	}
	if (!is_allowed) {
		record(exchange, needed, instance);
	}
	return is_allowed;
}
