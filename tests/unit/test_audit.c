/*
 * The record is complete and true: what each line says, what a crash leaves, what hostile text and
 * failures can do to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "record/audit.h"
#include "record/json.h"
#include "scratch.h"

static const struct caller caller = {
	.uid = 1000, .gid = 100, .pid = 4711, .user = "ann", .exe = "/usr/bin/curl"};

static struct audit_subject subject_of(const char *request_id, const struct request *request)
{
	return (struct audit_subject){
		.request_id = request_id,
		.action = "hdm:KillInstanceAllSession",
		.instance = "r-1",
		.caller = &caller,
		.request = request,
	};
}

/* The whole file as an array of its lines; every line must be one JSON object. */
static json_t *read_lines(const char *path)
{
	char *text CLEANUP(mem_free_p) = scratch_read(path);
	json_t *lines = json_array();
	struct slice rest, line;

	assert_non_null(text);
	rest = slice_of(text);
	assert_true(rest.len == 0 || rest.data[rest.len - 1] == '\n');
	while (slice_next(&rest, '\n', &line) && rest.data != NULL) {
		json_t *object = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, NULL);

		assert_true(json_is_object(object));
		json_add(lines, object);
	}
	return lines;
}

static const char *text_at(const json_t *lines, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(lines, i), key));
}

/* "EVENT ID" of all lines, with commas between. */
static void assert_events(const json_t *lines, const char *expected)
{
	char seen[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *id = text_at(lines, i, "request_id");

		used += (size_t)snprintf(seen + used, sizeof(seen) - used, "%s%s%s%s",
			used > 0 ? ", " : "", text_at(lines, i, "event"), id != NULL ? " " : "",
			id != NULL ? id : "");
	}
	assert_string_equal(seen, expected);
}

/* The time of a line is now and not compared. */
static void assert_line(const json_t *line, const char *expected)
{
	json_auto_t *copy = json_copy((json_t *)line);
	char *text = NULL;
	int same;

	assert_int_equal(strlen(json_string_value(json_object_get(copy, "time"))), 24);
	json_object_del(copy, "time");
	text = json_print(copy);
	same = strcmp(text, expected);
	if (same != 0) {
		print_error("%s\n", text);
	}
	free(text);
	assert_int_equal(same, 0);
}

#define CALLER                                                                                     \
	"\"action\":\"hdm:KillInstanceAllSession\",\"instance\":\"r-1\",\"uid\":1000,\"gid\":100," \
	"\"pid\":4711,\"user\":\"ann\",\"exe\":\"/usr/bin/curl\""

static void test_intent(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	char nodes[2][16] = {"10.0.0.1:6379", "10.0.0.2:6379"};
	char *node_list[] = {nodes[0], nodes[1]};
	char reason[] = "INC-7";
	struct request all, chosen;
	struct audit_subject subject;
	json_auto_t *lines = NULL;

	request_init(&all);
	all.is_all = true;
	subject = subject_of("A", &all);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);

	request_init(&chosen);
	assert_true(selectors_add(&chosen.match, slice_of("user = app"), NULL));
	assert_true(selectors_add(&chosen.match, slice_of("idle > 5m"), NULL));
	assert_true(selectors_add(&chosen.except, slice_of("name = \"ops\"*"), NULL));
	chosen.nodes = node_list;
	chosen.n_nodes = 2;
	chosen.is_dry_run = true;
	chosen.has_max = true;
	chosen.max = 0;
	chosen.pace = PACE_GENTLE;
	chosen.stall_budget_ms = 10;
	chosen.timeout_ms = 5000;
	chosen.break_busy = true;
	chosen.watch_ms = 20000;
	chosen.reason = reason;
	subject = subject_of("B", &chosen);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);

	lines = read_lines(scratch->path);
	assert_int_equal(json_array_size(lines), 2);
	assert_line(json_array_get(lines, 0),
		"{\"event\":\"intent\",\"request_id\":\"A\"," CALLER ",\"all\":true,\"match\":[],"
		"\"except\":[],\"dry_run\":false,\"timeout_ms\":30000,\"reason\":\"\"}");
	assert_line(json_array_get(lines, 1),
		"{\"event\":\"intent\",\"request_id\":\"B\"," CALLER ",\"all\":false,\"match\":["
		"\"user = app\",\"idle > 5m\"],\"except\":[\"name = \\\"ops\\\"*\"],\"node\":["
		"\"10.0.0.1:6379\",\"10.0.0.2:6379\"],\"dry_run\":true,\"max\":0,\"pace\":"
		"\"gentle\",\"stall_budget_ms\":10,\"timeout_ms\":5000,\"break_busy\":true,"
		"\"watch_ms\":20000,\"reason\":\"INC-7\"}");

	chosen.nodes = NULL;
	chosen.n_nodes = 0;
	chosen.reason = NULL;
	request_finish(&chosen);
	request_finish(&all);
	audit_free(audit);
}

static void test_outcome(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct report *report = report_new("RUN", "r-1", 1764049823123);
	struct report_node *node = report_add_node(report, "10.0.0.1:6379");
	struct request request;
	struct audit_subject subject;
	json_auto_t *lines = NULL;

	node->counts = (struct counts){.found = 3, .is_protected = 1, .matched = 2, .killed = 2};
	node->n_commands = 1;
	node->max_stall_us = 1500;
	report_node_add_step(node, "CLIENT KILL TYPE normal SKIPME yes", 2);
	report_add_source(report, "unix", "default", "", "")->found = 3;
	report_warn(report, "slow");
	report_close(report, false, 12);
	request_init(&request);
	request.is_all = true;
	subject = subject_of("A", &request);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);

	lines = read_lines(scratch->path);
	assert_line(json_array_get(lines, 0),
		"{\"event\":\"outcome\",\"request_id\":\"A\"," CALLER ",\"all\":true,\"match\":[],"
		"\"except\":[],\"dry_run\":false,\"timeout_ms\":30000,\"reason\":\"\","
		"\"state\":\"done\",\"started_at\":\"2025-11-25T05:50:23.123Z\",\"elapsed_ms\":12,"
		"\"found\":3,\"unmatched\":0,\"protected\":1,\"matched\":2,\"killed\":2,\"gone\":0,"
		"\"survivors\":0,\"extra\":0,\"reconnected\":0,\"warnings\":[\"slow\"],"
		"\"error\":null,\"nodes\":[{\"address\":\"10.0.0.1:6379\",\"role\":\"\","
		"\"server\":\"\",\"run_id\":\"\",\"found\":3,\"unmatched\":0,\"protected\":1,"
		"\"matched\":2,\"killed\":2,\"gone\":0,\"survivors\":0,\"extra\":0,\"commands\":1,"
		"\"max_stall_ms\":1.5,\"error\":null}],\"sources\":[{\"address\":\"unix\","
		"\"user\":\"default\",\"name\":\"\",\"lib\":\"\",\"found\":3,\"killed\":0,"
		"\"reconnected\":0}]}");
	request_finish(&request);
	report_free(report);
	audit_free(audit);
}

static void test_denied_and_events(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct audit_subject subject = subject_of("A", NULL);
	json_auto_t *lines = NULL;
	char now[CLOCK_RFC3339_BYTES];

	assert_int_equal(audit_open(audit, NULL), 0);
	assert_int_equal(audit_event(audit, "start", NULL), 0);
	assert_int_equal(audit_denied(audit, &subject, NULL), 0);
	assert_int_equal(audit_event(audit, "reload", NULL), 0);
	assert_int_equal(audit_event(audit, "stop", NULL), 0);
	lines = read_lines(scratch->path);
	assert_events(lines, "start, denied A, reload, stop");
	assert_line(json_array_get(lines, 0), "{\"event\":\"start\"}");
	assert_line(
		json_array_get(lines, 1), "{\"event\":\"denied\",\"request_id\":\"A\"," CALLER "}");
	clock_format_rfc3339(clock_wall_ms(), now);
	assert_true(strcmp(text_at(lines, 0, "time"), now) <= 0);
	audit_free(audit);
}

static void test_without_file(void **state)
{
	struct audit_opts opts = {.file = NULL, .is_required = true};
	struct audit *audit = audit_new(&opts);
	struct audit_subject subject = subject_of("A", NULL);
	struct report *report = report_new("A", "r-1", 0);

	(void)state;
	assert_int_equal(audit_open(audit, NULL), 0);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
	assert_int_equal(audit_denied(audit, &subject, NULL), 0);
	assert_int_equal(audit_event(audit, "stop", NULL), 0);
	assert_true(audit_is_required(audit));
	report_free(report);
	audit_free(audit);
	audit_free(NULL);
}

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
	assert_int_equal(audit_denied(audit, &subject, NULL), 0);
	audit_free(audit);
	text = scratch_read(scratch->path);
	assert_non_null(strstr(text, "\"request_id\":\"A\",\"ac\n{\"time\":\""));
	assert_non_null(strstr(text, "\"event\":\"interrupted\",\"request_id\":\"A\""));
	assert_non_null(strstr(text, "\"event\":\"denied\",\"request_id\":\"B\""));
	assert_true(text[strlen(text) - 1] == '\n');
}

/* Whatever callers and clients call themselves: one line each, no event but the true one. */
static void test_hostile_texts(void **state)
{
	static const char *const texts[] = {
		"\n{\"time\":\"T\",\"event\":\"outcome\",\"request_id\":\"A\"}\n",
		"\"}\n{\"time\":\"T\",\"event\":\"outcome\",\"request_id\":\"A\"}",
		"\",\"event\":\"outcome\",\"x\":\"",
		"\\",
		"\\\"",
		"\r\n\t\v\f\b\x1b[2J\x7f",
		"\xff\n\xfe\"\xc0\xaf\xed\xa0\x80",
		"\xe2\x80\xa8\xc2\x85\xc2\x9b[31m",
		"\xe4\xba",
	};
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	json_auto_t *lines = NULL;
	json_auto_t *again = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct report *report = report_new("A", texts[i], 0);
		struct caller hostile = caller;
		struct request request;
		struct audit_subject subject = {"A", texts[i], texts[i], &hostile, &request};

		request_init(&request);
		request.reason = mem_printf("%s", texts[i]);
		snprintf(hostile.user, sizeof(hostile.user), "%s", texts[i]);
		snprintf(hostile.exe, sizeof(hostile.exe), "%s", texts[i]);
		report_add_source(report, texts[i], texts[i], texts[i], texts[i]);
		report_node_fail(report_add_node(report, texts[i]), texts[i]);
		report_warn(report, "%s", texts[i]);
		assert_int_equal(audit_intent(audit, &subject, NULL), 0);
		lines = read_lines(scratch->path);
		assert_int_equal(json_array_size(lines), 2 * i + 1);
		json_decref(lines);
		assert_int_equal(audit_outcome(audit, &subject, report, NULL), 0);
		lines = read_lines(scratch->path);
		assert_int_equal(json_array_size(lines), 2 * i + 2);
		assert_string_equal(text_at(lines, 2 * i, "event"), "intent");
		assert_string_equal(text_at(lines, 2 * i + 1, "event"), "outcome");
		json_decref(lines);
		lines = NULL;
		request_finish(&request);
		report_free(report);
	}
	audit_free(audit);

	/* And an intent with such texts is found and repeated as it was. */
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct audit_subject subject = {"B", texts[i], texts[i], &caller, NULL};

		assert_int_equal(unlink(scratch->path), 0);
		audit = audit_new(&opts);
		assert_int_equal(audit_intent(audit, &subject, NULL), 0);
		audit_free(audit);
		audit = audit_new(&opts);
		assert_int_equal(audit_open(audit, NULL), 0);
		audit_free(audit);
		again = read_lines(scratch->path);
		assert_events(again, "intent B, interrupted B");
		assert_string_equal(text_at(again, 1, "instance"), text_at(again, 0, "instance"));
		json_decref(again);
		again = NULL;
	}
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

#define ROW(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_intent),
		ROW(test_outcome),
		ROW(test_denied_and_events),
		ROW(test_without_file),
		ROW(test_interrupted),
		ROW(test_torn_end),
		ROW(test_hostile_texts),
		ROW(test_failure_and_recovery),
		ROW(test_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
