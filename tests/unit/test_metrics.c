/*
 * The page of metrics: lines, escapes, buckets, and what a kill adds to which counter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "record/exposition.h"
#include "record/metrics.h"

/* What is printed between open and close, on the heap. */
struct text {
	FILE *out;
	char *bytes;
	size_t size;
};

static void text_open(struct text *text)
{
	text->out = open_memstream(&text->bytes, &text->size);
	assert_non_null(text->out);
}

static void assert_text(struct text *text, const char *expected)
{
	fclose(text->out);
	assert_string_equal(text->bytes, expected);
	free(text->bytes);
}

static void test_begin(void **state)
{
	struct text text;

	(void)state;
	text_open(&text);
	exposition_begin(text.out, EXPOSITION_COUNTER, "a_total", "One.");
	exposition_begin(text.out, EXPOSITION_GAUGE, "b", "Two.");
	exposition_begin(text.out, EXPOSITION_HISTOGRAM, "c_seconds", "Three.");
	assert_text(&text, "# HELP a_total One.\n# TYPE a_total counter\n"
			   "# HELP b Two.\n# TYPE b gauge\n"
			   "# HELP c_seconds Three.\n# TYPE c_seconds histogram\n");
}

static void test_samples(void **state)
{
	struct text text;

	(void)state;
	text_open(&text);
	exposition_number(text.out, "a", NULL, 0);
	exposition_number(text.out, "a", EXPOSITION_LABELS({"x", "1"}), INT64_MAX);
	exposition_number(text.out, "a", EXPOSITION_LABELS({"x", "1"}, {"y", ""}), -5);
	exposition_seconds(text.out, "b", NULL, 0);
	exposition_seconds(text.out, "b", NULL, 7);
	exposition_seconds(text.out, "b", NULL, 1764049823123456);
	assert_text(&text, "a 0\na{x=\"1\"} 9223372036854775807\na{x=\"1\",y=\"\"} -5\n"
			   "b 0.000000\nb 0.000007\nb 1764049823.123456\n");
}

static void test_escapes(void **state)
{
	static const struct {
		const char *name;
		const char *input;
		const char *expected;
	} rows[] = {
		{"plain", "/run/redis.sock", "/run/redis.sock"},
		{"backslash", "a\\b", "a\\\\b"},
		{"quote", "a\"b", "a\\\"b"},
		{"line feed", "a\nb", "a\\nb"},
		{"what is escaped already", "\\n", "\\\\n"},
		{"what would forge a sample", "\"} 1\nx{y=\"", "\\\"} 1\\nx{y=\\\""},
		{"other controls stand", "a\tb\x1b", "a\tb\x1b"},
		{"UTF-8", "\xc3\xbc\xe4\xba\xba\xf0\x9f\x98\x80",
			"\xc3\xbc\xe4\xba\xba\xf0\x9f\x98\x80"},
		{"no UTF-8",
			"a\xff"
			"b\xe4\xba",
			"a\xef\xbf\xbd"
			"b\xef\xbf\xbd\xef\xbf\xbd"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_free_p)
		char *expected = mem_printf("a{x=\"%s\"} 1\n", rows[i].expected);
		struct text text;

		text_open(&text);
		exposition_number(text.out, "a", EXPOSITION_LABELS({"x", rows[i].input}), 1);
		fclose(text.out);
		if (strcmp(text.bytes, expected) != 0) {
			fail_msg("%s: %s instead of %s", rows[i].name, text.bytes, expected);
		}
		free(text.bytes);
	}
}

static void test_histogram(void **state)
{
	struct histogram histogram = {.sum_us = 0};
	struct text text;

	(void)state;
	/* A bound belongs to its bucket; what is beyond all of them is in the last one. */
	histogram_add(&histogram, 1);
	histogram_add(&histogram, 100);
	histogram_add(&histogram, 101);
	histogram_add(&histogram, 5000000);
	histogram_add(&histogram, 30000001);
	text_open(&text);
	histogram_print(&histogram, text.out, "a_seconds", EXPOSITION_LABELS({"x", "1"}));
	assert_text(&text, "a_seconds_bucket{x=\"1\",le=\"0.0001\"} 2\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.0005\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.001\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.005\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.01\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.05\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.1\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"0.5\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"1\"} 3\n"
			   "a_seconds_bucket{x=\"1\",le=\"5\"} 4\n"
			   "a_seconds_bucket{x=\"1\",le=\"10\"} 4\n"
			   "a_seconds_bucket{x=\"1\",le=\"30\"} 4\n"
			   "a_seconds_bucket{x=\"1\",le=\"+Inf\"} 5\n"
			   "a_seconds_sum{x=\"1\"} 35.000203\n"
			   "a_seconds_count{x=\"1\"} 5\n");
}

/* The page of the instances given, as text. */
static char *print(const struct metrics *metrics, const struct metrics_instance *instance)
{
	struct text text;

	text_open(&text);
	metrics_print(metrics, &instance, instance != NULL, text.out);
	fclose(text.out);
	return text.bytes;
}

static void assert_line(const char *page, const char *line)
{
	CLEANUP(mem_free_p) char *whole = mem_printf("\n%s\n", line);

	if (strstr(page, whole) == NULL) {
		fail_msg("no line \"%s\" in\n%s", line, page);
	}
}

static void count_kill(struct metrics_instance *instance, enum report_state state)
{
	struct report *report = report_new("R", "r-1", 0);
	struct report_node *node = report_add_node(report, "127.0.0.1:6379");

	report->state = state;
	report->counts = (struct counts){.killed = 7, .gone = 2, .survivors = 1, .extra = 3};
	node->phase_us[REPORT_PHASE_LIST] = 2000;
	node->phase_us[REPORT_PHASE_PLAN] = 50;
	metrics_count_kill(instance, report);
	report_free(report);
}

static void test_kills(void **state)
{
	struct metrics *metrics = metrics_new();
	struct metrics_instance *first = metrics_instance(metrics, "r-1");
	struct metrics_instance *second = metrics_instance(metrics, "r-2");
	CLEANUP(mem_free_p) char *page = NULL;

	(void)state;
	/* Whoever comes back goes on counting. */
	assert_ptr_equal(metrics_instance(metrics, "r-1"), first);
	count_kill(first, REPORT_DONE);
	count_kill(first, REPORT_DONE);
	count_kill(first, REPORT_PARTIAL);
	count_kill(second, REPORT_FAILED);
	page = print(metrics, first);
	assert_line(page, "sesskill_kills_total{instance=\"r-1\",state=\"done\"} 2");
	assert_line(page, "sesskill_kills_total{instance=\"r-1\",state=\"partial\"} 1");
	assert_line(page, "sesskill_kills_total{instance=\"r-1\",state=\"failed\"} 0");
	assert_line(page, "sesskill_sessions_killed_total{instance=\"r-1\"} 21");
	assert_line(page, "sesskill_sessions_gone_total{instance=\"r-1\"} 6");
	assert_line(page, "sesskill_sessions_survived_total{instance=\"r-1\"} 3");
	assert_line(page, "sesskill_sessions_extra_total{instance=\"r-1\"} 9");
	assert_line(
		page, "sesskill_kill_phase_seconds_sum{instance=\"r-1\",phase=\"list\"} 0.006000");
	assert_line(page, "sesskill_kill_phase_seconds_count{instance=\"r-1\",phase=\"plan\"} 3");
	/* What it never came to is not observed as taking no time. */
	assert_line(page, "sesskill_kill_phase_seconds_count{instance=\"r-1\",phase=\"kill\"} 0");
	assert_null(strstr(page, "r-2"));
	/* A run that waits or runs is no result. */
	assert_null(strstr(page, "waiting"));
	metrics_free(metrics);
}

static void test_requests(void **state)
{
	struct metrics *metrics = metrics_new();
	CLEANUP(mem_free_p) char *page = NULL;

	(void)state;
	metrics_count_answer(metrics, "GET", "/healthz", 200);
	metrics_count_answer(metrics, "GET", "/healthz", 503);
	metrics_count_answer(metrics, "GET", "/healthz", 200);
	metrics_count_answer(metrics, "HEAD", "/healthz", 200);
	metrics_expect_action(metrics, "hdm:A");
	metrics_expect_action(metrics, "hdm:B");
	metrics_count_denied(metrics, "hdm:B");
	metrics_expect_action(metrics, "hdm:B");
	page = print(metrics, NULL);
	assert_line(page,
		"sesskill_http_requests_total{method=\"GET\",route=\"/healthz\",code=\"200\"} 2");
	assert_line(page,
		"sesskill_http_requests_total{method=\"GET\",route=\"/healthz\",code=\"503\"} 1");
	assert_line(page,
		"sesskill_http_requests_total{method=\"HEAD\",route=\"/healthz\",code=\"200\"} 1");
	assert_line(page, "sesskill_requests_denied_total{action=\"hdm:A\"} 0");
	assert_line(page, "sesskill_requests_denied_total{action=\"hdm:B\"} 1");
	metrics_free(metrics);
	metrics_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_kills),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
