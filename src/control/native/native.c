/*
 * The native API.
 */
#include "control/native/native.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/exchange.h"
#include "control/names.h"
#include "control/order.h"
#include "control/permission.h"
#include "control/native/sessions.h"
#include "record/json.h"

/* ---- instances ---- */

static const char *state_name(enum link_state state)
{
	switch (state) {
	case LINK_READY:
		return "ready";
	case LINK_CONNECTING:
	case LINK_HANDSHAKE:
		return "connecting";
	case LINK_LATE:
	case LINK_BACKOFF:
		break;
	}
	return "failed";
}

static json_t *number_or_null(int64_t number)
{
	return number >= 0 ? json_integer(number) : json_null();
}

static json_t *missing_permissions(const struct link_server *server)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < LINK_N_PERMISSIONS; i++) {
		if ((server->missing & (UINT32_C(1) << i)) != 0) {
			json_add(list, json_text_of(link_permission_name((enum link_permission)i)));
		}
	}
	return list;
}

static json_t *capabilities(const struct link_server *server)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CAPS_N; i++) {
		if (caps_has(&server->caps, (enum cap)i)) {
			json_add(list, json_text_of(caps_name((enum cap)i)));
		}
	}
	return list;
}

static const char *connection_state(const struct link_connection *connection)
{
	if (connection->is_late) {
		return "late";
	}
	return connection->is_proven ? "ready" : "connecting";
}

/* The daemon's own connections to the node, the one that is used first. */
static json_t *links_json(const struct link *link)
{
	json_t *list = json_array();

	for (size_t i = 0; i < link_n_connections(link); i++) {
		struct link_connection connection = link_connection(link, i);
		json_t *object;

		if (connection.is_expendable) {
			continue;
		}
		object = json_object();

		json_set(object, "state", json_text_of(connection_state(&connection)));
		json_set(object, "own_id",
			connection.server->own_id > 0
				? json_integer((json_int_t)connection.server->own_id)
				: json_null());
		json_set(object, "age_ms",
			connection.is_proven
				? json_integer(clock_monotonic_ms() - connection.ready_since_ms)
				: json_null());
		json_add(list, object);
	}
	return list;
}

/* What is wrong with it; null: nothing. */
static json_t *node_error(
	const struct instance *instance, const struct link *link, bool is_ready, const char *words)
{
	if (is_ready && link_is_by_turns(link)) {
		return json_text_of(LINK_BY_TURNS);
	}
	if (is_ready || link_state(link) != LINK_READY) {
		words = link_last_error(link);
	}
	return words[0] != '\0' ? json_text_of(words) : json_null();
}

static json_t *node_json(const struct instance *instance, const struct link *link)
{
	const struct link_server *server = link_server(link);
	int64_t since_ms = link_ready_since_ms(link);
	json_t *node = json_object();
	char name[80];
	char words[ERR_MAX_BYTES];
	bool is_ready = instance_is_node_ready(instance, link, words, sizeof(words));
	bool is_doubted = !is_ready && link_state(link) == LINK_READY;

	snprintf(name, sizeof(name), "%s%s%s", server->name, server->version[0] ? " " : "",
		server->version);
	json_set(node, "address", json_text_of(link_address(link)));
	json_set(node, "role", json_text_of(server->role));
	json_set(node, "server", json_text_of(name));
	json_set(node, "run_id", json_text_of(server->run_id));
	json_set(node, "state", json_text_of(is_doubted ? "failed" : state_name(link_state(link))));
	json_set(node, "clients", number_or_null(server->n_clients));
	json_set(node, "maxclients", number_or_null(server->max_clients));
	json_set(node, "own_id",
		server->own_id > 0 ? json_integer((json_int_t)server->own_id) : json_null());
	json_set(node, "link_age_ms",
		since_ms > 0 ? json_integer(clock_monotonic_ms() - since_ms) : json_null());
	json_set(node, "links", links_json(link));
	json_set(node, "user", json_text_of(link_opts_user(link_options(link))));
	json_set(node, "missing_permissions", missing_permissions(server));
	json_set(node, "capabilities", capabilities(server));
	json_set(node, "last_error", node_error(instance, link, is_ready, words));
	return node;
}

static json_t *instance_json(const struct instance *instance)
{
	json_t *object = json_object();
	json_t *nodes = json_array();

	json_set(object, "id", json_text_of(instance->opts->id));
	json_set(object, "kind",
		json_text_of(topology_kind_name(topology_kind(instance->topology))));
	for (size_t i = 0; i < topology_n_nodes(instance->topology); i++) {
		json_add(nodes, node_json(instance, topology_node(instance->topology, i)));
	}
	json_set(object, "nodes", nodes);
	json_set(object, "error",
		topology_error(instance->topology)[0] != '\0'
			? json_text_of(topology_error(instance->topology))
			: json_null());
	return object;
}

/* About the daemon itself. */
static json_t *warnings_json(const struct control *control)
{
	const char *problem = http_server_socket_problem(control->server);
	json_t *list = json_array();

	if (problem != NULL) {
		json_add(list, json_text_of(problem));
	}
	return list;
}

void native_instances(struct exchange *exchange)
{
	const struct instances *instances = exchange->control->in.instances;
	json_t *list;
	json_t *body;

	if (!exchange_has_no_params(exchange)) {
		return;
	}
	list = json_array();
	for (size_t i = 0; i < instances_n(instances); i++) {
		const struct instance *instance = instances_get(instances, i);

		if (permission_has(exchange, exchange->action, instance->opts->id)) {
			json_add(list, instance_json(instance));
		}
	}
	body = json_object();
	json_set(body, "instances", list);
	json_set(body, "warnings", warnings_json(exchange->control));
	exchange_answer(exchange, 200, body);
}

/* The instance in the path; NULL when the exchange was answered. */
static const struct instance *find_instance(struct exchange *exchange)
{
	const struct instance *instance =
		instances_find(exchange->control->in.instances, exchange->id);

	if (instance == NULL) {
		exchange_fail(exchange, EXCHANGE_NOT_FOUND, "no instance \"%.*s\"",
			(int)MIN(exchange->id.len, (size_t)INSTANCE_MAX_ID_BYTES),
			exchange->id.data);
	}
	return instance;
}

void native_instance(struct exchange *exchange)
{
	const struct instance *instance;

	if (!exchange_has_no_params(exchange)) {
		return;
	}
	instance = find_instance(exchange);
	if (instance != NULL) {
		exchange_answer(exchange, 200, instance_json(instance));
	}
}

void native_sessions(struct exchange *exchange)
{
	const struct instance *instance = find_instance(exchange);

	if (instance != NULL) {
		sessions_answer(exchange, instance);
	}
}

/* ---- kills ---- */

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
	const struct instance *instance = find_instance(exchange);
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
			order_submit_streaming(exchange, instance, &request);
		} else {
			order_submit(exchange, instance, &request, on_killed);
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

	if (!permission_has(listing->exchange, listing->exchange->action, view->report->instance)) {
		return;
	}
	json_add(listing->list, json_report_summary(view->request_id, view->report));
}

void native_kills(struct exchange *exchange)
{
	struct kills_listing listing = {exchange, NULL};
	json_t *body;

	if (!exchange_has_no_params(exchange)) {
		return;
	}
	listing.list = json_array();
	jobs_each(exchange->control->in.jobs, add_kill, &listing);
	body = json_object();
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

void native_kill_report(struct exchange *exchange)
{
	struct jobs_view view;

	if (exchange_has_no_params(exchange) && find_kill(exchange, exchange->action, &view)) {
		exchange_answer(exchange, 200, json_report(view.request_id, view.report));
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

	if (!exchange_has_no_params(exchange) || !find_kill(exchange, NULL, &view)) {
		return;
	}
	if (!jobs_cancel(exchange->control->in.jobs, exchange->id)) {
		exchange_fail(exchange, EXCHANGE_CONFLICT, "this kill has ended already");
	} else {
		record_cancel(exchange, &view);
		exchange_answer(exchange, 200, json_report(view.request_id, view.report));
	}
}

/* ---- health ---- */

/* Everybody may ask whether all is well; the names only for those who may see the instances. */
static size_t list_unready(struct exchange *exchange, FILE *out)
{
	const struct instances *instances = exchange->control->in.instances;
	size_t n_unready = 0;

	for (size_t i = 0; i < instances_n(instances); i++) {
		const struct instance *instance = instances_get(instances, i);
		bool is_shown =
			permission_has(exchange, "hdm:DescribeInstances", instance->opts->id);

		if (!topology_is_known(instance->topology)) {
			n_unready++;
			if (is_shown) {
				fprintf(out, "%s: %s\n", instance->opts->id,
					topology_error(instance->topology));
			}
		}

		for (size_t k = 0; k < topology_n_nodes(instance->topology); k++) {
			const struct link *link = topology_node(instance->topology, k);
			char words[ERR_MAX_BYTES];

			if (instance_is_node_ready(instance, link, words, sizeof(words)) ||
				topology_is_unused(instance->topology, link)) {
				continue;
			}
			n_unready++;
			if (is_shown) {
				fprintf(out, "%s %s: %s\n", instance->opts->id, link_address(link),
					words[0] != '\0' ? words : "connecting");
			}
		}
	}
	return n_unready;
}

void native_health(struct exchange *exchange)
{
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	FILE *out;
	size_t n_unready;

	if (!exchange_has_no_params(exchange)) {
		return;
	}
	out = open_memstream(&text, &size);
	n_unready = list_unready(exchange, out);
	if (n_unready == 0) {
		fputs("ok\n", out);
	} else {
		fprintf(out, "%zu nodes are not ready\n", n_unready);
	}
	fclose(out);
	exchange_answer_text(
		exchange, n_unready == 0 ? 200 : 503, NAMES_TYPE_TEXT, (struct slice){text, size});
}
