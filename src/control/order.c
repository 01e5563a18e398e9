/*
 * Orders for kills.
 */
#include "control/order.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "control/native/kill_stream.h"
#include "control/permission.h"

#define MAX_STALL_BUDGET_MS (10 * 1000)

/* ---- one value each ---- */

typedef bool read_fn(struct slice value, struct request *request, struct err *err);

static bool read_switch(struct slice value, bool *ret_switch, struct err *err)
{
	if (!parse_bool(value, ret_switch)) {
		err_set(err, "\"%.*s\" is neither true nor false", SLICE_ARG(value));
		return false;
	}
	return true;
}

static bool read_duration(
	struct slice value, int64_t least_ms, int64_t most_ms, int64_t *ret_ms, struct err *err)
{
	int64_t ms;

	if (!parse_duration_ms(value, 0, &ms)) {
		err_set(err, "\"%.*s\" is no duration; expected one such as 500ms, 30s or 5m",
			SLICE_ARG(value));
		return false;
	}
	if (ms < least_ms || ms > most_ms) {
		err_set(err, "\"%.*s\" is out of bounds; expected %lldms to %llds",
			SLICE_ARG(value), (long long)least_ms, (long long)most_ms / 1000);
		return false;
	}
	*ret_ms = ms;
	return true;
}

static bool read_all(struct slice value, struct request *request, struct err *err)
{
	return read_switch(value, &request->is_all, err);
}

static bool read_match(struct slice value, struct request *request, struct err *err)
{
	return selectors_add_asked(&request->match, value, err);
}

static bool read_except(struct slice value, struct request *request, struct err *err)
{
	return selectors_add_asked(&request->except, value, err);
}

static bool read_node(struct slice value, struct request *request, struct err *err)
{
	if (value.len == 0) {
		err_set(err, "is empty");
		return false;
	}
	request->nodes = mem_resize_array(request->nodes, request->n_nodes + 1, sizeof(char *));
	request->nodes[request->n_nodes++] = slice_copy(value);
	return true;
}

/* As INFO writes it, or "pid-N" where that has none. */
static bool read_run_id(struct slice value, struct request *request, struct err *err)
{
	static const char *const allowed = "0123456789abcdefghijklmnopqrstuvwxyz-";

	if (value.len == 0 || value.len > REQUEST_MAX_RUN_ID_BYTES) {
		err_set(err, "is %s", value.len == 0 ? "empty" : "too long for a run id");
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (strchr(allowed, value.data[i]) == NULL || value.data[i] == '\0') {
			err_set(err, "\"%.*s\" is no run id", SLICE_ARG(value));
			return false;
		}
	}
	free(request->run_id);
	request->run_id = slice_copy(value);
	return true;
}

static bool read_dry_run(struct slice value, struct request *request, struct err *err)
{
	return read_switch(value, &request->is_dry_run, err);
}

static bool read_processes(struct slice value, struct request *request, struct err *err)
{
	return read_switch(value, &request->wants_processes, err);
}

static bool read_pace(struct slice value, struct request *request, struct err *err)
{
	if (slice_is(value, "fast")) {
		request->pace = PACE_FAST;
	} else if (slice_is(value, "gentle")) {
		request->pace = PACE_GENTLE;
	} else {
		err_set(err, "\"%.*s\" is neither fast nor gentle", SLICE_ARG(value));
		return false;
	}
	return true;
}

static bool read_stall_budget(struct slice value, struct request *request, struct err *err)
{
	return read_duration(value, 1, MAX_STALL_BUDGET_MS, &request->stall_budget_ms, err);
}

static bool read_timeout(struct slice value, struct request *request, struct err *err)
{
	return read_duration(value, 1, REQUEST_MAX_TIMEOUT_MS, &request->timeout_ms, err);
}

static bool read_max(struct slice value, struct request *request, struct err *err)
{
	request->has_max = parse_u64(value, &request->max);
	if (!request->has_max) {
		err_set(err, "\"%.*s\" is no number", SLICE_ARG(value));
	}
	return request->has_max;
}

static bool read_watch(struct slice value, struct request *request, struct err *err)
{
	return read_duration(value, 0, REQUEST_MAX_WATCH_MS, &request->watch_ms, err);
}

static bool read_break_busy(struct slice value, struct request *request, struct err *err)
{
	return read_switch(value, &request->break_busy, err);
}

static bool read_reason(struct slice value, struct request *request, struct err *err)
{
	if (value.len > REQUEST_MAX_REASON_BYTES) {
		err_set(err, "is longer than %d bytes", REQUEST_MAX_REASON_BYTES);
		return false;
	}
	free(request->reason);
	request->reason = slice_copy(value);
	return true;
}

/* The one table of a kill's parameters. */
static const struct param_row {
	const char *name;
	bool is_repeatable;
	read_fn *read_fn;
} rows[] = {
	{"all", false, read_all},
	{"match", true, read_match},
	{"except", true, read_except},
	{"node", true, read_node},
	{"run_id", false, read_run_id},
	{"dry_run", false, read_dry_run},
	{"processes", false, read_processes},
	{"pace", false, read_pace},
	{"stall_budget", false, read_stall_budget},
	{"timeout", false, read_timeout},
	{"max", false, read_max},
	{"watch", false, read_watch},
	{"break_busy", false, read_break_busy},
	{"reason", false, read_reason},
};

const char *order_param_name(size_t index)
{
	return index < ARRAY_SIZE(rows) ? rows[index].name : NULL;
}

static const struct param_row *find_row(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].name, name) == 0) {
			return &rows[i];
		}
	}
	return NULL;
}

static bool read_param(const struct params *params, const struct param *param,
	struct request *request, struct err *err)
{
	const struct param_row *row = find_row(param->name);
	struct slice single;

	if (row == NULL) {
		err_set(err, "unknown parameter \"%.64s\"", param->name);
		return false;
	}
	if (!row->is_repeatable && !params_get_single(params, param->name, &single, err)) {
		return false;
	}
	if (!row->read_fn(param->value, request, err)) {
		err_prefix(err, "%s", param->name);
		return false;
	}
	return true;
}

bool order_read_request(const struct params *params, struct request *ret_request, struct err *err)
{
	for (size_t i = 0; i < params->n; i++) {
		if (!read_param(params, &params->items[i], ret_request, err)) {
			return false;
		}
	}
	if (ret_request->is_all == (ret_request->match.n > 0)) {
		err_set(err, ret_request->is_all ? "all and match exclude each other"
						 : "neither all=true nor a match is given");
		return false;
	}
	if (ret_request->wants_processes && !ret_request->is_dry_run) {
		err_set(err, "processes is for a dry run: a kill does not look whose sessions are");
		return false;
	}
	return true;
}

/* ---- to the jobs ---- */

/* Submits, and answers when that is refused. */
static bool submit(struct exchange *exchange, const struct instance *instance,
	struct request *request, const struct jobs_order *callbacks)
{
	struct jobs_order order = *callbacks;
	struct err err;
	int r;

	if (!permission_covers_order(exchange, request)) {
		request_finish(request);
		return false;
	}
	order.request_id = exchange->request_id;
	order.action = exchange->action;
	order.instance = instance;
	order.caller = &exchange->http->caller;
	order.request = request;
	r = jobs_submit(exchange->control->in.jobs, &order, &err);
	request_finish(request);
	if (r != 0) {
		exchange_fail(exchange,
			r == JOBS_E_TOO_MANY ? EXCHANGE_THROTTLED : EXCHANGE_UNAVAILABLE, "%s",
			err.text);
	}
	return r == 0;
}

/* The kill goes on, and its report can be fetched by its id. */
static void on_gone(void *context)
{
	struct exchange *exchange = context;

	jobs_detach(exchange->control->in.jobs, exchange->request_id);
	exchange_drop(exchange);
}

void order_submit(struct exchange *exchange, const struct instance *instance,
	struct request *request, jobs_done_fn done_fn)
{
	struct jobs_order callbacks = {.done_fn = done_fn, .context = exchange};

	if (submit(exchange, instance, request, &callbacks)) {
		http_request_on_gone(exchange->http, on_gone, exchange);
	}
}

bool order_submit_detached(
	struct exchange *exchange, const struct instance *instance, struct request *request)
{
	struct jobs_order no_callbacks = {0};

	return submit(exchange, instance, request, &no_callbacks);
}

void order_submit_streaming(
	struct exchange *exchange, const struct instance *instance, struct request *request)
{
	struct kill_stream *stream = kill_stream_new(exchange);
	struct jobs_order callbacks = {
		.done_fn = kill_stream_on_done,
		.event_fn = kill_stream_on_event,
		.context = stream,
	};

	if (submit(exchange, instance, request, &callbacks)) {
		kill_stream_begin(stream);
	} else {
		kill_stream_free(stream);
	}
}
