/*
 * What each line of the audit log says, and that no text from outside can make it say more.
 */
#include "audit_lines.h"

#include <errno.h>

#include "base/clock.h"

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
	assert_true(selectors_add(&chosen.except, slice_of("name = o\"p\"s*"), NULL));
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
		"\"user = app\",\"idle > 5m\"],\"except\":[\"name = o\\\"p\\\"s*\"],\"node\":["
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
		"\"found\":3,\"unmatched\":0,\"protected\":1,\"spared\":0,\"matched\":2,\"killed\":"
		"2,\"gone\":0,"
		"\"survivors\":0,\"extra\":0,\"cut\":0,\"reconnected\":0,\"warnings\":[\"slow\"],"
		"\"error\":null,\"nodes\":[{\"address\":\"10.0.0.1:6379\",\"also\":[],\"role\":"
		"\"\","
		"\"server\":\"\",\"run_id\":\"\",\"found\":3,\"unmatched\":0,\"protected\":1,"
		"\"spared\":0,"
		"\"matched\":2,\"killed\":2,\"gone\":0,\"survivors\":0,\"extra\":0,\"cut\":0,"
		"\"commands\":1,"
		"\"in_flight\":0,\"late\":0,\"max_stall_ms\":1.5,\"phases_ms\":{\"list\":0.0,"
		"\"plan\":0.0,\"kill\":0.0,"
		"\"verify\":0.0},\"error\":null}],\"sources\":[{\"address\":\"unix\","
		"\"user\":\"default\",\"name\":\"\",\"lib\":\"\",\"found\":3,\"killed\":0,"
		"\"reconnected\":0}]}");
	request_finish(&request);
	report_free(report);
	audit_free(audit);
}

/*
 * The disk is full when two kills end, and has room again: both outcomes are there, in their order
 * and in whatever file is the record by then, and nothing is open any more.
 */
static void test_owed(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct report *report = report_new("RUN", "r-1", 0);
	const char *const ids[] = {"A", "B", "C"};
	struct audit_subject subject;
	json_auto_t *lines = NULL;
	struct rlimit before;
	struct err err;

	assert_int_equal(audit_open(audit, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		subject = subject_of(ids[i], NULL);
		assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	}
	before = scratch_limit(10);
	for (size_t i = 0; i < 3; i++) {
		/* The third one began when nothing could be written. */
		subject = subject_of(ids[i], NULL);
		assert_int_equal(
			audit_outcome(audit, &subject, report, &err), i < 2 ? AUDIT_OWED : -EFBIG);
		assert_non_null(strstr(err.text, "File too large"));
	}
	assert_int_equal(audit_flush(audit, &err), 0);
	scratch_unlimit(before);
	assert_int_equal(rename(scratch->path, scratch->other_path), 0);
	assert_int_equal(audit_flush(audit, &err), 0);
	lines = read_lines(scratch->path);
	assert_events(lines, "outcome A, outcome B");
	audit_free(audit);

	audit = audit_new(&opts);
	assert_int_equal(audit_open(audit, NULL), 0);
	json_decref(lines);
	lines = read_lines(scratch->path);
	assert_events(lines, "outcome A, outcome B");
	report_free(report);
	audit_free(audit);
}

/* What is not written before the end was interrupted, as far as anybody can know. */
static void test_owed_for_ever(void **state)
{
	struct scratch *scratch = *state;
	struct audit_opts opts = {.file = scratch->path};
	struct audit *audit = audit_new(&opts);
	struct report *report = report_new("RUN", "r-1", 0);
	struct audit_subject subject = subject_of("A", NULL);
	json_auto_t *lines = NULL;
	struct rlimit before;
	struct err err;

	assert_int_equal(audit_open(audit, NULL), 0);
	assert_int_equal(audit_intent(audit, &subject, NULL), 0);
	before = scratch_limit(10);
	assert_int_equal(audit_outcome(audit, &subject, report, &err), AUDIT_OWED);
	audit_free(audit);
	scratch_unlimit(before);
	audit = audit_new(&opts);
	assert_int_equal(audit_open(audit, NULL), 0);
	lines = read_lines(scratch->path);
	assert_events(lines, "intent A, interrupted A");
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
	assert_int_equal(audit_denied(audit, &subject, (struct slice){NULL, 0}, NULL), 0);
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
	assert_int_equal(audit_denied(audit, &subject, (struct slice){NULL, 0}, NULL), 0);
	assert_int_equal(audit_event(audit, "stop", NULL), 0);
	assert_true(audit_is_required(audit));
	report_free(report);
	audit_free(audit);
	audit_free(NULL);
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

#define ROW(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_intent),
		ROW(test_outcome),
		ROW(test_owed),
		ROW(test_owed_for_ever),
		ROW(test_denied_and_events),
		ROW(test_without_file),
		ROW(test_hostile_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
