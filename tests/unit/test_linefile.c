/*
 * Lines stay whole and are never lost: torn files, rotation, removal, limits, full and read-only
 * file systems.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fake_sync.h"
#include "record/linefile.h"
#include "scratch.h"

#define DISK_BYTES 16384

static void assert_content(const char *path, const char *expected)
{
	char *text CLEANUP(mem_free_p) = scratch_read(path);

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void assert_append(struct linefile *file, const char *path, const char *line)
{
	struct err err = {""};

	assert_int_equal(linefile_append(file, path, line, &err), 0);
	assert_string_equal(err.text, "");
}

static void test_creates(void **state)
{
	struct scratch *scratch = *state;
	struct linefile *file = linefile_new();
	mode_t old_mask = umask(0);
	struct stat status;

	assert_int_equal(linefile_fd(file), -1);
	assert_append(file, scratch->path, "one");
	umask(old_mask);
	assert_append(file, scratch->path, "two");
	assert_content(scratch->path, "one\ntwo\n");
	assert_int_equal(stat(scratch->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(fcntl(linefile_fd(file), F_GETFD), FD_CLOEXEC);
	assert_true((fcntl(linefile_fd(file), F_GETFL) & O_APPEND) != 0);
	linefile_free(file);
	linefile_free(NULL);
}

static void test_ends_a_torn_line(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} rows[] = {
		{"", "new\n"},
		{"old\n", "old\nnew\n"},
		{"old\nto", "old\nto\nnew\n"},
		{"{", "{\nnew\n"},
		{"\n", "\nnew\n"},
	};
	struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct linefile *file = linefile_new();

		scratch_write(scratch->path, rows[i].before);
		assert_append(file, scratch->path, "new");
		assert_content(scratch->path, rows[i].after);
		linefile_free(file);
	}
}

/* Whoever tears the line while the file is open is noticed as well. */
static void test_ends_a_line_torn_meanwhile(void **state)
{
	struct scratch *scratch = *state;
	struct linefile *file = linefile_new();

	assert_append(file, scratch->path, "one");
	assert_int_equal(write(linefile_fd(file), "torn", 4), 4);
	assert_append(file, scratch->path, "two");
	assert_content(scratch->path, "one\ntorn\ntwo\n");
	linefile_free(file);
}

static void test_refuses_what_is_no_regular_file(void **state)
{
	static const struct {
		const char *path; /* NULL: that of the scratch directory */
		int expected;
		const char *words;
	} rows[] = {
		{"/dev/full", -EINVAL, "/dev/full is not a regular file"},
		{"/dev/null", -EINVAL, "/dev/null is not a regular file"},
		{"/dev", -EISDIR, "cannot open /dev: Is a directory"},
		{"/nowhere/file", -ENOENT, "cannot open /nowhere/file: No such file or directory"},
		{"/dev/null/file", -ENOTDIR, "cannot open /dev/null/file: Not a directory"},
		{NULL, -EINVAL, "/file is not a regular file"}, /* a FIFO that nobody reads */
	};
	struct scratch *scratch = *state;

	assert_int_equal(mkfifo(scratch->path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *path = rows[i].path != NULL ? rows[i].path : scratch->path;
		struct linefile *file = linefile_new();
		struct err err = {""};

		assert_int_equal(linefile_open(file, path, &err), rows[i].expected);
		assert_non_null(strstr(err.text, rows[i].words));
		assert_int_equal(linefile_append(file, path, "x", &err), rows[i].expected);
		assert_int_equal(linefile_fd(file), -1);
		linefile_free(file);
	}
}

static void test_follows_rotation(void **state)
{
	struct scratch *scratch = *state;
	struct linefile *file = linefile_new();

	assert_append(file, scratch->path, "one");
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	assert_append(file, scratch->path, "two");
	assert_content(scratch->other_path, "one\n");
	assert_content(scratch->path, "two\n");

	/* Copied and truncated instead of renamed. */
	assert_int_equal(truncate(scratch->path, 0), 0);
	assert_append(file, scratch->path, "three");
	assert_content(scratch->path, "three\n");

	assert_int_equal(unlink(scratch->path), 0);
	assert_append(file, scratch->path, "four");
	assert_content(scratch->path, "four\n");

	/* Another path, as after a reload. */
	assert_append(file, scratch->other_path, "five");
	assert_content(scratch->other_path, "one\nfive\n");
	linefile_free(file);
}

static void test_successor_cannot_be_opened(void **state)
{
	struct scratch *scratch = *state;
	struct linefile *file = linefile_new();
	struct err err = {""};

	assert_append(file, scratch->path, "one");
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	assert_int_equal(mkdir(scratch->path, 0700), 0);
	assert_int_equal(linefile_open(file, scratch->path, &err), -EISDIR);
	err.text[0] = '\0';
	assert_append(file, scratch->path, "two");
	assert_content(scratch->other_path, "one\ntwo\n");

	/* Removed: a line written there would be gone. */
	assert_int_equal(unlink(scratch->other_path), 0);
	assert_int_equal(linefile_append(file, scratch->path, "three", &err), -EISDIR);
	assert_non_null(strstr(err.text, scratch->path));

	assert_int_equal(rmdir(scratch->path), 0);
	assert_append(file, scratch->path, "four");
	assert_content(scratch->path, "four\n");
	linefile_free(file);
}

/* Lines share one; what a rotated file still owes is told to whoever syncs next. */
static void test_sync(void **state)
{
	struct scratch *scratch = *state;
	struct linefile *file = linefile_new();
	struct err err = {""};

	memset(&syncs, 0, sizeof(syncs));
	assert_int_equal(linefile_sync(file, &err), 0);
	assert_append(file, scratch->path, "one");
	assert_append(file, scratch->path, "two");
	assert_true(linefile_is_dirty(file));
	assert_int_equal(linefile_sync(file, &err), 0);
	assert_int_equal(linefile_sync(file, &err), 0);
	assert_false(linefile_is_dirty(file));
	assert_int_equal(syncs.n, 1);

	assert_append(file, scratch->path, "three");
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	syncs.is_broken = true;
	assert_append(file, scratch->path, "four");
	assert_int_equal(syncs.n, 2);
	syncs.is_broken = false;
	assert_int_equal(linefile_sync(file, &err), -EIO);
	assert_string_equal(err.text, "cannot sync what was written: Input/output error");
	assert_int_equal(syncs.n, 3);
	assert_append(file, scratch->path, "five");
	assert_int_equal(linefile_sync(file, &err), 0);
	assert_content(scratch->path, "four\nfive\n");
	linefile_free(file);
}

/* The limit lets a part of the line through before it refuses, as a full disk does. */
static void test_takes_back_a_short_write(void **state)
{
	struct scratch *scratch = *state;
	struct linefile *file = linefile_new();
	struct rlimit before;
	struct err err = {""};
	int r;

	assert_append(file, scratch->path, "0123456789");
	before = scratch_limit(15);
	r = linefile_append(file, scratch->path, "abcdefghij", &err);
	scratch_unlimit(before);
	assert_int_equal(r, -EFBIG);
	assert_non_null(strstr(err.text, "cannot write to /tmp/"));
	assert_content(scratch->path, "0123456789\n");
	assert_append(file, scratch->path, "next");
	assert_content(scratch->path, "0123456789\nnext\n");
	linefile_free(file);
}

/*
 * A line that does not fit is taken back and a short one still gets in; then the disk is made
 * read-only. The number of the step that went wrong; 0: none.
 */
static int run_on_full_disk(const struct scratch *scratch)
{
	struct linefile *file = linefile_new();
	char *filler CLEANUP(mem_free_p) = mem_alloc(DISK_BYTES + 1);
	char *before CLEANUP(mem_free_p) = NULL;
	char *after CLEANUP(mem_free_p) = NULL;
	struct err err = {""};
	int r;

	memset(filler, 'x', DISK_BYTES);
	if (linefile_append(file, scratch->path, "one", &err) != 0) {
		return 1;
	}
	before = scratch_read(scratch->path);
	r = linefile_append(file, scratch->path, filler, &err);
	after = scratch_read(scratch->path);
	if (r != -ENOSPC || strstr(err.text, "No space left on device") == NULL) {
		return 2;
	}
	if (strcmp(before, after) != 0) {
		return 3;
	}
	if (linefile_append(file, scratch->path, "two", &err) != 0) {
		return 4;
	}
	linefile_free(file);
	if (mount(NULL, scratch->directory, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
		return 5;
	}
	file = linefile_new();
	r = linefile_append(file, scratch->path, "three", &err);
	linefile_free(file);
	return r == -EROFS && strstr(err.text, "Read-only file system") != NULL ? 0 : 6;
}

/* The exit status of a child that may not mount; the test then ends early. */
#define STATUS_MAY_NOT 77

static int run_in_own_mounts(const struct scratch *scratch)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%d", DISK_BYTES);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", scratch->directory, "tmpfs", 0, options) != 0) {
		return STATUS_MAY_NOT;
	}
	return run_on_full_disk(scratch);
}

static void test_full_and_read_only_disk(void **state)
{
	struct scratch *scratch = *state;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		_exit(run_in_own_mounts(scratch));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == STATUS_MAY_NOT) {
		/* Not skip(): what cmocka prints for it is a failure to meson 1.0. */
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_creates),
		ROW(test_ends_a_torn_line),
		ROW(test_ends_a_line_torn_meanwhile),
		ROW(test_refuses_what_is_no_regular_file),
		ROW(test_follows_rotation),
		ROW(test_successor_cannot_be_opened),
		ROW(test_sync),
		ROW(test_takes_back_a_short_write),
		ROW(test_full_and_read_only_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
