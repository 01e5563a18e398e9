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
#include "fake_server.h"
#include "model/plan.h"

#define N_CASES 20000
#define FIRST_SEED 1
#define NODE "10.0.0.1:6379"
#define MAX_LISTED 24
#define MAX_OWN 2
#define MAX_ROUNDS 3

struct world {
	uint64_t random;
	struct fake_server server;
	struct request request;
	struct selectors protect;
	uint64_t own_ids[MAX_OWN];
	struct protection protection;
	struct sources sources;
	bool has_names; /* whoever is listed, or newcomers only */
	struct snapshot snapshot;
	struct plan plan;
};

/* How often each kind of step was seen: a property that is never put to the test holds as well. */
struct tally {
	uint64_t seed; /* of the case that runs; 0: none */
	size_t steps[PLAN_STEP_IDS + 1];
	size_t bounded; /* sets with MAXAGE or IDLE */
	size_t late;    /* sessions taken up in the verification */
};

/* ---- chance ---- */

/* splitmix64: a good number out of any seed. */
static uint64_t next_random(struct world *world)
{
	uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t roll(struct world *world, size_t n)
{
	return (size_t)(next_random(world) % n);
}

static bool happens(struct world *world, unsigned percent)
{
	return roll(world, 100) < percent;
}

#define PICK(world, array) ((array)[roll((world), ARRAY_SIZE(array))])

/* ---- what is asked for ---- */

/* On what commands can filter. */
static const char *const key_expressions[] = {
	"user = app",
	"user = app,web",
	"user != app",
	"user = a*",
	"user = default",
	"name = api",
	"name = api,job",
	"name != api",
	"name = ops-*",
	"name != ops-*",
	"name = *",
	"lib = redis-py",
	"lib != jedis",
	"lib-ver = 5.?",
	"db = 1",
	"db != 0",
	"db >= 2",
	"db < 1",
	"type = normal",
	"type = pubsub",
	"type != pubsub",
	"type = normal,pubsub",
	"laddr = 10.0.0.1",
	"laddr = 10.0.0.0/8",
	"laddr = unix",
	"laddr != 10.0.0.2:6379",
	"age >= 60",
	"age > 1500ms",
	"idle > 30",
};

static const char *const other_expressions[] = {
	"age > 60",
	"age < 60",
	"age = 60",
	"age >= 1",
	"addr = 192.168.0.0/24",
	"addr != unix",
	"idle >= 30",
	"idle <= 10s",
	"idle != 0",
	"flags = N",
	"flags != P",
	"id > 12",
	"id != 3",
	"node = " NODE,
	"node != " NODE,
	"cmd = get",
	"resp = 2",
	"sub > 0",
	"phase = process",
};

static void add_selectors(struct world *world, struct selectors *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = happens(world, 70) ? PICK(world, key_expressions)
						      : PICK(world, other_expressions);
		struct err err;

		if (!selectors_add(list, slice_of(text), &err)) {
			fail_msg("%s", err.text);
		}
	}
}

static void make_request(struct world *world)
{
	request_init(&world->request);
	world->request.is_all = happens(world, 25);
	if (!world->request.is_all) {
		add_selectors(world, &world->request.match, 1 + roll(world, 2));
	}
	add_selectors(world, &world->request.except, happens(world, 40) ? 1 + roll(world, 2) : 0);
	add_selectors(world, &world->protect, happens(world, 30) ? 1 + roll(world, 2) : 0);
}

/* ---- who is there ---- */

static void make_caps(struct world *world)
{
	static const enum server_family families[] = {SERVER_REDIS, SERVER_REDIS, SERVER_VALKEY,
		SERVER_VALKEY, SERVER_KEYDB, SERVER_GARNET, SERVER_GARNET, SERVER_KVROCKS,
		SERVER_DRAGONFLY};
	struct caps *caps = &world->server.caps;

	caps->family = PICK(world, families);
	if (caps->family == SERVER_KVROCKS || caps->family == SERVER_DRAGONFLY) {
		return; /* whose filters mean something else are not probed */
	}
	for (unsigned cap = 0; cap < CAPS_N; cap++) {
		/* With several ids in a command a cell of so few is never worth its own. */
		if (happens(world, cap == CAP_KILL_TYPE ? 95 : cap == CAP_MULTI_ID ? 20 : 70)) {
			caps_set(caps, (enum cap)cap);
		}
	}
}

static void change_session(struct world *world, struct fake_session *session)
{
	static const char *const users[] = {"default", "app", "app", "web"};
	static const char *const names[] = {"", "", "api", "job", "ops-1", "a=b"};
	static const char *const libs[] = {"", "redis-py", "jedis"};
	static const char *const versions[] = {"", "5.0", "4"};

	session->user = PICK(world, users);
	session->name = world->has_names ? PICK(world, names) : "";
	session->lib = PICK(world, libs);
	session->lib_ver = PICK(world, versions);
	session->db = (unsigned)roll(world, 4);
	if (world->server.caps.family == SERVER_GARNET &&
		(!world->has_names || happens(world, 30))) {
		session->user = "";
	}
}

static struct fake_session *connect_session(struct world *world, enum fake_role role)
{
	static const char *const addrs[] = {
		"192.168.0.7:5001", "192.168.1.9:5002", "[::1]:5003", "/run/a b.sock:0", "?:0"};
	static const char *const laddrs[] = {
		"10.0.0.1:6379", "10.0.0.1:6379", "10.0.0.2:6379", "[::1]:6379", "/run/a b.sock:0"};
	struct fake_server *server = &world->server;
	struct fake_session *session = &server->sessions[server->n];

	if (server->n == FAKE_MAX_SESSIONS) {
		return NULL;
	}
	*session = (struct fake_session){
		.id = (server->n > 0 ? session[-1].id : 0) + 1 + roll(world, 2),
		.role = role,
		.addr = PICK(world, addrs),
		.laddr = PICK(world, laddrs),
		.is_connected = true,
	};
	server->n++;
	change_session(world, session);
	return session;
}

static enum fake_role roll_role(struct world *world)
{
	static const enum fake_role others[] = {
		FAKE_REPLICA, FAKE_MASTER, FAKE_HANDSHAKE, FAKE_INTERNAL};
	enum server_family family = world->server.caps.family;
	enum fake_role role = happens(world, 25) ? FAKE_SUBSCRIBER : FAKE_CLIENT;

	if (happens(world, 4)) {
		role = PICK(world, others);
	}
	if (role == FAKE_INTERNAL && family != SERVER_REDIS && family != SERVER_VALKEY) {
		return FAKE_CLIENT; /* knows no such links */
	}
	/* Nor do these give the last command, by which a replica is known before its PSYNC; on
	 * Kvrocks M is a monitor. */
	if (role == FAKE_HANDSHAKE && (family == SERVER_GARNET || family == SERVER_DRAGONFLY)) {
		return FAKE_CLIENT;
	}
	return role == FAKE_MASTER && family == SERVER_KVROCKS ? FAKE_CLIENT : role;
}

static void connect_listed(struct world *world)
{
	struct fake_session *session = connect_session(world, roll_role(world));
	enum server_family family = world->server.caps.family;

	session->age_s = (int64_t)roll(world, session->role == FAKE_HANDSHAKE ? 60 : 120);
	session->idle_s = (int64_t)roll(world, (size_t)session->age_s + 1);
	if (family == SERVER_DRAGONFLY && session->role == FAKE_CLIENT && happens(world, 5)) {
		session->forged_id = session->id - roll(world, (size_t)session->id);
	}
	session->is_hidden = family == SERVER_KVROCKS && happens(world, 10);
}

static void make_own(struct world *world)
{
	struct fake_session *own = connect_session(world, FAKE_CLIENT);

	own->age_s = (int64_t)roll(world, 120);
	world->own_ids[world->protection.n_own_ids++] = own->id;
}

static void make_server(struct world *world)
{
	size_t n_listed = roll(world, MAX_LISTED + 1);
	size_t where_own = happens(world, 15) ? roll(world, MAX_LISTED) : MAX_LISTED;

	make_caps(world);
	world->server.is_slow = happens(world, 10);
	world->has_names = happens(world, 70);
	for (size_t i = 0; i < n_listed; i++) {
		if (i == where_own) {
			make_own(world); /* of another instance with the same server */
		}
		connect_listed(world);
	}
	make_own(world);
	world->has_names = true;
	world->server.link_id = world->own_ids[0];
	world->protection.family = world->server.caps.family;
	world->protection.own_ids = world->own_ids;
	world->protection.configured = &world->protect;
}

static bool is_own(const struct world *world, const struct fake_session *session)
{
	return protection_is_own(&world->protection, session->id);
}

/* ---- what happens meanwhile ---- */

static void disturb_session(struct world *world, struct fake_session *session)
{
	if (session->role == FAKE_HANDSHAKE) {
		session->role = happens(world, 30) ? FAKE_REPLICA : FAKE_HANDSHAKE;
		session->is_connected = session->age_s < 60; /* then it gives up */
	}
	if (session->role > FAKE_SUBSCRIBER || session->forged_id != 0) {
		return;
	}
	switch (roll(world, 40)) {
	case 0:
		session->is_connected = false;
		break;
	case 1:
		session->idle_s = 0;
		break;
	case 2:
		change_session(world, session);
		break;
	case 3:
		session->role = session->role == FAKE_CLIENT ? FAKE_SUBSCRIBER : FAKE_CLIENT;
		break;
	default:
		break;
	}
}

/*
 * Replicas connect as such: one that has not sent its PSYNC yet is an ordinary client to the
 * server, no filter tells it apart, and it tries again within a second.
 */
static void disturb(struct world *world)
{
	static const enum fake_role newcomers[] = {
		FAKE_CLIENT, FAKE_CLIENT, FAKE_CLIENT, FAKE_SUBSCRIBER, FAKE_REPLICA};
	int64_t passed_s = happens(world, 50) ? 0 : (int64_t)roll(world, 30);

	for (size_t i = 0; i < world->server.n; i++) {
		struct fake_session *session = &world->server.sessions[i];

		session->age_s += passed_s;
		session->idle_s += passed_s;
		if (session->is_connected && !is_own(world, session)) {
			disturb_session(world, session);
		}
	}
	for (size_t n = roll(world, 3); n > 0; n--) {
		connect_session(world, PICK(world, newcomers));
	}
}

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
	bool is_sacred = is_own(world, session) || session->role > FAKE_SUBSCRIBER;

	if (is_sacred || (!session->is_victim && judge_now(world, session) != REQUEST_MATCHED)) {
		char line[FAKE_MAX_LINE_BYTES];

		fake_print(&world->server, session, line);
		fail_msg("killed %s", line);
	}
}

/* ---- the kill ---- */

static void add_line(void *context, struct slice line)
{
	struct world *world = context;

	snapshot_add_line(&world->snapshot, line);
}

static void verify_line(void *context, struct slice line)
{
	struct world *world = context;

	snapshot_verify_line(&world->snapshot, line);
}

/* Notes the victims, and holds the snapshot to what the sessions are. */
static void note_victims(struct world *world)
{
	for (size_t i = 0; i < world->server.n; i++) {
		struct fake_session *session = &world->server.sessions[i];
		const struct snapshot_entry *entry = snapshot_find(&world->snapshot, session->id);
		bool is_victim = entry != NULL && snapshot_is_victim(entry);

		if (is_victim && session->is_connected && !session->is_dying &&
			!session->is_victim) {
			assert_int_equal(judge_now(world, session), REQUEST_MATCHED);
		}
		session->is_victim |= is_victim;
		if (entry != NULL && world->snapshot.n_unreadable == 0 && session->is_connected) {
			assert_int_equal(entry->class == REQUEST_MATCHED, session->is_victim);
		}
	}
}

static void list_sessions(struct world *world)
{
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
	};

	plan_finish(&world->plan);
	plan_init(&world->plan, &world->snapshot, &opts);
}

static void carry_out_step(struct world *world, const struct plan_step *step)
{
	struct plan_command command = {0};

	for (size_t offset = 0; offset < step->n;) {
		size_t most = step->victims_per_burst > 0 ? step->victims_per_burst : SIZE_MAX;
		size_t n = plan_step_command(
			&world->plan, step, offset, most, SLICE_LITERAL("CLIENT"), &command);

		disturb(world);
		assert_in_range(n, 1, step->n - offset);
		fake_kill(&world->server, command.argv, command.argc);
		offset += n;
	}
	plan_command_finish(&command);
}

static void carry_out_plan(struct world *world, struct tally *tally)
{
	size_t n = 0;

	for (size_t i = 0; i < world->plan.n_steps; i++) {
		const struct plan_step *step = &world->plan.steps[i];
		bool is_bounded = world->plan.least_age_s > 0 || world->plan.least_idle_s > 0;

		assert_int_equal(step->first, n);
		n += step->n;
		tally->steps[step->kind]++;
		tally->bounded += is_bounded && step->kind != PLAN_STEP_IDS;
		carry_out_step(world, step);
	}
	assert_int_equal(n, snapshot_n_pending(&world->snapshot));
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
	uint64_t alive = 1;

	world->random = seed;
	world->server.killed_fn = on_killed;
	world->server.context = world;
	make_request(world);
	make_server(world);
	list_sessions(world);
	n_listed = world->snapshot.n;
	for (unsigned round = 0; alive > 0 && round < MAX_ROUNDS; round++) {
		make_plan(world, round > 0);
		carry_out_plan(world, tally);
		alive = verify(world);
	}
	tally->late += world->snapshot.n - n_listed;
	check_end(world);
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
	print_message("# %llu cases: %zu types, %zu cells, %zu by id; %zu with a bound, %zu late\n",
		(unsigned long long)n_cases, tally->steps[PLAN_STEP_TYPE],
		tally->steps[PLAN_STEP_CELL], tally->steps[PLAN_STEP_IDS], tally->bounded,
		tally->late);
	if (n_cases >= N_CASES) {
		for (size_t kind = 0; kind <= PLAN_STEP_IDS; kind++) {
			assert_in_range(tally->steps[kind], n_cases / 50, SIZE_MAX);
		}
		assert_in_range(tally->bounded, n_cases / 200, SIZE_MAX);
		assert_in_range(tally->late, n_cases / 200, SIZE_MAX);
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
