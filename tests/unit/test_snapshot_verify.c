/*
 * Verification: who is alive, dying, gone or seen for the first time in a later listing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listed.h"

static struct snapshot_remains verify(struct listed *listed, const char *const *lines)
{
	snapshot_verify_begin(&listed->snapshot);
	for (; *lines != NULL; lines++) {
		snapshot_verify_line(&listed->snapshot, slice_of(*lines));
	}
	return snapshot_verify_end(&listed->snapshot);
}

static enum snapshot_fate fate(struct listed *listed, uint64_t id)
{
	return (enum snapshot_fate)snapshot_find(&listed->snapshot, id)->fate;
}

static void assert_adds_up(const struct listed *listed)
{
	const struct counts *counts = &listed->snapshot.counts;

	assert_int_equal(counts->found, listed->snapshot.n);
	assert_int_equal(counts->found, counts->unmatched + counts->is_protected + counts->matched);
}

static const char *const three[] = {
	"id=5 flags=N name=a", "id=6 flags=N name=b", "id=7 flags=N name=c", "id=8 flags=S", NULL};

static void test_fates(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_REDIS};
	/* 5 lives on, 6 is being closed, 7 is gone; 9 is new. */
	static const char *const first[] = {
		LISTED_LINK, "id=6 flags=bA", "id=9 flags=N", "id=5 flags=N", "id=8 flags=S", NULL};
	static const char *const second[] = {LISTED_LINK, "id=8 flags=S", NULL};
	struct listed listed;
	struct snapshot_remains remains;

	listed_make(&listed, &opts, three);
	remains = verify(&listed, first);
	assert_int_equal(remains.alive, 1);
	assert_int_equal(remains.dying, 1);
	assert_int_equal(fate(&listed, 5), SNAPSHOT_PENDING);
	assert_int_equal(fate(&listed, 6), SNAPSHOT_PENDING);
	assert_int_equal(fate(&listed, 7), SNAPSHOT_ENDED);
	assert_int_equal(snapshot_n_pending(&listed.snapshot), 2);
	assert_null(snapshot_find(&listed.snapshot, 9));
	/* Nothing is remembered of what was listed before. */
	remains = verify(&listed, second);
	assert_int_equal(remains.alive + remains.dying, 0);
	assert_int_equal(snapshot_n_pending(&listed.snapshot), 0);
	assert_adds_up(&listed);
	listed_finish(&listed);
}

/* "No such session" stays gone; a claim for somebody who is listed is none. */
static void test_gone(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_REDIS};
	static const char *const lines[] = {"id=6 flags=N", NULL};
	struct listed listed;
	struct snapshot_remains remains;

	listed_make(&listed, &opts, three);
	snapshot_find(&listed.snapshot, 5)->fate = SNAPSHOT_GONE;
	snapshot_find(&listed.snapshot, 6)->fate = SNAPSHOT_GONE;
	remains = verify(&listed, lines);
	assert_int_equal(remains.alive, 1);
	assert_int_equal(fate(&listed, 5), SNAPSHOT_GONE);
	assert_int_equal(fate(&listed, 6), SNAPSHOT_PENDING);
	assert_int_equal(fate(&listed, 7), SNAPSHOT_ENDED);
	snapshot_end_all(&listed.snapshot, SNAPSHOT_ENDED);
	assert_int_equal(fate(&listed, 6), SNAPSHOT_ENDED);
	assert_int_equal(snapshot_n_pending(&listed.snapshot), 0);
	listed_finish(&listed);
}

/* A line that cannot be read shows that its session is there, and nothing else. */
static void test_unreadable(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_REDIS};
	static const char *const lines[] = {
		"id=5 flags=A name=a b", "id=6 flags=A flags=A", "no id", "", NULL};
	struct listed listed;
	struct snapshot_remains remains;

	listed_make(&listed, &opts, three);
	remains = verify(&listed, lines);
	assert_int_equal(remains.alive, 2);
	assert_int_equal(remains.dying, 0);
	assert_adds_up(&listed);
	listed_finish(&listed);
}

/* Who is not newer than the watermark was missed by the first listing, and is judged like all. */
static void test_late(void **state UNUSED)
{
	static const struct listed_opts opts = {
		.family = SERVER_KVROCKS, .match = {"name = a*"}, .except = {"name = ab"}};
	static const char *const lines[] = {"id=2 flags=N name=aa", "id=3 flags=N name=x",
		"id=4 flags=N name=ab", "id=5 flags=N name=a", "id=9 flags=N name=a", NULL};
	struct listed listed;
	struct snapshot_remains remains;

	listed_make(&listed, &opts, three);
	assert_int_equal(listed.snapshot.counts.matched, 1);
	remains = verify(&listed, lines);
	assert_int_equal(remains.alive, 2);
	assert_int_equal(listed.snapshot.n, 8);
	assert_int_equal(listed.snapshot.counts.matched, 2);
	assert_int_equal(listed.snapshot.counts.is_protected, 1);
	assert_int_equal(fate(&listed, 2), SNAPSHOT_PENDING);
	assert_int_equal(snapshot_find(&listed.snapshot, 4)->class, REQUEST_PROTECTED);
	assert_null(snapshot_find(&listed.snapshot, 9));
	assert_adds_up(&listed);
	/* The same listing again takes nobody up twice. */
	verify(&listed, lines);
	assert_int_equal(listed.snapshot.n, 8);
	listed_finish(&listed);
}

/* A listing that is lost half way and read again brings nobody twice. */
static void test_late_and_lost(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_KVROCKS};
	static const char *const lines[] = {"id=3 flags=N name=a", NULL};
	struct listed listed;
	struct snapshot_remains remains;

	listed_make(&listed, &opts, three);
	snapshot_verify_begin(&listed.snapshot);
	snapshot_verify_line(&listed.snapshot, slice_of(lines[0]));
	remains = verify(&listed, lines);
	assert_int_equal(remains.alive, 1);
	assert_int_equal(fate(&listed, 3), SNAPSHOT_PENDING);
	assert_int_equal(listed.snapshot.n_unreadable, 0);
	assert_adds_up(&listed);
	listed_finish(&listed);
}

static void test_late_twins(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_KVROCKS};
	static const char *const lines[] = {"id=3 flags=N name=a", "id=3 flags=N name=b", NULL};
	struct listed listed;
	struct snapshot_remains remains;

	listed_make(&listed, &opts, three);
	remains = verify(&listed, lines);
	assert_int_equal(remains.alive, 0);
	assert_int_equal(snapshot_n_pending(&listed.snapshot), 0);
	assert_int_equal(listed.snapshot.n_unreadable, 1);
	assert_adds_up(&listed);
	listed_finish(&listed);
}

static void test_sources(void **state UNUSED)
{
	static const struct listed_opts opts = {.family = SERVER_REDIS};
	static const char *const listing[] = {"id=5 addr=10.0.0.1:5 flags=N name=a",
		"id=6 addr=10.0.0.1:6 flags=N name=a", "id=7 addr=10.0.0.2:5 flags=N name=a",
		"id=8 addr=10.0.0.3:5 flags=S", NULL};
	static const char *const lines[] = {"id=5 flags=N", NULL};
	struct listed listed;

	listed_make(&listed, &opts, listing);
	verify(&listed, lines);
	snapshot_count_sources(&listed.snapshot);
	assert_int_equal(listed.sources.keys.n, 2);
	assert_int_equal(listed.sources.counts[0].found, 2);
	assert_int_equal(listed.sources.counts[0].killed, 1);
	assert_int_equal(listed.sources.counts[1].found, 1);
	assert_int_equal(listed.sources.counts[1].killed, 1);
	listed_finish(&listed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_and_lost),
		cmocka_unit_test(test_late_twins),
		cmocka_unit_test(test_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
