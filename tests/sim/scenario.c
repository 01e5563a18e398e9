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

static struct {
	struct fleet groups[MAX_GROUPS];
	size_t n_groups;
	struct server *stranger;
	char directory[64];
	char config[96], socket[96], audit[96];
	int64_t until;
	unsigned n_links;
	unsigned command_timeout_ms;
	bool is_ending;
	int64_t reloaded; /* when it was told to, last */
} scene;

bool scenario_is_changing(void)
{
	return scene.is_ending || (scene.reloaded > 0 && sim_now() - scene.reloaded < 8 * SIM_S);
}

/* ---- building ---- */

static void fill(struct server *server)
{
	size_t n = sim_roll(60) * sim_size()->sessions / 100;

	for (size_t i = 0; i < n; i++) {
		struct client *session = server_connect(server);

		if (session == NULL) {
			return;
		}
		session->since -= (int64_t)sim_roll(600) * SIM_S;
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
	while (kind != GROUP_STANDALONE && (shape->run_key == NULL || !shape->has_client_id)) {
		shape = shape_pick();
	}
	return shape;
}

static void follow(struct server *replica, struct server *master)
{
	replica->master = master;
	memcpy(replica->replid, master->replid, sizeof(replica->replid));
	memcpy(replica->replid2, master->replid2, sizeof(replica->replid2));
}

static void make_group(struct fleet *group, const char *id)
{
	size_t n = 1 + sim_roll(3) * sim_size()->servers / 100;
	const struct shape *shape;

	group->id = id;
	group->kind = (enum group_kind)sim_roll(3);
	group->has_protect = sim_happens(40);
	shape = shape_of_group(group->kind);
	for (size_t i = 0; i < n; i++) {
		add_node(group, shape);
		if (group->kind == GROUP_SENTINEL && i > 0) {
			follow(group->nodes[i], group->nodes[0]);
		}
	}
	group->n_sentinels = group->kind == GROUP_SENTINEL ? 3 : 0;
	for (size_t i = 0; i < group->n_sentinels; i++) {
		group->sentinels[i] = server_new(SERVER_SENTINEL, shape);
		group->sentinels[i]->group = group;
		group->sentinels[i]->is_hostile = i == 0 && sim_fault(30);
	}
	group->is_stranger_listed = group->kind != GROUP_STANDALONE && sim_fault(20);
}

static void print_addresses(FILE *out, struct server *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\"%s:%u\"", i > 0 ? ", " : "", list[i]->ip, list[i]->port);
	}
}

static void print_group(FILE *out, const struct fleet *group)
{
	fprintf(out, "  - id: %s\n", group->id);
	switch (group->kind) {
	case GROUP_STANDALONE:
		fprintf(out, "    address: [");
		print_addresses(out, group->nodes, group->n_nodes);
		fprintf(out, "]\n");
		break;
	case GROUP_SENTINEL:
		fprintf(out, "    sentinel: {master: %s, addresses: [", group->id);
		print_addresses(out, group->sentinels, group->n_sentinels);
		fprintf(out, "]}\n");
		break;
	case GROUP_CLUSTER:
		fprintf(out, "    cluster: {addresses: [");
		print_addresses(out, group->nodes, group->n_nodes);
		fprintf(out, "]}\n");
		break;
	}
	if (group->has_protect) {
		fprintf(out, "    protect: [\"user = admin\"]\n");
	}
}

static void write_config(void)
{
	FILE *out = fopen(scene.config, "w");

	CHECK(out != NULL);
	fprintf(out, "control:\n  socket: %s\naudit:\n  file: %s\n", scene.socket, scene.audit);
	fprintf(out, "defaults:\n  command-timeout: %ums\n  links: %u\ninstances:\n",
		scene.command_timeout_ms, scene.n_links);
	for (size_t i = 0; i < scene.n_groups; i++) {
		print_group(out, &scene.groups[i]);
	}
	fclose(out);
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
		follow(scene.stranger, other);
	}
	scene.n_links = 1 + (unsigned)sim_roll(2);
	scene.command_timeout_ms = 500 * (1 + (unsigned)sim_roll(6));
	for (size_t i = 0; i < servers_n(); i++) {
		server_start(servers_get(i));
		if (servers_get(i)->kind == SERVER_DATA) {
			fill(servers_get(i));
		}
	}
	write_config();
}

/* ---- trouble ---- */

static struct server *pick_server(void)
{
	return servers_get(sim_roll(servers_n()));
}

static void on_back(void *context, uint64_t value)
{
	struct server *server = context;

	(void)value;
	server_start(server);
	if (server->kind == SERVER_DATA) {
		fill(server);
	}
	if (server->group != NULL) {
		server->group->settled = sim_now();
	}
}

static void on_roomy(void *context, uint64_t value)
{
	struct server *server = context;

	(void)value;
	server->max_clients = 10000;
	server_settle(server);
}

static void on_allowed(void *context, uint64_t value)
{
	struct server *server = context;

	(void)value;
	server->may_not_kill = false;
	server->is_loading = false;
	server_settle(server);
}

static void fail_over(struct fleet *group)
{
	struct server *old = group->nodes[0];
	struct server *new = group->nodes[group->n_nodes - 1];

	if (group->kind != GROUP_SENTINEL || group->n_nodes < 2 || new->master == NULL) {
		return;
	}
	sim_log("fail-over of %s from %u to %u", group->id, old->port, new->port);
	new->master = NULL;
	memcpy(new->replid2, new->replid, sizeof(new->replid2));
	new->replid[0] = new->replid[0] == 'a' ? 'b' : 'a';
	for (size_t i = 0; i + 1 < group->n_nodes; i++) {
		follow(group->nodes[i], new);
	}
	group->nodes[0] = new;
	group->nodes[group->n_nodes - 1] = old;
	group->settled = sim_now();
}

static void make_trouble(void)
{
	struct server *server = pick_server();
	bool is_silent;

	if (!server->is_up) {
		return;
	}
	switch (sim_roll(9)) {
	case 0:
		server_stall(server, (int64_t)sim_roll(8000) * SIM_MS);
		break;
	case 1:
		server_stop(server);
		sim_in((int64_t)sim_roll(6000) * SIM_MS, on_back, server, 0);
		if (server->group != NULL) {
			server->group->settled = INT64_MAX / 2;
		}
		break;
	case 2:
		oracle_disturbed(server);
		is_silent = sim_happens(30);
		wire_cut_some(server->ip, server->port, is_silent);
		server->healthy_since = sim_now() + (is_silent ? WIRE_UNACKNOWLEDGED : 0);
		break;
	case 3:
		sim_log("server %u: is full", server->port);
		server->max_clients = server->n_sessions;
		sim_in((int64_t)sim_roll(6000) * SIM_MS, on_roomy, server, 0);
		break;
	case 4:
		sim_log("server %u: runs a script", server->port);
		server->script_until = sim_now() + (int64_t)sim_roll(5000) * SIM_MS;
		server->healthy_since = server->script_until;
		oracle_disturbed(server);
		break;
	case 5:
		sim_log("server %u: takes the right to kill away", server->port);
		server->may_not_kill = true;
		sim_in((int64_t)sim_roll(6000) * SIM_MS, on_allowed, server, 0);
		break;
	case 6:
		fail_over(&scene.groups[sim_roll(scene.n_groups)]);
		break;
	case 7:
		sim_jump_wall(((int64_t)sim_roll(7200) - 3600) * SIM_S);
		break;
	case 8:
		scene.n_links = 3 - scene.n_links;
		write_config();
		sim_log("reload: links %u", scene.n_links);
		scene.reloaded = sim_now();
		raise(SIGHUP);
		break;
	}
}

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
	(void)context;
	(void)value;
	if (scene.is_ending) {
		return;
	}
	for (size_t i = 0; i < servers_n(); i++) {
		if (servers_get(i)->kind == SERVER_DATA && sim_happens(30)) {
			stir(servers_get(i));
		}
	}
	if (sim_fault(2)) {
		make_trouble();
	}
	if (sim_happens(4)) {
		caller_kill(&scene.groups[sim_roll(scene.n_groups)]);
	}
	if (sim_happens(8)) {
		caller_look();
	}
	sim_in(TICK_MS * SIM_MS, on_tick, NULL, 0);
}

/* ---- the end ---- */

static void on_too_long(void *context, uint64_t value)
{
	(void)context;
	(void)value;
	sim_fail("answered", "SIGTERM has not ended the daemon within 10 s");
}

static void on_stop(void *context, uint64_t value)
{
	(void)context;
	(void)value;
	sim_log("SIGTERM");
	scene.is_ending = true;
	raise(SIGTERM);
	sim_in(STOP_WITHIN, on_too_long, NULL, 0);
}

static void run_daemon(void)
{
	struct config_errors errors = {0};
	struct config *config = config_load(scene.config, &errors);
	struct daemon *daemon;
	struct err err;

	for (size_t i = 0; i < errors.n; i++) {
		printf("%s\n", errors.lines[i]);
	}
	config_errors_finish(&errors);
	CHECK(config != NULL);
	if (daemon_new(config, scene.config, &daemon, &err) != 0) {
		sim_fail("answered", "no daemon: %s", err.text);
	}
	CHECK(daemon_run(daemon) == 0);
	daemon_free(daemon);
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

void scenario_run(uint64_t seed, const struct sim_size *size)
{
	memset(&scene, 0, sizeof(scene));
	snprintf(scene.directory, sizeof(scene.directory), "/dev/shm/sesskill-sim-%d",
		(int)getpid());
	mkdir(scene.directory, 0700);
	snprintf(scene.config, sizeof(scene.config), "%s/c", scene.directory);
	snprintf(scene.socket, sizeof(scene.socket), "%s/s", scene.directory);
	snprintf(scene.audit, sizeof(scene.audit), "%s/a", scene.directory);
	unlink(scene.audit);
	unlink(scene.socket);
	log_set_level(LOG_LEVEL_ERROR);
	unblock_signals();
	sim_begin(seed, size);
	wire_begin();
	servers_begin();
	callers_begin(scene.socket);
	oracles_begin();
	edges_begin();
	build();
	sim_in(0, on_tick, NULL, 0);
	sim_in(SIM_S, oracle_tick, NULL, 0);
	sim_in((5 + (int64_t)sim_roll(25)) * SIM_S * size->length / 100, on_stop, NULL, 0);
	run_daemon();
	oracles_end(scene.audit);
	edges_end();
	callers_end();
	wire_end_all();
	servers_end();
	sim_end();
	unlink(scene.config);
	unlink(scene.audit);
	unlink(scene.socket);
	rmdir(scene.directory);
}
