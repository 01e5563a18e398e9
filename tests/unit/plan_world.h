/*
 * Random worlds for the property of plans: a server with sessions, a request, what is protected;
 * and what happens between two commands. All of it follows from the seed.
 */
#ifndef TESTS_UNIT_PLAN_WORLD_H
#define TESTS_UNIT_PLAN_WORLD_H

#include "fake_server.h"
#include "model/plan.h"

#define NODE "10.0.0.1:6379"
#define MAX_LISTED 24
#define MAX_OWN 2
#define OWN_USER "sesskill"

struct world {
	uint64_t random;
	struct fake_server server;
	struct request request;
	struct selectors protect;
	struct protection_own own[MAX_OWN];
	struct protection protection;
	struct sources sources;
	bool has_names;  /* whoever is listed, or newcomers only */
	bool has_kernel; /* it can end those whose connections it knows */
	struct snapshot snapshot;
	struct plan plan;
	int64_t passed_s; /* since the listing */
	uint64_t n_killed;
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
	world->request.has_max = happens(world, 20);
	world->request.timeout_ms = 1000 + (int64_t)roll(world, 30000);
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
	/* Whatever it calls itself, and it may call itself Redis. */
	world->server.is_ored = caps->family == SERVER_KVROCKS || happens(world, 10);
	if (world->server.is_ored || caps->family == SERVER_DRAGONFLY) {
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
	world->own[world->protection.n_own++].id = own->id;
	world->protection.n_known = world->protection.n_own;
}

static struct fake_session *find_session(struct world *world, uint64_t id)
{
	for (size_t i = 0; i < world->server.n; i++) {
		if (world->server.sessions[i].id == id) {
			return &world->server.sessions[i];
		}
	}
	fail_msg("no session %llu", (unsigned long long)id);
	return NULL;
}

/*
 * A second connection of ours may be another instance's; or of the same link: then it steps aside
 * where it may, and else all that is known of it is that it is of the same user.
 */
static void make_others(struct world *world)
{
	struct protection *protection = &world->protection;
	size_t what = roll(world, 3);

	if (protection->n_own < 2 || what == 0) {
		return;
	}
	if (what == 1) {
		protection->n_aside = protection->n_own - 1;
		return;
	}
	protection->own_user = OWN_USER;
	for (size_t i = 0; i < protection->n_own; i++) {
		find_session(world, world->own[i].id)->user = OWN_USER;
	}
}

static void make_server(struct world *world)
{
	size_t n_listed = roll(world, MAX_LISTED + 1);
	size_t where_own = happens(world, 40) ? roll(world, MAX_LISTED) : MAX_LISTED;

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
	world->server.link_id = world->own[0].id;
	world->protection.family = world->server.caps.family;
	world->protection.own = world->own;
	world->protection.configured = &world->protect;
	world->protection.is_all = world->request.is_all;
	world->protection.has_type = caps_has(&world->server.caps, CAP_KILL_TYPE);
	make_others(world);
}

static bool is_own(const struct world *world, const struct fake_session *session)
{
	for (size_t i = 0; i < world->protection.n_own; i++) {
		if (world->own[i].id == session->id) {
			return true;
		}
	}
	return false;
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

	/* A command may be late, but not by a whole time-out. */
	passed_s = MIN(passed_s, 2 * world->request.timeout_ms / 1000 - world->passed_s);
	world->passed_s += passed_s;
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

#endif
