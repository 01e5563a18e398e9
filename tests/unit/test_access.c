/*
 * The policy: deny wins, nothing matches is denied, and what holds without any statement.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "control/access.h"

/* One of each list is enough to tell them apart; NULL and 0 stand for an empty list. */
struct statement {
	bool is_deny;
	const char *actions[2];
	uid_t user;
	gid_t group;
	const char *instances[2];
};

struct row {
	const char *name;
	struct statement statements[3];
	size_t n_statements;
	const char *action;
	const char *instance;
	bool is_allowed;
};

#define ANN 654321 /* nobody who runs this test */
#define OPS 27     /* a supplementary group of hers */
#define STAFF 50   /* her own group */
#define KILL "hdm:KillInstanceAllSession"

static const struct caller ann = {.uid = ANN, .gid = STAFF, .groups = {4, OPS}, .n_groups = 2};

static const struct row rows[] = {
	{"by user", {{false, {KILL}, ANN, 0, {0}}}, 1, KILL, "r-1", true},
	{"other user", {{false, {KILL}, 1001, 0, {0}}}, 1, KILL, "r-1", false},
	{"by own group", {{false, {KILL}, 0, STAFF, {0}}}, 1, KILL, "r-1", true},
	{"by supplementary group", {{false, {KILL}, 0, OPS, {0}}}, 1, KILL, "r-1", true},
	{"other group", {{false, {KILL}, 0, 5, {0}}}, 1, KILL, "r-1", false},
	{"user or group", {{false, {KILL}, 1001, OPS, {0}}}, 1, KILL, "r-1", true},
	{"other action", {{false, {"hdm:Get*"}, ANN, 0, {0}}}, 1, KILL, "r-1", false},
	{"action by wildcard", {{false, {"hdm:Get*"}, ANN, 0, {0}}}, 1, "hdm:GetX", "r-1", true},
	{"one of two actions", {{false, {"hdm:Get*", "hdm:Kill*"}, ANN, 0, {0}}}, 1, KILL, "r",
		true},
	{"all actions", {{false, {"*"}, ANN, 0, {0}}}, 1, KILL, "r-1", true},
	{"case counts", {{false, {"HDM:*"}, ANN, 0, {0}}}, 1, KILL, "r-1", false},
	{"instance", {{false, {"*"}, ANN, 0, {"r-1"}}}, 1, KILL, "r-1", true},
	{"other instance", {{false, {"*"}, ANN, 0, {"r-1"}}}, 1, KILL, "r-12", false},
	{"instance by wildcard", {{false, {"*"}, ANN, 0, {"x", "r-?"}}}, 1, KILL, "r-1", true},
	{"deny alone", {{true, {"*"}, 1001, 0, {0}}}, 1, KILL, "r-1", false},
	{"deny behind allow", {{false, {"*"}, ANN, 0, {0}}, {true, {KILL}, 0, OPS, {0}}}, 2, KILL,
		"r-1", false},
	{"deny before allow", {{true, {KILL}, 0, OPS, {0}}, {false, {"*"}, ANN, 0, {0}}}, 2, KILL,
		"r-1", false},
	{"deny of another action", {{false, {"*"}, ANN, 0, {0}}, {true, {"hdm:Get*"}, ANN, 0, {0}}},
		2, KILL, "r-1", true},
	{"deny of another instance", {{false, {"*"}, ANN, 0, {0}}, {true, {"*"}, ANN, 0, {"r-2"}}},
		2, KILL, "r-1", true},
	{"deny of this instance", {{false, {"*"}, ANN, 0, {0}}, {true, {"*"}, ANN, 0, {"r-2"}}}, 2,
		KILL, "r-2", false},
	{"deny of another caller", {{false, {"*"}, ANN, 0, {0}}, {true, {"*"}, 1001, 0, {0}}}, 2,
		KILL, "r-1", true},
	{"third of three",
		{{false, {"a"}, ANN, 0, {0}}, {false, {"b"}, ANN, 0, {0}},
			{false, {KILL}, ANN, 0, {0}}},
		3, KILL, "r-1", true},

	/* Empty lists. */
	{"allow for nobody", {{false, {"*"}, 0, 0, {0}}}, 1, KILL, "r-1", false},
	{"allow of nothing", {{false, {0}, ANN, 0, {0}}}, 1, KILL, "r-1", false},
	{"deny for all", {{false, {"*"}, ANN, 0, {0}}, {true, {"*"}, 0, 0, {0}}}, 2, KILL, "r-1",
		false},
	{"deny of all", {{false, {"*"}, ANN, 0, {0}}, {true, {0}, ANN, 0, {0}}}, 2, KILL, "r-1",
		false},

	/* Before the instance is known. */
	{"some instance", {{false, {"*"}, ANN, 0, {"r-1"}}}, 1, KILL, NULL, true},
	{"no instance for her", {{false, {"*"}, 1001, 0, {"r-1"}}}, 1, KILL, NULL, false},
	{"not this action anywhere", {{false, {"hdm:Get*"}, ANN, 0, {0}}}, 1, KILL, NULL, false},
	{"all but one", {{false, {"*"}, ANN, 0, {0}}, {true, {"*"}, ANN, 0, {"r-1"}}}, 2, KILL,
		NULL, true},
	{"none is left", {{false, {"*"}, ANN, 0, {"r-1"}}, {true, {"*"}, ANN, 0, {0}}}, 2, KILL,
		NULL, false},
	{"none is left by star",
		{{false, {"*"}, ANN, 0, {"r-1"}}, {true, {"*"}, ANN, 0, {"x", "*"}}}, 2, KILL, NULL,
		false},
};

static bool is_allowed(const struct row *row)
{
	struct access_statement statements[3];
	struct statement given[3];
	struct access_opts opts = {.statements = statements, .n_statements = row->n_statements};

	memcpy(given, row->statements, sizeof(given));
	for (size_t i = 0; i < row->n_statements; i++) {
		struct statement *s = &given[i];

		statements[i] = (struct access_statement){
			.is_deny = s->is_deny,
			.actions = (char **)s->actions,
			.n_actions = (size_t)(s->actions[0] != NULL) + (s->actions[1] != NULL),
			.users = &s->user,
			.n_users = s->user != 0,
			.groups = &s->group,
			.n_groups = s->group != 0,
			.instances = (char **)s->instances,
			.n_instances =
				(size_t)(s->instances[0] != NULL) + (s->instances[1] != NULL),
		};
	}
	return access_is_allowed(&opts, &ann, row->action, slice_of(row->instance));
}

static void test_statements(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (is_allowed(&rows[i]) != rows[i].is_allowed) {
			fail_msg("%s: %s", rows[i].name, rows[i].is_allowed ? "denied" : "allowed");
		}
	}
}

/* Even root needs a statement where there are some. */
static void test_root_is_not_exempt(void **state)
{
	char star[] = "*", *patterns[] = {star};
	uid_t user = ANN;
	struct access_statement statement = {
		.actions = patterns, .n_actions = 1, .users = &user, .n_users = 1};
	struct access_opts opts = {.statements = &statement, .n_statements = 1};
	struct caller root = {.uid = 0};

	assert_false(access_is_allowed(&opts, &root, KILL, slice_of("r-1")));
	assert_true(access_is_allowed(&opts, &ann, KILL, slice_of("r-1")));
}

static void test_default(void **state)
{
	struct access_opts closed = {.n_statements = 0};
	struct access_opts open = {.has_control_gid = true, .control_gid = OPS};
	struct caller own = {.uid = geteuid(), .gid = 12345};
	struct caller root = {.uid = 0};
	struct caller bob = {.uid = ANN + 1, .gid = OPS};
	struct caller eve = {.uid = ANN + 2, .gid = ANN + 2, .groups = {OPS}, .n_groups = 0};
	struct caller unknown = {.uid = (uid_t)-1, .gid = (gid_t)-1};

	assert_true(access_is_allowed(&closed, &root, KILL, slice_of("r-1")));
	assert_true(access_is_allowed(&closed, &own, KILL, slice_of(NULL)));
	assert_false(access_is_allowed(&closed, &ann, KILL, slice_of("r-1")));
	assert_false(access_is_allowed(&closed, &ann, KILL, slice_of(NULL)));
	assert_true(access_is_allowed(&open, &ann, KILL, slice_of("r-1")));
	assert_true(access_is_allowed(&open, &bob, KILL, slice_of("r-1")));
	assert_false(access_is_allowed(&open, &eve, KILL, slice_of("r-1")));
	assert_false(access_is_allowed(&open, &unknown, KILL, slice_of("r-1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_root_is_not_exempt),
		cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
