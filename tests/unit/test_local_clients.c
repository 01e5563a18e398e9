/*
 * Programs of the host: what counts as one, and what is left when there are too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/mem.h"
#include "model/local_clients.h"

static void count(struct local_clients *clients, const char *process, const char *unit,
	const char *user, bool is_killed)
{
	local_clients_count(clients, slice_of(process), slice_of(unit), slice_of(user), is_killed);
}

static void assert_row(const struct report *report, size_t index, const char *process,
	const char *unit, const char *user, uint64_t found, uint64_t killed)
{
	const struct report_local_client *row = &report->local_clients[index];

	assert_string_equal(row->process, process);
	assert_string_equal(row->unit, unit);
	assert_string_equal(row->user, user);
	assert_int_equal(row->found, found);
	assert_int_equal(row->killed, killed);
}

static void test_same(void **state UNUSED)
{
	struct local_clients clients = {0};
	struct report *report = report_new("ID", "orders", 0);

	count(&clients, "ruby", "job.service", "app", true);
	count(&clients, "ruby", "job.service", "app", false);
	count(&clients, "ruby", "web.service", "app", true);
	count(&clients, "ruby", "web.service", "app", true);
	count(&clients, "ruby", "web.service", "app", true);
	count(&clients, "rub", "yjob.service", "app", true);
	count(&clients, "", "", "app", true);
	/* A name with a NUL, which a file of /proc might hold, ends there. */
	local_clients_count(&clients, SLICE_LITERAL("rub\0y"), SLICE_LITERAL("yjob.service"),
		SLICE_LITERAL("app"), false);
	local_clients_report(&clients, report);
	report_close(report, false, 0);
	assert_int_equal(report->n_local_clients, 4);
	assert_row(report, 0, "ruby", "web.service", "app", 3, 3);
	assert_row(report, 1, "rub", "yjob.service", "app", 2, 1);
	assert_row(report, 2, "ruby", "job.service", "app", 2, 1);
	assert_row(report, 3, "", "", "app", 1, 1);
	local_clients_finish(&clients);
	report_free(report);
}

static void test_too_many(void **state UNUSED)
{
	struct local_clients clients = {0};
	struct report *report = report_new("ID", "orders", 0);

	for (unsigned i = 0; i < LOCAL_CLIENTS_MAX + 100; i++) {
		char *name = mem_printf("p%u", i);

		count(&clients, name, "", "", true);
		free(name);
	}
	count(&clients, "p0", "", "", true);
	assert_int_equal(clients.keys.n, LOCAL_CLIENTS_MAX + 1);
	local_clients_report(&clients, report);
	report_close(report, false, 0);
	assert_int_equal(report->n_local_clients, REPORT_MAX_LOCAL_CLIENTS);
	assert_row(report, 0, "(others)", "", "", 100, 100);
	assert_row(report, 1, "p0", "", "", 2, 2);
	local_clients_finish(&clients);
	report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
