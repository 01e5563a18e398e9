/*
 * The rows. Bounds and presets are written as a person would write them, and read by the very
 * code that reads the file.
 */
#include "config/keys.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "control/access.h"
#include "control/http/http.h"
#include "guard/guard_opts.h"
#include "control/names.h"
#include "kill/instance.h"
#include "record/audit.h"

#define AT(type, field) offsetof(struct type, field)
#define LIST_AT(type, items, count) AT(type, items), AT(type, count)

const struct key keys_table[] = {
	{KEYS_ROOT, "control", &value_section, .help = "The socket that callers use"},
	{KEYS_ROOT, "audit", &value_section, .help = "The record of every request"},
	{KEYS_ROOT, "access", &value_sections,
		.help = "Who may do what. Deny wins, and what no statement allows is denied. When "
			"absent, root, the daemon's own user and the members of control.group may "
			"do all"},
	{KEYS_ROOT, "defaults", &value_section,
		.help = "What holds for every instance that does not say otherwise"},
	{KEYS_ROOT, "instances", &value_sections, .is_required = true,
		.help = "The instances under the daemon's care"},
	{KEYS_ROOT, "guards", &value_sections,
		.help = "Rules that the daemon carries out by itself"},
	{KEYS_ROOT, "guards-hold-file", &value_path, AT(guards_opts, hold_file),
		.help = "While this file exists no guard acts"},

	{KEYS_GUARD, "name", &value_name, AT(guard_opts, name), .is_required = true,
		.help = "The name of the guard"},
	{KEYS_GUARD, "instances", &value_patterns, LIST_AT(guard_opts, instances, n_instances),
		.is_required = true,
		.help = "Ids of the instances that it looks after, with * and ? as wildcards"},
	{KEYS_GUARD, "when", &value_condition, AT(guard_opts, when), .is_required = true,
		.help = "What must hold of a node: clients, free (of maxclients: a number or a "
			"share), growth (in a time), rejected, or of the instance: matched; or "
			"always"},
	{KEYS_GUARD, "for", &value_duration, AT(guard_opts, for_ms), .most = "1d", .preset = "30s",
		.help = "It must hold so long, in each look"},
	{KEYS_GUARD, "every", &value_duration, AT(guard_opts, every_ms), .least = "1s",
		.most = "1h", .preset = "10s",
		.help = "So often it is looked; more rarely where a look would take more than a "
			"hundredth of the server's time"},
	{KEYS_GUARD, "match", &value_selectors, AT(guard_opts, match),
		.help = "Only sessions that all of these fit; when absent, everybody"},
	{KEYS_GUARD, "except", &value_selectors, AT(guard_opts, except),
		.help = "No sessions that one of these fits"},
	{KEYS_GUARD, "goal", &value_goal, AT(guard_opts, goals),
		.help = "How many of them: limit, free, keep with per, in the order of sort; and "
			"how fast: rate or over. As of a kill; when absent, all at once"},
	{KEYS_GUARD, "action", &value_action, AT(guard_opts, is_kill), .preset = "report",
		.help = "report: say once in each episode whom it would hit; kill"},
	{KEYS_GUARD, "max", &value_count, AT(guard_opts, max), .least = "1", .most = "2000000",
		.help = "Kill nobody if more than this many would be"},
	{KEYS_GUARD, "at-most", &value_frequency, AT(guard_opts, at_most),
		.help = "Kills of this guard on an instance in a time, such as 5/h; beyond it "
			"reports"},
	{KEYS_GUARD, "hours", &value_hours, AT(guard_opts, hours),
		.help = "The local time at which it acts; when absent, always"},
	{KEYS_GUARD, "reason", &value_text, AT(guard_opts, reason), .help = "Why, for the record"},

	{KEYS_CONTROL, "socket", &value_socket, AT(control_opts, socket),
		.preset = NAMES_SYSTEM_SOCKET,
		.help = "Path of the Unix socket; not used when the service manager hands the "
			"socket over"},
	{KEYS_CONTROL, "mode", &value_mode, AT(control_opts, mode), .most = "0777",
		.preset = "0660", .help = "Permissions of the socket file"},
	{KEYS_CONTROL, "group", &value_group, AT(control_opts, group),
		.help = "Group of the socket file, by name or number. Its members may do all while "
			"there is no `access`"},
	{KEYS_CONTROL, "max-connections", &value_count, AT(control_opts, max_connections),
		.least = "1", .most = "10000", .preset = "64",
		.help = "Callers connected at the same time"},

	{KEYS_AUDIT, "file", &value_record_file, AT(audit_opts, file),
		.help = "File that the record is appended to, one JSON object a line; without it "
			"there is no record"},
	{KEYS_AUDIT, "required", &value_bool, AT(audit_opts, is_required), .preset = "false",
		.help = "Refuse a kill that cannot be recorded"},

	{KEYS_ACCESS, "effect", &value_effect, AT(access_statement, is_deny), .is_required = true,
		.help = "allow or deny"},
	{KEYS_ACCESS, "actions", &value_actions, LIST_AT(access_statement, actions, n_actions),
		.is_required = true, .help = "Actions, with * and ? as wildcards"},
	{KEYS_ACCESS, "groups", &value_groups, LIST_AT(access_statement, groups, n_groups),
		.help = "Groups of callers, by name or number; supplementary groups count"},
	{KEYS_ACCESS, "users", &value_users, LIST_AT(access_statement, users, n_users),
		.help = "Users, by name or number. A deny without users and groups is meant for "
			"everybody"},
	{KEYS_ACCESS, "instances", &value_patterns,
		LIST_AT(access_statement, instances, n_instances),
		.help = "Ids of instances, with * and ? as wildcards; when absent, all"},

	{KEYS_INSTANCE, "id", &value_id, AT(instance_opts, id), .is_required = true,
		.help = "The name that callers use for it"},
	{KEYS_INSTANCE, "address", &value_addresses, LIST_AT(instance_opts, endpoints, n_endpoints),
		.help = "Where the server is: host:port, [v6]:port, redis://host:port, "
			"rediss://host:port (TLS) or unix:///path; or a list of servers that are "
			"one instance"},
	{KEYS_INSTANCE, "sentinel", &value_section,
		.help = "In place of address: a master and its replicas, as Sentinels know them"},
	{KEYS_INSTANCE, "cluster", &value_section,
		.help = "In place of address: all nodes of a cluster, masters and replicas"},

	{KEYS_SENTINEL, "master", &value_text, AT(instance_opts, master), .is_required = true,
		.help = "What the Sentinels call the master"},
	{KEYS_SENTINEL, "addresses", &value_addresses,
		LIST_AT(instance_opts, endpoints, n_endpoints), .is_required = true,
		.help = "Where the Sentinels are. More than half of them have to name the same "
			"master"},
	{KEYS_SENTINEL, "username", &value_text, AT(instance_opts, questions.username),
		.help = "ACL user to log in as at the Sentinels"},
	{KEYS_SENTINEL, "password-file", &value_secret_file,
		AT(instance_opts, questions.password_file),
		.help = "File that holds the password for the Sentinels"},
	{KEYS_SENTINEL, "credential", &value_credential, AT(instance_opts, questions.password_file),
		.help = "In place of password-file: the name of a credential"},
	{KEYS_SENTINEL, "tls", &value_section,
		.help = "TLS towards the Sentinels, with the keys of tls of an instance"},

	{KEYS_CLUSTER, "addresses", &value_addresses,
		LIST_AT(instance_opts, endpoints, n_endpoints), .is_required = true,
		.help = "Some nodes of the cluster; one that answers is enough"},

	{KEYS_TLS, "ca-file", &value_path, AT(link_tls_opts, ca_file),
		.help = "Certificate authorities that may vouch for the servers; without it those "
			"of the system"},
	{KEYS_TLS, "cert-file", &value_path, AT(link_tls_opts, cert_file),
		.help = "Certificate to show to the servers, with its chain"},
	{KEYS_TLS, "key-file", &value_key_file, AT(link_tls_opts, key_file),
		.help = "Key of that certificate"},
	{KEYS_TLS, "server-name", &value_text, AT(link_tls_opts, server_name),
		.help = "Name that the servers' certificates must bear; without it the host of the "
			"address"},

	{KEYS_DEFAULTS, "username", &value_text, AT(instance_opts, link.username),
		.help = "ACL user to log in as; without it the default user"},
	{KEYS_DEFAULTS, "password-file", &value_secret_file, AT(instance_opts, link.password_file),
		.help = "File that holds the password and nothing else, not readable by others; "
			"read at every login"},
	{KEYS_DEFAULTS, "credential", &value_credential, AT(instance_opts, link.password_file),
		.help = "In place of password-file: the name of a credential of the service "
			"manager (LoadCredential=)"},
	{KEYS_DEFAULTS, "tls", &value_section,
		.help = "TLS for every address, not only for rediss://; how to verify and who to "
			"be"},
	{KEYS_DEFAULTS, "protect", &value_selectors, AT(instance_opts, protect),
		.help = "Sessions that are never killed, as selectors; one that fits is enough. "
			"Those of an instance are added to those of `defaults`"},
	{KEYS_DEFAULTS, "pace", &value_pace, AT(instance_opts, pace), .preset = "fast",
		.help = "fast: least total time; gentle: no command stalls the server longer than "
			"the stall budget"},
	{KEYS_DEFAULTS, "stall-budget", &value_duration, AT(instance_opts, stall_budget_ms),
		.least = "1ms", .most = "10s", .preset = "25ms",
		.help = "Longest time that one command may keep the server from its other clients"},
	{KEYS_DEFAULTS, "kernel", &value_kernel, AT(instance_opts, is_kernel_unused),
		.preset = "auto",
		.help = "auto: sessions of a server on this host are ended by the kernel where "
			"that is cheaper for it (takes CAP_NET_ADMIN); never: only by CLIENT KILL"},
	{KEYS_DEFAULTS, "session-metrics", &value_bool, AT(instance_opts, counts_sessions),
		.preset = "false",
		.help = "Count the sessions by name, user and source for the metrics: one CLIENT "
			"LIST of each node a minute"},
	{KEYS_DEFAULTS, "client-command", &value_word, AT(instance_opts, link.client_command),
		.preset = "CLIENT", .help = "The server's name for CLIENT, where it was renamed"},
	{KEYS_DEFAULTS, "nodes", &value_nodes, AT(instance_opts, reach),
		.help = "Where nodes that Sentinels or a cluster announce may be: networks, and "
			"hosts with * and ? as wildcards. The daemon goes nowhere else, and sends "
			"no password there"},
	{KEYS_DEFAULTS, "address-map", &value_address_map, AT(instance_opts, reach),
		.help = "Where announced addresses are for this host (NAT, containers): from a "
			"host to a host, or from host:port to host:port"},
	{KEYS_DEFAULTS, "links", &value_count, AT(instance_opts, link.n_links), .least = "1",
		.most = "2", .preset = "2",
		.help = "Connections to keep open to each node: with two, one that somebody ends "
			"on a full server locks nobody out"},
	{KEYS_DEFAULTS, "connect-timeout", &value_duration,
		AT(instance_opts, link.connect_timeout_ms), .least = "10ms", .most = "1h",
		.preset = "1s",
		.help = "Longest time to open a connection, once the address is known"},
	{KEYS_DEFAULTS, "command-timeout", &value_duration,
		AT(instance_opts, link.command_timeout_ms), .least = "10ms", .most = "1h",
		.preset = "5s",
		.help = "Longest time for the answer to one command, those of the login included"},
};

const size_t keys_n = ARRAY_SIZE(keys_table);

static bool is_in(const struct key *key, enum keys_section section)
{
	return key->section == section ||
	       (section == KEYS_INSTANCE && key->section == KEYS_DEFAULTS);
}

const struct key *keys_next(enum keys_section section, const struct key *previous)
{
	for (size_t i = previous != NULL ? (size_t)(previous - keys_table) + 1 : 0; i < keys_n;
		i++) {
		if (is_in(&keys_table[i], section)) {
			return &keys_table[i];
		}
	}
	return NULL;
}

const struct key *keys_find(enum keys_section section, struct slice name)
{
	const struct key *key = keys_next(section, NULL);

	while (key != NULL && !slice_is(name, key->name)) {
		key = keys_next(section, key);
	}
	return key;
}

char *keys_path(const struct key *key)
{
	static const char *const prefixes[] = {
		[KEYS_ROOT] = "",
		[KEYS_CONTROL] = "control.",
		[KEYS_AUDIT] = "audit.",
		[KEYS_ACCESS] = "access[].",
		[KEYS_GUARD] = "guards[].",
		[KEYS_DEFAULTS] = "defaults.",
		[KEYS_INSTANCE] = "instances[].",
		[KEYS_SENTINEL] = "instances[].sentinel.",
		[KEYS_CLUSTER] = "instances[].cluster.",
		[KEYS_TLS] = "defaults.tls.",
	};

	return mem_printf("%s%s", prefixes[key->section], key->name);
}
