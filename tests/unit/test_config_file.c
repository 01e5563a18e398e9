/*
 * What cannot be kept as a text file: odd bytes, odd files, secrets with their modes, the
 * built-in configuration, and sizes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "scratch.h"

#define GOOD "instances:\n  - id: a\n    address: h:1\n"

/* Every test has a directory of its own and is in it. */
static int set_up(void **state)
{
	return scratch_setup(state) == 0 ? chdir(((struct scratch *)*state)->directory) : -1;
}

static const char *directory_of(void **state)
{
	const struct scratch *scratch = *state;

	return scratch->directory;
}

static void write_file(const char *name, struct slice bytes, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.data, bytes.len), (ssize_t)bytes.len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* "" when the file is taken, else its first message; a heap text. */
static char *first_error(const char *path)
{
	struct config_errors errors = {0};
	struct config *config = config_load(path, &errors);
	char *text = mem_printf("%s", config != NULL ? "" : errors.lines[0]);

	assert_int_equal(config == NULL, errors.n > 0);
	config_free(config);
	config_errors_finish(&errors);
	return text;
}

static void expect(struct slice bytes, const char *expected)
{
	CLEANUP(mem_free_p) char *found = NULL;

	write_file("c", bytes, 0600);
	found = first_error("c");
	assert_string_equal(found, expected);
}

struct row {
	struct slice bytes;
	const char *expected;
};

static void test_odd_bytes(void **state UNUSED)
{
	const struct row rows[] = {
		{SLICE_LITERAL(GOOD), ""},
		{SLICE_LITERAL("\xef\xbb\xbf" GOOD), ""},
		{SLICE_LITERAL("\xef\xbb\xbf"
			       "x: 1\n" GOOD),
			"c:1:1: unknown key \"x\" in the file; expected control, audit, access, "
			"defaults, instances, guards or guards-hold-file"},
		{SLICE_LITERAL("instances:\r\n  - id: a\r\n    address: h:1\r\n"), ""},
		{SLICE_LITERAL("instances:\r\n  - id: a\r\n    address: h\r\n    x: 1\r\n"),
			"c:3:14: \"h\" is no address of a server; expected host:port, [v6]:port, "
			"redis://host:port, rediss://host:port or unix:///path"},
		{SLICE_LITERAL("instances:\n\t- id: a\n"),
			"c:2:1: a tab where YAML takes none; expected blanks for indentation"},
		{SLICE_LITERAL(GOOD "\0"), "c:4:1: a NUL byte; expected plain UTF-8 text"},
		{SLICE_LITERAL("# \xc3\xa4\0\n" GOOD),
			"c:1:4: a NUL byte; expected plain UTF-8 text"},
		{SLICE_LITERAL("x: \"a\\0b\"\n" GOOD),
			"c:1:1: unknown key \"x\" in the file; expected control, audit, access, "
			"defaults, instances, guards or guards-hold-file"},
		{SLICE_LITERAL("instances: [{id: \"a\\0b\", address: \"h:1\"}]\n"),
			"c:1:18: control character 0x00 in the value; expected text on one line"},
		{SLICE_LITERAL("instances:\n  - id: a\xff\n"),
			"c:2:10: invalid leading UTF-8 octet; expected plain UTF-8 text"},
		{SLICE_LITERAL("instances:\n  - id: a\x1b[31m\n"),
			"c:2:10: control characters are not allowed; expected plain UTF-8 text"},
		{SLICE_LITERAL("\xff\xfei\0n\0"), "c:1:4: a NUL byte; expected plain UTF-8 text"},
		{SLICE_LITERAL("\"\\e[31m\": 1\n" GOOD),
			"c:1:1: control character 0x1b in the value; expected text on one line"},
		{SLICE_LITERAL(""),
			"c:1:1: no \"instances\" in the file; expected a list with at least one "
			"mapping"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect(rows[i].bytes, rows[i].expected);
	}
}

static void test_odd_files(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *missing = first_error("missing");
	CLEANUP(mem_free_p) char *directory = NULL;
	CLEANUP(mem_free_p) char *null = first_error("/dev/null");

	assert_int_equal(mkdir("directory", 0700), 0);
	directory = first_error("directory");
	assert_string_equal(missing,
		"missing: cannot be read: No such file or directory; expected a YAML file");
	assert_string_equal(
		directory, "directory: cannot be read: Is a directory; expected a YAML file");
	assert_string_equal(null,
		"/dev/null:1:1: no \"instances\" in the file; expected a list with "
		"at least one mapping");
}

static void test_too_large(void **state UNUSED)
{
	struct slice good = SLICE_LITERAL(GOOD);
	size_t limit = 1U << 20;
	CLEANUP(mem_free_p) char *bytes = mem_alloc(limit + 1);

	memset(bytes, '\n', limit + 1);
	memcpy(bytes, GOOD, good.len);
	expect((struct slice){bytes, limit}, "");
	expect((struct slice){bytes, limit + 1},
		"c: more than 1048576 bytes; expected a configuration, which is smaller");
}

/* A million brackets in whatever form: refused at once, without the memory for them. */
static void test_nesting_bomb(void **state UNUSED)
{
	static const char *const units[] = {"[", "{", "- ", "{a: ", "? "};
	int64_t started_ms = clock_monotonic_ms();

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n_unit = strlen(units[i]);
		size_t n = 1000000 / n_unit * n_unit;
		CLEANUP(mem_free_p) char *bytes = mem_alloc(n);
		CLEANUP(mem_free_p) char *found = NULL;

		for (size_t at = 0; at < n; at += n_unit) {
			memcpy(bytes + at, units[i], n_unit);
		}
		write_file("c", (struct slice){bytes, n}, 0600);
		found = first_error("c");
		assert_non_null(strstr(found, "nested more than 8 deep"));
	}
	assert_true(clock_monotonic_ms() - started_ms < 10000);
}

static void test_many_instances(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *bytes = NULL;
	struct config_errors errors = {0};
	struct config *config;
	int64_t started_ms;
	size_t n_bytes;
	FILE *file = open_memstream(&bytes, &n_bytes);

	fputs("defaults: {protect: [\"user = admin\"]}\ninstances:\n", file);
	for (unsigned i = 0; i < 10000; i++) {
		fprintf(file, "  - {id: instance-%u, address: \"host-%u:6379\"}\n", i, i);
	}
	fclose(file);
	write_file("c", (struct slice){bytes, n_bytes}, 0600);
	started_ms = clock_monotonic_ms();
	config = config_load("c", &errors);
	assert_non_null(config);
	assert_true(clock_monotonic_ms() - started_ms < 2000);
	assert_int_equal(config->n_instances, 10000);
	assert_string_equal(config->instances[9999].id, "instance-9999");
	assert_int_equal(config->instances[9999].protect.n, 1);
	config_free(config);
}

/* Every line a mistake, and in the order of the lines. */
static void test_many_mistakes(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *bytes = NULL;
	struct config_errors errors = {0};
	size_t n_bytes;
	FILE *file = open_memstream(&bytes, &n_bytes);

	for (unsigned i = 0; i < 20000; i++) {
		fputs("control: 1\n", file);
	}
	fputs(GOOD, file);
	fclose(file);
	write_file("c", (struct slice){bytes, n_bytes}, 0600);
	assert_null(config_load("c", &errors));
	assert_int_equal(errors.n, 20000);
	assert_true(slice_has_prefix(slice_of(errors.lines[0]), "c:1:10: "));
	assert_true(slice_has_prefix(slice_of(errors.lines[19999]), "c:20000:1: key \"control\""));
	config_errors_finish(&errors);
}

/* A configuration with that line in its instance; what is wrong with the line. */
static char *try_line(const char *line)
{
	CLEANUP(mem_free_p) char *text = mem_printf(GOOD "    %s\n", line);

	write_file("c", slice_of(text), 0600);
	return first_error("c");
}

static void test_password_file(void **state)
{
	static const struct {
		size_t n_bytes;
		mode_t mode;
		const char *expected;
	} rows[] = {
		{8, 0600, NULL},
		{4096, 0640, NULL},
		{8, 0644,
			"has mode 0644; expected nothing for others and no writing by the group, "
			"such as 0640 or 0600"},
		{8, 0602,
			"has mode 0602; expected nothing for others and no writing by the group, "
			"such as 0640 or 0600"},
		{8, 0601,
			"has mode 0601; expected nothing for others and no writing by the group, "
			"such as 0640 or 0600"},
		{8, 0620,
			"has mode 0620; expected nothing for others and no writing by the group, "
			"such as 0640 or 0600"},
		{0, 0600, "has 0 bytes; expected 1 to 4096"},
		{4097, 0600, "has 4097 bytes; expected 1 to 4096"},
	};
	CLEANUP(mem_free_p)
	char *line = mem_printf("password-file: %s/secret", directory_of(state));
	char bytes[4097];

	memset(bytes, 's', sizeof(bytes));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_free_p) char *expected = NULL;
		CLEANUP(mem_free_p) char *found = NULL;

		write_file("secret", (struct slice){bytes, rows[i].n_bytes}, rows[i].mode);
		found = try_line(line);
		expected = rows[i].expected == NULL
				   ? mem_printf("%s", "")
				   : mem_printf("c:4:20: \"%s/secret\" %s", directory_of(state),
					     rows[i].expected);
		assert_string_equal(found, expected);
	}
}

/* Only root can give a file away. */
static void test_foreign_owner(void **state)
{
	CLEANUP(mem_free_p)
	char *line = mem_printf("password-file: %s/secret", directory_of(state));
	CLEANUP(mem_free_p) char *found = NULL;
	CLEANUP(mem_free_p) char *expected = NULL;

	if (geteuid() != 0) {
		skip();
	}
	write_file("secret", SLICE_LITERAL("s"), 0600);
	assert_int_equal(chown("secret", 54321, 0), 0);
	found = try_line(line);
	expected = mem_printf("c:4:20: \"%s/secret\" belongs to user 54321; expected root or user "
			      "0, which runs this",
		directory_of(state));
	assert_string_equal(found, expected);
}

static void test_modes_of_the_configuration(void **state UNUSED)
{
	static const struct {
		mode_t mode;
		const char *expected;
	} rows[] = {
		{0600, ""},
		{0640, ""},
		{0644, ""},
		{0646, "c: has mode 0646; expected no writing by the group or others, such as "
		       "0640"},
		{0660, "c: has mode 0660; expected no writing by the group or others, such as "
		       "0640"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_free_p) char *found = NULL;

		write_file("c", SLICE_LITERAL(GOOD), rows[i].mode);
		found = first_error("c");
		assert_string_equal(found, rows[i].expected);
	}
}

static void test_record_behind_a_link(void **state)
{
	CLEANUP(mem_free_p)
	char *text = mem_printf("audit: {file: %s/link}\n" GOOD, directory_of(state));
	CLEANUP(mem_free_p) char *found = NULL;
	CLEANUP(mem_free_p) char *expected = NULL;

	assert_int_equal(symlink("anywhere", "link"), 0);
	write_file("c", slice_of(text), 0600);
	found = first_error("c");
	expected = mem_printf("c:1:15: \"%s/link\" is a symbolic link; expected a regular file, "
			      "or none yet",
		directory_of(state));
	assert_string_equal(found, expected);
}

static void test_password_fifo(void **state)
{
	CLEANUP(mem_free_p) char *line = mem_printf("password-file: %s/fifo", directory_of(state));
	CLEANUP(mem_free_p) char *found = NULL;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	found = try_line(line); /* does not wait for somebody to write */
	assert_non_null(strstr(found, "is no regular file"));
}

static void test_credential(void **state)
{
	struct config_errors errors = {0};
	struct config *config;
	CLEANUP(mem_free_p) char *missing = NULL;
	CLEANUP(mem_free_p) char *good = NULL;
	CLEANUP(mem_free_p) char *path = mem_printf("%s/secret", directory_of(state));

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory_of(state), 1), 0);
	missing = try_line("credential: secret");
	assert_non_null(strstr(missing, "/secret\" cannot be read: No such file or directory"));
	write_file("secret", SLICE_LITERAL("word"), 0400);
	good = try_line("credential: secret");
	assert_string_equal(good, "");
	config = config_load("c", &errors);
	assert_non_null(config);
	assert_string_equal(config->instances[0].link.password_file, path);
	config_free(config);
	unsetenv("CREDENTIALS_DIRECTORY");
}

/* An instance with a credential is not bothered by the password file of `defaults`. */
static void test_secret_overrides_default(void **state)
{
	CLEANUP(mem_free_p)
	char *text = mem_printf("defaults: {password-file: %s/secret}\n" GOOD "    credential: c\n",
		directory_of(state));
	struct config_errors errors = {0};
	struct config *config;

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory_of(state), 1), 0);
	write_file("secret", SLICE_LITERAL("word"), 0400);
	write_file("c", slice_of(text), 0600);
	config = config_load("c", &errors);
	assert_non_null(config);
	assert_true(slice_has_suffix(slice_of(config->instances[0].link.password_file), "/c"));
	config_free(config);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void check_socket(const char *expected)
{
	struct config *config = config_load(NULL, NULL);

	assert_string_equal(config->control.socket, expected);
	config_free(config);
}

static void test_built_in(void **state UNUSED)
{
	struct config *config = config_load(NULL, NULL);

	assert_int_equal(config->n_instances, 1);
	assert_string_equal(config->instances[0].id, "local");
	assert_string_equal(config->instances[0].endpoints[0].host, "127.0.0.1");
	assert_int_equal(config->instances[0].endpoints[0].port, 6379);
	assert_int_equal(config->instances[0].link.command_timeout_ms, 5000);
	assert_int_equal(config->control.mode, 0660);
	assert_null(config->audit.file);
	config_free(config);
	config_free(NULL);
}

static void test_default_socket(void **state UNUSED)
{
	bool is_root = geteuid() == 0;

	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/1", 1), 0);
	if (is_root) {
		check_socket("/run/sesskill/control.sock");
		assert_int_equal(seteuid(65534), 0);
	}
	check_socket("/run/user/1/sesskill/control.sock");
	unsetenv("XDG_RUNTIME_DIR");
	check_socket("/run/sesskill/control.sock");
	if (is_root) {
		assert_int_equal(seteuid(0), 0);
	}
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(test_odd_bytes),
		IN_DIRECTORY(test_odd_files),
		IN_DIRECTORY(test_too_large),
		IN_DIRECTORY(test_nesting_bomb),
		IN_DIRECTORY(test_many_instances),
		IN_DIRECTORY(test_many_mistakes),
		IN_DIRECTORY(test_password_file),
		IN_DIRECTORY(test_record_behind_a_link),
		IN_DIRECTORY(test_modes_of_the_configuration),
		IN_DIRECTORY(test_foreign_owner),
		IN_DIRECTORY(test_password_fifo),
		IN_DIRECTORY(test_credential),
		IN_DIRECTORY(test_secret_overrides_default),
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_default_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
