/*
 * Permissions of a caller.
 */
#include "control/permission.h"

#include <string.h>

#include "base/log.h"
#include "control/names.h"
#include "control/routes.h"

#define KILL_ALL "hdm:KillInstanceAllSession"

/* As far as it could be an id; too long is as unknown as any other. */
struct instance_name {
	char text[INSTANCE_MAX_ID_BYTES + 1];
};

static struct instance_name name_of(const struct exchange *exchange)
{
	struct instance_name name = {""};
	size_t n = MIN(exchange->instance.len, (size_t)INSTANCE_MAX_ID_BYTES);

	if (n > 0) {
		memcpy(name.text, exchange->instance.data, n);
	}
	return name;
}

bool permission_has(const struct exchange *exchange, const char *action, const char *instance)
{
	return access_is_allowed(
		exchange->control->in.access, &exchange->http->caller, action, instance);
}

bool permission_has_here(const struct exchange *exchange, const char *action)
{
	struct instance_name name = name_of(exchange);

	return permission_has(exchange, action, exchange->instance.data != NULL ? name.text : NULL);
}

static bool is_about_kill(const struct exchange *exchange)
{
	return exchange->id.data != NULL &&
	       slice_has_prefix(slice_of(exchange->route->path), NAMES_PATH_KILLS);
}

static void record(struct exchange *exchange, const char *action, const char *instance)
{
	const struct caller *caller = &exchange->http->caller;
	struct audit_subject subject = {
		.request_id = exchange->request_id,
		.action = action,
		.instance = instance,
		.caller = caller,
	};
	/* No more of it than an id can have. */
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
	struct instance_name name = name_of(exchange);

	record(exchange, action, name.text);
	exchange_fail(exchange, EXCHANGE_NO_PERMISSION, "uid %u may not do %s here",
		(unsigned)exchange->http->caller.uid, action);
}

bool permission_covers_order(struct exchange *exchange, const struct request *request)
{
	if (!request_is_for_everybody(request) || permission_has_here(exchange, KILL_ALL)) {
		return true;
	}
	permission_refuse(exchange, KILL_ALL);
	return false;
}

bool permission_covers_kill(
	struct exchange *exchange, const char *action, const struct jobs_view *kill)
{
	const char *instance = kill->report->instance;
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
