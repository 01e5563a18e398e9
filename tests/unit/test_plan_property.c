/*
 * The property that a kill stands on: whatever is listed, asked for and protected, and whatever
 * the server can do, the commands of a plan end all victims and nobody who is to be kept, although
 * between any two commands sessions connect, leave, grow older and change.
 *
 * Random cases by the thousand against a model of a server. A failure names the seed of its case:
 * with SESSKILL_TEST_SEED=N and SESSKILL_TEST_CASES=1 it runs again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan_world.h"
#include "snapshot_lines.h"

#define N_CASES 100000
#define FIRST_SEED 1
#define MAX_ROUNDS 12 /* who changes right before each command is missed each time */

/* How often each kind of step was seen: a property that is never put to the test holds as well. */
struct tally {
	uint64_t seed; /* of the case that runs; 0: none */
	size_t steps[PLAN_STEP_CUT + 1];
	size_t bounded; /* sets with MAXAGE or IDLE */
	size_t late;    /* sessions taken up in the verification */
	size_t beside_own;
	size_t ored;
	size_t capped; /* kills with a limit that hit somebody */
};

/* ---- who may be killed ---- */

/* By the very line that the server would list now; a line that cannot be read says nothing. */
static enum request_class judge_now(struct world *world, const struct fake_session *session)
{
	char line[FAKE_MAX_LINE_BYTES];
	struct session read;
	struct err err;

	if (session->forged_id != 0) {
		bool is_anybody = world->request.is_all && world->request.except.n == 0 &&
				  world->protect.n == 0;

		return is_anybody ? REQUEST_MATCHED : REQUEST_UNMATCHED;
	}
	fake_print(&world->server, session, line);
	if (session_parse(slice_of(line), world->server.caps.family, slice_of(NODE), &read, &err) !=
		0) {
		fail_msg("%s: %s", line, err.text);
	}
	return request_judge(&world->request, &world->protection, &read);
}

static void on_killed(void *context, const struct fake_session *session)
{
	struct world *world = context;
	bool is_like_all = session->role == FAKE_HANDSHAKE && world->protection.is_all &&
			   world->protection.has_type;
	bool is_sacred =
		is_own(world, session) || (session->role > FAKE_SUBSCRIBER && !is_like_all);

	if (is_sacred || (world->request.has_max && !session->is_victim) ||
		(!session->is_victim && judge_now(world, session) != REQUEST_MATCHED)) {
		char line[FAKE_MAX_LINE_BYTES];

		fake_print(&world->server, session, line);
		fail_msg("killed %s", line);
	}
	world->n_killed++;
}

/* ---- the kill ---- */

static void add_line(void *context, struct slice line)
{
	struct world *world = context;

	snapshot_add_line(&world->snapshot, line);
	/* Not everybody is connected by TCP. */
	if (world->has_kernel && world->snapshot.n > 0 && happens(world, 80)) {
		snapshot_note_socket(&world->snapshot, (uint32_t)world->snapshot.n - 1);
	}
}

static void verify_line(void *context, struct slice line)
{
	struct world *world = context;

	snapshot_verify_line(&world->snapshot, line);
}

/* Notes the victims of the newest listing: whoever is one is to be killed as he is now. */
static void note_victims(struct world *world)
{
	for (size_t i = 0; i < world->server.n; i++) {
		struct fake_session *session = &world->server.sessions[i];
		const struct snapshot_entry *entry = snapshot_find(&world->snapshot, session->id);

		session->is_victim = entry != NULL && snapshot_is_victim(entry);
		if (session->is_victim && session->is_connected && !session->is_dying &&
			world->snapshot.n_unreadable == 0) {
			assert_int_equal(judge_now(world, session), REQUEST_MATCHED);
		}
	}
}

static void list_sessions(struct world *world)
{
	world->has_kernel = caps_has(&world->server.caps, CAP_LIST_ID) && happens(world, 50);
	snapshot_init(&world->snapshot, &world->request, &world->protection, &world->server.caps,
		slice_of(NODE), &world->sources, world->server.link_id);
	fake_list(&world->server, 0, add_line, world);
	snapshot_seal(&world->snapshot);
	note_victims(world);
}

static void make_plan(struct world *world, bool by_id_only)
{
	struct plan_opts opts = {
		.pace = happens(world, 50) ? PACE_FAST : PACE_GENTLE,
		.stall_budget_ms = 1 + (int64_t)roll(world, 20),
		.by_id_only = by_id_only,
		.has_kernel = world->has_kernel,
		.wants_kernel = world->has_kernel && happens(world, 50),
	};

	plan_finish(&world->plan);
	plan_init(&world->plan, &world->snapshot, &opts);
}

/* Out of the way of a set command, as the daemon does it before it sends one. */
static void step_aside(struct world *world, const struct plan_step *step)
{
	bool is_aside = plan_step_is_set(step) && plan_step_type(step) == SESSION_TYPE_NORMAL;

	for (size_t i = 1; i <= world->protection.n_aside; i++) {
		find_session(world, world->own[i].id)->role =
			is_aside ? FAKE_SUBSCRIBER : FAKE_CLIENT;
	}
}

static struct snapshot_entry *entry_at(
	const struct world *world, const struct plan_step *step, size_t offset)
{
	return &world->snapshot.entries[world->plan.victims[step->first + offset]];
}

/* What the kernel does, to whoever has that id, be he what he may. */
static void end_connection(struct world *world, struct snapshot_entry *entry)
{
	char id[24];
	struct slice argv[] = {SLICE_LITERAL("CLIENT"), SLICE_LITERAL("KILL"), SLICE_LITERAL("ID"),
		{id, 0}, SLICE_LITERAL("SKIPME"), SLICE_LITERAL("yes")};
	const struct fake_session *session = find_session(world, entry->id);

	/* He is as he was when he was listed last, a moment ago. */
	if (!session->is_dying) {
		assert_int_equal(judge_now(world, session), REQUEST_MATCHED);
	}
	argv[3].len = (size_t)snprintf(id, sizeof(id), "%llu", (unsigned long long)entry->id);
	fake_kill(&world->server, argv, ARRAY_SIZE(argv));
	entry->is_cut = true;
}

/* As a batch does it: each group is listed by its ids before it is cut. */
static void cut_step(struct world *world, const struct plan_step *step)
{
	for (size_t offset = 0; offset < step->n;) {
		size_t n = MIN(step->n - offset, step->victims_per_burst);

		disturb(world);
		for (size_t i = offset; i < offset + n; i++) {
			uint64_t id = entry_at(world, step, i)->id;

			entry_at(world, step, i)->is_listed = false;
			fake_list(&world->server, id, verify_line, world);
		}
		snapshot_look_again_end(&world->snapshot);
		for (size_t i = offset; i < offset + n; i++) {
			struct snapshot_entry *entry = entry_at(world, step, i);

			if (entry->is_listed && !entry->is_dying && snapshot_is_victim(entry)) {
				end_connection(world, entry);
			}
		}
		offset += n;
	}
}

static void carry_out_step(struct world *world, const struct plan_step *step)
{
	struct plan_command command = {0};

	if (step->kind == PLAN_STEP_CUT) {
		cut_step(world, step);
		return;
	}

	for (size_t offset = 0; offset < step->n;) {
		size_t most = step->victims_per_burst > 0 ? step->victims_per_burst : SIZE_MAX;
		size_t n = plan_step_command(
			&world->plan, step, offset, most, SLICE_LITERAL("CLIENT"), &command);

		disturb(world);
		step_aside(world, step);
		assert_in_range(n, 1, step->n - offset);
		fake_kill(&world->server, command.argv, command.argc);
		offset += n;
	}
	plan_command_finish(&command);
}

static void carry_out_plan(struct world *world, struct tally *tally)
{
	uint64_t n_pending = snapshot_n_pending(&world->snapshot);
	size_t n = 0;

	for (size_t i = 0; i < world->plan.n_steps; i++) {
		const struct plan_step *step = &world->plan.steps[i];
		bool is_bounded = world->plan.least_age_s > 0 || world->plan.least_idle_s > 0;

		assert_int_equal(step->first, n);
		n += step->n;
		tally->steps[step->kind]++;
		tally->beside_own += plan_step_is_set(step) && world->protection.n_own > 1;
		tally->bounded += is_bounded && plan_step_is_set(step);
		carry_out_step(world, step);
	}
	assert_int_equal(n, n_pending);
}

/* Lists again, everybody or the victims alone, until nobody is dying. */
static uint64_t verify(struct world *world)
{
	bool is_by_id = !world->request.is_all && caps_has(&world->server.caps, CAP_LIST_ID);
	struct snapshot_remains remains;

	do {
		snapshot_verify_begin(&world->snapshot);
		for (size_t i = 0; is_by_id && i < world->snapshot.n; i++) {
			const struct snapshot_entry *entry = &world->snapshot.entries[i];

			if (snapshot_is_victim(entry)) {
				fake_list(&world->server, entry->id, verify_line, world);
			}
		}
		if (!is_by_id) {
			fake_list(&world->server, 0, verify_line, world);
		}
		remains = snapshot_verify_end(&world->snapshot);
		note_victims(world);
		fake_settle(&world->server);
	} while (remains.dying > 0);
	return remains.alive;
}

/* "All" leaves nobody who was there at the listing, seen in it or not. */
static bool is_left_of_all(struct world *world, const struct fake_session *session)
{
	return world->request.is_all && world->request.except.n == 0 && world->protect.n == 0 &&
	       world->snapshot.n_unreadable == 0 && session->role <= FAKE_SUBSCRIBER &&
	       session->id <= world->snapshot.watermark && !is_own(world, session);
}

static void check_end(struct world *world)
{
	const struct counts *counts = &world->snapshot.counts;

	/* A forged line stays, whatever is killed. */
	if (world->snapshot.n_unreadable == 0) {
		assert_int_equal(snapshot_n_pending(&world->snapshot), 0);
	}
	assert_int_equal(counts->found, world->snapshot.n);
	assert_int_equal(counts->found, counts->unmatched + counts->is_protected + counts->matched);
	for (size_t i = 0; i < world->server.n; i++) {
		const struct fake_session *session = &world->server.sessions[i];

		if (session->is_connected &&
			(session->is_victim || is_left_of_all(world, session))) {
			fail_msg("id %llu is still there", (unsigned long long)session->id);
		}
	}
}

static void run_case(uint64_t seed, struct tally *tally)
{
	struct world *world = mem_new(struct world);
	size_t n_listed;
	uint64_t n_allowed;
	uint64_t alive = 1;

	world->random = seed;
	world->server.killed_fn = on_killed;
	world->server.context = world;
	make_request(world);
	make_server(world);
	list_sessions(world);
	n_listed = world->snapshot.n;
	n_allowed = world->snapshot.counts.matched;
	for (unsigned round = 0; alive > 0 && round < MAX_ROUNDS; round++) {
		if (world->request.has_max && world->snapshot.counts.matched > n_allowed) {
			break; /* nobody has agreed to these: see is_beyond_limit() of a sweep */
		}
		make_plan(world, round > 0);
		carry_out_plan(world, tally);
		alive = verify(world);
	}
	tally->late += world->snapshot.n - n_listed;
	tally->ored += world->server.is_ored;
	tally->capped += world->request.has_max && world->n_killed > 0;
	if (world->request.has_max) {
		assert_in_range(world->n_killed, 0, n_allowed);
	}
	if (!world->request.has_max || world->snapshot.counts.matched <= n_allowed) {
		check_end(world);
	}
	plan_finish(&world->plan);
	snapshot_finish(&world->snapshot);
	sources_finish(&world->sources);
	request_finish(&world->request);
	selectors_finish(&world->protect);
	free(world);
}

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t number;

	return text != NULL && parse_u64(slice_of(text), &number) ? number : otherwise;
}

static void test_exact(void **state)
{
	struct tally *tally = *state;
	uint64_t first = number_from_environment("SESSKILL_TEST_SEED", FIRST_SEED);
	uint64_t n_cases = number_from_environment("SESSKILL_TEST_CASES", N_CASES);

	for (uint64_t i = 0; i < n_cases; i++) {
		tally->seed = first + i;
		run_case(tally->seed, tally);
	}
	tally->seed = 0;
	print_message("# %llu cases: %zu types, %zu cells, %zu by id, %zu by the kernel; %zu with "
		      "a bound, %zu late, "
		      "%zu sets beside others of our connections\n",
		(unsigned long long)n_cases, tally->steps[PLAN_STEP_TYPE],
		tally->steps[PLAN_STEP_CELL], tally->steps[PLAN_STEP_IDS],
		tally->steps[PLAN_STEP_CUT], tally->bounded, tally->late, tally->beside_own);
	if (n_cases >= N_CASES) {
		for (size_t kind = 0; kind <= PLAN_STEP_CUT; kind++) {
			assert_in_range(tally->steps[kind], n_cases / 50, SIZE_MAX);
		}
		assert_in_range(tally->bounded, n_cases / 200, SIZE_MAX);
		assert_in_range(tally->late, n_cases / 200, SIZE_MAX);
		assert_in_range(tally->beside_own, n_cases / 200, SIZE_MAX);
		assert_in_range(tally->ored, n_cases / 50, SIZE_MAX);
		assert_in_range(tally->capped, n_cases / 50, SIZE_MAX);
	}
}

static int setup(void **state)
{
	*state = mem_new(struct tally);
	return 0;
}

static int teardown(void **state)
{
	struct tally *tally = *state;

	if (tally->seed != 0) {
		print_message("# SESSKILL_TEST_SEED=%llu\n", (unsigned long long)tally->seed);
	}
	free(tally);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
