/*
 * Access to every route, walked from the table itself: a row without its test cannot be added. Each
 * is asked for by a caller who may nothing, by one who may only this, and by one who may all but
 * this.
 */
#include "http_fixture.h"

#include "base/mem.h"
#include "base/parse.h"
#include "control/control.h"
#include "control/routes.h"

#define INSTANCE "walked"
#define REQUEST_ID "00000000-0000-0000-0000-000000000000"

struct walk {
	struct fixture *fixture;
	struct instances *instances;
	struct audit *audit;
	struct audit_opts audit_opts;
	struct metrics *metrics;
	struct jobs *jobs;
	struct guards *guards;
	struct leases *leases;
	struct control *control;
	struct access_opts access;
};

/* The path of a row with something in the place of its star. */
static char *make_path(const struct route *route)
{
	struct slice rest = slice_of(route->path);
	const char *id = strstr(route->path, "kills") != NULL ? REQUEST_ID : INSTANCE;
	struct slice head;

	slice_next(&rest, '*', &head);
	return mem_printf(
		"%.*s%s%.*s", SLICE_ARG(head), rest.data != NULL ? id : "", SLICE_ARG(rest));
}

/* The status of the answer. */
static int ask(struct walk *walk, const struct route *route, const char *parameters)
{
	struct client client = client_open(walk->fixture);
	CLEANUP(mem_free_p) char *path = make_path(route);
	CLEANUP(mem_free_p)
	char *request =
		mem_printf("%s %s%s%s HTTP/1.1\r\nHost: x\r\n%s%s%sContent-Length: 0\r\n\r\n",
			http_method_name(route->method), path, parameters[0] != '\0' ? "?" : "",
			parameters, route->das_action != NULL ? "x-acs-action: " : "",
			route->das_action != NULL ? route->das_action : "",
			route->das_action != NULL ? "\r\n" : "");
	uint64_t status = 0;

	client_send(walk->fixture, &client, request);
	client_expect(walk->fixture, &client, "\r\n\r\n");
	assert_true(parse_u64((struct slice){client.text + 9, 3}, &status));
	client_close(&client);
	fixture_turn(walk->fixture);
	return (int)status;
}

/* One statement about this process's user. */
static void set_access(struct walk *walk, struct access_statement *statements, size_t n)
{
	walk->access.statements = statements;
	walk->access.n_statements = n;
}

static int setup(void **state)
{
	struct walk *walk = mem_new(struct walk);
	struct control_inputs inputs;
	void *fixture;
	struct err err;

	if (fixture_setup_bare(&fixture) != 0) {
		return -1;
	}
	walk->fixture = fixture;
	walk->metrics = metrics_new();
	walk->instances =
		instances_new(&(struct link_world){.loop = walk->fixture->loop}, walk->metrics);
	walk->audit = audit_new(&walk->audit_opts);
	walk->jobs = jobs_new(walk->fixture->loop, walk->instances, walk->audit);
	walk->guards = guards_new(&(struct guards_inputs){
		.loop = walk->fixture->loop,
		.instances = walk->instances,
		.jobs = walk->jobs,
		.audit = walk->audit,
	});
	walk->leases = leases_new(&(struct leases_inputs){
		.loop = walk->fixture->loop,
		.instances = walk->instances,
		.jobs = walk->jobs,
		.audit = walk->audit,
	});
	inputs = (struct control_inputs){
		.loop = walk->fixture->loop,
		.access = &walk->access,
		.instances = walk->instances,
		.jobs = walk->jobs,
		.audit = walk->audit,
		.metrics = walk->metrics,
		.guards = walk->guards,
		.leases = walk->leases,
	};
	assert_int_equal(control_new(&inputs, &walk->fixture->opts, -1, &walk->control, &err), 0);
	*state = walk;
	return 0;
}

static int teardown(void **state)
{
	struct walk *walk = *state;
	void *fixture = walk->fixture;

	control_free(walk->control);
	guards_free(walk->guards);
	leases_free(walk->leases);
	jobs_free(walk->jobs);
	audit_free(walk->audit);
	instances_free(walk->instances);
	metrics_free(walk->metrics);
	free(walk);
	return fixture_teardown(&fixture);
}

/* What a walk asks of a row: the action that counts, and the parameters that make it so. */
struct leg {
	const char *action;
	const char *parameters;
};

static size_t legs_of(const struct route *route, struct leg *legs)
{
	const char *instance = route->das_action != NULL ? "InstanceId=" INSTANCE : "";
	size_t n = 0;

	if (route->action == NULL) {
		return 0;
	}
	if (route->selective_action == NULL) {
		legs[n++] = (struct leg){route->action, instance};
	} else if (route->method == HTTP_DELETE) {
		legs[n++] = (struct leg){route->action, ""};
		legs[n++] = (struct leg){route->selective_action, ""};
	} else {
		legs[n++] = (struct leg){route->action, "all=true"};
		legs[n++] = (struct leg){route->selective_action, "match=id%20%3D%201"};
	}
	return n;
}

static void test_nobody_may(void **state)
{
	struct walk *walk = *state;
	char none_text[] = "hdm:Nothing";
	char *none[] = {none_text};
	uid_t self[] = {geteuid()};
	struct access_statement statement = {
		.actions = none, .n_actions = 1, .users = self, .n_users = 1};
	size_t n_routes;
	const struct route *routes = routes_table(&n_routes);

	set_access(walk, &statement, 1);
	for (size_t i = 0; i < n_routes; i++) {
		struct leg legs[2];
		size_t n_legs = legs_of(&routes[i], legs);

		for (size_t k = 0; k < n_legs; k++) {
			assert_int_equal(ask(walk, &routes[i], legs[k].parameters), 403);
		}
		if (n_legs == 0) {
			assert_int_not_equal(ask(walk, &routes[i], ""), 403);
		}
	}
}

/* Whoever may just what the row says gets further than 403, by all the others' standards. */
static void test_one_action_suffices(void **state)
{
	struct walk *walk = *state;
	uid_t self[] = {geteuid()};
	size_t n_routes;
	const struct route *routes = routes_table(&n_routes);

	for (size_t i = 0; i < n_routes; i++) {
		struct leg legs[2];
		size_t n_legs = legs_of(&routes[i], legs);

		for (size_t k = 0; k < n_legs; k++) {
			char *actions[] = {(char *)legs[k].action};
			struct access_statement statement = {
				.actions = actions, .n_actions = 1, .users = self, .n_users = 1};

			set_access(walk, &statement, 1);
			assert_int_not_equal(ask(walk, &routes[i], legs[k].parameters), 403);
		}
	}
}

/* All but the action of the row: denied, except where another one suffices as well. */
static void test_deny_wins(void **state)
{
	struct walk *walk = *state;
	char everything_text[] = "*";
	char *everything[] = {everything_text};
	uid_t self[] = {geteuid()};
	size_t n_routes;
	const struct route *routes = routes_table(&n_routes);

	for (size_t i = 0; i < n_routes; i++) {
		struct leg legs[2];
		size_t n_legs = legs_of(&routes[i], legs);

		for (size_t k = 0; k < n_legs && routes[i].method != HTTP_DELETE; k++) {
			char *denied[] = {(char *)legs[k].action};
			struct access_statement statements[] = {
				{.actions = everything,
					.n_actions = 1,
					.users = self,
					.n_users = 1},
				{.is_deny = true, .actions = denied, .n_actions = 1},
			};

			set_access(walk, statements, 2);
			assert_int_equal(ask(walk, &routes[i], legs[k].parameters), 403);
		}
	}
}

/* On other instances only: a name that exists and one that does not are refused alike. */
static void test_other_instances(void **state)
{
	struct walk *walk = *state;
	char everything_text[] = "*";
	char *everything[] = {everything_text};
	char others_text[] = "other-*";
	char *others[] = {others_text};
	uid_t self[] = {geteuid()};
	struct access_statement statement = {.actions = everything,
		.n_actions = 1,
		.users = self,
		.n_users = 1,
		.instances = others,
		.n_instances = 1};
	size_t n_routes;
	const struct route *routes = routes_table(&n_routes);

	set_access(walk, &statement, 1);
	for (size_t i = 0; i < n_routes; i++) {
		bool is_about_one = strstr(routes[i].path, "instances/*") != NULL ||
				    routes[i].das_action != NULL;
		struct leg legs[2];
		size_t n_legs = legs_of(&routes[i], legs);

		for (size_t k = 0; k < n_legs && is_about_one; k++) {
			assert_int_equal(ask(walk, &routes[i], legs[k].parameters), 403);
		}
	}
}

/* A parameter that is not understood is a condition that would not be kept. */
static void test_no_parameters(void **state)
{
	struct walk *walk = *state;
	size_t n_routes;
	const struct route *routes = routes_table(&n_routes);

	for (size_t i = 0; i < n_routes; i++) {
		if (!routes[i].takes_params) {
			assert_int_equal(ask(walk, &routes[i], "unheard-of=1"), 400);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_may, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_action_suffices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deny_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_instances, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_parameters, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
