/*
 * What a reload keeps: the links of instances that are reached as before, and the keys that take a
 * restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/keys.h"
#include "scratch.h"

/* ---- instances ---- */

static struct config *load(const struct scratch *scratch, const char *text)
{
	struct config_errors errors = {0};
	struct config *config;

	scratch_write(scratch->path, text);
	config = config_load(scratch->path, &errors);
	if (config == NULL) {
		fail_msg("%s", errors.lines[0]);
	}
	return config;
}

#define STANDALONE "instances: [{id: a, address: 'h:1'"
#define SENTINEL "instances: [{id: a, sentinel: {master: m, addresses: ['h:1']"

static struct topology_opts topology_opts_of(const struct instance_opts *opts)
{
	return (struct topology_opts){
		.kind = opts->kind,
		.endpoints = opts->endpoints,
		.n_endpoints = opts->n_endpoints,
		.master = opts->master,
		.node_opts = &opts->link,
		.question_opts = &opts->questions,
	};
}

/* Whose links stay, and whose connections are as good as before. */
static void test_same_group(void **state)
{
	static const struct {
		const char *name;
		const char *current;
		const char *next;
		bool is_same_group;
		bool is_same_login;
	} rows[] = {
		{"nothing", STANDALONE "}]", STANDALONE "}]", true, true},
		{"protect", STANDALONE "}]", STANDALONE ", protect: ['user = x']}]", true, true},
		{"pace", STANDALONE "}]", STANDALONE ", pace: gentle}]", true, true},
		{"another spelling", STANDALONE "}]", "instances: [{id: a, address: ['h:1']}]",
			true, true},
		{"address", STANDALONE "}]", "instances: [{id: a, address: 'h:2'}]", true, true},
		{"one more", STANDALONE "}]", "instances: [{id: a, address: ['h:1', 'h:2']}]", true,
			true},
		{"connect time-out", STANDALONE "}]", STANDALONE ", connect-timeout: 2s}]", true,
			true},
		{"command time-out", STANDALONE "}]", STANDALONE ", command-timeout: 2s}]", true,
			true},
		{"links", STANDALONE "}]", STANDALONE ", links: 1}]", true, true},
		{"tls", STANDALONE "}]", STANDALONE ", tls: {}}]", true, false},
		{"name in the certificate", STANDALONE ", tls: {}}]",
			STANDALONE ", tls: {server-name: x}}]", true, false},
		{"user", STANDALONE "}]", STANDALONE ", username: u}]", true, false},
		{"client command", STANDALONE "}]", STANDALONE ", client-command: C}]", true,
			false},
		{"kind", STANDALONE "}]", "instances: [{id: a, cluster: {addresses: ['h:1']}}]",
			false, true},
		{"the same group", SENTINEL "}}]", SENTINEL "}}]", true, true},
		{"one more Sentinel", SENTINEL "}}]",
			"instances: [{id: a, sentinel: {master: m, addresses: ['i:1', 'h:1']}}]",
			true, true},
		{"other Sentinels", SENTINEL "}}]",
			"instances: [{id: a, sentinel: {master: m, addresses: ['i:1']}}]", false,
			true},
		{"master", SENTINEL "}}]",
			"instances: [{id: a, sentinel: {master: n, addresses: ['h:1']}}]", false,
			true},
		{"user of Sentinels", SENTINEL "}}]", SENTINEL ", username: u}}]", true, true},
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *current = load(scratch, rows[i].current);
		struct config *next = load(scratch, rows[i].next);
		struct topology_opts before = topology_opts_of(&current->instances[0]);
		struct topology_opts after = topology_opts_of(&next->instances[0]);

		if (topology_opts_is_same_group(&before, &after) != rows[i].is_same_group) {
			fail_msg("%s: group", rows[i].name);
		}
		if (link_opts_is_same_login(before.node_opts, after.node_opts) !=
			rows[i].is_same_login) {
			fail_msg("%s: login", rows[i].name);
		}
		config_free(current);
		config_free(next);
	}
}

/* ---- keys ---- */

struct paths {
	char text[256];
};

static void collect(void *context, const char *path)
{
	struct paths *paths = context;
	size_t used = strlen(paths->text);

	snprintf(paths->text + used, sizeof(paths->text) - used, "%s ", path);
}

static void test_fixed_keys(void **state)
{
	static const char good[] = "\n" STANDALONE "}]";
	static const struct {
		const char *control;
		const char *expected;
	} rows[] = {
		{"control: {}", ""},
		{"control: {mode: \"0660\", max-connections: 64}", ""},
		{"control: {socket: /tmp/sesskill-test-none.sock}", "control.socket "},
		{"control: {mode: \"0600\"}", "control.mode "},
		{"control: {group: \"0\"}", "control.group "},
		{"control: {max-connections: 7}", "control.max-connections "},
		{"access: [{effect: deny, actions: ['*']}]", ""},
		{"audit: {file: /tmp/sesskill-test-none, required: true}", ""},
	};
	const struct scratch *scratch = *state;
	size_t n_expected = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_free_p) char *text = mem_printf("%s%s", rows[i].control, good);
		struct config *current = load(scratch, good);
		struct config *next = load(scratch, text);
		struct config *same = load(scratch, good);
		struct paths paths = {""};

		config_compare_fixed(current, next, collect, &paths);
		assert_string_equal(paths.text, rows[i].expected);
		n_expected += rows[i].expected[0] != '\0';
		/* What is kept differs no longer. */
		config_keep_fixed(current, next);
		config_compare_fixed(same, next, collect, &paths);
		assert_string_equal(paths.text, rows[i].expected);
		config_free(current);
		config_free(next);
		config_free(same);
	}
	assert_int_equal(n_expected, 4);
}

/* Every key that takes a restart has a row above. */
static void test_all_fixed_keys(void **state)
{
	size_t n_fixed = 0;

	(void)state;
	for (size_t i = 0; i < keys_n; i++) {
		n_fixed += !keys_is_reloadable(&keys_table[i]);
	}
	assert_int_equal(n_fixed, 4);
}

/* Whom the socket's file lets in by its group and who may do all by default stay one. */
static void test_the_group_goes_with_the_socket(void **state)
{
	const struct scratch *scratch = *state;
	struct config *current = load(scratch, "control: {group: \"0\"}\n" STANDALONE "}]");
	struct config *next = load(scratch, STANDALONE "}]");

	config_keep_fixed(current, next);
	assert_true(next->access.has_control_gid);
	assert_int_equal(next->access.control_gid, 0);
	assert_non_null(next->control.group);
	config_free(current);
	config_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_group, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_fixed_keys, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_all_fixed_keys),
		cmocka_unit_test_setup_teardown(
			test_the_group_goes_with_the_socket, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
