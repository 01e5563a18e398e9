/*
 * Routes.
 */
#include "control/routes.h"

#include "control/body.h"
#include "control/das/das.h"
#include "control/names.h"
#include "control/native/native.h"
#include "control/permission.h"

/* The DAS API takes every action by GET and by POST. */
#define DAS(action, handler)                                                              \
	{                                                                                 \
		HTTP_POST, NAMES_PATH_DAS, (action), "hdm:" action, NULL, (handler), true \
	}

/* The one table. */
static const struct route routes[] = {
	DAS("KillInstanceAllSession", das_kill_all),
	DAS("GetRedisAllSession", das_sessions),
	DAS("CreateKillInstanceSessionTask", das_create_task),
	DAS("CreateKillInstanceSessionTaskWithMaintainUser", das_create_task),
	DAS("GetKillInstanceSessionTaskResult", das_task_result),
	{HTTP_GET, NAMES_PATH_INSTANCES, NULL, "hdm:DescribeInstances", NULL, native_instances,
		false},
	{HTTP_GET, NAMES_PATH_INSTANCES "/*", NULL, "hdm:DescribeInstances", NULL, native_instance,
		false},
	{HTTP_GET, NAMES_PATH_INSTANCES "/*/sessions", NULL, "hdm:GetRedisAllSession", NULL,
		native_sessions, true},
	{HTTP_GET, NAMES_PATH_INSTANCES "/*/" NAMES_HISTORY, NULL, "hdm:DescribeInstances", NULL,
		native_history, true},
	{HTTP_POST, NAMES_PATH_INSTANCES "/*/kill", NULL, "hdm:KillInstanceAllSession",
		"hdm:CreateKillInstanceSessionTask", native_kill, true},
	{HTTP_GET, NAMES_PATH_KILLS, NULL, "hdm:GetKillInstanceSessionTaskResult", NULL,
		native_kills, false},
	{HTTP_GET, NAMES_PATH_KILLS "/*", NULL, "hdm:GetKillInstanceSessionTaskResult", NULL,
		native_kill_report, false},
	{HTTP_DELETE, NAMES_PATH_KILLS "/*", NULL, "hdm:KillInstanceAllSession",
		"hdm:CreateKillInstanceSessionTask", native_cancel, false},
	{HTTP_GET, NAMES_PATH_GUARDS, NULL, "hdm:DescribeInstances", NULL, native_guards, false},
	{HTTP_POST, NAMES_PATH_GUARDS "/hold", NULL, "sesskill:HoldGuards", NULL,
		native_guards_hold, false},
	{HTTP_POST, NAMES_PATH_GUARDS "/resume", NULL, "sesskill:HoldGuards", NULL,
		native_guards_resume, false},
	{HTTP_GET, NAMES_PATH_LEASES, NULL, NAMES_KEEP_OUT, NULL, native_leases, false},
	{HTTP_GET, NAMES_PATH_LEASES "/*", NULL, NAMES_KEEP_OUT, NULL, native_lease, false},
	{HTTP_DELETE, NAMES_PATH_LEASES "/*", NULL, NAMES_KEEP_OUT, NULL, native_lease_release,
		false},
	{HTTP_PATCH, NAMES_PATH_LEASES "/*", NULL, NAMES_KEEP_OUT, NULL, native_lease_extend, true},
	{HTTP_GET, NAMES_PATH_METRICS, NULL, "hdm:DescribeInstances", NULL, native_metrics, false},
	{HTTP_GET, NAMES_PATH_HEALTH, NULL, NULL, NULL, native_health, false},
};

#undef DAS

const struct route *routes_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(routes);
	return routes;
}

/* ---- finding the row ---- */

/* Does `path` have the shape of `pattern`? "*" takes one part that is not empty. */
static bool is_path_matching(struct slice path, const char *pattern, struct slice *ret_id)
{
	struct slice pattern_rest = slice_of(pattern);
	struct slice path_part, pattern_part;

	while (slice_next(&pattern_rest, '/', &pattern_part)) {
		if (!slice_next(&path, '/', &path_part)) {
			return false;
		}
		if (slice_is(pattern_part, "*") && path_part.len > 0) {
			*ret_id = path_part;
		} else if (!slice_is_equal(path_part, pattern_part)) {
			return false;
		}
	}
	return path.data == NULL;
}

/* Looks by path and method. *ret_is_known: the path exists, whatever the method. */
static const struct route *find_native(struct exchange *exchange, bool *ret_is_known)
{
	enum http_method method = exchange->http->head.method;
	struct slice path = exchange->http->head.path;

	*ret_is_known = false;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		struct slice id = {NULL, 0};

		if (routes[i].das_action != NULL || !is_path_matching(path, routes[i].path, &id)) {
			continue;
		}
		*ret_is_known = true;
		/* HEAD is GET without the body. */
		if (routes[i].method == method ||
			(routes[i].method == HTTP_GET && method == HTTP_HEAD)) {
			exchange->id = id;
			return &routes[i];
		}
	}
	return NULL;
}

static const struct route *find_das(struct slice action)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (routes[i].das_action != NULL && slice_is(action, routes[i].das_action)) {
			return &routes[i];
		}
	}
	return NULL;
}

/* ---- parameters ---- */

/* What is wrong with them is answered when access is granted. */
static void decode_params(struct exchange *exchange)
{
	struct slice type = http_head_find(&exchange->http->head, "content-type");
	enum body_result result = BODY_MALFORMED;

	if (params_add(&exchange->params, exchange->http->head.query, &exchange->malformed)) {
		result = body_read(&exchange->params, type, exchange->http->body, exchange->is_das,
			&exchange->malformed);
	}
	exchange->is_malformed = result != BODY_READ;
	exchange->malformed_error =
		result == BODY_UNSUPPORTED ? EXCHANGE_MEDIA_TYPE : EXCHANGE_INVALID_PARAMS;
}

static void fail_malformed(struct exchange *exchange)
{
	exchange_fail(exchange, exchange->malformed_error, "%s", exchange->malformed.text);
}

/* ---- access ---- */

static bool is_allowed(const struct exchange *exchange)
{
	const struct route *route = exchange->route;

	if (exchange->action == NULL || permission_has_here(exchange, exchange->action)) {
		return true;
	}
	/* Which kill is to be cancelled is not known yet. */
	return route->method == HTTP_DELETE && permission_has_here(exchange, route->action);
}

static void set_action(struct exchange *exchange)
{
	const struct route *route = exchange->route;

	exchange->action = route->action;
	if (route->selective_action != NULL &&
		!slice_is(params_get(&exchange->params, "all"), "true")) {
		exchange->action = route->selective_action;
	}
}

/* Access first, then the parameters, then the handler. */
static void run(struct exchange *exchange)
{
	set_action(exchange);
	if (!is_allowed(exchange)) {
		permission_refuse(exchange, exchange->action);
	} else if (exchange->is_malformed) {
		fail_malformed(exchange);
	} else if (!exchange->route->takes_params && exchange->params.n > 0) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "unknown parameter \"%.64s\"",
			exchange->params.items[0].name);
	} else {
		exchange->route->handler(exchange);
	}
}

/* ---- the two APIs ---- */

static void fail_too_large(struct exchange *exchange)
{
	exchange_fail(exchange, EXCHANGE_TOO_LARGE, "the body has more than %d KiB",
		(int)(HTTP_MAX_BODY_BYTES / 1024));
}

static void dispatch_native(struct exchange *exchange)
{
	bool is_known;

	exchange->route = find_native(exchange, &is_known);
	if (exchange->route == NULL && is_known) {
		exchange_fail(exchange, EXCHANGE_METHOD, "this path does not take that method");
	} else if (exchange->route == NULL) {
		exchange_fail(exchange, EXCHANGE_NOT_FOUND, "no such path");
	} else if (exchange->http->is_too_large) {
		fail_too_large(exchange);
	} else {
		decode_params(exchange);
		if (slice_has_prefix(slice_of(exchange->route->path), NAMES_PATH_INSTANCES "/")) {
			exchange->instance = exchange->id;
		}
		run(exchange);
	}
}

/* The header wins over nobody: both may name the action, but not two different ones. */
static struct slice das_action_of(struct exchange *exchange)
{
	struct slice header = http_head_find(&exchange->http->head, NAMES_HEADER_ACTION);
	struct slice action = {NULL, 0};
	bool is_clear =
		params_get_single(&exchange->params, "Action", &action, &exchange->malformed);

	if (header.data != NULL && action.data != NULL && !slice_is_equal(header, action)) {
		err_set(&exchange->malformed,
			"Action and the header " NAMES_HEADER_ACTION " are different");
		is_clear = false;
	}
	if (!is_clear) {
		exchange->is_malformed = true;
		exchange->malformed_error = EXCHANGE_INVALID_PARAMS;
	}
	return header.data != NULL ? header : action;
}

static void dispatch_das(struct exchange *exchange)
{
	enum http_method method = exchange->http->head.method;
	struct slice action;

	exchange->is_das = true;
	if (method != HTTP_GET && method != HTTP_POST) {
		exchange_fail(exchange, EXCHANGE_METHOD, "expected GET or POST");
		return;
	}
	if (exchange->http->is_too_large) {
		fail_too_large(exchange);
		return;
	}
	decode_params(exchange);
	action = das_action_of(exchange);
	exchange->route = find_das(action);
	if (exchange->route != NULL) {
		exchange->instance = params_get(&exchange->params, "InstanceId");
		run(exchange);
	} else if (exchange->is_malformed) {
		fail_malformed(exchange);
	} else if (action.data == NULL) {
		exchange_fail(exchange, EXCHANGE_NO_ACTION, "Action is missing");
	} else {
		exchange_fail(
			exchange, EXCHANGE_NO_ACTION, "unknown Action \"%.*s\"", SLICE_ARG(action));
	}
}

void routes_dispatch(struct control *control, struct http_request *request)
{
	struct exchange *exchange = exchange_new(control, request);

	if (slice_is(request->head.path, NAMES_PATH_DAS)) {
		dispatch_das(exchange);
	} else {
		dispatch_native(exchange);
	}
}
