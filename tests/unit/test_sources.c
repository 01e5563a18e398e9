/*
 * Sources: who counts as one, how returns are counted, and what is left when there are too many.
 */
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/sources.h"

static uint32_t number_of(struct sources *sources, const char *line)
{
	struct session session;
	struct err err;

	assert_int_equal(
		session_parse(slice_of(line), SERVER_REDIS, SLICE_LITERAL("node"), &session, &err),
		0);
	return sources_number(sources, &session);
}

static void test_same(void **state UNUSED)
{
	struct sources sources = {0};

	assert_int_equal(number_of(&sources, "id=1 addr=10.0.0.1:5 name=n user=u lib-name=l"), 0);
	assert_int_equal(number_of(&sources, "id=2 addr=10.0.0.1:6 name=n user=u lib-name=l"), 0);
	assert_int_equal(number_of(&sources, "id=3 addr=10.0.0.2:5 name=n user=u lib-name=l"), 1);
	assert_int_equal(number_of(&sources, "id=4 addr=10.0.0.1:5 name=m user=u lib-name=l"), 2);
	assert_int_equal(number_of(&sources, "id=5 addr=10.0.0.1:5 name=n user=v lib-name=l"), 3);
	assert_int_equal(number_of(&sources, "id=6 addr=10.0.0.1:5 name=n user=u lib-name=k"), 4);
	/* Parts do not run into each other. */
	assert_int_equal(number_of(&sources, "id=7 addr=10.0.0.1:5 name=nu user= lib-name=l"), 5);
	assert_int_equal(number_of(&sources, "id=8 addr=10.0.0.1:5 name= user=nu lib-name=l"), 6);
	assert_int_equal(number_of(&sources, "id=9 addr=/run/a:0"), 7);
	assert_int_equal(number_of(&sources, "id=10 addr=/run/b:0 user= name="), 7);
	sources_finish(&sources);
}

static void test_report(void **state UNUSED)
{
	struct sources sources = {0};
	struct report *report = report_new("ID", "orders", 0);
	struct session session;
	struct err err;

	number_of(&sources, "id=1 addr=10.0.0.1:5 name=n user=u lib-name=l");
	number_of(&sources, "id=2 addr=?:0 name=never-counted");
	number_of(&sources, "id=3 addr=/run/a:0");
	sources.counts[0] = (struct source_counts){.found = 5, .killed = 4};
	sources.counts[2] = (struct source_counts){.found = 2, .killed = 2};
	assert_int_equal(session_parse(SLICE_LITERAL("id=9 addr=10.0.0.1:77 name=n user=u "
						     "lib-name=l"),
				 SERVER_REDIS, SLICE_LITERAL("node"), &session, &err),
		0);
	assert_int_equal(sources_count_return(&sources, &session), 1);
	session.values[SESSION_NAME] = SLICE_LITERAL("stranger");
	assert_int_equal(sources_count_return(&sources, &session), 0);
	sources_report(&sources, report);
	assert_int_equal(report->n_sources, 2);
	assert_string_equal(report->sources[0].address, "10.0.0.1");
	assert_string_equal(report->sources[0].user, "u");
	assert_string_equal(report->sources[0].name, "n");
	assert_string_equal(report->sources[0].lib, "l");
	assert_int_equal(report->sources[0].found, 5);
	assert_int_equal(report->sources[0].killed, 4);
	assert_int_equal(report->sources[0].reconnected, 1);
	assert_string_equal(report->sources[1].address, "unix");
	assert_string_equal(report->sources[1].lib, "");
	report_free(report);
	sources_finish(&sources);
}

/* Beyond the limit there is one place for all who have none; who has one keeps it. */
static void test_too_many(void **state UNUSED)
{
	struct sources sources = {.keys.seed = 3};
	struct report *report = report_new("ID", "orders", 0);
	char line[64];
	uint32_t others;

	for (unsigned i = 0; i < SOURCES_MAX; i++) {
		snprintf(line, sizeof(line), "id=1 addr=10.0.0.1:5 name=n%u", i);
		assert_int_equal(number_of(&sources, line), i);
	}
	others = number_of(&sources, "id=1 addr=10.0.0.2:5 name=one-more");
	assert_int_equal(others, SOURCES_MAX);
	assert_int_equal(number_of(&sources, "id=1 addr=10.0.0.3:5 name=another"), others);
	assert_int_equal(number_of(&sources, "id=1 addr=10.0.0.1:5 name=n7"), 7);
	sources.counts[others].found = 2;
	sources_report(&sources, report);
	assert_int_equal(report->n_sources, 1);
	assert_string_equal(report->sources[0].address, "(others)");
	assert_string_equal(report->sources[0].user, "");
	assert_string_equal(report->sources[0].name, "");
	assert_string_equal(report->sources[0].lib, "");
	report_free(report);
	sources_finish(&sources);
}

/* A name as long as a server takes it: cut, not refused, and no other source's. */
static void test_long_names(void **state UNUSED)
{
	struct sources sources = {0};
	struct report *report = report_new("ID", "orders", 0);
	char line[4096];

	memset(line, 'x', sizeof(line));
	memcpy(line, "id=1 addr=10.0.0.1:5 name=", 26);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(number_of(&sources, line), 0);
	sources.counts[0].found = 1;
	sources_report(&sources, report);
	assert_in_range(strlen(report->sources[0].name), 100, 1024);
	assert_string_equal(report->sources[0].lib, "");
	report_free(report);
	sources_finish(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
