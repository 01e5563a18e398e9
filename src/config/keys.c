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
#include "control/names.h"
#include "kill/instance.h"
#include "record/audit.h"

#define KEY(in, called, is) .section = in, .name = called, .type = &is
#define LIST_OF(type, items, count) \
	.offset = offsetof(type, items), .count_offset = offsetof(type, count)

static const struct key table[] = {
	{
		KEY(KEYS_ROOT, "control", value_section),
		.help = "The socket that callers use",
	},
	{
		KEY(KEYS_ROOT, "audit", value_section),
		.is_reloadable = true,
		.help = "The record of every request",
	},
	{
		KEY(KEYS_ROOT, "access", value_sections),
		.is_reloadable = true,
		.help = "Who may do what. Deny wins, and what no statement allows is denied. When "
			"absent, root, the daemon's own user and the members of control.group may "
			"do all",
	},
	{
		KEY(KEYS_ROOT, "defaults", value_section),
		.is_reloadable = true,
		.help = "What holds for every instance that does not say otherwise",
	},
	{
		KEY(KEYS_ROOT, "instances", value_sections),
		.is_required = true,
		.is_reloadable = true,
		.help = "The instances under the daemon's care",
	},
	{
		KEY(KEYS_CONTROL, "socket", value_socket),
		.preset = NAMES_SYSTEM_SOCKET,
		.offset = offsetof(struct control_opts, socket),
		.help = "Path of the Unix socket; not used when the service manager hands the "
			"socket over",
	},
	{
		KEY(KEYS_CONTROL, "mode", value_mode),
		.most = "0777",
		.preset = "0660",
		.offset = offsetof(struct control_opts, mode),
		.help = "Permissions of the socket file",
	},
	{
		KEY(KEYS_CONTROL, "group", value_group),
		.offset = offsetof(struct control_opts, group),
		.help = "Group of the socket file, by name or number. Its members may do all while "
			"there is no `access`",
	},
	{
		KEY(KEYS_CONTROL, "max-connections", value_count),
		.least = "1",
		.most = "10000",
		.preset = "64",
		.offset = offsetof(struct control_opts, max_connections),
		.help = "Callers connected at the same time",
	},
	{
		KEY(KEYS_AUDIT, "file", value_record_file),
		.is_reloadable = true,
		.offset = offsetof(struct audit_opts, file),
		.help = "File that the record is appended to, one JSON object a line; without it "
			"there is no record",
	},
	{
		KEY(KEYS_AUDIT, "required", value_bool),
		.preset = "false",
		.is_reloadable = true,
		.offset = offsetof(struct audit_opts, is_required),
		.help = "Refuse a kill that cannot be recorded",
	},
	{
		KEY(KEYS_ACCESS, "effect", value_effect),
		.is_required = true,
		.is_reloadable = true,
		.offset = offsetof(struct access_statement, is_deny),
		.help = "allow or deny",
	},
	{
		KEY(KEYS_ACCESS, "actions", value_actions),
		.is_required = true,
		.is_reloadable = true,
		LIST_OF(struct access_statement, actions, n_actions),
		.help = "Actions, with * and ? as wildcards",
	},
	{
		KEY(KEYS_ACCESS, "groups", value_groups),
		.is_reloadable = true,
		LIST_OF(struct access_statement, groups, n_groups),
		.help = "Groups of callers, by name or number; supplementary groups count",
	},
	{
		KEY(KEYS_ACCESS, "users", value_users),
		.is_reloadable = true,
		LIST_OF(struct access_statement, users, n_users),
		.help = "Users, by name or number. A deny without users and groups is meant for "
			"everybody",
	},
	{
		KEY(KEYS_ACCESS, "instances", value_patterns),
		.is_reloadable = true,
		LIST_OF(struct access_statement, instances, n_instances),
		.help = "Ids of instances, with * and ? as wildcards; when absent, all",
	},
	{
		KEY(KEYS_INSTANCE, "id", value_id),
		.is_required = true,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, id),
		.help = "The name that callers use for it",
	},
	{
		KEY(KEYS_INSTANCE, "address", value_addresses),
		.is_reloadable = true,
		LIST_OF(struct instance_opts, endpoints, n_endpoints),
		.help = "Where the server is: host:port, [v6]:port, redis://host:port, "
			"rediss://host:port (TLS) or unix:///path; or a list of servers that are "
			"one instance",
	},
	{
		KEY(KEYS_INSTANCE, "sentinel", value_section),
		.is_reloadable = true,
		.help = "In place of address: a master and its replicas, as Sentinels know them",
	},
	{
		KEY(KEYS_INSTANCE, "cluster", value_section),
		.is_reloadable = true,
		.help = "In place of address: all nodes of a cluster, masters and replicas",
	},
	{
		KEY(KEYS_SENTINEL, "master", value_text),
		.is_required = true,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, master),
		.help = "What the Sentinels call the master",
	},
	{
		KEY(KEYS_SENTINEL, "addresses", value_addresses),
		.is_required = true,
		.is_reloadable = true,
		LIST_OF(struct instance_opts, endpoints, n_endpoints),
		.help = "Where the Sentinels are. More than half of them have to name the same "
			"master",
	},
	{
		KEY(KEYS_SENTINEL, "username", value_text),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, questions.username),
		.help = "ACL user to log in as at the Sentinels",
	},
	{
		KEY(KEYS_SENTINEL, "password-file", value_secret_file),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, questions.password_file),
		.help = "File that holds the password for the Sentinels",
	},
	{
		KEY(KEYS_SENTINEL, "credential", value_credential),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, questions.password_file),
		.help = "In place of password-file: the name of a credential",
	},
	{
		KEY(KEYS_SENTINEL, "tls", value_section),
		.is_reloadable = true,
		.help = "TLS towards the Sentinels, with the keys of tls of an instance",
	},
	{
		KEY(KEYS_CLUSTER, "addresses", value_addresses),
		.is_required = true,
		.is_reloadable = true,
		LIST_OF(struct instance_opts, endpoints, n_endpoints),
		.help = "Some nodes of the cluster; one that answers is enough",
	},
	{
		KEY(KEYS_TLS, "ca-file", value_path),
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, ca_file),
		.help = "Certificate authorities that may vouch for the servers; without it those "
			"of the system",
	},
	{
		KEY(KEYS_TLS, "cert-file", value_path),
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, cert_file),
		.help = "Certificate to show to the servers, with its chain",
	},
	{
		KEY(KEYS_TLS, "key-file", value_key_file),
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, key_file),
		.help = "Key of that certificate",
	},
	{
		KEY(KEYS_TLS, "server-name", value_text),
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, server_name),
		.help = "Name that the servers' certificates must bear; without it the host of "
			"the address",
	},
	{
		KEY(KEYS_DEFAULTS, "username", value_text),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.username),
		.help = "ACL user to log in as; without it the default user",
	},
	{
		KEY(KEYS_DEFAULTS, "password-file", value_secret_file),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.password_file),
		.help = "File that holds the password and nothing else, not readable by others; "
			"read at every login",
	},
	{
		KEY(KEYS_DEFAULTS, "credential", value_credential),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.password_file),
		.help = "In place of password-file: the name of a credential of the service "
			"manager "
			"(LoadCredential=)",
	},
	{
		KEY(KEYS_DEFAULTS, "tls", value_section),
		.is_reloadable = true,
		.help = "TLS for every address, not only for rediss://; how to verify and who to "
			"be",
	},
	{
		KEY(KEYS_DEFAULTS, "protect", value_selectors),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, protect),
		.help = "Sessions that are never killed, as selectors; one that fits is enough. "
			"Those of an instance are added to those of `defaults`",
	},
	{
		KEY(KEYS_DEFAULTS, "pace", value_pace),
		.preset = "fast",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, pace),
		.help = "fast: least total time; gentle: no command stalls the server longer than "
			"the stall budget",
	},
	{
		KEY(KEYS_DEFAULTS, "stall-budget", value_duration),
		.least = "1ms",
		.most = "10s",
		.preset = "25ms",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, stall_budget_ms),
		.help = "Longest time that one command may keep the server from its other clients",
	},
	{
		KEY(KEYS_DEFAULTS, "client-command", value_word),
		.preset = "CLIENT",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.client_command),
		.help = "The server's name for CLIENT, where it was renamed",
	},
	{
		KEY(KEYS_DEFAULTS, "nodes", value_nodes),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, reach),
		.help = "Where nodes that Sentinels or a cluster announce may be: networks, and "
			"hosts with * and ? as wildcards. The daemon goes nowhere else, and sends "
			"no password there",
	},
	{
		KEY(KEYS_DEFAULTS, "address-map", value_address_map),
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, reach),
		.help = "Where announced addresses are for this host (NAT, containers): from a "
			"host to a host, or from host:port to host:port",
	},
	{
		KEY(KEYS_DEFAULTS, "links", value_count),
		.least = "1",
		.most = "2",
		.preset = "2",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.n_links),
		.help = "Connections to keep open to each node: with two, one that somebody ends "
			"on a full server locks nobody out",
	},
	{
		KEY(KEYS_DEFAULTS, "connect-timeout", value_duration),
		.least = "10ms",
		.most = "1h",
		.preset = "1s",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.connect_timeout_ms),
		.help = "Longest time to open a connection, once the address is known",
	},
	{
		KEY(KEYS_DEFAULTS, "command-timeout", value_duration),
		.least = "10ms",
		.most = "1h",
		.preset = "5s",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.command_timeout_ms),
		.help = "Longest time for the answer to one command, those of the login included",
	},
};

const struct key *keys_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(table);
	return table;
}

bool keys_is_in(const struct key *key, enum keys_section section)
{
	return key->section == section ||
	       (section == KEYS_INSTANCE && key->section == KEYS_DEFAULTS);
}

const struct key *keys_find(enum keys_section section, struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (keys_is_in(&table[i], section) && slice_is(name, table[i].name)) {
			return &table[i];
		}
	}
	return NULL;
}

static const char *section_prefix(enum keys_section section)
{
	switch (section) {
	case KEYS_ROOT:
		return "";
	case KEYS_CONTROL:
		return "control.";
	case KEYS_AUDIT:
		return "audit.";
	case KEYS_ACCESS:
		return "access[].";
	case KEYS_DEFAULTS:
		return "defaults.";
	case KEYS_INSTANCE:
		return "instances[].";
	case KEYS_SENTINEL:
		return "instances[].sentinel.";
	case KEYS_CLUSTER:
		return "instances[].cluster.";
	case KEYS_TLS:
		return "defaults.tls.";
	}
	return "";
}

char *keys_path(const struct key *key)
{
	return mem_printf("%s%s", section_prefix(key->section), key->name);
}
