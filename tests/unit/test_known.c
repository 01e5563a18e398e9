/*
 * Whom sessions belong to, remembered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "kill/known.h"

#define FIRST "0123456789012345678901234567890123456789"
#define SECOND "9876543210987654321098765432109876543210"

static struct census_client client(int32_t pid, const char *process)
{
	return (struct census_client){
		.pid = pid,
		.process = slice_of(process),
		.unit = SLICE_LITERAL("job.service"),
		.user = SLICE_LITERAL("app"),
		.uid = 1000,
	};
}

static void add(
	struct known *known, const char *run_id, uint64_t id, int32_t pid, const char *process)
{
	struct census_client added = client(pid, process);

	known_add(known, run_id, id, &added);
}

static void test_find(void **state UNUSED)
{
	struct known *known = known_new();
	struct census_client found;

	add(known, FIRST, 7, 100, "ruby");
	add(known, SECOND, 7, 200, "perl");
	assert_true(known_find(known, FIRST, 7, &found));
	assert_int_equal(found.pid, 100);
	assert_int_equal(found.uid, 1000);
	assert_true(slice_is(found.process, "ruby"));
	assert_true(slice_is(found.unit, "job.service"));
	assert_true(slice_is(found.user, "app"));
	assert_true(known_find(known, SECOND, 7, &found));
	assert_int_equal(found.pid, 200);
	assert_false(known_find(known, FIRST, 8, &found));
	assert_false(known_find(known, "", 7, &found));
	/* A child may have taken it over. */
	add(known, FIRST, 7, 300, "other");
	assert_true(known_find(known, FIRST, 7, &found));
	assert_int_equal(found.pid, 300);
	assert_true(slice_is(found.process, "other"));
	known_free(known);
}

/* Without a run id of its own a server cannot be told from the next one. */
static void test_not_known(void **state UNUSED)
{
	struct known *known = known_new();
	struct census_client found;

	add(known, "pid-1", 7, 100, "ruby");
	add(known, "", 7, 100, "ruby");
	add(known, FIRST, 7, 0, "");
	assert_false(known_find(known, "pid-1", 7, &found));
	assert_false(known_find(known, "", 7, &found));
	assert_false(known_find(known, FIRST, 7, &found));
	known_free(known);
}

static void test_full(void **state UNUSED)
{
	struct known *known = known_new();
	struct census_client found;

	for (uint64_t id = 1; id <= KNOWN_MAX; id++) {
		add(known, FIRST, id, 100, "ruby");
	}
	assert_true(known_find(known, FIRST, 1, &found));
	assert_true(known_find(known, FIRST, KNOWN_MAX, &found));
	add(known, SECOND, 1, 200, "perl");
	assert_false(known_find(known, FIRST, 1, &found));
	assert_true(known_find(known, SECOND, 1, &found));
	assert_true(slice_is(found.process, "perl"));
	known_free(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
