/*
 * Programs of the host: what counts as one, and who is left when there are too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/programs.h"

static void add(struct programs *programs, char *process, char *unit, char *user, uint64_t found)
{
	struct program program = {.texts = {process, unit, user}};

	programs_add(programs, &program, found);
}

static void assert_row(const struct programs *programs, size_t index, const char *process,
	const char *unit, uint64_t found)
{
	assert_string_equal(programs->items[index].texts[PROGRAM_PROCESS], process);
	assert_string_equal(programs->items[index].texts[PROGRAM_UNIT], unit);
	assert_int_equal(programs->items[index].found, found);
}

/* By all that is said of it; two processes of one name are one program. */
static void test_same(void **state UNUSED)
{
	char ruby[] = "ruby", rub[] = "rub", job[] = "job.service", web[] = "web.service",
	     yjob[] = "yjob.service", app[] = "app";
	struct programs programs = {0};

	add(&programs, ruby, job, app, 2);
	add(&programs, ruby, web, app, 3);
	add(&programs, rub, yjob, app, 2);
	add(&programs, ruby, web, app, 1);
	add(&programs, NULL, NULL, NULL, 1);
	programs_close(&programs);
	assert_int_equal(programs.n, 4);
	assert_row(&programs, 0, "ruby", "web.service", 4);
	assert_row(&programs, 1, "rub", "yjob.service", 2);
	assert_row(&programs, 2, "ruby", "job.service", 2);
	assert_row(&programs, 3, "", "", 1);
	programs_finish(&programs);
}

static void test_many(void **state UNUSED)
{
	struct programs programs = {0};
	char name[16], nothing[] = "";

	programs_close(&programs);
	assert_int_equal(programs.n, 0);
	for (unsigned i = 0; i < 3 * PROGRAMS_MAX; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		add(&programs, name, nothing, nothing, 1 + i);
	}
	programs_close(&programs);
	assert_int_equal(programs.n, PROGRAMS_MAX);
	assert_row(&programs, 0, "p149", "", 150);
	assert_row(&programs, PROGRAMS_MAX - 1, "p100", "", 101);
	programs_finish(&programs);
}

static void test_keys(void **state UNUSED)
{
	enum program_text text;

	for (unsigned i = 0; i < PROGRAM_N_TEXTS; i++) {
		assert_true(program_key_find(slice_of(program_key((enum program_text)i)), &text));
		assert_int_equal(text, i);
	}
	assert_false(program_key_find(slice_of("user"), &text)); /* that is the server's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
