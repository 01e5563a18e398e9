/*
 * A ban and what changes while it stands: nodes that come, or come back, addresses that servers are
 * reached at now, a kill that takes long.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "lease/look.h"

/* ---- the kill is not over ---- */

/* The kernel's time begins anew, twice as much each time, until it is known when the kill ends. */
static void follow_kill(struct lease *lease)
{
	struct ban *ban = lease->ban;
	int64_t now_ms = clock_boottime_ms();

	if (ban->state == BAN_CLOSED && !lease->is_kill_over && !lease->is_extended &&
		ban->kernel_out_ms - now_ms < lease->keep_out_ms + BAN_SLACK_MS / 2) {
		int64_t left_ms = lease->keep_out_ms + now_ms - lease->since_boot_ms;

		lease->until_boot_ms = now_ms + left_ms;
		lease->until_wall_ms = clock_wall_ms() + left_ms;
		ban_raise(ban);
	}
}

/* ---- servers that come ---- */

static void note_elsewhere(struct ban *ban, const struct link *link)
{
	CLEANUP(mem_free_p)
	char *words = mem_printf("%s is not on this host: nobody is kept out of it by his address",
		link_address(link));

	ban_tell(ban, words);
}

static void find_servers(
	const struct lease *lease, const struct instance *instance, struct lease_servers *servers)
{
	const struct topology *topology = instance->topology;
	struct local_addresses local;

	for (size_t i = 0; i < lease->ban->n_servers; i++) {
		lease_servers_add(servers, &lease->ban->servers[i]);
	}
	local_addresses_find(&local);
	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		struct link *link = topology_node(topology, i);

		if (!lease_is_member(instance, link)) {
			continue;
		}
		if (lease_is_here(link)) {
			lease_servers_add_link(servers, link);
			lease_servers_add_listeners(servers, &local, link);
		} else {
			note_elsewhere(lease->ban, link);
		}
	}
	local_addresses_finish(&local);
}

static void tell_new(struct ban *ban, const struct lease_servers *servers)
{
	CLEANUP(mem_free_p) char *words = NULL;
	size_t n = 0;

	for (size_t i = servers->n; i-- > 0;) {
		if (!ban_has(ban, NULL, 0, &servers->items[i], 1)) {
			struct ends_address_text text = ends_address_print(&servers->items[i]);

			n++;
			free(words);
			words = mem_printf("%s%s was open until now: whoever has come in there "
					   "stays in",
				text.text, n > 1 ? " and more of its addresses" : "");
		}
	}
	ban_tell(ban, words);
}

static void follow_servers(struct lease *lease, const struct instance *instance)
{
	struct lease_servers servers = {.n = 0};
	struct ban *ban = lease->ban;

	find_servers(lease, instance, &servers);
	if (!ban_has(ban, NULL, 0, servers.items, servers.n)) {
		tell_new(ban, &servers);
		ban_take(ban, NULL, 0, servers.items, servers.n);
		ban_raise(ban);
	}
}

/* Nodes are known by their links at once; addresses by asking the kernel, now and then. */
static bool has_new_node(const struct lease *lease, const struct instance *instance)
{
	const struct topology *topology = instance->topology;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		const struct link *link = topology_node(topology, i);
		struct ends_address server;

		if (lease_is_member(instance, link) && lease_server_of(link, &server) &&
			!ban_has(lease->ban, NULL, 0, &server, 1) && lease_is_here(link)) {
			return true;
		}
	}
	return false;
}

void lease_follow(struct lease *lease, bool is_looked_at)
{
	const struct instance *instance = lease_instance(lease);
	struct ban *ban = lease->ban;

	if (ban->n_sources == 0) {
		return;
	}
	ban_settle(ban);
	follow_kill(lease);
	if (instance != NULL && ban->state == BAN_CLOSED &&
		(is_looked_at || has_new_node(lease, instance))) {
		follow_servers(lease, instance);
	}
	if (ban->state == BAN_FAILED) {
		ban_raise(ban);
	}
}
