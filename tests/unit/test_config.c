/*
 * Whole configuration files: bad ones with the exact messages they must bring, good ones with the
 * options they must become, and the sample file against the table of keys.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/keys.h"

#define MAX_BYTES 65536 /* of a data file */
#define SAMPLE TEST_DATA "/../../conf/sesskilld.yaml"

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = mem_alloc(MAX_BYTES);

	if (file == NULL) {
		fail_msg("cannot open %s", path);
	}
	assert_true(fread(text, 1, MAX_BYTES - 1, file) < MAX_BYTES - 1);
	fclose(file);
	return text;
}

/* All messages, one a line. */
static char *load_bad(const char *path)
{
	struct config_errors errors = {0};
	char *text = mem_printf("%s", "");

	if (config_load(path, &errors) != NULL) {
		fail_msg("%s was taken", path);
	}
	for (size_t i = 0; i < errors.n; i++) {
		CLEANUP(mem_free_p) char *before = text;

		text = mem_printf("%s%s\n", before, errors.lines[i]);
	}
	config_errors_finish(&errors);
	return text;
}

static struct config *load_good(const char *path)
{
	struct config_errors errors = {0};
	struct config *config = config_load(path, &errors);

	if (config == NULL) {
		fail_msg("%s: %s", path, errors.lines[0]);
	}
	assert_int_equal(errors.n, 0);
	return config;
}

static void test_bad_files(void **state UNUSED)
{
	DIR *directory;
	size_t n = 0;

	assert_int_equal(chdir(TEST_DATA "/config/bad"), 0);
	directory = opendir(".");
	assert_non_null(directory);
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		struct slice name = slice_of(entry->d_name);

		if (slice_has_suffix(name, ".yaml")) {
			CLEANUP(mem_free_p)
			char *path = mem_printf(
				"%.*s.expected", (int)(name.len - strlen(".yaml")), entry->d_name);
			CLEANUP(mem_free_p) char *expected = read_text(path);
			CLEANUP(mem_free_p) char *found = load_bad(entry->d_name);

			assert_string_equal(found, expected);
			n++;
		}
	}
	closedir(directory);
	assert_true(n >= 25);
}

static void test_minimal(void **state UNUSED)
{
	struct config *config = load_good(TEST_DATA "/config/good/minimal.yaml");
	const struct instance_opts *instance = &config->instances[0];

	assert_int_equal(config->control.mode, 0660);
	assert_int_equal(config->control.max_connections, 64);
	assert_null(config->control.group);
	assert_null(config->audit.file);
	assert_false(config->audit.is_required);
	assert_int_equal(config->access.n_statements, 0);
	assert_false(config->access.has_control_gid);
	assert_int_equal(config->n_instances, 1);
	assert_string_equal(instance->id, "a");
	assert_int_equal(instance->n_endpoints, 1);
	assert_null(instance->link.username);
	assert_null(instance->link.password_file);
	assert_string_equal(instance->link.client_command, "CLIENT");
	assert_int_equal(instance->link.connect_timeout_ms, 1000);
	assert_int_equal(instance->link.command_timeout_ms, 5000);
	assert_int_equal(instance->pace, PACE_FAST);
	assert_int_equal(instance->stall_budget_ms, 25);
	assert_false(instance->counts_sessions);
	assert_int_equal(instance->protect.n, 0);
	config_free(config);
}

static void check_full_sections(const struct config *config)
{
	const struct access_statement *statements = config->access.statements;

	assert_string_equal(config->control.socket, "/tmp/control.sock");
	assert_int_equal(config->control.mode, 0600);
	assert_string_equal(config->control.group, "root");
	assert_int_equal(config->control.max_connections, 10000);
	assert_true(config->access.has_control_gid);
	assert_int_equal(config->access.control_gid, 0);
	assert_string_equal(config->audit.file, "/tmp/audit.jsonl");
	assert_true(config->audit.is_required);
	assert_int_equal(config->access.n_statements, 2);
	assert_false(statements[0].is_deny);
	assert_int_equal(statements[0].n_actions, 2);
	assert_string_equal(statements[0].actions[1], "hdm:Describe*");
	assert_int_equal(statements[0].n_groups, 2);
	assert_int_equal(statements[0].groups[1], 12345);
	assert_string_equal(statements[0].instances[0], "r-*");
	assert_true(statements[1].is_deny);
	assert_int_equal(statements[1].n_users, 2);
	assert_int_equal(statements[1].users[0], 0);
	assert_int_equal(statements[1].users[1], 1000);
	assert_int_equal(statements[1].n_instances, 0);
}

static void test_full(void **state UNUSED)
{
	struct config *config = load_good(TEST_DATA "/config/good/full.yaml");
	const struct instance_opts *one = &config->instances[0];
	const struct instance_opts *two = &config->instances[1];

	check_full_sections(config);
	assert_int_equal(config->n_instances, 2);
	assert_string_equal(one->id, "r-8vbcyr4sw0c4yc0001");
	assert_string_equal(one->endpoints[0].path, "/run/redis/redis-server.sock");
	assert_string_equal(one->link.username, "sesskill");
	assert_string_equal(one->link.client_command, "QXZLIENT");
	assert_int_equal(one->pace, PACE_GENTLE);
	assert_int_equal(one->stall_budget_ms, 10);
	assert_true(one->counts_sessions);
	assert_int_equal(one->link.command_timeout_ms, 2000);
	/* Protection adds up: what `defaults` protect no instance can lose by mistake. */
	assert_int_equal(one->protect.n, 3);
	assert_string_equal(selector_text(one->protect.items[0]), "user = replication-admin");
	assert_string_equal(selector_text(one->protect.items[1]), "name = ops-*");
	assert_int_equal(two->protect.n, 1);
	assert_string_equal(two->link.username, "everyone");
	assert_int_equal(two->n_endpoints, 3);
	assert_string_equal(two->endpoints[1].host, "::1");
	assert_int_equal(two->endpoints[2].port, 6379);
	assert_int_equal(two->link.connect_timeout_ms, 10);
	assert_int_equal(two->link.command_timeout_ms, 60 * 60 * 1000);
	config_free(config);
}

static void test_guards(void **state UNUSED)
{
	struct config *config = load_good(TEST_DATA "/config/good/guards.yaml");
	const struct guard_opts *full = &config->guards.items[0];
	const struct guard_opts *least = &config->guards.items[1];
	CLEANUP(mem_free_p) char *when = condition_print(&full->when);

	assert_string_equal(config->guards.hold_file, "/etc/sesskill/hold");
	assert_int_equal(config->guards.n, 2);
	assert_string_equal(full->name, "leaked-idle");
	assert_true(guard_opts_is_for(full, "r-7") && guard_opts_is_for(full, "cache"));
	assert_false(guard_opts_is_for(full, "orders"));
	assert_string_equal(when, "clients > 80%");
	assert_int_equal(full->for_ms, 20000);
	assert_int_equal(full->every_ms, 5000);
	assert_int_equal(full->match.n + full->except.n, 3);
	assert_true(full->goals.has_free && full->goals.free == 1000);
	assert_true(full->goals.sort == SESSION_AGE && full->goals.is_descending);
	assert_int_equal(full->goals.over_ms, 600000);
	assert_true(full->is_kill && full->max == 2000);
	assert_true(full->at_most.n == 5 && full->at_most.per_ms == 3600000);
	assert_true(full->hours.from_min == 22 * 60 && full->hours.to_min == 30 * 60);
	assert_string_equal(full->reason, "leaked pool");
	assert_int_equal(least->when.kind, CONDITION_ALWAYS);
	assert_int_equal(least->for_ms, 30000);
	assert_int_equal(least->every_ms, 10000);
	assert_true(!least->is_kill && least->max == 0 && least->at_most.n == 0);
	assert_true(least->goals.sort == SESSION_IDLE && least->goals.is_descending);
	assert_string_equal(guard_opts_action(full), "hdm:CreateKillInstanceSessionTask");
	assert_string_equal(guard_opts_action(least), "hdm:KillInstanceAllSession");
	config_free(config);
}

/* Whatever `defaults` says holds for all. */
static void test_defaults_are_for_all(void **state UNUSED)
{
	struct config *config = load_good(TEST_DATA "/config/good/defaults.yaml");
	const struct instance_opts *one = &config->instances[0];
	const struct instance_opts *other = &config->instances[1];

	assert_true(one->is_kernel_unused && one->counts_sessions);
	assert_int_equal(one->pace, PACE_GENTLE);
	assert_int_equal(one->stall_budget_ms, 7);
	assert_int_equal(one->link.n_links, 1);
	assert_int_equal(one->protect.n, 1);
	assert_false(other->is_kernel_unused || other->counts_sessions);
	assert_int_equal(other->pace, PACE_FAST);
	assert_int_equal(other->protect.n, 2);
	config_free(config);
}

static void test_empty_sections(void **state UNUSED)
{
	struct config *config = load_good(TEST_DATA "/config/good/empty-sections.yaml");

	assert_int_equal(config->control.mode, 0660);
	config_free(config);
}

static void test_sample_is_taken(void **state UNUSED)
{
	struct config *config = load_good(SAMPLE);

	assert_string_equal(config->instances[0].id, "local");
	assert_string_equal(config->control.socket, "/run/sesskill/control.sock");
	assert_int_equal(config->access.n_statements, 0);
	config_free(config);
}

/* The line of the sample that begins with `key:`, past blanks, '#' and the dash of a list. */
static bool find_line(const char *text, const char *key, struct slice *ret_value)
{
	struct slice rest = slice_of(text);
	struct slice line;

	while (slice_next(&rest, '\n', &line)) {
		while (line.len > 0 && strchr(" #-", line.data[0]) != NULL) {
			line = slice_skip(line, 1);
		}
		if (slice_has_prefix(line, key) && line.len > strlen(key) &&
			line.data[strlen(key)] == ':') {
			*ret_value = slice_trim(slice_skip(line, strlen(key) + 1));
			return true;
		}
	}
	return false;
}

/* Of a text like "a\nb: ...": the part that begins with `name:` at the left margin. */
static const char *find_section(const char *text, const char *path)
{
	CLEANUP(mem_free_p) char *line = NULL;
	size_t len = strcspn(path, ".[");

	line = mem_printf("\n%.*s:", (int)len, path);
	if (strstr(text, line) == NULL) {
		free(line);
		line = mem_printf("\n#%.*s:", (int)len, path);
	}
	return strstr(text, line);
}

static void test_sample_has_every_key(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *text = read_text(SAMPLE);

	assert_true(keys_n > 20);
	for (size_t i = 0; i < keys_n; i++) {
		CLEANUP(mem_free_p) char *path = keys_path(&keys_table[i]);
		const char *section = find_section(text, path);
		struct slice value = {NULL, 0};

		if (section == NULL || !find_line(section, keys_table[i].name, &value)) {
			fail_msg("the sample has no %s", path);
		}
		if (keys_table[i].preset != NULL) {
			CLEANUP(mem_free_p)
			char *quoted = mem_printf("\"%s\"", keys_table[i].preset);

			if (!slice_is(value, keys_table[i].preset) && !slice_is(value, quoted)) {
				fail_msg("the sample has another default for %s", path);
			}
		}
	}
}

/* The keys that are commented out must be right as well, but for what this host does not have. */
static void test_sample_in_full(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *text = read_text(SAMPLE);
	CLEANUP(mem_free_p) char *found = NULL;
	char path[] = "/tmp/sesskill-sample-XXXXXX";
	int fd = mkstemp(path);
	struct slice rest;
	struct slice line;
	FILE *file;

	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	for (const char *c = text; *c != '\0'; c++) {
		if (c[0] != '#' || c[1] == ' ' || c[1] == '\n') {
			fputc(*c, file);
		}
	}
	fclose(file);
	found = load_bad(path);
	unlink(path);
	rest = slice_of(found);
	while (slice_next(&rest, '\n', &line) && line.len > 0) {
		CLEANUP(mem_free_p) char *message = slice_copy(line);

		if (strstr(message, "of this host") == NULL &&
			strstr(message, "cannot be read") == NULL &&
			/* Whoever says who may do what has to name the daemon as well. */
			strstr(message, "the daemon's own user") == NULL &&
			strstr(message, "\"credential\"") == NULL &&
			strstr(message, "CREDENTIALS_DIRECTORY") == NULL) {
			fail_msg("%s", message);
		}
	}
}

static void test_table(void **state UNUSED)
{

	for (size_t i = 0; i < keys_n; i++) {
		struct slice help = slice_of(keys_table[i].help);

		assert_ptr_equal(keys_find(keys_table[i].section, slice_of(keys_table[i].name)),
			&keys_table[i]);
		assert_true(help.len > 10 && !slice_has_suffix(help, "."));
		/* A message about the bounds names both. */
		assert_true(keys_table[i].least == NULL || keys_table[i].most != NULL);
		assert_false(keys_table[i].is_required && keys_table[i].preset != NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_defaults_are_for_all),
		cmocka_unit_test(test_empty_sections),
		cmocka_unit_test(test_sample_is_taken),
		cmocka_unit_test(test_sample_has_every_key),
		cmocka_unit_test(test_sample_in_full),
		cmocka_unit_test(test_table),
	};

	unsetenv("CREDENTIALS_DIRECTORY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
