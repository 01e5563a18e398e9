/*
 * The native API: kills, from the order to the report.
 */
#include "base/log.h"
#include "control/names.h"
#include "control/native/native.h"
#include "control/order.h"
#include "control/permission.h"
#include "record/json.h"

static int status_of(const struct report *report)
{
	switch (report->state) {
	case REPORT_WAITING:
	case REPORT_RUNNING:
	case REPORT_DONE:
	case REPORT_DRY_RUN:
	case REPORT_CANCELLED:
		return 200;
	case REPORT_PARTIAL:
	case REPORT_FAILED:
		break;
	}
	return report_was_any_node_reached(report) ? 500 : 503;
}

static void on_killed(void *context, const char *request_id, const struct report *report)
{
	struct exchange *exchange = context;

	if (report->is_too_many) {
		exchange_fail(exchange, EXCHANGE_TOO_MANY, "%s", report->error);
	} else if (report->is_too_slow) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "timeout: %s", report->error);
	} else if (report->is_not_exact && report->counts.killed == 0) {
		exchange_fail(exchange, EXCHANGE_NOT_EXACT, "%s", report->error);
	} else if (report->is_restarted) {
		exchange_fail(exchange, EXCHANGE_RESTARTED, "%s", report->error);
	} else {
		exchange_answer(exchange, status_of(report), json_report(request_id, report));
	}
}

/* Only these: a node that is not of the instance would otherwise kill nothing and look done. */
static bool is_node_known(
	struct exchange *exchange, const struct instance *instance, const struct request *request)
{
	for (size_t i = 0; i < request->n_nodes; i++) {
		if (!instance_has_node(instance, slice_of(request->nodes[i]))) {
			exchange_fail(exchange, EXCHANGE_INVALID_PARAMS,
				"node: \"%.128s\" is no node of this instance", request->nodes[i]);
			return false;
		}
	}
	return true;
}

static bool wants_stream(const struct exchange *exchange)
{
	struct slice rest = http_head_find(&exchange->http->head, "accept");
	struct slice type, parameters;

	while (slice_next(&rest, ',', &parameters)) {
		if (slice_next(&parameters, ';', &type) &&
			slice_is_nocase(slice_trim(type), NAMES_TYPE_NDJSON)) {
			return true;
		}
	}
	return false;
}

void native_kill(struct exchange *exchange)
{
	const struct instance *instance = native_find_instance(exchange);
	struct request request;
	struct err err;

	if (instance == NULL) {
		return;
	}
	request_init(&request);
	if (!order_read_request(&exchange->params, &request, &err)) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
	} else if (is_node_known(exchange, instance, &request)) {
		if (wants_stream(exchange)) {
			native_stream_kill(exchange, instance, &request);
		} else {
			order_answer(exchange, instance, &request, on_killed);
		}
	}
	request_finish(&request);
}

struct kills_listing {
	const struct exchange *exchange;
	json_t *list;
};

static void add_kill(void *context, const struct jobs_view *view)
{
	struct kills_listing *listing = context;

	if (!permission_has(listing->exchange, listing->exchange->action,
		    slice_of(view->report->instance))) {
		return;
	}
	json_add(listing->list, json_report_summary(view->request_id, view->report));
}

void native_kills(struct exchange *exchange)
{
	struct kills_listing listing = {exchange, json_array()};
	json_t *body = json_object();

	jobs_each(exchange->control->in.jobs, add_kill, &listing);
	json_set(body, "kills", listing.list);
	exchange_answer(exchange, 200, body);
}

/* The kill in the path, as far as the caller may know of it; false when it was answered. */
static bool find_kill(struct exchange *exchange, const char *action, struct jobs_view *ret_view)
{
	struct jobs_view view;

	if (!jobs_find(exchange->control->in.jobs, exchange->id, &view) ||
		!permission_covers_kill(exchange, action, &view)) {
		exchange_fail(exchange, EXCHANGE_NOT_FOUND, "no kill of that request id is known");
		return false;
	}
	*ret_view = view;
	return true;
}

/* The report, who ordered it and what was asked for. */
static json_t *describe(const struct jobs_view *view)
{
	json_t *object = json_report(view->request_id, view->report);
	json_t *request = json_object();

	json_set(object, "action", json_text_of(view->action));
	json_set_caller(object, view->caller);
	json_set_request(request, view->request);
	json_set(object, "request", request);
	return object;
}

void native_kill_report(struct exchange *exchange)
{
	struct jobs_view view;

	if (find_kill(exchange, exchange->action, &view)) {
		exchange_answer(exchange, 200, describe(&view));
	}
}

static void record_cancel(const struct exchange *exchange, const struct jobs_view *kill)
{
	struct audit_subject subject = {
		.request_id = kill->request_id,
		.action = kill->action,
		.instance = kill->report->instance,
		.caller = &exchange->http->caller,
	};
	struct err err;

	if (audit_cancel(exchange->control->in.audit, &subject, kill->caller, &err) != 0) {
		log_error("kill %s: that it was cancelled is not recorded: %s", kill->request_id,
			err.text);
	}
	log_notice("kill %s of uid %u is cancelled by uid %u", kill->request_id,
		(unsigned)kill->caller->uid, (unsigned)subject.caller->uid);
}

/* Who may order a kill may cancel it: the action is that of the order. */
void native_cancel(struct exchange *exchange)
{
	struct jobs_view view;

	if (!find_kill(exchange, NULL, &view)) {
		return;
	}
	if (!jobs_cancel(exchange->control->in.jobs, exchange->id)) {
		exchange_fail(exchange, EXCHANGE_CONFLICT, "this kill has ended already");
	} else {
		record_cancel(exchange, &view);
		exchange_answer(exchange, 200, json_report(view.request_id, view.report));
	}
}
