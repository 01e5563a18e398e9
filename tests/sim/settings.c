/*
 * The daemon's configuration: what stands in it, and who may do what by it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "sim.h"

/* ---- who may do what ---- */

/* Two policies, which differ in the instance that those have who do not have both. */
static const char *own_instance(unsigned policy)
{
	return policy == 0 ? "cache" : "orders";
}

static const char *other_instance(unsigned policy)
{
	return policy == 0 ? "orders" : "cache";
}

/* Their users, each of whom has a case of its own in settings_may(). */
static void print_access(FILE *out, unsigned policy)
{
	fprintf(out,
		"access:\n"
		"  - {effect: allow, actions: [\"*\"], users: [\"0\"]}\n"
		"  - {effect: allow, actions: [\"hdm:*Kill*\"], users: [\"1001\"]}\n"
		"  - {effect: allow, actions: [\"hdm:*Kill*\"], users: [\"1002\"], "
		"instances: [\"%.3s*\"]}\n"
		"  - {effect: allow, actions: [\"hdm:CreateKill*\"], users: [\"1003\"]}\n"
		"  - {effect: allow, actions: [\"*\"], users: [\"1004\"]}\n"
		"  - {effect: deny, actions: [\"hdm:*Kill*\"], users: [\"1004\"], instances: "
		"[\"%s\"]}\n"
		"  - {effect: allow, actions: [\"hdm:*\"], groups: [\"1005\"]}\n"
		"  - {effect: deny, actions: [\"hdm:KillInstance*\"], users: [\"1005\"]}\n"
		"  - {effect: allow, actions: [\"hdm:KillInstance*\"], users: [\"1006\"]}\n",
		own_instance(policy), other_instance(policy));
}

bool settings_may(unsigned policy, uid_t uid, const char *instance, enum right right)
{
	switch (uid) {
	case 0:
	case 1001:
		return true;
	case 1002:
	case 1004:
		return strcmp(instance, own_instance(policy)) == 0;
	case 1003:
	case 1005:
		return right == RIGHT_SOME;
	case 1006:
		return right == RIGHT_ALL;
	default:
		return false;
	}
}

/* ---- instances ---- */

static void print_addresses(FILE *out, struct server *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\"%s:%u\"", i > 0 ? ", " : "", list[i]->ip, list[i]->port);
		if (list[i]->second_ip != NULL) {
			fprintf(out, ", \"%s:%u\"", list[i]->second_ip, list[i]->port);
		}
	}
}

static void print_protect(FILE *out, unsigned protects)
{
	if (protects != 0) {
		fprintf(out, "    protect: [%s%s%s]\n",
			(protects & PROTECT_ADMIN) != 0 ? "\"user = admin\"" : "",
			protects == PROTECT_ADMIN + PROTECT_OPS ? ", " : "",
			(protects & PROTECT_OPS) != 0 ? "\"name = ops-*\"" : "");
	}
}

static void print_group(FILE *out, const struct fleet *group, const char *password)
{
	fprintf(out, "  - id: %s\n", group->id);
	switch (group->kind) {
	case GROUP_STANDALONE:
		fprintf(out, "    address: [");
		if (group->name != NULL) {
			fprintf(out, "\"%s:%u\"", group->name, group->nodes[0]->port);
		} else {
			print_addresses(out, group->nodes, group->n_nodes);
		}
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
	if (group->has_password) {
		fprintf(out, "    password-file: %s\n", password);
	}
	print_protect(out, group->protects);
}

/* ---- files ---- */

static FILE *open_file(const char *path)
{
	FILE *out = fopen(path, "w");

	CHECK(out != NULL && fchmod(fileno(out), 0600) == 0);
	return out;
}

void settings_write_password(const struct settings *settings)
{
	FILE *out = open_file(settings->password);

	fputs(SIM_PASSWORD "\n", out);
	fclose(out);
}

void settings_write(const struct settings *settings)
{
	FILE *out = open_file(settings->config);

	fprintf(out, "control:\n  socket: %s\naudit:\n  file: %s\n  required: %s\n",
		settings->socket, settings->audit, settings->needs_record ? "true" : "false");
	print_access(out, settings->policy);
	fprintf(out, "defaults:\n  command-timeout: %ums\n  links: %u\ninstances:\n",
		settings->command_timeout_ms, settings->n_links);
	for (size_t i = 0; i < settings->n_groups; i++) {
		print_group(out, &settings->groups[i], settings->password);
	}
	fclose(out);
}
