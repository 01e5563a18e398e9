/*
 * The DAS-compatible API: what its actions share, and KillInstanceAllSession.
 */
#include "control/das/das.h"

#include "base/mem.h"
#include "control/names.h"
#include "control/order.h"
#include "record/json.h"

#define DAS_VERSION "2020-01-16"

/*
 * Header and parameter may both be there; each that is must be the version that is served. False
 * when the exchange was answered with what is wrong.
 */
static bool check_version(struct exchange *exchange)
{
	struct slice header = http_head_find(&exchange->http->head, NAMES_HEADER_VERSION);
	struct slice version;
	struct err err;

	if (!params_get_single(&exchange->params, "Version", &version, &err)) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
		return false;
	}
	if ((header.data != NULL && !slice_is(header, DAS_VERSION)) ||
		(version.data != NULL && !slice_is(version, DAS_VERSION))) {
		exchange_fail(exchange, EXCHANGE_INVALID_VERSION, "Version must be " DAS_VERSION);
		return false;
	}
	return true;
}

bool das_get_param(
	const struct params *params, const char *name, struct slice *ret_value, struct err *err)
{
	if (!params_get_single(params, name, ret_value, err)) {
		return false;
	}
	if (ret_value->data != NULL && ret_value->len == 0) {
		err_set(err, "%s is empty", name);
		return false;
	}
	return true;
}

bool das_need_param(
	const struct params *params, const char *name, struct slice *ret_value, struct err *err)
{
	if (!das_get_param(params, name, ret_value, err)) {
		return false;
	}
	if (ret_value->data == NULL) {
		err_set(err, "%s is missing", name);
	}
	return ret_value->data != NULL;
}

const struct instance *das_find_instance(struct exchange *exchange)
{
	const struct instance *instance = NULL;
	struct slice id;
	struct err err;

	if (!check_version(exchange)) {
		return NULL;
	}
	if (das_need_param(&exchange->params, "InstanceId", &id, &err)) {
		instance = instances_find(exchange->control->in.instances, id);
		if (id.len > INSTANCE_MAX_ID_BYTES) {
			err_set(&err, "InstanceId is longer than %d bytes", INSTANCE_MAX_ID_BYTES);
		} else if (instance == NULL) {
			err_set(&err, "InstanceId \"%.*s\" is unknown", SLICE_ARG(id));
		}
	}
	if (instance == NULL) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
	}
	return instance;
}

json_t *das_success(const struct exchange *exchange, const char *message)
{
	json_t *body = json_object();

	json_set(body, "Code", json_integer(200));
	json_set(body, "Message", json_text_of(message));
	json_set(body, "RequestId", json_text_of(exchange->request_id));
	json_set(body, "Success", json_true());
	return body;
}

json_t *das_upper(struct slice text)
{
	CLEANUP(mem_free_p) char *upper = slice_copy(text);

	for (size_t i = 0; i < text.len; i++) {
		if (upper[i] >= 'a' && upper[i] <= 'z') {
			upper[i] = (char)(upper[i] - 'a' + 'A');
		}
	}
	return json_text((struct slice){upper, text.len});
}

/* ---- KillInstanceAllSession ---- */

/* Exactly these five keys, every value a string. */
static json_t *success(const struct exchange *exchange)
{
	json_t *body = json_object();

	json_set(body, "Code", json_text_of("200"));
	json_set(body, "Message", json_text_of(DAS_SUCCESSFUL));
	json_set(body, "Data", json_text_of("None"));
	json_set(body, "RequestId", json_text_of(exchange->request_id));
	json_set(body, "Success", json_text_of("true"));
	return body;
}

static void on_killed(void *context, const char *request_id UNUSED, const struct report *report)
{
	struct exchange *exchange = context;
	const char *words = report->error != NULL ? report->error : "the kill was cancelled";

	if (report->state == REPORT_DONE) {
		exchange_answer(exchange, 200, success(exchange));
	} else if (report->state != REPORT_CANCELLED && !report_was_any_node_reached(report)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE, "%s", words);
	} else {
		exchange_fail(exchange, EXCHANGE_INTERNAL, "%s", words);
	}
}

void das_kill_all(struct exchange *exchange)
{
	const struct instance *instance = das_find_instance(exchange);
	struct request request;

	if (instance == NULL) {
		return;
	}
	request_init(&request);
	request.is_all = true;
	order_answer(exchange, instance, &request, on_killed);
}
