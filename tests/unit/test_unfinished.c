/*
 * What is open, beside the record: found by the next process, short however long it lasts, and held
 * by one process alone.
 */
#include "audit_lines.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "record/audit_scan.h"
#include "record/denials.h"
#include "record/unfinished.h"

#define N_KILLS 20000
#define MAX_BYTES (128 * 1024)

static char *intent_of(const char *id)
{
	return mem_printf("{\"time\":\"T\",\"event\":\"intent\",\"request_id\":\"%s\",\"reason\":\""
			  "%0100d\"}",
		id, 0);
}

static void begin(struct unfinished *unfinished, const char *id)
{
	char *line CLEANUP(mem_free_p) = intent_of(id);

	assert_int_equal(unfinished_add(unfinished, id, line, NULL), 0);
}

/* Their ids, in order, each behind a blank. */
static void assert_open(const struct unfinished *unfinished, const char *expected)
{
	json_auto_t *open = NULL;
	char found[256] = "";
	const char *id;
	json_t *offset;

	assert_int_equal(audit_scan(unfinished_fd(unfinished), NULL, &open, NULL), 0);
	json_object_foreach(open, id, offset)
	{
		strcat(strcat(found, " "), id);
	}
	assert_string_equal(found, expected);
}

static void test_open_and_ended(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();
	char *path CLEANUP(mem_free_p) = mem_printf("%s.open", scratch->path);

	assert_int_equal(unfinished_fd(unfinished), -1);
	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	begin(unfinished, "A");
	begin(unfinished, "B");
	unfinished_end(unfinished, "A");
	assert_open(unfinished, " B");
	/* Another record: what is open goes over, and the file of the first says so. */
	assert_int_equal(unfinished_claim(unfinished, scratch->other_path, NULL), 0);
	assert_open(unfinished, " B");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unfinished_sync(unfinished, NULL), 0);
	unfinished_end(unfinished, "B");
	assert_open(unfinished, "");
	assert_int_equal(lseek(unfinished_fd(unfinished), 0, SEEK_END), 0);
	/* Back again, with nothing open: so the other one goes. */
	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	assert_open(unfinished, "");
	free(path);
	path = mem_printf("%s.open", scratch->other_path);
	assert_int_equal(access(path, F_OK), -1);
	unfinished_free(unfinished);
}

/* One that was begun when nothing could be written has no part in it. */
static void test_unknown(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();

	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	begin(unfinished, "A");
	unfinished_end(unfinished, "B");
	assert_open(unfinished, " A");
	unfinished_free(unfinished);
}

/* Somebody removes the file: it is made anew, with what is open. */
static void test_removed(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();
	char *path CLEANUP(mem_free_p) = mem_printf("%s.open", scratch->path);

	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	begin(unfinished, "A");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_open(unfinished, " A");
	unfinished_free(unfinished);
}

/* The disk is full: nothing begins, but what ends has ended. */
static void test_no_room(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();
	char *line CLEANUP(mem_free_p) = intent_of("C");
	struct rlimit before;
	off_t size;
	struct err err;

	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	begin(unfinished, "A");
	begin(unfinished, "B");
	size = lseek(unfinished_fd(unfinished), 0, SEEK_END);
	/* All of the line would fit but for its line feed. */
	before = scratch_limit((rlim_t)size + strlen(line) + 1);
	assert_int_equal(unfinished_add(unfinished, "C", line, &err), -EFBIG);
	assert_false(unfinished_has(unfinished, "C"));
	assert_open(unfinished, " A B");
	unfinished_end(unfinished, "A");
	assert_open(unfinished, " B");
	unfinished_end(unfinished, "B");
	assert_open(unfinished, "");
	scratch_unlimit(before);
	unfinished_free(unfinished);
}

/* The file has been made short meanwhile, and gone over to another record: it is found where it is
 * now. */
static void test_moved(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();
	char id[16];

	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	begin(unfinished, "old");
	begin(unfinished, "first");
	begin(unfinished, "second");
	unfinished_end(unfinished, "old");
	for (int i = 0; i < N_KILLS / 10; i++) {
		snprintf(id, sizeof(id), "%d", i);
		begin(unfinished, id);
		unfinished_end(unfinished, id);
	}
	unfinished_end(unfinished, "first");
	begin(unfinished, "third");
	assert_open(unfinished, " second third");
	assert_int_equal(unfinished_claim(unfinished, scratch->other_path, NULL), 0);
	unfinished_end(unfinished, "second");
	assert_open(unfinished, " third");
	unfinished_free(unfinished);
}

/* One that lasts, while others come and go. */
static void test_stays_short(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();
	char id[16];

	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	begin(unfinished, "first");
	for (int i = 0; i < N_KILLS; i++) {
		snprintf(id, sizeof(id), "%d", i);
		begin(unfinished, id);
		unfinished_end(unfinished, id);
		assert_in_range(lseek(unfinished_fd(unfinished), 0, SEEK_END), 0, MAX_BYTES);
	}
	begin(unfinished, "last");
	assert_open(unfinished, " first last");
	unfinished_free(unfinished);
	/* The next process finds them. */
	unfinished = unfinished_new();
	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	assert_open(unfinished, " first last");
	unfinished_clear(unfinished, NULL);
	assert_open(unfinished, "");
	unfinished_free(unfinished);
}

static void test_one_process(void **state)
{
	struct scratch *scratch = *state;
	struct unfinished *unfinished = unfinished_new();
	struct err err;
	int status;
	pid_t child;

	assert_int_equal(unfinished_claim(unfinished, scratch->path, NULL), 0);
	child = fork();
	if (child == 0) {
		struct unfinished *second = unfinished_new();
		int r = unfinished_claim(second, scratch->path, &err);
		char *words = mem_printf("%s: another process writes this record: it is held by "
					 "process %d (test_unfinished)",
			scratch->path, (int)getppid());

		_exit(r == -EBUSY && strcmp(err.text, words) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	unfinished_free(unfinished);
}

/* ---- denials ---- */

static unsigned count(struct denials *denials, uid_t uid, unsigned n)
{
	unsigned n_counted = 0;

	for (unsigned i = 0; i < n; i++) {
		json_auto_t *line = json_object();

		json_set(line, "uid", json_integer(uid));
		n_counted += denials_count(denials, uid, line);
	}
	return n_counted;
}

static void test_denials(void **state UNUSED)
{
	struct denials denials = {0};
	json_t *line;

	for (int second = 0; second < 2; second++) {
		assert_int_equal(count(&denials, 1, DENIALS_ONE_BY_ONE), 0);
		assert_int_equal(count(&denials, 2, DENIALS_ONE_BY_ONE + 7), 7);
		line = denials_take(&denials);
		assert_int_equal(json_integer_value(json_object_get(line, "uid")), 2);
		assert_int_equal(json_integer_value(json_object_get(line, "repeated")), 7);
		json_decref(line);
		assert_null(denials_take(&denials));
	}
	/* Whoever has many uids is one in the end. */
	for (uid_t uid = 0; uid < 1000; uid++) {
		count(&denials, uid, 1);
	}
	assert_int_equal(denials.n_users, DENIALS_MAX_USERS);
	line = denials_take(&denials);
	assert_int_equal(
		json_integer_value(json_object_get(line, "repeated")), 1000 - DENIALS_MAX_USERS);
	assert_true(json_is_true(json_object_get(line, "several_users")));
	json_decref(line);
	count(&denials, 5, 100);
	denials_finish(&denials);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_open_and_ended, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_moved, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_unknown, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_removed, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_stays_short, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_one_process, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_denials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
