/*
 * What goes wrong: a table of it.
 */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static int64_t some_ms(size_t most)
{
	return (int64_t)sim_roll(most) * SIM_MS;
}

/* ---- that ends by itself ---- */

static void on_better(void *context, uint64_t value)
{
	struct server *server = context;

	sim_log("server %u: is as it was", server->port);
	server->max_clients = 10000;
	server->is_stormy = server->may_not_kill = server->is_password_changed = false;
	server->most_reply_bytes = 0;
	server->idle_timeout = 0;
	server_settle(server);
}

static void get_better(struct server *server)
{
	sim_in(some_ms(6000), on_better, server, 0);
}

static void cut(struct server *server)
{
	bool is_silent = sim_happens(30);

	oracle_disturbed(server);
	wire_cut_some(server->ip, server->port, is_silent);
	server->healthy_since =
		MAX(server->healthy_since, sim_now() + (is_silent ? WIRE_UNACKNOWLEDGED : 0));
}

static void fill_up(struct server *server)
{
	server->max_clients = server->n_sessions;
	server->is_stormy = sim_happens(50);
	sim_log("server %u: is full%s", server->port, server->is_stormy ? ", in a storm" : "");
	if (server->is_stormy && sim_happens(40)) {
		cut(server); /* and we are out */
	}
	get_better(server);
}

static void take_right(struct server *server)
{
	sim_log("server %u: takes the right to kill away", server->port);
	server->may_not_kill = true;
	get_better(server);
}

static void change_password(struct server *server)
{
	sim_log("server %u: has another password", server->port);
	server->is_password_changed = server->has_password;
	get_better(server);
}

static void limit_output(struct server *server)
{
	sim_log("server %u: limits what it sends", server->port);
	server->most_reply_bytes = 1000 + sim_roll(8000);
	get_better(server);
}

static void limit_idleness(struct server *server)
{
	sim_log("server %u: ends who is idle", server->port);
	server->idle_timeout = (1 + (int64_t)sim_roll(4)) * SIM_S;
	get_better(server);
}

static void stall(struct server *server)
{
	server_stall(server, some_ms(8000));
}

static void run_script(struct server *server)
{
	sim_log("server %u: runs a script", server->port);
	server->script_until = sim_now() + some_ms(5000);
	server->healthy_since = MAX(server->healthy_since, server->script_until);
	oracle_disturbed(server);
}

static void fork_child(struct server *server)
{
	server->has_child = !server->has_child;
}

/* ---- of processes ---- */

static void on_back(void *context, uint64_t value)
{
	struct server *server = context;

	server_start(server);
	for (size_t i = sim_roll(60); i > 0 && server->kind == SERVER_DATA; i--) {
		(void)server_connect(server);
	}
	if (server->group != NULL) {
		server->group->settled = sim_now();
	}
}

static void restart(struct server *server)
{
	server_stop(server);
	sim_in(some_ms(sim_happens(30) ? 30000 : 6000), on_back, server, 0);
	if (server->group != NULL) {
		server->group->settled = sim_now();
	}
}

void trouble_keep_down(struct server *server)
{
	server_stop(server);
	sim_in(8 * SIM_S + some_ms(30000), on_back, server, 0);
}

/* Is it called the master by Sentinels? Who answers at its address is the master then. */
static bool is_called_master(const struct server *server)
{
	const struct fleet *group = server->group;

	return group->kind == GROUP_SENTINEL &&
	       (server == group->nodes[0] || server == group->former_master);
}

/* Another server, which is none of ours, comes where this one was, and stays. */
static void give_address_away(struct server *server)
{
	struct server *other;

	if (server->group == NULL || server->group->kind == GROUP_STANDALONE ||
		is_called_master(server) || servers_n() > 20 || sim_happens(50)) {
		return;
	}
	server_stop(server);
	other = server_new(SERVER_DATA, shape_pick());
	other->ip = server->ip;
	other->port = server->port;
	sim_log("the address of %u is given to another server", server->port);
	on_back(other, 0);
	server->group->settled = sim_now();
}

/* ---- of groups ---- */

static void fail_over(struct server *server)
{
	struct fleet *group = server->group;
	struct server *old, *new;

	if (group == NULL || group->kind != GROUP_SENTINEL || group->n_nodes < 2 ||
		!group->nodes[group->n_nodes - 1]->is_up) {
		return;
	}
	old = group->nodes[0];
	new = group->nodes[group->n_nodes - 1];
	sim_log("fail-over of %s from %u to %u", group->id, old->port, new->port);
	group->former_master = old;
	group->epoch++;
	new->master = NULL;
	memcpy(new->replid2, new->replid, sizeof(new->replid2));
	new->replid[0] = new->replid[0] == 'a' ? 'b' : 'a';
	for (size_t i = 0; i + 1 < group->n_nodes; i++) {
		server_follow(group->nodes[i], new);
	}
	group->nodes[0] = new;
	group->nodes[group->n_nodes - 1] = old;
	group->settled = sim_now();
}

/* A node of a cluster moves to another port, or is forgotten by the others, or its address is. */
static void move_node(struct server *server)
{
	static const char *const ips[] = {"10.0.1.1", "10.0.1.2"};

	char name[40];

	server->ip = SIM_PICK(ips);
	snprintf(name, sizeof(name), "node-%u.sim", server->port);
	names_set(name, &server->ip, 1);
	sim_log("node %u moves to %s", server->port, server->ip);
	wire_cut_some(server->ip, server->port, false);
}

#define NEW_FOR (30 * SIM_S)

static void throw_out(struct server *server)
{
	struct fleet *group = server->group;
	size_t at = 0;

	if (group->n_nodes < 3 || server->master != NULL) {
		return;
	}
	while (group->nodes[at] != server) {
		at++;
	}
	for (size_t i = 0; i < group->n_nodes; i++) {
		bool is_new = group->nodes[i]->joined_at > 0 &&
			      sim_now() - group->nodes[i]->joined_at < NEW_FOR;

		/* Of three, where one is another than a moment ago and one more goes, nobody could
		 * tell which of the two others are the cluster. */
		if (group->nodes[i]->master == server || (is_new && group->n_nodes == 3)) {
			return;
		}
	}
	sim_log("node %u is thrown out of its cluster", server->port);
	group->nodes[at] = group->nodes[--group->n_nodes];
	server->group = NULL;
	server->left_at = sim_now();
}

/* It turns up while others are being killed. */
static void join(struct fleet *group)
{
	struct server *node;

	if (group->n_nodes == ARRAY_SIZE(group->nodes) || servers_n() > 20) {
		return;
	}
	node = server_new(SERVER_DATA, group->nodes[0]->shape);
	node->has_password = group->has_password;
	node->group = group;
	node->joined_at = sim_now();
	group->nodes[group->n_nodes++] = node;
	on_back(node, 0);
	sim_log("node %u joins the cluster", node->port);
}

static void change_cluster(struct server *server)
{
	struct fleet *group = server->group;

	if (group == NULL || group->kind != GROUP_CLUSTER) {
		return;
	}
	if (sim_happens(40)) {
		join(group);
		return;
	}
	oracle_disturbed(server);
	/* The last one of them would be found by nobody. */
	switch (group->n_nodes > 1 ? sim_roll(3) : 0) {
	case 0:
		server->has_lost_address = !server->has_lost_address;
		sim_log("node %u: its address is %s", server->port,
			server->has_lost_address ? "lost" : "known again");
		break;
	case 1:
		restart(server);
		move_node(server);
		break;
	default:
		throw_out(server);
		break;
	}
	group->settled = sim_now();
}

/* ---- of the network, the disk, the clock, the daemon ---- */

static void jump(struct server *server)
{
	sim_jump_wall(((int64_t)sim_roll(2 * 86400) - 86400) * SIM_S);
}

static void on_good_disk(void *context, uint64_t value)
{
	edges_set_disk(DISK_GOOD);
}

static void break_disk(struct server *server)
{
	enum disk disk = (enum disk)(1 + sim_roll(3));

	sim_log("the disk fails, in way %d", (int)disk);
	edges_set_disk(disk);
	for (size_t i = 0; i < servers_n(); i++) {
		oracle_disturbed(servers_get(i));
	}
	sim_in(some_ms(3000), on_good_disk, NULL, 0);
}

static void reload(struct server *server)
{
	scenario_reload();
}

static void crash(struct server *server)
{
	scenario_crash();
}

/* ---- the table ---- */

struct trouble {
	void (*make_fn)(struct server *server);
	bool is_of_data; /* not of a Sentinel */
};

static const struct trouble troubles[] = {
	{stall, false},
	{restart, false},
	{cut, false},
	{fill_up, true},
	{fill_up, true},
	{run_script, true},
	{take_right, true},
	{change_password, true},
	{limit_output, true},
	{limit_idleness, true},
	{fork_child, true},
	{give_address_away, true},
	{fail_over, true},
	{change_cluster, true},
	{change_cluster, true},
	{jump, false},
	{break_disk, false},
	{reload, false},
	{crash, false},
};

void trouble_make(void)
{
	struct server *server = servers_get(sim_roll(servers_n()));
	const struct trouble *trouble = &SIM_PICK(troubles);

	if (server->is_up && (server->kind == SERVER_DATA || !trouble->is_of_data)) {
		trouble->make_fn(server);
	}
}
