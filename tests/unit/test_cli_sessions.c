/*
 * Listings as people see them: rows, groups with bars, sums and what is wrong.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "cli/field.h"
#include "cli/listing.h"
#include "cli/print/print.h"

#define MAX_LINES 8

/* The table and the remarks below it, one after the other. */
static const struct listing_case {
	const char *name;
	const char *lines[MAX_LINES];
	size_t width;
	bool is_broken;
	bool has_failed_node;
	const char *expected;
} CASES[] = {
	{"all that a session can be",
		{
			"{\"found\":4,\"matched\":4,\"nodes\":[{\"address\":\"n\"}],\"sessions\":["
			"\n",
			"{\"node\":\"n\",\"id\":1234,\"addr\":\"10.0.0.7:50000\",\"user\":\"app\","
			"\"name\":\"pool\",\"age\":7500,\"idle\":3,\"flags\":\"N\",\"type\":"
			"\"normal\","
			"\"cmd\":\"get\",\"db\":0,\"tot_mem\":20992,\"lib_name\":\"jedis\","
			"\"lib_ver\":\"4.2\"},\n",
			"{\"node\":\"n\",\"id\":5,\"addr\":\"/run/s:0\",\"user\":\"\",\"age\":0,"
			"\"idle\":0,\"flags\":\"PU\",\"type\":\"pubsub\",\"lib_name\":\"lettuce\"},"
			"\n",
			"{\"node\":\"n\",\"id\":6,\"addr\":\"[/run/s:0]:0\",\"flags\":\"xbA\"},\n",
			"{\"node\":\"n\",\"id\":7,\"addr\":\"10.0.0.1:6379\",\"flags\":\"S\","
			"\"type\":\"replica\"}\n",
			"]}\n",
		},
		0, false, false,
		"  ID  ADDRESS         USER  NAME     AGE  IDLE  STATE                       "
		"COMMAND  DB   MEMORY  LIBRARY\n"
		"1234  10.0.0.7:50000  app   pool  2h 05m   3 s                              get  "
		"     0  20.5 KB  jedis 4.2\n"
		"   5  unix                           0 s   0 s  pubsub                            "
		" "
		"               lettuce\n"
		"   6  unix                                      in MULTI, blocked, closing\n"
		"   7  10.0.0.1:6379                             replica\n"
		"--\n"
		"4 sessions\n"},
	{"several nodes, and one that is not there",
		{
			"{\"found\":3001,\"matched\":1000,\"nodes\":[{\"address\":\"a:1\","
			"\"error\":null,"
			"\"unreadable\":2},{\"address\":\"b:2\",\"error\":\"timed out\"}],"
			"\"warnings\":[\"no session has a field "
			"\\\"lib-name\\\"\"],\"sessions\":[\n",
			"{\"node\":\"a:1\",\"id\":9,\"idle\":61}\n",
			"]}\n",
		},
		0, false, true,
		"NODE  ID    IDLE\n"
		"a:1    9  1m 01s\n"
		"--\n"
		"a:1: 2 lines could not be read\n"
		"not listed: b:2: timed out\n"
		"warning: no session has a field \"lib-name\"\n"
		"3,001 sessions, 1,000 selected, 1 shown\n"},
	{"no session at all", {"{\"found\":1,\"matched\":0,\"nodes\":[],\"sessions\":[\n", "]}\n"},
		0, false, false, "--\n1 session, 0 selected\n"},
	{"letters of Kvrocks",
		{
			"{\"found\":2,\"matched\":2,\"sessions\":[\n",
			"{\"id\":1,\"flags\":\"M\",\"namespace\":\"x\"},\n",
			"{\"id\":2,\"flags\":\"A\",\"namespace\":\"x\"}\n",
		},
		0, false, false, "ID  STATE\n 1  monitor\n 2\n--\n2 sessions\n"},
	{"a hostile name, on a narrow screen",
		{
			"{\"found\":1,\"matched\":1,\"sessions\":[\n",
			"{\"id\":1,\"addr\":\"10.10.10.10:50000\",\"name\":\"a\\u001b[2J\\u0000\\n"
			"\\u202eb\",\"cmd\":\"get\",\"db\":12}\n",
		},
		34, false, false,
		"ID  ADDRESS            NAME\n"
		" 1  10.10.10.10:50000  a\\x1b[2J\xe2\x80\xa6\n"
		"--\n"
		"1 session\n"},
	{"not JSON", {"-ERR no\n"}, 0, true, false, "--\n0 sessions\n"},
	{"a line that is not JSON", {"{\"found\":1,\"matched\":1,\"sessions\":[\n", "{\"id\":\n"},
		0, true, false, "--\n1 session, 0 shown\n"},
	{"groups",
		{"{\"found\":1000,\"matched\":800,\"group_by\":\"tot-mem\",\"groups\":["
		 "{\"value\":\"app\",\"count\":640},{\"value\":\"\",\"count\":152},"
		 "{\"value\":\"x\\u001b[m\",\"count\":1}]}"},
		44, false, false,
		"TOT-MEM  SESSIONS  SHARE\n"
		"app           640  80.0%  "
		"\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"
		"\u2588\u2588\u2588\u2588\u2588\u2588\n"
		"(none)        152  19.0%  \u2588\u2588\u2588\u258a\n"
		"x\\x1b[m         1   0.1%  \u258f\n"
		"--\n"
		"1,000 sessions, 800 selected, 3 groups shown\n"},
	{"groups without room for bars",
		{"{\"found\":1,\"matched\":1,\"group_by\":\"user\",\"groups\":["
		 "{\"value\":\"app\",\"count\":1}]}"},
		20, false, false,
		"USER  SESSIONS   SHARE\n"
		"app          1  100.0%\n"
		"--\n"
		"1 session, 1 group shown\n"},
};

static char *print(const struct listing_case *listing_case, struct listing *listing)
{
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *file = open_memstream(&text, &n_bytes);
	struct screen screen = {.file = file, .width = listing_case->width};
	char *remarks = NULL;
	size_t n_remark_bytes = 0;
	struct screen below = {.file = open_memstream(&remarks, &n_remark_bytes)};

	assert_non_null(file);
	assert_non_null(below.file);
	for (size_t i = 0; i < MAX_LINES && listing_case->lines[i] != NULL; i++) {
		print_sessions(listing, slice_of(listing_case->lines[i]), &screen);
	}
	print_sessions_end(listing, &screen, &below);
	fclose(below.file);
	fprintf(file, "--\n%s", remarks);
	free(remarks);
	fclose(file);
	return text;
}

static void test_listings(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		struct listing listing = {0};
		char *text = print(&CASES[i], &listing);

		if (strcmp(text, CASES[i].expected) != 0) {
			fail_msg("%s: %s instead of %s", CASES[i].name, text, CASES[i].expected);
		}
		assert_int_equal(listing.is_broken, CASES[i].is_broken);
		assert_int_equal(field_has_failed_node(listing.head), CASES[i].has_failed_node);
		free(text);
		listing_finish(&listing);
	}
}

static void test_bars_in_ascii(void **state UNUSED)
{
	const struct listing_case ascii = {
		.lines = {"{\"found\":4,\"matched\":4,\"group_by\":\"user\",\"groups\":["
			  "{\"value\":\"a\",\"count\":3},{\"value\":\"b\",\"count\":1}]}"},
		.width = 34,
	};
	struct listing listing = {0};
	char *text;

	setlocale(LC_CTYPE, "C");
	text = print(&ascii, &listing);
	setlocale(LC_CTYPE, "C.UTF-8");
	assert_string_equal(text, "USER  SESSIONS  SHARE\n"
				  "a            3  75.0%  ############\n"
				  "b            1  25.0%  ####\n"
				  "--\n4 sessions, 2 groups shown\n");
	free(text);
	listing_finish(&listing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listings),
		cmocka_unit_test(test_bars_in_ascii),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
