/*
 * The small parts of the command-line client: figures for people, encoding, fields of JSON, the
 * progress of a kill.
 */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/terminal/human.h"
#include "cli/terminal/progress.h"

static void test_counts(void **state UNUSED)
{
	static const struct {
		uint64_t value;
		const char *expected;
	} CASES[] = {
		{0, "0"},
		{7, "7"},
		{999, "999"},
		{1000, "1,000"},
		{18000, "18,000"},
		{123456, "123,456"},
		{1000000, "1,000,000"},
		{UINT64_MAX, "18,446,744,073,709,551,615"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		assert_string_equal(human_count(CASES[i].value).text, CASES[i].expected);
	}
}

static void test_growth(void **state UNUSED)
{
	static const struct {
		double difference;
		const char *expected;
	} CASES[] = {
		{0, "0"},
		{0.4, "0"},
		{-0.4, "0"},
		{0.5, "+1"},
		{-1234.4, "-1,234"},
		{18000, "+18,000"},
		{-INFINITY, "-1,000,000,000,000,000"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		assert_string_equal(human_growth(CASES[i].difference).text, CASES[i].expected);
	}
}

static void test_durations(void **state UNUSED)
{
	static const struct {
		double ms;
		const char *expected;
	} CASES[] = {
		{-5, "0 ms"},
		{0, "0 ms"},
		{0.42, "0.4 ms"},
		{9.94, "9.9 ms"},
		{9.96, "10 ms"},
		{312, "312 ms"},
		{999.4, "999 ms"},
		{999.6, "1.0 s"},
		{1234, "1.2 s"},
		{59949, "59.9 s"},
		{59960, "1m 00s"},
		{200000, "3m 20s"},
		{3599400, "59m 59s"},
		{3600000, "1h 00m"},
		{7500000, "2h 05m"},
		{86400000, "1d 00h"},
		{356400000.0, "4d 03h"},
		{INFINITY, "11574074d 01h"},
		{NAN, "0 ms"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		assert_string_equal(human_duration(CASES[i].ms).text, CASES[i].expected);
	}
}

static void test_seconds(void **state UNUSED)
{
	assert_string_equal(human_seconds(0).text, "0 s");
	assert_string_equal(human_seconds(59).text, "59 s");
	assert_string_equal(human_seconds(60).text, "1m 00s");
	assert_string_equal(human_seconds(356400).text, "4d 03h");
	assert_string_equal(human_seconds(UINT64_MAX).text, "11574074d 01h");
}

static void test_sizes(void **state UNUSED)
{
	static const struct {
		uint64_t n_bytes;
		const char *expected;
	} CASES[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 KB"},
		{20992, "20.5 KB"},
		{1048524, "1023.9 KB"},
		{1048525, "1.0 MB"},
		{UINT64_C(3) << 30, "3.0 GB"},
		{UINT64_MAX, "16.0 EB"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		assert_string_equal(human_size(CASES[i].n_bytes).text, CASES[i].expected);
	}
}

static void test_form(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *form = NULL;

	form_add(&form, "match", "user = app,web");
	form_add(&form, "all", "true");
	form_add(&form, "reason", "50% of \xc3\xa9&more+\n");
	form_add(&form, "empty", "");
	assert_string_equal(form, "match=user%20%3D%20app%2Cweb&all=true&reason=50%25%20of%20%"
				  "C3%A9%26more%2B%0A&empty=");
}

static void test_form_options(void **state UNUSED)
{
	static const struct option_spec OPTIONS[] = {
		{"match", 0, 0, OPTION_SENT_EACH, "EXPR", ""},
		{"dry-run", 0, 0, OPTION_SENT, NULL, ""},
		{"yes", 0, 0, OPTION_OWN, NULL, ""},
	};
	static const char *const ARGV[] = {
		"--match", "a=b", "--yes", "--dry-run", "--match=-x", NULL};
	struct args args = {.options = OPTIONS, .n_options = ARRAY_SIZE(OPTIONS)};
	CLEANUP(mem_free_p) char *form = NULL;
	size_t index = 0;

	assert_true(args_parse(&args, ARGV, &index, false, NULL));
	form_add_options(&form, &args);
	assert_string_equal(form, "match=a%3Db&dry_run=true&match=-x");
	args_finish(&args);
}

static void test_path(void **state UNUSED)
{
	static const struct {
		const char *segment;
		const char *expected;
	} CASES[] = {
		{"r-8vb", "/v1/kills/r-8vb"},
		{"a/b?c#d%e", "/v1/kills/a%2Fb%3Fc%23d%25e"},
		{"..", "/v1/kills/.."},
		{"", "/v1/kills/"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		char *path = form_path("/v1/kills", CASES[i].segment);

		assert_string_equal(path, CASES[i].expected);
		free(path);
	}
}

static void test_fields(void **state UNUSED)
{
	const char *text = "{\"name\":\"a\\u0000b\",\"n\":7,\"minus\":-1,\"ms\":1.5,\"none\":null}";
	json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);

	assert_non_null(object);
	assert_true(slice_is_equal(field_text(object, "name"), (struct slice){"a\0b", 3}));
	assert_null(field_text(object, "n").data);
	assert_null(field_text(object, "nowhere").data);
	assert_int_equal(field_count(object, "n"), 7);
	assert_int_equal(field_count(object, "minus"), 0);
	assert_int_equal(field_count(object, "name"), 0);
	assert_true(field_number(object, "ms") > 1.4 && field_number(object, "ms") < 1.6);
	assert_true(field_number(object, "n") > 6.9);
	assert_true(field_has(object, "n"));
	assert_false(field_has(object, "none"));
	assert_false(field_has(NULL, "n"));
	json_decref(object);
}

static void test_status_of_answer(void **state UNUSED)
{
	static const struct {
		long http;
		const char *body; /* NULL: not JSON */
		enum status expected;
	} CASES[] = {
		{200, "{\"state\":\"done\"}", STATUS_DONE},
		{200, "{\"state\":\"dry_run\"}", STATUS_DONE},
		{200, "{\"state\":\"cancelled\"}", STATUS_FAILED},
		{200, "{\"state\":\"unheard of\"}", STATUS_FAILED},
		{500, "{\"state\":\"partial\"}", STATUS_PARTIAL},
		{500, "{\"state\":\"failed\"}", STATUS_FAILED},
		{503, "{\"state\":\"failed\"}", STATUS_FAILED},
		{200, "{\"kills\":[]}", STATUS_DONE},
		{400, "{\"error\":{}}", STATUS_USAGE},
		{403, "{\"error\":{}}", STATUS_DENIED},
		{403, NULL, STATUS_DENIED},
		{404, "{\"error\":{}}", STATUS_FAILED},
		{409, "{\"error\":{}}", STATUS_FAILED},
		{500, "{\"error\":{}}", STATUS_FAILED},
		{200, NULL, STATUS_FAILED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		struct api_answer answer = {.status = CASES[i].http};

		answer.json = CASES[i].body != NULL ? json_loads(CASES[i].body, 0, NULL) : NULL;
		assert_int_equal(cli_status_of_answer(&answer), CASES[i].expected);
		api_answer_finish(&answer);
	}
}

static void take(struct progress *progress, const char *text)
{
	json_t *event = json_loads(text, 0, NULL);

	assert_non_null(event);
	progress_take(progress, event);
	json_decref(event);
}

/* What is written `at_ms` after the start, on a screen of that width; 0: no terminal. */
static char *show(struct progress *progress, size_t width, int64_t at_ms)
{
	char *text = NULL;
	size_t n_bytes = 0;
	struct screen screen = {
		.file = open_memstream(&text, &n_bytes),
		.width = width,
		.has_cursor = width > 0,
	};

	assert_non_null(screen.file);
	progress_show(progress, &screen, 1000 + at_ms);
	fclose(screen.file);
	return text;
}

static const struct {
	const char *name;
	const char *events[4];
	size_t width;
	int64_t at_ms;
	const char *expected;
} PROGRESS_CASES[] = {
	{"nothing for a kill that is over at once", {NULL}, 0, 999, ""},
	{"a plain line after a second", {NULL}, 0, 1000, "waiting  1.0 s\n"},
	{"listing", {"{\"event\":\"accepted\"}"}, 0, 1000, "listing  1.0 s\n"},
	{"killing",
		{"{\"event\":\"listed\",\"matched\":18000}",
			"{\"event\":\"progress\",\"killed\":11000,\"gone\":1000}"},
		0, 1200, "killing  12,000 of 18,000  67%  1.2 s\n"},
	{"one of two nodes is done",
		{"{\"event\":\"listed\",\"matched\":4}",
			"{\"event\":\"verified\",\"matched\":4,\"killed\":2}"},
		0, 1000, "killing  2 of 4  50%  1.0 s\n"},
	{"who comes back",
		{"{\"event\":\"verified\",\"matched\":4,\"killed\":3,\"gone\":1}",
			"{\"event\":\"progress\",\"reconnected\":1500}"},
		0, 1000, "watching  4 of 4  100%  1,500 came back  1.0 s\n"},
	{"the daemon's own word for the phase",
		{"{\"event\":\"progress\",\"phase\":\"verify\\u001b[2J\",\"matched\":2}"}, 0, 1000,
		"verify\\x1b[2J  0 of 2  0%  1.0 s\n"},
	{"more than expected is all", {"{\"event\":\"progress\",\"matched\":2,\"killed\":3}"}, 0,
		1000, "waiting  3 of 2  100%  1.0 s\n"},
	{"unknown events change nothing", {"{\"event\":\"news\",\"x\":1}"}, 0, 1000,
		"waiting  1.0 s\n"},
	{"a bar",
		{"{\"event\":\"listed\",\"matched\":100}",
			"{\"event\":\"progress\",\"killed\":50}"},
		50, 100, "killing  [#######.......]  50 of 100  50%  100 ms"},
	{"no room for a bar",
		{"{\"event\":\"listed\",\"matched\":100}",
			"{\"event\":\"progress\",\"killed\":50}"},
		36, 100, "killing  50 of 100  50%  100 ms"},
	{"hardly room for words", {"{\"event\":\"listed\",\"matched\":100}"}, 6, 100,
		"kill\xe2\x80\xa6"},
};

static void test_progress(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(PROGRESS_CASES); i++) {
		struct progress progress;
		char *text;

		progress_init(&progress, 1000);
		for (size_t j = 0; PROGRESS_CASES[i].events[j] != NULL; j++) {
			take(&progress, PROGRESS_CASES[i].events[j]);
		}
		text = show(&progress, PROGRESS_CASES[i].width, PROGRESS_CASES[i].at_ms);
		if (strcmp(text, PROGRESS_CASES[i].expected) != 0) {
			fail_msg("%s: %s instead of %s", PROGRESS_CASES[i].name, text,
				PROGRESS_CASES[i].expected);
		}
		free(text);
	}
}

static void test_progress_is_not_shown_too_often(void **state UNUSED)
{
	struct progress progress;
	char *text;

	progress_init(&progress, 1000);
	text = show(&progress, 40, 100);
	assert_string_equal(text, "waiting  100 ms");
	free(text);
	text = show(&progress, 40, 150);
	assert_string_equal(text, "");
	free(text);
	text = show(&progress, 40, 200);
	assert_string_equal(text, "\r\033[Kwaiting  200 ms");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_form_options),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_status_of_answer),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_progress_is_not_shown_too_often),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
