/*
 * What happens: a world of a few servers, the daemon, people who want something of it, and trouble.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "sim.h"

#define MAX_GROUPS 2
#define TICK_MS 40
/* SIGTERM ends the daemon within that. */
#define STOP_WITHIN (10 * SIM_S)
/* A daemon that begins, or reads its configuration anew, has so long to find everything. */
#define SETTLES_WITHIN (8 * SIM_S)
/* What was asked for that soon after a reload was asked for before or after it. */
#define TAKEN_UP_WITHIN (100 * SIM_MS)

static struct {
	struct fleet groups[MAX_GROUPS];
	size_t n_groups;
	struct server *stranger;
	char directory[64];
	struct settings settings;
	bool is_ending, had_crash, had_policies;
	int64_t changed;  /* when it was told something new, last; 0: never */
	int64_t reloaded; /* when it was told to read its configuration; 0: never */
} scene;

bool scenario_is_changing(void)
{
	return scene.is_ending || sim_now() - scene.changed < SETTLES_WITHIN;
}

const char *scenario_record(void)
{
	return scene.settings.audit;
}

bool scenario_needs_record(void)
{
	return scene.settings.needs_record;
}

struct server *scenario_stranger(void)
{
	return scene.stranger;
}

int64_t scenario_command_timeout(void)
{
	return scene.settings.command_timeout_ms * SIM_MS;
}

bool scenario_had_crash(void)
{
	return scene.had_crash;
}

size_t scenario_n_groups(void)
{
	return scene.n_groups;
}

const struct fleet *scenario_group(size_t index)
{
	return &scene.groups[index];
}

unsigned scenario_policy(void)
{
	return scene.settings.policy;
}

bool scenario_had_policies(void)
{
	return scene.had_policies;
}

bool scenario_had_reload(void)
{
	return scene.reloaded > 0;
}

bool scenario_is_reloading(void)
{
	return scene.reloaded > 0 && sim_now() - scene.reloaded < TAKEN_UP_WITHIN;
}

/* ---- building ---- */

static void fill(struct server *server)
{
	size_t most = sim_happens(2) ? 3000 : 60;
	size_t n = sim_roll(most) * sim_size()->sessions / 100;

	for (size_t i = 0; i < n; i++) {
		struct client *session = server_connect(server);

		if (session == NULL) {
			return;
		}
		session->now.since -= (int64_t)sim_roll(600) * SIM_S;
	}
}

static struct server *add_node(struct fleet *group, const struct shape *shape)
{
	struct server *server = server_new(SERVER_DATA, shape);

	server->group = group;
	group->nodes[group->n_nodes++] = server;
	return server;
}

static const struct shape *shape_of_group(enum group_kind kind)
{
	const struct shape *shape = shape_pick();

	/* The others have neither Sentinels nor such clusters. */
	while (kind != GROUP_STANDALONE &&
		(shape->run_key == NULL || !shape_has(shape, SHAPE_CLIENT_ID))) {
		shape = shape_pick();
	}
	return shape;
}

static void add_sentinels(struct fleet *group, const struct shape *shape)
{
	group->n_sentinels = ARRAY_SIZE(group->sentinels);
	for (size_t i = 0; i < group->n_sentinels; i++) {
		struct server *sentinel = server_new(SERVER_SENTINEL, shape);

		sentinel->group = group;
		sentinel->is_hostile = i == 0 && sim_fault(30);
		/* One that has fallen asleep knows an old world for ever. */
		sentinel->news_delay =
			i == 1 && sim_fault(20) ? INT64_MAX / 2 : (int64_t)sim_roll(3000) * SIM_MS;
		group->sentinels[i] = sentinel;
	}
}

/* All nodes of a standalone group behind one name, which then have one port. */
static void call_by_name(struct fleet *group)
{
	const char *ips[ARRAY_SIZE(group->nodes)];

	group->name = strcmp(group->id, "cache") == 0 ? "cache.sim" : "orders.sim";
	for (size_t i = 0; i < group->n_nodes; i++) {
		group->nodes[i]->port = group->nodes[0]->port;
		ips[i] = group->nodes[i]->ip;
	}
	names_set(group->name, ips, group->n_nodes);
}

static void name_nodes(const struct fleet *group)
{
	char name[40];

	for (size_t i = 0; i < group->n_nodes; i++) {
		snprintf(name, sizeof(name), "node-%u.sim", group->nodes[i]->port);
		names_set(name, &group->nodes[i]->ip, 1);
	}
}

static unsigned pick_protects(void)
{
	return sim_happens(50) ? (unsigned)sim_roll(4) : 0;
}

static void make_group(struct fleet *group, const char *id)
{
	size_t n = 1 + sim_roll(3) * sim_size()->servers / 100;
	const struct shape *shape;
	bool has_second;

	group->id = id;
	group->kind = (enum group_kind)sim_roll(3);
	group->epoch = 1;
	group->looked = -10 * SIM_S;
	group->protects = pick_protects();
	group->has_password = sim_happens(30);
	group->announces_names = sim_happens(30);
	shape = shape_of_group(group->kind);
	has_second = group->kind == GROUP_STANDALONE && sim_happens(30);
	for (size_t i = 0; i < n; i++) {
		struct server *node = add_node(group, shape);

		node->has_password = group->has_password;
		if (has_second) {
			node->second_ip = "10.0.2.1";
		}
		if (i > 0 && (group->kind == GROUP_SENTINEL ||
				     (group->kind == GROUP_CLUSTER && sim_happens(30)))) {
			server_follow(node, group->nodes[0]);
		}
	}
	if (group->kind == GROUP_SENTINEL) {
		add_sentinels(group, shape);
	} else if (group->kind == GROUP_CLUSTER) {
		name_nodes(group);
	} else if (!has_second && sim_happens(30)) {
		call_by_name(group);
	}
	group->is_stranger_listed = group->kind != GROUP_STANDALONE && sim_fault(20);
}

/* One is down from the beginning, without which the others are what they are. */
static void lose_node(const struct fleet *group)
{
	struct server *node = group->nodes[group->n_nodes - 1];

	if (group->n_nodes > 1 && (group->kind == GROUP_STANDALONE || node->master != NULL)) {
		trouble_keep_down(node);
	}
}

static void build(void)
{
	static const char *const ids[MAX_GROUPS] = {"cache", "orders"};
	struct server *other;

	scene.n_groups = 1 + (sim_happens(40) && sim_size()->servers == 100);
	for (size_t i = 0; i < scene.n_groups; i++) {
		make_group(&scene.groups[i], ids[i]);
	}
	other = server_new(SERVER_DATA, shape_pick());
	scene.stranger = server_new(SERVER_DATA, shape_pick());
	if (sim_happens(50)) {
		server_follow(scene.stranger, other);
	}
	scene.settings.n_links = 1 + (unsigned)sim_roll(2);
	scene.settings.needs_record = sim_happens(40);
	scene.settings.command_timeout_ms = 500 * (1 + (unsigned)sim_roll(6));
	for (size_t i = 0; i < servers_n(); i++) {
		server_start(servers_get(i));
		if (servers_get(i)->kind == SERVER_DATA) {
			fill(servers_get(i));
		}
	}
	if (sim_fault(20)) {
		lose_node(&scene.groups[0]);
	}
	scene.settings.groups = scene.groups;
	scene.settings.n_groups = scene.n_groups;
	settings_write_password(&scene.settings);
	settings_write(&scene.settings);
}

/* What stands in the file changes with it. */
static void change_settings(void)
{
	scene.settings.n_links = 3 - scene.settings.n_links;
	for (size_t i = 0; i < scene.n_groups; i++) {
		if (sim_happens(50)) {
			scene.groups[i].protects = pick_protects();
		}
	}
	if (sim_happens(30)) {
		scene.settings.policy = 1 - scene.settings.policy;
		scene.had_policies = true;
	}
}

/* A daemon that cannot open its record keeps what it has; so it is not told anything then. */
void scenario_reload(void)
{
	if (!edges_is_disk_good()) {
		return;
	}
	callers_note_reload(); /* before and after */
	change_settings();
	settings_write(&scene.settings);
	callers_note_reload();
	sim_log("reload: links %u, policy %u, protections %u and %u", scene.settings.n_links,
		scene.settings.policy, scene.groups[0].protects, scene.groups[1].protects);
	scene.changed = scene.reloaded = sim_now();
	raise(SIGHUP);
}

void scenario_kill_again(struct fleet *group)
{
	for (size_t n = 1 + sim_roll(2); n > 0 && !scene.is_ending; n--) {
		caller_kill(group);
	}
}

/* Under the sanitizers the memory of a dead daemon would count as lost. */
void scenario_crash(void)
{
#ifndef __SANITIZE_ADDRESS__
	if (!scene.is_ending) {
		sim_log("the daemon is killed");
		scene.changed = sim_now();
		scene.had_crash = true;
		edges_crash();
	}
#endif
}

/* ---- what goes on ---- */

static void stir(struct server *server)
{
	size_t n = sim_roll(4);

	for (size_t i = 0; i < n && server->is_up; i++) {
		size_t what = sim_roll(3);

		if (what == 0 || server->n_sessions == 0) {
			(void)server_connect(server);
		} else if (what == 1) {
			size_t index = sim_roll(server->n_sessions);

			if (server->sessions[index].end == NULL) {
				server_disconnect(server, index);
			}
		} else {
			server_change(server, sim_roll(server->n_sessions));
		}
	}
}

static void on_tick(void *context, uint64_t value)
{
	if (scene.is_ending) {
		return;
	}
	for (size_t i = 0; i < servers_n(); i++) {
		server_close_idle(servers_get(i));
		if (servers_get(i)->kind == SERVER_DATA && sim_happens(30)) {
			stir(servers_get(i));
		}
	}
	if (sim_fault(2)) {
		trouble_make();
	}
	if (sim_happens(4)) {
		caller_kill(&scene.groups[sim_roll(scene.n_groups)]);
	}
	if (sim_happens(8)) {
		caller_look(&scene.groups[sim_roll(scene.n_groups)]);
	}
	if (sim_happens(5)) {
		caller_look_at_tasks();
	}
	if (sim_happens(2)) {
		caller_cancel();
	}
	if (sim_roll(400) == 0) {
		caller_burst();
	}
	sim_in(TICK_MS * SIM_MS, on_tick, NULL, 0);
}

/* ---- the end ---- */

static void on_too_long(void *context, uint64_t value)
{
	sim_fail("answered", "SIGTERM has not ended the daemon within 10 s");
}

static void on_stop(void *context, uint64_t value)
{
	sim_log("SIGTERM");
	scene.is_ending = true;
	raise(SIGTERM);
	sim_in(STOP_WITHIN, on_too_long, NULL, 0);
}

static void run_daemon(void)
{
	struct config_errors errors = {0};
	struct config *config = config_load(scene.settings.config, &errors);
	struct daemon *daemon;
	struct err err;

	for (size_t i = 0; i < errors.n; i++) {
		printf("%s\n", errors.lines[i]);
	}
	config_errors_finish(&errors);
	CHECK(config != NULL);
	if (daemon_new(config, scene.settings.config, &daemon, &err) != 0) {
		sim_fail("answered", "no daemon: %s", err.text);
	}
	CHECK(daemon_run(daemon) == 0);
	daemon_free(daemon);
}

/* What was not synced is lost with the machine. */
static void lose_power(void)
{
	if (sim_happens(50)) {
		sim_log("and the machine with it");
		CHECK(truncate(scene.settings.audit, edges_n_synced()) == 0);
	}
}

static void run_daemons(void)
{
	while (!edges_run(run_daemon)) {
		callers_lose();
		unlink(scene.settings.socket);
		lose_power();
		sim_log("the daemon is started again");
		oracles_begin();
	}
}

static void unblock_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void name_files(pid_t process)
{
	snprintf(scene.directory, sizeof(scene.directory), SIM_DIRECTORY "%08d", (int)process);
	snprintf(scene.settings.config, sizeof(scene.settings.config), "%s/c", scene.directory);
	snprintf(scene.settings.socket, sizeof(scene.settings.socket), "%s/s", scene.directory);
	snprintf(scene.settings.audit, sizeof(scene.settings.audit), "%s/a", scene.directory);
	snprintf(scene.settings.password, sizeof(scene.settings.password), "%s/p", scene.directory);
}

static void remove_file(const char *path, const char *suffix)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	unlink(name);
}

/* With those that the daemon has beside them. */
static void remove_files(void)
{
	remove_file(scene.settings.config, "");
	remove_file(scene.settings.password, "");
	remove_file(scene.settings.audit, "");
	remove_file(scene.settings.audit, ".open");
	remove_file(scene.settings.socket, "");
	remove_file(scene.settings.socket, ".lock");
	remove_file(scene.directory, "/leases.json.lock");
	remove_file(scene.directory, "/leases.json");
	remove_file(scene.directory, "/guards.json");
}

void scenario_clear(pid_t process)
{
	name_files(process);
	remove_files();
	rmdir(scene.directory);
}

void scenario_run(uint64_t seed, const struct sim_size *size)
{
	memset(&scene, 0, sizeof(scene));
	name_files(getpid());
	mkdir(scene.directory, 0700);
	remove_files();
	CHECK(setenv("STATE_DIRECTORY", scene.directory, 1) == 0);
	log_set_level(LOG_LEVEL_ERROR);
	unblock_signals();
	sim_begin(seed, size);
	names_begin();
	wire_begin();
	servers_begin();
	callers_begin(scene.settings.socket);
	oracles_begin();
	edges_begin();
	build();
	sim_in(0, on_tick, NULL, 0);
	sim_in(SIM_S, oracle_tick, NULL, 0);
	sim_in((5 + (int64_t)sim_roll(25)) * SIM_S * size->length / 100, on_stop, NULL, 0);
	run_daemons();
	oracles_end();
	edges_end();
	callers_end();
	wire_end_all();
	servers_end();
	sim_end();
	remove_files();
	CHECK(rmdir(scene.directory) == 0);
}
