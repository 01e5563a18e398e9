/*
 * Kill tasks of the DAS-compatible API: a kill that is ordered with one request and whose outcome,
 * session by session, is fetched with others. The task's id is the request id of the kill.
 */
#include "control/das/das.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/names.h"
#include "control/order.h"
#include "record/json.h"

/* ---- ordering ---- */

/* Ids are per node: with several nodes it must be said which one is meant. */
static bool is_node_clear(
	const struct instance *instance, const struct request *request, struct err *err)
{
	if (request->n_nodes > 0 && !instance_has_node(instance, slice_of(request->nodes[0]))) {
		err_set(err, "NodeId \"%.128s\" is no node of this instance", request->nodes[0]);
		return false;
	}
	if (request->n_ids > 0 && request->n_nodes == 0 &&
		topology_n_nodes(instance->topology) != 1) {
		err_set(err, "SessionIds: the instance has not just one node, and NodeId is "
			     "missing");
		return false;
	}
	return true;
}

void das_create_task(struct exchange *exchange)
{
	static const struct jobs_order nobody_waits = {0};
	const struct instance *instance = das_find_instance(exchange);
	struct request request;
	struct err err;

	if (instance == NULL) {
		return;
	}
	request_init(&request);
	if (!das_read_task(&exchange->params, &request, &err) ||
		!is_node_clear(instance, &request, &err)) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
	} else if (order_submit(exchange, instance, &request, &nobody_waits)) {
		json_t *body = das_success(exchange, DAS_SUCCESSFUL);

		json_set(body, "Data", json_text_of(exchange->request_id));
		exchange_answer(exchange, 200, body);
	}
	request_finish(&request);
}

/* ---- the outcome ---- */

static const char *task_state(const struct jobs_view *view)
{
	if (!view->is_done) {
		return "RUNNING";
	}
	switch (view->report->state) {
	case REPORT_DONE:
	case REPORT_DRY_RUN:
		return "SUCCESS";
	case REPORT_PARTIAL:
	case REPORT_CANCELLED:
		return "FAILURE";
	case REPORT_WAITING:
	case REPORT_RUNNING:
	case REPORT_FAILED:
		break;
	}
	return "ERROR";
}

static const char *reason(enum result_fate fate)
{
	switch (fate) {
	case RESULT_KILLED:
		return "SESSION_KILLED";
	case RESULT_GONE:
		return "SESSION_EXPIRED";
	case RESULT_TIMED_OUT:
		return "SESSION_KILL_TASK_TIMEOUT";
	case RESULT_IGNORED:
		return "SESSION_IGNORED_USER";
	case RESULT_PROTECTED:
		return "SESSION_NO_PERMISSION";
	case RESULT_SYSTEM:
		return "SESSION_INTERNAL_USER_OR_COMMAND";
	case RESULT_PENDING:
	case RESULT_SURVIVED:
	case RESULT_N_FATES:
		break;
	}
	return "SESSION_OTHER_ERROR";
}

/* Db is a name in this API. Time is since the last command, as in a list of processes. */
static json_t *result_json(
	const struct jobs_view *view, const struct results *results, const struct result *result)
{
	json_t *object = json_object();
	char db[24];

	snprintf(db, sizeof(db), "%lld", (long long)result->db);
	json_set(object, "Id", json_integer((json_int_t)result->id));
	json_set(object, "User", json_text(results_text(results, result->user)));
	json_set(object, "Host", json_text(results_text(results, result->address)));
	json_set(object, "Db", json_text_of(db));
	json_set(object, "Command", das_upper(results_text(results, result->command)));
	json_set(object, "Time", json_integer(result->idle_s));
	json_set(object, "Active", json_boolean(result->is_active));
	json_set(object, "TaskId", json_text_of(view->request_id));
	json_set(object, "Reason", json_text_of(reason((enum result_fate)result->fate)));
	json_set(object, "NodeId", json_text(results_text(results, result->node)));
	return object;
}

/* Those that were named, or, of a task for all, those that were there. */
static json_t *session_ids(const struct jobs_view *view)
{
	const struct results *results = &view->report->results;
	const struct request *request = view->request;
	json_t *ids = json_array();

	for (size_t i = 0; i < request->n_ids; i++) {
		json_add(ids, json_integer((json_int_t)request->ids[i]));
	}
	for (size_t i = 0; request->is_all && i < results->n; i++) {
		json_add(ids, json_integer((json_int_t)results->items[i].id));
	}
	return ids;
}

/* The node that the task was for; "" for several. */
static const char *task_node(const struct jobs_view *view)
{
	if (view->request->n_nodes > 0) {
		return view->request->nodes[0];
	}
	return view->report->n_nodes == 1 ? view->report->nodes[0].address : "";
}

/*
 * All but the results. Sessions of the system count as ignored, like those of ignored users; all
 * that ended otherwise than by the task, or did not end, as failures.
 */
static json_t *task_json(const struct jobs_view *view)
{
	const uint64_t *n = view->report->results.n_by_fate;
	uint64_t n_failed =
		n[RESULT_GONE] + n[RESULT_SURVIVED] + n[RESULT_TIMED_OUT] + n[RESULT_PROTECTED];
	uint64_t n_ignored = n[RESULT_IGNORED] + n[RESULT_SYSTEM];
	json_t *data = json_object();

	json_set(data, "TaskId", json_text_of(view->request_id));
	json_set(data, "InstanceId", json_text_of(view->report->instance));
	json_set(data, "NodeId", json_text_of(task_node(view)));
	json_set(data, "TaskState", json_text_of(task_state(view)));
	json_set(data, "Sessions", session_ids(view));
	json_set(data, "KillSuccessCount", json_integer((json_int_t)n[RESULT_KILLED]));
	json_set(data, "KillFailCount", json_integer((json_int_t)n_failed));
	json_set(data, "IgnoredUserSessionCount", json_integer((json_int_t)n_ignored));
	return data;
}

/* None as long as the task runs: nobody's fate is known for certain. */
static void print_results(const struct jobs_view *view, FILE *out)
{
	const struct results *results = &view->report->results;
	size_t n = view->is_done ? results->n : 0;

	for (size_t i = 0; i < n; i++) {
		json_auto_t *object = result_json(view, results, &results->items[i]);
		CLEANUP(mem_free_p) char *text = json_print(object);

		fprintf(out, "%s%s", i > 0 ? "," : "", text);
	}
}

/* Printed row by row: as values the results would take ten times as much memory. */
static void answer_task(struct exchange *exchange, const struct jobs_view *view)
{
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	CHECK(out != NULL);
	json_print_open(das_success(exchange, DAS_SUCCESSFUL), "Data", out);
	json_print_open(task_json(view), "Result", out);
	fputc('[', out);
	print_results(view, out);
	fputs("]}}", out);
	CHECK(fclose(out) == 0);
	exchange_answer_text(exchange, 200, NAMES_TYPE_JSON, (struct slice){text, size});
}

static bool is_task_of_node(
	const struct instance *instance, const struct jobs_view *view, struct slice node)
{
	return view->request->n_nodes > 0 ? slice_is(node, view->request->nodes[0])
					  : instance_has_node(instance, node);
}

/* The task that TaskId names, if it is one of this instance and node; else words. */
static bool find_task(const struct exchange *exchange, const struct instance *instance,
	struct jobs_view *ret_view, struct err *err)
{
	struct slice id, node;

	if (!das_need_param(&exchange->params, "TaskId", &id, err) ||
		!params_get_single(&exchange->params, "NodeId", &node, err)) {
		return false;
	}
	if (!jobs_find(exchange->control->in.jobs, id, ret_view) ||
		!ret_view->request->wants_results ||
		strcmp(ret_view->report->instance, instance->opts->id) != 0) {
		err_set(err, "TaskId \"%.*s\" is unknown", (int)MIN(id.len, (size_t)64), id.data);
		return false;
	}
	if (node.data != NULL && !is_task_of_node(instance, ret_view, node)) {
		err_set(err, "NodeId \"%.*s\" is no node of this task",
			(int)MIN(node.len, (size_t)64), node.data);
		return false;
	}
	return true;
}

void das_task_result(struct exchange *exchange)
{
	const struct instance *instance = das_find_instance(exchange);
	struct jobs_view view;
	struct err err;

	if (instance == NULL) {
		return;
	}
	if (find_task(exchange, instance, &view, &err)) {
		answer_task(exchange, &view);
	} else {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
	}
}
