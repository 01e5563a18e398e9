/*
 * The audit log after crashes and failures: nothing is lost, nothing stays open.
 */
#include "audit_lines.h"

#include <errno.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/uuid.h"

#define N_KILLS 50

static void test_interrupted(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct report *report = report_new("A", "r-1", 0);
	struct request request;
	struct audit_subject subject;
	json_auto_t *lines = NULL;

	request_init(&request);
	request.is_all = true;
	assert_int_equal(audit_open(audit, NULL), 0);
	subject = subject_of("A", &request);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
	subject = subject_of("B", &request);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	/* Opened again by a running daemon: B is running, not interrupted. */
	assert_int_equal(audit_open(audit, NULL), 0);
	subject = subject_of("C", &request);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	audit_free(audit);

	for (int start = 0; start < 2; start++) {
		audit = audit_new(&opts);
		assert_int_equal(audit_open(audit, NULL), 0);
		assert_int_equal(audit_event(audit, "start", NULL), 0);
		audit_free(audit);
	}
	lines = read_lines(scratch->path);
	assert_events(lines, "intent A, outcome A, intent B, intent C, interrupted B, "
			     "interrupted C, start, start");
	assert_string_equal(text_at(lines, 4, "intent_time"), text_at(lines, 2, "time"));
	json_object_del(json_array_get(lines, 4), "intent_time");
	assert_line(json_array_get(lines, 4),
		"{\"event\":\"interrupted\",\"request_id\":\"B\"," CALLER ",\"all\":true,"
		"\"match\":[],\"except\":[],\"dry_run\":false,\"timeout_ms\":30000,\"reason\":"
		"\"\"}");
	request_finish(&request);
	report_free(report);
}

/* A crash in the middle of a line, and no audit_open() before the first request. */
static void test_torn_end(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct audit_subject subject = subject_of("A", NULL);
	char *text CLEANUP(mem_free_p) = NULL;
	FILE *stream;

	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	audit_free(audit);
	stream = fopen(scratch->path, "a");
	assert_non_null(stream);
	fputs("{\"time\":\"T\",\"event\":\"outcome\",\"request_id\":\"A\",\"ac", stream);
	assert_int_equal(fclose(stream), 0);

	audit = audit_new(&opts);
	subject = subject_of("B", NULL);
	assert_int_equal(audit_denied(audit, &subject, (struct slice){NULL, 0}, NULL), 0);
	audit_free(audit);
	text = scratch_read(scratch->path);
	assert_non_null(strstr(text, "\"request_id\":\"A\",\"ac\n{\"time\":\""));
	assert_non_null(strstr(text, "\"event\":\"interrupted\",\"request_id\":\"A\""));
	assert_non_null(strstr(text, "\"event\":\"denied\",\"request_id\":\"B\""));
	assert_true(text[strlen(text) - 1] == '\n');
}

/* Not writable at first: the words name the file, and all is made good as soon as it can be. */
static void test_failure_and_recovery(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct audit_subject subject = subject_of("A", NULL);
	char expected[256];
	json_auto_t *lines = NULL;
	struct err err;

	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	audit_free(audit);
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	assert_int_equal(mkdir(scratch->path, 0700), 0);

	audit = audit_new(&opts);
	snprintf(expected, sizeof(expected), "audit log: cannot open %s: Is a directory",
		scratch->path);
	assert_int_equal(audit_open(audit, &err), -EISDIR);
	assert_string_equal(err.text, expected);
	subject = subject_of("B", NULL);
	assert_int_equal(audit_intent(audit, &subject, &err), -EISDIR);
	assert_string_equal(err.text, expected);

	assert_int_equal(rmdir(scratch->path), 0);
	assert_int_equal(rename(scratch->other_path, scratch->path), 0);
	subject = subject_of("C", NULL);
	assert_int_equal(audit_intent(audit, &subject, &err), 0);
	lines = read_lines(scratch->path);
	assert_events(lines, "intent A, interrupted A, intent C");
	audit_free(audit);
}

static void test_rotation(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct audit_subject subject = subject_of("A", NULL);
	struct report *report = report_new("A", "r-1", 0);
	json_auto_t *old = NULL;
	json_auto_t *new = NULL;

	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
	assert_int_equal(audit_open(audit, NULL), 0);
	old = read_lines(scratch->other_path);
	new = read_lines(scratch->path);
	assert_events(old, "intent A");
	assert_events(new, "outcome A");
	report_free(report);
	audit_free(audit);
}

/* A process died, its record was rotated away, and the next one comes to that record by a reload.
 */
static void test_another_record(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts first = {.file = scratch->path};
	struct audit_opts second = {.file = scratch->other_path};
	struct audit_subject subject = subject_of("A", NULL);
	struct audit *audit;
	json_auto_t *lines = NULL;
	int status;
	pid_t child = fork();

	if (child == 0) {
		_exit(audit_intent(audit_new(&second), &subject, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(unlink(scratch->other_path), 0);
	audit = audit_new(&first);
	subject = subject_of("B", NULL);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	assert_int_equal(audit_configure(audit, &second, NULL), 0);
	lines = read_lines(scratch->other_path);
	assert_events(lines, "interrupted A");
	audit_free(audit);
}

/* Opened once more, by a process of its own. */
static void assert_found_again(const char *path, const char *events)
{
	struct audit_opts opts = {.file = (char *)path};
	struct audit *audit = audit_new(&opts);
	json_auto_t *lines = NULL;

	assert_int_equal(audit_open(audit, NULL), 0);
	lines = read_lines(path);
	assert_events(lines, events);
	audit_free(audit);
}

/* A kill begins in one record and ends in another: it has its end, whichever is opened next. */
static void test_there_for_good(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts first = {.file = scratch->path};
	struct audit_opts second = {.file = scratch->other_path};
	struct audit *audit = audit_new(&first);
	struct audit_subject subject = subject_of("A", NULL);
	struct report *report = report_new("A", "r-1", 0);

	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	assert_int_equal(audit_configure(audit, &second, NULL), 0);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
	audit_free(audit);
	for (int i = 0; i < 3; i++) {
		assert_found_again(scratch->path, "intent A");
		assert_found_again(scratch->other_path, "outcome A");
	}
	report_free(report);
}

/* The same, there and back again, with others that run meanwhile. */
static void test_there_and_back(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts first = {.file = scratch->path};
	struct audit_opts second = {.file = scratch->other_path};
	struct audit *audit = audit_new(&first);
	const char *const ids[] = {"A", "B", "C"};
	struct report *report = report_new("A", "r-1", 0);
	struct audit_subject subject;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		subject = subject_of(ids[i], NULL);
		assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	}
	assert_int_equal(audit_configure(audit, &second, NULL), 0);
	subject = subject_of("A", NULL);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
	assert_int_equal(audit_configure(audit, &first, NULL), 0);
	subject = subject_of("B", NULL);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
	audit_free(audit);
	/* C did not end before its process did. */
	for (int i = 0; i < 2; i++) {
		assert_found_again(
			scratch->path, "intent A, intent B, intent C, outcome B, interrupted C");
		assert_found_again(scratch->other_path, "outcome A");
	}
	report_free(report);
}

static void test_there_and_killed(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts first = {.file = scratch->path};
	struct audit_opts second = {.file = scratch->other_path};
	struct audit_subject subject = subject_of("A", NULL);
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct audit *audit = audit_new(&first);

		_exit(audit_intent(audit, &subject, NULL) == 0 &&
					audit_configure(audit, &second, NULL) == 0
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		assert_found_again(scratch->path, "intent A");
		assert_found_again(scratch->other_path, "interrupted A");
	}
}

static size_t n_interrupted(const char *path)
{
	json_auto_t *lines = read_lines(path);
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(lines); i++) {
		n += strcmp(text_at(lines, i, "event"), "interrupted") == 0;
	}
	return n;
}

/* The disk is full when half of them are closed, and the record another file when it has room. */
static void test_closed_on_a_full_disk(void **state)
{
	enum { N_OPEN = 20 };
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct stat before;
	struct rlimit limit;
	size_t n_first;
	int status;
	pid_t child = fork();

	if (child == 0) {
		for (int i = 0; i < N_OPEN; i++) {
			char id[8];
			struct audit_subject subject = subject_of(id, NULL);

			snprintf(id, sizeof(id), "%d", i);
			if (audit_intent(audit, &subject, NULL) != 0) {
				_exit(1);
			}
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(stat(scratch->path, &before), 0);
	limit = scratch_limit((rlim_t)before.st_size * 3 / 2);
	assert_int_equal(audit_open(audit, NULL), -EFBIG);
	scratch_unlimit(limit);
	n_first = n_interrupted(scratch->path);
	assert_in_range(n_first, 1, N_OPEN - 1);
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	assert_int_equal(audit_open(audit, NULL), 0);
	assert_int_equal(n_first + n_interrupted(scratch->path), N_OPEN);
	audit_free(audit);
}

/* Writes intents and their outcomes until it is killed. */
NORETURN static void run_until_killed(const struct audit_opts *opts)
{
	struct audit *audit = audit_new(opts);
	struct report *report = report_new("", "r-1", 0);

	/* A test that fails leaves nobody behind who writes for ever. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		char first[UUID_TEXT_BYTES], second[UUID_TEXT_BYTES];
		struct audit_subject one = subject_of(first, NULL);
		struct audit_subject two = subject_of(second, NULL);

		uuid_make(first);
		uuid_make(second);
		if (audit_intent(audit, &one, NULL) < 0 || audit_intent(audit, &two, NULL) < 0 ||
			audit_outcome(audit, &one, report, NULL) < 0 ||
			audit_outcome(audit, &two, report, NULL) < 0) {
			_exit(1);
		}
	}
}

/* Lets the child write some lines more, a different number each time, and kills it. */
static void kill_after_bytes(pid_t child, const char *path, off_t n_bytes)
{
	struct stat before = {0}, now = {0};
	int status;

	(void)stat(path, &before);
	while (now.st_size < before.st_size + n_bytes) {
		assert_int_equal(waitpid(child, &status, WNOHANG), 0);
		(void)stat(path, &now);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

/* Every intent is followed by exactly one outcome or interruption. */
static void assert_all_closed(const json_t *lines)
{
	json_auto_t *open = json_object();

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *id = text_at(lines, i, "request_id");

		if (strcmp(text_at(lines, i, "event"), "intent") == 0) {
			assert_null(json_object_get(open, id));
			json_set(open, id, json_true());
		} else {
			assert_int_equal(json_object_del(open, id), 0);
		}
	}
	assert_int_equal(json_object_size(open), 0);
}

/* A kill tears a line at most: the kernel gives a write up between two pages of the file. */
static void test_killed_at_any_moment(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};

	for (off_t i = 0; i < N_KILLS; i++) {
		struct audit *audit = audit_new(&opts);
		json_auto_t *lines = NULL;
		size_t n_torn;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			run_until_killed(&opts);
		}
		kill_after_bytes(child, scratch->path, 1 + i * 97);
		assert_int_equal(audit_open(audit, NULL), 0);
		lines = read_whole_lines(scratch->path, &n_torn);
		assert_true(n_torn <= (size_t)i + 1);
		assert_true(json_array_size(lines) > 0);
		assert_all_closed(lines);
		audit_free(audit);
	}
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_interrupted),
		ROW(test_there_for_good),
		ROW(test_there_and_back),
		ROW(test_there_and_killed),
		ROW(test_closed_on_a_full_disk),
		ROW(test_torn_end),
		ROW(test_failure_and_recovery),
		ROW(test_rotation),
		ROW(test_another_record),
		ROW(test_killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
