/*
 * The native API: instances, and whether all is well with them.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/names.h"
#include "control/native/native.h"
#include "control/permission.h"
#include "kill/kernel_use.h"
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

json_t *native_text_or_null(const char *text)
{
	return text[0] != '\0' ? json_text_of(text) : json_null();
}

static json_t *number_or_null(int64_t number)
{
	return number >= 0 ? json_integer(number) : json_null();
}

static json_t *id_or_null(uint64_t id)
{
	return id > 0 ? json_integer((json_int_t)id) : json_null();
}

static json_t *age_or_null(bool is_known, int64_t since_ms)
{
	return is_known ? json_integer(clock_monotonic_ms() - since_ms) : json_null();
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
		json_set(object, "own_id", id_or_null(connection.server->own_id));
		json_set(object, "age_ms",
			age_or_null(connection.is_proven, connection.ready_since_ms));
		json_add(list, object);
	}
	return list;
}

/* What is wrong with it; null: nothing. */
static json_t *node_error(const struct link *link, bool is_ready, const char *words)
{
	if (is_ready && link_is_by_turns(link)) {
		return json_text_of(LINK_BY_TURNS);
	}
	if (is_ready || link_state(link) != LINK_READY) {
		words = link_last_error(link);
	}
	return native_text_or_null(words);
}

static json_t *node_json(const struct instance *instance, struct link *link)
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
	json_set(node, "own_id", id_or_null(server->own_id));
	json_set(node, "link_age_ms", age_or_null(since_ms > 0, since_ms));
	json_set(node, "links", links_json(link));
	json_set(node, "user", json_text_of(link_opts_user(link_options(link))));
	json_set(node, "missing_permissions", missing_permissions(server));
	json_set(node, "capabilities", capabilities(server));
	json_set(node, "kernel", json_text_of(kernel_use_words(instance, link)));
	json_set(node, "last_error", node_error(link, is_ready, words));
	return node;
}

/* The lease of an instance that lasts longest. */
struct last_lease {
	const char *instance;
	int64_t left_ms;
	const char *bad; /* the id of one that cannot be kept or ended; NULL: there is none */
};

static void take_longest(void *context, const struct lease_view *view)
{
	struct last_lease *last = context;

	if (strcmp(view->instance, last->instance) == 0) {
		last->left_ms = MAX(last->left_ms, view->left_ms);
		if (view->is_overdue || view->is_incomplete) {
			last->bad = view->id;
		}
	}
}

static void set_leases(
	json_t *object, const struct control *control, const struct instance *instance)
{
	struct last_lease last = {instance->opts->id, 0, NULL};
	char until[CLOCK_RFC3339_BYTES];

	leases_each(control->in.leases, take_longest, &last);
	clock_format_rfc3339(clock_wall_ms() + last.left_ms, until);
	json_set(object, "out_until", last.left_ms > 0 ? json_text_of(until) : json_null());
	json_set(object, "bad_lease", last.bad != NULL ? json_text_of(last.bad) : json_null());
}

static json_t *instance_json(const struct control *control, const struct instance *instance)
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
	json_set(object, "error", native_text_or_null(topology_error(instance->topology)));
	set_leases(object, control, instance);
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
	json_t *body = json_object();
	json_t *list = json_array();

	for (size_t i = 0; i < instances_n(instances); i++) {
		const struct instance *instance = instances_get(instances, i);

		if (permission_has(exchange, exchange->action, slice_of(instance->opts->id))) {
			json_add(list, instance_json(exchange->control, instance));
		}
	}
	json_set(body, "instances", list);
	json_set(body, "warnings", warnings_json(exchange->control));
	exchange_answer(exchange, 200, body);
}

const struct instance *native_find_instance(struct exchange *exchange)
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
	const struct instance *instance = native_find_instance(exchange);

	if (instance != NULL) {
		exchange_answer(exchange, 200, instance_json(exchange->control, instance));
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
		bool is_shown = permission_has(
			exchange, "hdm:DescribeInstances", slice_of(instance->opts->id));

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
	FILE *out = open_memstream(&text, &size);
	size_t n_unready = list_unready(exchange, out);

	if (n_unready == 0) {
		fputs("ok\n", out);
	} else {
		fprintf(out, "%zu nodes are not ready\n", n_unready);
	}
	fclose(out);
	exchange_answer_text(
		exchange, n_unready == 0 ? 200 : 503, NAMES_TYPE_TEXT, (struct slice){text, size});
}
