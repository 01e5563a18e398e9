/*
 * Orders for kills.
 */
#include "control/order.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "control/permission.h"

#define MAX_STALL_BUDGET_MS (10 * 1000)
#define MAX_READMIT 100000

/* ---- one value each ---- */

static bool read_node(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	struct request *request = field;

	if (value.len == 0) {
		err_set(err, "is empty");
		return false;
	}
	request->nodes = mem_resize_array(request->nodes, request->n_nodes + 1, sizeof(char *));
	request->nodes[request->n_nodes++] = slice_copy(value);
	return true;
}

/* As INFO writes it, or "pid-N" where that has none. */
static bool read_run_id(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	static const char *const allowed = "0123456789abcdefghijklmnopqrstuvwxyz-";
	char **run_id = field;

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
	free(*run_id);
	*run_id = slice_copy(value);
	return true;
}

static bool read_either(struct slice value, const char *first, const char *second,
	bool *ret_is_second, struct err *err)
{
	*ret_is_second = slice_is(value, second);
	if (!*ret_is_second && !slice_is(value, first)) {
		err_set(err, "\"%.*s\" is neither %s nor %s", SLICE_ARG(value), first, second);
		return false;
	}
	return true;
}

static bool read_pace(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	bool is_gentle;

	if (!read_either(value, "fast", "gentle", &is_gentle, err)) {
		return false;
	}
	*(enum pace *)field = is_gentle ? PACE_GENTLE : PACE_FAST;
	return true;
}

static bool read_via(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	bool is_kernel;

	if (!read_either(value, "protocol", "kernel", &is_kernel, err)) {
		return false;
	}
	*(enum request_via *)field = is_kernel ? VIA_KERNEL : VIA_PROTOCOL;
	return true;
}

static bool read_keep_out_by(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	bool is_address;

	if (!read_either(value, "user", "address", &is_address, err)) {
		return false;
	}
	*(enum keep_out_by *)field = is_address ? KEEP_OUT_ADDRESS : KEEP_OUT_USER;
	return true;
}

static bool read_readmit(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	uint64_t n;

	if (!parse_u64(value, &n) || n == 0 || n > MAX_READMIT) {
		err_set(err, "\"%.*s\" is no number of sessions a second from 1 to %d",
			SLICE_ARG(value), MAX_READMIT);
		return false;
	}
	*(uint64_t *)field = n;
	return true;
}

static bool read_timeout(
	const struct param_row *row, struct slice value, void *field, struct err *err)
{
	struct request *request = field;

	request->has_timeout = true;
	return params_read_duration(row, value, &request->timeout_ms, err);
}

static bool read_max(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	struct request *request = field;

	request->has_max = parse_u64(value, &request->max);
	if (!request->has_max) {
		err_set(err, "\"%.*s\" is no number", SLICE_ARG(value));
	}
	return request->has_max;
}

static bool read_reason(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	char **reason = field;

	if (value.len > REQUEST_MAX_REASON_BYTES) {
		err_set(err, "is longer than %d bytes", REQUEST_MAX_REASON_BYTES);
		return false;
	}
	free(*reason);
	*reason = slice_copy(value);
	return true;
}

#define FIELD(name) offsetof(struct request, name)

/* The one table of a kill's parameters. */
static const struct param_row rows[] = {
	{"all", false, params_read_switch, FIELD(is_all), 0, 0},
	{"match", true, params_read_selector, FIELD(match), 0, 0},
	{"except", true, params_read_selector, FIELD(except), 0, 0},
	{"node", true, read_node, 0, 0, 0},
	{"run_id", false, read_run_id, FIELD(run_id), 0, 0},
	{"dry_run", false, params_read_switch, FIELD(is_dry_run), 0, 0},
	{"processes", false, params_read_switch, FIELD(wants_processes), 0, 0},
	{"pace", false, read_pace, FIELD(pace), 0, 0},
	{"stall_budget", false, params_read_duration, FIELD(stall_budget_ms), 1,
		MAX_STALL_BUDGET_MS},
	{"timeout", false, read_timeout, 0, 1, REQUEST_MAX_TIMEOUT_MS},
	{"max", false, read_max, 0, 0, 0},
	{"limit", false, params_read_goal, FIELD(goals), 0, 0},
	{"sort", false, params_read_goal, FIELD(goals), 0, 0},
	{"free", false, params_read_goal, FIELD(goals), 0, 0},
	{"keep", false, params_read_goal, FIELD(goals), 0, 0},
	{"per", false, params_read_goal, FIELD(goals), 0, 0},
	{"rate", false, params_read_goal, FIELD(goals), 0, 0},
	{"over", false, params_read_goal, FIELD(goals), 0, 0},
	{"watch", false, params_read_duration, FIELD(watch_ms), 0, REQUEST_MAX_WATCH_MS},
	{"keep_out", false, params_read_duration, FIELD(keep_out_ms), 1000,
		REQUEST_MAX_KEEP_OUT_MS},
	{"keep_out_by", false, read_keep_out_by, FIELD(keep_out_by), 0, 0},
	{"whole_source", false, params_read_switch, FIELD(is_whole_source), 0, 0},
	{"hold", false, params_read_switch, FIELD(holds), 0, 0},
	{"readmit", false, read_readmit, FIELD(readmit), 0, 0},
	{"break_busy", false, params_read_switch, FIELD(break_busy), 0, 0},
	{"via", false, read_via, FIELD(via), 0, 0},
	{"cut", false, params_read_switch, FIELD(wants_cut), 0, 0},
	{"reason", false, read_reason, FIELD(reason), 0, 0},
};

#undef FIELD

const char *order_param_name(size_t index)
{
	return index < ARRAY_SIZE(rows) ? rows[index].name : NULL;
}

static bool check_goals(const struct request *request, struct err *err)
{
	const struct goals *goals = &request->goals;
	bool has_any = goals_is_bounded(goals) || goals_is_spread(goals);

	if (goals->has_sort && !has_any) {
		err_set(err, "sort says who goes first: it takes limit, free, keep, rate or over");
		return false;
	}
	if (request->wants_cut && has_any) {
		err_set(err, "cut takes no limit, free, keep, rate or over: a server that does not "
			     "answer tells nobody's order");
		return false;
	}
	if (request->has_timeout && goals->over_ms > request->timeout_ms) {
		err_set(err, "timeout is shorter than over; without it there is time enough");
		return false;
	}
	return goals_check(goals, err);
}

static bool check_keep_out(const struct request *request, struct err *err)
{
	bool is_for_addresses = request->is_whole_source || request->holds || request->readmit > 0;

	if ((request->keep_out_by != KEEP_OUT_ANY || is_for_addresses) &&
		request->keep_out_ms == 0) {
		err_set(err, "keep_out_by, whole_source, hold and readmit say how: they take "
			     "keep_out, which says how long");
		return false;
	}
	if (request->keep_out_ms > 0 && goals_is_bounded(&request->goals)) {
		err_set(err, "keep_out takes no limit, free or keep: who is spared would be kept "
			     "out like the others");
		return false;
	}
	if (is_for_addresses && request_is_kept_out_by_user(request)) {
		err_set(err, "whole_source, hold and readmit are for addresses: they take "
			     "keep_out_by=address where whole users are selected");
		return false;
	}
	if (request->keep_out_by == KEEP_OUT_USER && request_users(request) == NULL) {
		err_set(err, "keep_out_by=user is for a selection of whole users: match = "
			     "\"user = NAME\" and nothing else");
		return false;
	}
	return true;
}

bool order_read_request(const struct params *params, struct request *ret_request, struct err *err)
{
	if (!params_read(params, rows, ARRAY_SIZE(rows), ret_request, err)) {
		return false;
	}
	if (ret_request->is_all == (ret_request->match.n > 0)) {
		err_set(err, ret_request->is_all ? "all and match exclude each other"
						 : "neither all=true nor a match is given");
		return false;
	}
	if (ret_request->wants_cut && !ret_request->is_all) {
		err_set(err, "cut is for all=true: who is who can only be asked of a server that "
			     "answers");
		return false;
	}
	if (ret_request->wants_cut && ret_request->has_max) {
		err_set(err,
			"cut and max exclude each other: of a server that does not answer nobody "
			"knows beforehand how many it has");
		return false;
	}
	if (!check_goals(ret_request, err)) {
		return false;
	}
	if (!check_keep_out(ret_request, err)) {
		return false;
	}
	if (ret_request->wants_cut && ret_request->via == VIA_PROTOCOL) {
		err_set(err, "cut and via=protocol exclude each other");
		return false;
	}
	if (ret_request->wants_processes && !ret_request->is_dry_run) {
		err_set(err, "processes is for a dry run: a kill does not look whose sessions are");
		return false;
	}
	return true;
}

/* ---- to the jobs ---- */

bool order_submit(struct exchange *exchange, const struct instance *instance,
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

void order_answer(struct exchange *exchange, const struct instance *instance,
	struct request *request, jobs_done_fn done_fn)
{
	struct jobs_order callbacks = {.done_fn = done_fn, .context = exchange};

	if (order_submit(exchange, instance, request, &callbacks)) {
		http_request_on_gone(exchange->http, on_gone, exchange);
	}
}
