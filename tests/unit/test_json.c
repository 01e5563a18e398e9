/*
 * JSON out of hostile text, and the report as the API promises it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "record/json.h"

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static void test_text(void **state)
{
	static const struct {
		const char *name;
		struct slice input;
		const char *expected; /* as printed */
	} rows[] = {
		{"absent", {NULL, 0}, "\"\""},
		{"empty", {"", 0}, "\"\""},
		{"plain", BYTES("app-7"), "\"app-7\""},
		{"quote and backslash", BYTES("a\"b\\c"), "\"a\\\"b\\\\c\""},
		{"line ends", BYTES("a\nb\rc"), "\"a\\nb\\rc\""},
		{"NUL inside", BYTES("a\0b"), "\"a\\u0000b\""},
		{"escape sequence", BYTES("\x1b[2J"), "\"\\u001B[2J\""},
		{"DEL", BYTES("\x7f"), "\"\\u007F\""},
		{"C1 control", BYTES("\xc2\x9b"), "\"\\u009B\""},
		{"next line", BYTES("\xc2\x85"), "\"\\u0085\""},
		{"no-break space is a letter", BYTES("\xc2\xa0"), "\"\xc2\xa0\""},
		{"line separator", BYTES("\xe2\x80\xa8"), "\"\\u2028\""},
		{"paragraph separator", BYTES("\xe2\x80\xa9"), "\"\\u2029\""},
		{"right to left override", BYTES("\xe2\x80\xae"), "\"\\u202E\""},
		{"isolate", BYTES("\xe2\x81\xa6"), "\"\\u2066\""},
		{"neighbours of these", BYTES("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"),
			"\"\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\""},
		{"two to four bytes", BYTES("\xc3\xbc\xe4\xba\xba\xf0\x9f\x98\x80"),
			"\"\xc3\xbc\xe4\xba\xba\xf0\x9f\x98\x80\""},
		{"lone byte", BYTES("a\xff"), "\"a\xef\xbf\xbd\""},
		{"cut character", BYTES("a\xe4\xba"), "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
		{"cut by a quote", BYTES("\xe4\""), "\"\xef\xbf\xbd\\\"\""},
		{"overlong quote", BYTES("\xc0\xa2"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"overlong in three", BYTES("\xe0\x82\x8a"),
			"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"surrogate", BYTES("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"overlong in four", BYTES("\xf0\x8f\xbf\xbf"),
			"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"beyond U+10FFFF", BYTES("\xf4\x90\x80\x80"),
			"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"good behind bad", BYTES("\xff\xc3\xbc"), "\"\xef\xbf\xbd\xc3\xbc\""},
		{"control behind bad", BYTES("\xff\n\x7f"), "\"\xef\xbf\xbd\\n\\u007F\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *value = json_text(rows[i].input);
		char *text CLEANUP(mem_free_p) = json_print(value);

		if (strcmp(text, rows[i].expected) != 0) {
			fail_msg("%s: %s instead of %s", rows[i].name, text, rows[i].expected);
		}
	}
}

/* Every text of one and of two bytes: one line, printable ASCII or UTF-8, and read back alike. */
static void test_text_of_all_bytes(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= UINT16_MAX; n++) {
		char bytes[2] = {(char)(n >> 8), (char)n};
		json_auto_t *value = json_text((struct slice){bytes, 2});
		char *text CLEANUP(mem_free_p) = json_print(value);
		json_auto_t *again = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

		assert_true(json_equal(value, again));
		for (const char *at = text; *at != '\0'; at++) {
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
		}
	}
}

static void test_text_of(void **state)
{
	json_auto_t *absent = json_text_of(NULL);
	json_auto_t *present = json_text_of("x");

	(void)state;
	assert_string_equal(json_string_value(absent), "");
	assert_string_equal(json_string_value(present), "x");
}

static void test_containers(void **state)
{
	json_auto_t *object = json_object();
	json_t *array = json_array();
	char *text CLEANUP(mem_free_p) = NULL;

	(void)state;
	json_add(array, json_integer(1));
	json_add(array, json_real(0.001));
	json_add(array, json_real(3));
	json_add(array, json_real(1.1));
	json_set(object, "z", json_text_of("first"));
	json_set(object, "a", array);
	text = json_print(object);
	assert_string_equal(text, "{\"z\":\"first\",\"a\":[1,0.001,3.0,1.1]}");
}

static struct report *make_report(void)
{
	char process[] = "ruby", unit[] = "job.service", user[] = "app";
	const struct program ruby = {.texts = {process, unit, user}};
	struct report *report = report_new("B6D17591", "r-1", 1764049823123);
	struct report_node *node = report_add_node(report, "127.0.0.1:6379");
	struct report_source *source =
		report_add_source(report, "10.0.0.1", "app", "w\xff\n", "jedis");

	node->counts = (struct counts){.found = 10,
		.unmatched = 2,
		.is_protected = 1,
		.matched = 7,
		.killed = 5,
		.gone = 1,
		.survivors = 1,
		.extra = 3};
	node->was_reached = true;
	node->n_commands = 2;
	node->max_stall_us = 25613;
	node->phase_us[REPORT_PHASE_LIST] = 1250;
	node->phase_us[REPORT_PHASE_VERIFY] = 7;
	report_node_add_step(node, "CLIENT KILL TYPE normal SKIPME yes", 7);
	node = report_add_node(report, "10.0.0.9:6379");
	report_node_fail(node, "no \"answer\"");
	source->found = 10;
	source->killed = 5;
	source->reconnected = 4;
	programs_add(&report->programs, &ruby, 3);
	report->programs.is_wanted = true;
	report->programs.n_sessions = 5;
	report->programs.n_named = 3;
	report->programs.error = mem_printf("no right");
	report->reconnected = 4;
	report_warn(report, "no %s", "field");
	report_close(report, false, 321);
	return report;
}

#define COUNTS                                                                                  \
	"\"found\":10,\"unmatched\":2,\"protected\":1,\"spared\":0,\"matched\":7,\"killed\":5," \
	"\"gone\":1,"                                                                           \
	"\"survivors\":1,\"extra\":3,\"cut\":0"
#define NO_COUNTS                                                                              \
	"\"found\":0,\"unmatched\":0,\"protected\":0,\"spared\":0,\"matched\":0,\"killed\":0," \
	"\"gone\":0,"                                                                          \
	"\"survivors\":0,\"extra\":0,\"cut\":0"

#define NO_PHASES "\"phases_ms\":{\"list\":0.0,\"plan\":0.0,\"kill\":0.0,\"verify\":0.0}"

static void test_report(void **state)
{
	struct report *report = make_report();
	json_auto_t *value = json_report(report->request_id, report);
	json_auto_t *expected = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:[s], s:s}",
		"request_id", "B6D17591", "instance", "r-1", "state", "partial", "started_at",
		"2025-11-25T05:50:23.123Z", "elapsed_ms", 321, "reconnected", 4, "warnings",
		"no field", "error", report->error);
	json_auto_t *counts = json_loads("{" COUNTS "}", 0, NULL);
	json_auto_t *nodes = json_loads(
		"[{\"address\":\"127.0.0.1:6379\",\"also\":[],\"role\":\"\",\"server\":\"\",\"run_"
		"id\":"
		"\"\"," COUNTS ",\"commands\":2,\"in_flight\":0,\"late\":0,\"max_stall_ms\":25.613,"
		"\"phases_ms\":{\"list\":1.25,\"plan\":0.0,"
		"\"kill\":0.0,\"verify\":0.007},\"plan\":[{\"command\":\"CLIENT KILL TYPE "
		"normal SKIPME yes\",\"expect\":7}],\"error\":null},"
		"{\"address\":\"10.0.0.9:6379\",\"also\":[],\"role\":\"\",\"server\":\"\",\"run_"
		"id\":"
		"\"\"," NO_COUNTS
		",\"commands\":0,\"in_flight\":0,\"late\":0,\"max_stall_ms\":0.0," NO_PHASES
		",\"plan\":[],\"error\":\"no "
		"\\\"answer\\\"\"}]",
		0, NULL);
	json_auto_t *sources = json_loads(
		"[{\"address\":\"10.0.0.1\",\"user\":\"app\",\"name\":\"w\\ufffd\\n\",\"lib\":"
		"\"jedis\",\"found\":10,\"killed\":5,\"reconnected\":4}]",
		0, NULL);
	json_auto_t *local =
		json_loads("{\"sessions\":5,\"named\":3,\"error\":\"no right\"}", 0, NULL);
	json_auto_t *clients = json_loads(
		"[{\"process\":\"ruby\",\"unit\":\"job.service\",\"process_user\":\"app\","
		"\"found\":3,\"killed\":0}]",
		0, NULL);

	(void)state;
	json_object_update(expected, counts);
	json_object_set(expected, "local", local);
	json_object_set(expected, "local_clients", clients);
	assert_non_null(local);
	assert_non_null(clients);
	json_object_set(expected, "nodes", nodes);
	json_object_set(expected, "sources", sources);
	assert_non_null(nodes);
	assert_non_null(sources);
	assert_true(json_equal(value, expected));
	report_free(report);
}

static void test_report_without_trouble(void **state)
{
	struct report *report = report_new("X", "r-1", 0);
	json_auto_t *value = NULL;

	(void)state;
	report_add_node(report, "127.0.0.1:6379");
	report_close(report, false, 0);
	value = json_report(report->request_id, report);
	assert_string_equal(json_string_value(json_object_get(value, "state")), "done");
	assert_string_equal(json_string_value(json_object_get(value, "started_at")),
		"1970-01-01T00:00:00.000Z");
	assert_true(json_is_null(json_object_get(value, "error")));
	assert_true(json_is_array(json_object_get(value, "warnings")));
	assert_true(json_is_array(json_object_get(value, "nodes")));
	assert_true(json_is_array(json_object_get(value, "sources")));
	assert_null(json_object_get(value, "local")); /* not asked for */
	assert_null(json_object_get(value, "local_clients"));
	report_free(report);
}

static void test_report_parts(void **state)
{
	struct report *report = make_report();
	json_auto_t *summary = json_report_summary(report->request_id, report);
	json_auto_t *nodes = json_report_nodes(report, false);
	char *text CLEANUP(mem_free_p) = json_print(summary);

	(void)state;
	assert_non_null(strstr(text, "," COUNTS ","));
	assert_null(json_object_get(summary, "nodes"));
	assert_null(json_object_get(summary, "sources"));
	assert_int_equal(json_array_size(nodes), 2);
	assert_null(json_object_get(json_array_get(nodes, 0), "plan"));
	report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_of_all_bytes),
		cmocka_unit_test(test_text_of),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_without_trouble),
		cmocka_unit_test(test_report_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
