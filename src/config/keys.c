/*
 * The rows. Bounds and presets are written as a person would write them, and read by the very
 * code that reads the file.
 */
#include "config/keys.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "control/access.h"
#include "control/http.h"
#include "control/names.h"
#include "kill/instance.h"
#include "record/audit.h"

#define LIST_OF(type, items, count) \
	.offset = offsetof(type, items), .count_offset = offsetof(type, count)

static const struct key table[] = {
	{
		.section = KEYS_ROOT,
		.name = "control",
		.type = &value_section,
		.help = "The socket that callers use",
	},
	{
		.section = KEYS_ROOT,
		.name = "audit",
		.type = &value_section,
		.is_reloadable = true,
		.help = "The record of every request",
	},
	{
		.section = KEYS_ROOT,
		.name = "access",
		.type = &value_sections,
		.is_reloadable = true,
		.help = "Who may do what. Deny wins, and what no statement allows is denied. When "
			"absent, root, the daemon's own user and the members of control.group may "
			"do all",
	},
	{
		.section = KEYS_ROOT,
		.name = "defaults",
		.type = &value_section,
		.is_reloadable = true,
		.help = "What holds for every instance that does not say otherwise",
	},
	{
		.section = KEYS_ROOT,
		.name = "instances",
		.type = &value_sections,
		.is_required = true,
		.is_reloadable = true,
		.help = "The instances under the daemon's care",
	},
	{
		.section = KEYS_CONTROL,
		.name = "socket",
		.type = &value_socket,
		.preset = NAMES_SYSTEM_SOCKET,
		.offset = offsetof(struct control_opts, socket),
		.help = "Path of the Unix socket; not used when the service manager hands the "
			"socket over",
	},
	{
		.section = KEYS_CONTROL,
		.name = "mode",
		.type = &value_mode,
		.most = "0777",
		.preset = "0660",
		.offset = offsetof(struct control_opts, mode),
		.help = "Permissions of the socket file",
	},
	{
		.section = KEYS_CONTROL,
		.name = "group",
		.type = &value_group,
		.offset = offsetof(struct control_opts, group),
		.help = "Group of the socket file, by name or number. Its members may do all while "
			"there is no `access`",
	},
	{
		.section = KEYS_CONTROL,
		.name = "max-connections",
		.type = &value_count,
		.least = "1",
		.most = "10000",
		.preset = "64",
		.offset = offsetof(struct control_opts, max_connections),
		.help = "Callers connected at the same time",
	},
	{
		.section = KEYS_AUDIT,
		.name = "file",
		.type = &value_record_file,
		.is_reloadable = true,
		.offset = offsetof(struct audit_opts, file),
		.help = "File that the record is appended to, one JSON object a line; without it "
			"there is no record",
	},
	{
		.section = KEYS_AUDIT,
		.name = "required",
		.type = &value_bool,
		.preset = "false",
		.is_reloadable = true,
		.offset = offsetof(struct audit_opts, is_required),
		.help = "Refuse a kill that cannot be recorded",
	},
	{
		.section = KEYS_ACCESS,
		.name = "effect",
		.type = &value_effect,
		.is_required = true,
		.is_reloadable = true,
		.offset = offsetof(struct access_statement, is_deny),
		.help = "allow or deny",
	},
	{
		.section = KEYS_ACCESS,
		.name = "actions",
		.type = &value_actions,
		.is_required = true,
		.is_reloadable = true,
		LIST_OF(struct access_statement, actions, n_actions),
		.help = "Actions, with * and ? as wildcards",
	},
	{
		.section = KEYS_ACCESS,
		.name = "groups",
		.type = &value_groups,
		.is_reloadable = true,
		LIST_OF(struct access_statement, groups, n_groups),
		.help = "Groups of callers, by name or number; supplementary groups count",
	},
	{
		.section = KEYS_ACCESS,
		.name = "users",
		.type = &value_users,
		.is_reloadable = true,
		LIST_OF(struct access_statement, users, n_users),
		.help = "Users, by name or number. A deny without users and groups is meant for "
			"everybody",
	},
	{
		.section = KEYS_ACCESS,
		.name = "instances",
		.type = &value_patterns,
		.is_reloadable = true,
		LIST_OF(struct access_statement, instances, n_instances),
		.help = "Ids of instances, with * and ? as wildcards; when absent, all",
	},
	{
		.section = KEYS_INSTANCE,
		.name = "id",
		.type = &value_id,
		.is_required = true,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, id),
		.help = "The name that callers use for it",
	},
	{
		.section = KEYS_INSTANCE,
		.name = "address",
		.type = &value_addresses,
		.is_reloadable = true,
		LIST_OF(struct instance_opts, endpoints, n_endpoints),
		.help = "Where the server is: host:port, [v6]:port, redis://host:port, "
			"rediss://host:port (TLS) or unix:///path; or a list of servers that are "
			"one instance",
	},
	{
		.section = KEYS_INSTANCE,
		.name = "sentinel",
		.type = &value_section,
		.is_reloadable = true,
		.help = "In place of address: a master and its replicas, as Sentinels know them",
	},
	{
		.section = KEYS_INSTANCE,
		.name = "cluster",
		.type = &value_section,
		.is_reloadable = true,
		.help = "In place of address: all nodes of a cluster, masters and replicas",
	},
	{
		.section = KEYS_SENTINEL,
		.name = "master",
		.type = &value_text,
		.is_required = true,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, master),
		.help = "What the Sentinels call the master",
	},
	{
		.section = KEYS_SENTINEL,
		.name = "addresses",
		.type = &value_addresses,
		.is_required = true,
		.is_reloadable = true,
		LIST_OF(struct instance_opts, endpoints, n_endpoints),
		.help = "Where the Sentinels are. More than half of them have to name the same "
			"master",
	},
	{
		.section = KEYS_SENTINEL,
		.name = "username",
		.type = &value_text,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, questions.username),
		.help = "ACL user to log in as at the Sentinels",
	},
	{
		.section = KEYS_SENTINEL,
		.name = "password-file",
		.type = &value_secret_file,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, questions.password_file),
		.help = "File that holds the password for the Sentinels",
	},
	{
		.section = KEYS_SENTINEL,
		.name = "credential",
		.type = &value_credential,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, questions.password_file),
		.help = "In place of password-file: the name of a credential",
	},
	{
		.section = KEYS_SENTINEL,
		.name = "tls",
		.type = &value_section,
		.is_reloadable = true,
		.help = "TLS towards the Sentinels, with the keys of tls of an instance",
	},
	{
		.section = KEYS_CLUSTER,
		.name = "addresses",
		.type = &value_addresses,
		.is_required = true,
		.is_reloadable = true,
		LIST_OF(struct instance_opts, endpoints, n_endpoints),
		.help = "Some nodes of the cluster; one that answers is enough",
	},
	{
		.section = KEYS_TLS,
		.name = "ca-file",
		.type = &value_path,
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, ca_file),
		.help = "Certificate authorities that may vouch for the servers; without it those "
			"of the system",
	},
	{
		.section = KEYS_TLS,
		.name = "cert-file",
		.type = &value_path,
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, cert_file),
		.help = "Certificate to show to the servers, with its chain",
	},
	{
		.section = KEYS_TLS,
		.name = "key-file",
		.type = &value_key_file,
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, key_file),
		.help = "Key of that certificate",
	},
	{
		.section = KEYS_TLS,
		.name = "server-name",
		.type = &value_text,
		.is_reloadable = true,
		.offset = offsetof(struct link_tls_opts, server_name),
		.help = "Name that the servers' certificates must bear; without it the host of "
			"the address",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "username",
		.type = &value_text,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.username),
		.help = "ACL user to log in as; without it the default user",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "password-file",
		.type = &value_secret_file,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.password_file),
		.help = "File that holds the password and nothing else, not readable by others; "
			"read at every login",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "credential",
		.type = &value_credential,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.password_file),
		.help = "In place of password-file: the name of a credential of the service "
			"manager "
			"(LoadCredential=)",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "tls",
		.type = &value_section,
		.is_reloadable = true,
		.help = "TLS for every address, not only for rediss://; how to verify and who to "
			"be",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "protect",
		.type = &value_selectors,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, protect),
		.help = "Sessions that are never killed, as selectors; one that fits is enough. "
			"Those of an instance are added to those of `defaults`",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "pace",
		.type = &value_pace,
		.preset = "fast",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, pace),
		.help = "fast: least total time; gentle: no command stalls the server longer than "
			"the stall budget",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "stall-budget",
		.type = &value_duration,
		.least = "1ms",
		.most = "10s",
		.preset = "25ms",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, stall_budget_ms),
		.help = "Longest time that one command may keep the server from its other clients",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "client-command",
		.type = &value_word,
		.preset = "CLIENT",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.client_command),
		.help = "The server's name for CLIENT, where it was renamed",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "nodes",
		.type = &value_nodes,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, reach),
		.help = "Where nodes that Sentinels or a cluster announce may be: networks, and "
			"hosts with * and ? as wildcards. The daemon goes nowhere else, and sends "
			"no password there",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "address-map",
		.type = &value_address_map,
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, reach),
		.help = "Where announced addresses are for this host (NAT, containers): from a "
			"host to a host, or from host:port to host:port",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "links",
		.type = &value_count,
		.least = "1",
		.most = "2",
		.preset = "2",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.n_links),
		.help = "Connections to keep open to each node: with two, one that somebody ends "
			"on a full server locks nobody out",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "connect-timeout",
		.type = &value_duration,
		.least = "10ms",
		.most = "1h",
		.preset = "1s",
		.is_reloadable = true,
		.offset = offsetof(struct instance_opts, link.connect_timeout_ms),
		.help = "Longest time to open a connection, once the address is known",
	},
	{
		.section = KEYS_DEFAULTS,
		.name = "command-timeout",
		.type = &value_duration,
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
