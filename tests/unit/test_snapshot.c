/*
 * Snapshots: every session falls into one class, lines that cannot be trusted kill nobody, cells
 * hold who belongs together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "listed.h"

/* Counts and the ids of the victims, ascending. */
struct class_row {
	struct listed_opts opts;
	const char *lines[8];
	uint64_t found, unmatched, is_protected, matched, unreadable;
	uint64_t victims[4];
};

#define FORGED "id=5 addr=a fd=1 name=x flags=S tid=1 age=1 lib-name= lib-ver="
#define TRUE_5 "id=5 addr=a fd=1 name=y tid=1 age=1 lib-name= lib-ver="

static const struct class_row class_rows[] = {
	{{.family = SERVER_REDIS}, {NULL}, 1, 0, 1, 0, 0, {0}},
	{{.family = SERVER_REDIS}, {"id=9 flags=N", "id=3 flags=P", "id=7 flags=S", "id=5 flags=M"},
		5, 0, 3, 2, 0, {3, 9}},
	{{.family = SERVER_REDIS, .match = {"user = app"}, .except = {"name = x"}},
		{"id=9 flags=N user=app name=", "id=3 flags=N user=app name=x",
			"id=7 flags=N user=web name=x", "id=8 flags=N"},
		5, 3, 1, 1, 0, {9}},
	{{.family = SERVER_REDIS, .other_own_id = 3}, {"id=9 flags=N", "id=3 flags=N"}, 3, 0, 2, 1,
		0, {9}},
	/* Set aside without an id: nothing to count. */
	{{.family = SERVER_REDIS}, {"garbage", "", "name=x id=3"}, 1, 0, 1, 0, 3, {0}},
	/* The id is known. All: it is killed, unless it might be replication or somebody is kept.
	 */
	{{.family = SERVER_DRAGONFLY}, {"id=5 name=a b c", "id=6 name=x flags=S"}, 3, 0, 2, 1, 2,
		{5}},
	{{.family = SERVER_DRAGONFLY}, {"id=5 name=a b c", "id=6 name=x flags=M"}, 3, 0, 2, 1, 2,
		{5}},
	{{.family = SERVER_DRAGONFLY, .except = {"name = x"}}, {"id=5 name=a b c"}, 2, 0, 2, 0, 1,
		{0}},
	{{.family = SERVER_DRAGONFLY, .protect = {"name = x"}}, {"id=5 name=a b c"}, 2, 0, 2, 0, 1,
		{0}},
	{{.family = SERVER_DRAGONFLY, .match = {"name = a*"}}, {"id=5 name=a b c"}, 2, 2, 0, 0, 1,
		{0}},
	{{.family = SERVER_DRAGONFLY}, {"id=1 name=a b c"}, 2, 0, 2, 0, 2, {0}},
	/* An id on two lines: neither is believed, in whatever order, and be one unreadable. */
	{{.family = SERVER_DRAGONFLY, .match = {"name = y"}}, {TRUE_5, TRUE_5}, 3, 3, 0, 0, 1, {0}},
	{{.family = SERVER_DRAGONFLY}, {TRUE_5, TRUE_5}, 3, 0, 3, 0, 1, {0}},
	{{.family = SERVER_DRAGONFLY}, {TRUE_5, TRUE_5, TRUE_5}, 4, 0, 4, 0, 2, {0}},
	{{.family = SERVER_DRAGONFLY, .match = {"name = y"}}, {TRUE_5, FORGED}, 3, 3, 0, 0, 2, {0}},
	{{.family = SERVER_DRAGONFLY, .match = {"name = y"}}, {FORGED, TRUE_5}, 3, 3, 0, 0, 2, {0}},
	{{.family = SERVER_DRAGONFLY}, {FORGED, TRUE_5}, 3, 0, 3, 0, 2, {0}},
};

static void check_victims(const struct snapshot *snapshot, const struct class_row *row)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->n; i++) {
		assert_true(i == 0 || snapshot->entries[i - 1].id <= snapshot->entries[i].id);
		if (snapshot_is_victim(&snapshot->entries[i])) {
			assert_int_equal(snapshot->entries[i].id, row->victims[n++]);
		}
	}
	assert_int_equal(n, row->matched);
	assert_int_equal(snapshot_n_pending(snapshot), row->matched);
}

static void test_classes(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(class_rows); i++) {
		const struct class_row *row = &class_rows[i];
		struct listed listed;
		const struct counts *counts = &listed.snapshot.counts;

		listed_make(&listed, &row->opts, row->lines);
		if (counts->found != row->found || counts->unmatched != row->unmatched ||
			counts->is_protected != row->is_protected ||
			counts->matched != row->matched ||
			listed.snapshot.n_unreadable != row->unreadable) {
			fail_msg("row %zu: %llu = %llu + %llu + %llu, %llu unreadable", i,
				(unsigned long long)counts->found,
				(unsigned long long)counts->unmatched,
				(unsigned long long)counts->is_protected,
				(unsigned long long)counts->matched,
				(unsigned long long)listed.snapshot.n_unreadable);
		}
		check_victims(&listed.snapshot, row);
		listed_finish(&listed);
	}
}

/* A name of so many bytes: it is compared as a whole, or its session is kept. */
static void test_long_names(void **state UNUSED)
{
	static const struct {
		const char *match, *except, *protect; /* NULL: all; none */
		size_t n_whole;                       /* matched with a name that is read whole */
		size_t n_cut;
		bool is_aside; /* when it is cut */
	} rows[] = {
		{NULL, NULL, NULL, 1, 1, false},
		{"user = app", NULL, NULL, 1, 1, false},
		{"user = web", "name = x*", NULL, 0, 0, false},
		{"name = x*", NULL, NULL, 1, 0, true},
		{"name != y", NULL, NULL, 1, 0, true},
		{"user = app", "name = y", NULL, 1, 0, true},
		{"user = app", NULL, "name = y", 1, 0, true},
		{NULL, "name = y", NULL, 1, 0, true},
		{NULL, "user = app", NULL, 0, 0, false},
	};
	const size_t n_whole = SESSION_MAX_VALUE_BYTES - strlen("name=");
	char name[SESSION_MAX_VALUE_BYTES];

	memset(name, 'x', sizeof(name));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		bool is_cut = i % 2 == 1;
		size_t row = i / 2;
		struct listed_opts opts = {.family = SERVER_REDIS,
			.match = {rows[row].match},
			.except = {rows[row].except},
			.protect = {rows[row].protect}};
		CLEANUP(mem_free_p)
		char *line = mem_printf(
			"id=5 flags=N name=%.*s user=app", (int)(n_whole + is_cut), name);
		const char *const lines[] = {line, NULL};
		struct listed listed;

		listed_make(&listed, &opts, lines);
		assert_int_equal(listed.snapshot.counts.matched,
			is_cut ? rows[row].n_cut : rows[row].n_whole);
		assert_int_equal(listed.snapshot.n_unreadable, is_cut && rows[row].is_aside);
		if (is_cut && rows[row].is_aside) {
			assert_int_equal(
				snapshot_find(&listed.snapshot, 5)->class, REQUEST_PROTECTED);
			assert_non_null(strstr(listed.snapshot.first_unreadable,
				"\"name\" is longer than 4096 bytes: id=5 "));
		}
		listed_finish(&listed);
	}
}

static void test_facts(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_REDIS};
	static const char *const lines[] = {"id=70 flags=P sub=3 psub=2 ssub=1 name=x",
		"id=8 flags=P sub=1", "id=9 flags=N sub=0", "broken", NULL};
	struct listed listed;
	uint64_t given;

	listed_make(&listed, &opts, lines);
	given = listed.snapshot.given_fields;
	assert_int_equal(listed.snapshot.watermark, 70);
	assert_int_equal(listed.snapshot.n_subscribers, 2);
	assert_int_equal(listed.snapshot.n_subscriptions, 7);
	assert_string_equal(listed.snapshot.first_unreadable, "text without a key: broken");
	assert_true((given & (UINT64_C(1) << SESSION_SSUB)) != 0);
	assert_true((given & (UINT64_C(1) << SESSION_TOT_MEM)) == 0);
	assert_int_equal(snapshot_find(&listed.snapshot, 8)->type, SESSION_TYPE_PUBSUB);
	assert_null(snapshot_find(&listed.snapshot, 71));
	assert_null(snapshot_find(&listed.snapshot, 0));
	listed_finish(&listed);
}

/* Keys are the fields that somebody asks for and the server can filter on. */
static void test_cells(void **state UNUSED)
{
	static const struct listed_opts opts = {
		.family = SERVER_REDIS,
		.caps = LISTED_CAP(KILL_USER) | LISTED_CAP(KILL_LADDR) | LISTED_CAP(KILL_DB),
		.match = {"user = app", "name = x"},
		.except = {"laddr = unix"},
	};
	static const char *const lines[] = {"id=2 flags=N user=app name=x laddr=10.0.0.1:6379 db=1",
		"id=3 flags=N user=app name=y laddr=10.0.0.1:6379 db=2",
		"id=4 flags=P user=app name=x laddr=10.0.0.1:6379",
		"id=5 flags=N user=app name=x laddr=/run/r:0", "id=6 flags=N user=web name=x",
		"id=7 flags=N user=app name=x laddr=10.0.0.1:6379 age=1 cmd=replconf", NULL};
	struct listed listed;
	const struct snapshot_cell *cell;

	listed_make(&listed, &opts, lines);
	assert_int_equal(
		listed.snapshot.key_mask, (1u << SNAPSHOT_KEY_USER) | (1u << SNAPSHOT_KEY_LADDR));
	assert_int_equal(listed.snapshot.cell_texts.n, 5);
	cell = &listed.snapshot.cells[snapshot_find(&listed.snapshot, 2)->cell];
	assert_int_equal(cell->n_victims, 1);
	assert_int_equal(cell->n_unmatched, 1);
	assert_int_equal(cell->n_kept, 1);
	assert_true(slice_is(cell->keys[SNAPSHOT_KEY_USER], "app"));
	assert_true(slice_is(cell->keys[SNAPSHOT_KEY_LADDR], "10.0.0.1:6379"));
	assert_null(cell->keys[SNAPSHOT_KEY_NAME].data);
	assert_null(cell->keys[SNAPSHOT_KEY_DB].data);
	cell = &listed.snapshot.cells[snapshot_find(&listed.snapshot, 5)->cell];
	assert_null(cell->keys[SNAPSHOT_KEY_LADDR].data);
	/* The connection that sends the commands is kept by SKIPME and disturbs no cell. */
	cell = &listed.snapshot.cells[snapshot_find(&listed.snapshot, 1)->cell];
	assert_int_equal(cell->n_victims + cell->n_kept + cell->n_unmatched, 0);
	listed_finish(&listed);
}

/* Beyond the limit sessions have no cell, but known cells go on counting. */
static void test_too_many_cells(void **state UNUSED)
{
	static const struct listed_opts opts = {
		.family = SERVER_REDIS, .caps = LISTED_CAP(KILL_USER), .match = {"user = u*"}};
	struct listed listed;
	char line[64];
	const struct snapshot_cell *cell;

	listed_begin(&listed, &opts);
	for (unsigned i = 1; i < SNAPSHOT_MAX_CELLS + 10; i++) {
		snprintf(line, sizeof(line), "id=%u flags=N user=u%u", 10 + i, i);
		listed_line(&listed, line);
	}
	listed_line(&listed, "id=9000 flags=N user=u7 age=1 cmd=psync");
	snapshot_seal(&listed.snapshot);
	assert_int_equal(listed.snapshot.cell_texts.n, SNAPSHOT_MAX_CELLS);
	assert_int_equal(listed.snapshot.n_without_cell, 10);
	cell = &listed.snapshot.cells[snapshot_find(&listed.snapshot, 17)->cell];
	assert_int_equal(cell->n_victims, 1);
	assert_int_equal(cell->n_kept, 1);
	listed_finish(&listed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_too_many_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
