/*
 * control, audit, access; then defaults, and the instances on top of them.
 */
#include "config/document.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "config/section.h"
#include "kill/own_caller.h"
#include "model/intern.h"

/* "instances[4294967295]" */
#define MAX_WHERE_BYTES 32

/* A deny without callers is meant for everybody; an allow has to say for whom. */
static void refuse_open_door(const struct tree_node *mapping,
	const struct access_statement *statement, const char *where, struct mistakes *mistakes)
{
	if (mapping->kind == TREE_MAPPING && !statement->is_deny &&
		tree_find_key(mapping, "users") == NULL &&
		tree_find_key(mapping, "groups") == NULL) {
		mistakes_add(mistakes, mapping->at,
			"nobody is named in %s; expected users or groups", where);
	}
}

static void read_access(
	const struct tree_node *list, struct access_opts *access, struct mistakes *mistakes)
{
	if (list->kind != TREE_LIST || list->n_items == 0) {
		value_refuse(&(struct value){&value_sections, list, NULL, mistakes});
		return;
	}
	access->statements = mem_alloc_array(list->n_items, sizeof(*access->statements));
	access->n_statements = list->n_items;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct tree_node *node = &list->items[i];
		char where[MAX_WHERE_BYTES];

		snprintf(where, sizeof(where), "access[%zu]", i);
		section_read(KEYS_ACCESS, node, where, &access->statements[i], mistakes);
		refuse_open_door(node, &access->statements[i], where, mistakes);
	}
}

/* Both name the one place that the password comes from. */
static void refuse_two_secrets(
	const struct tree_node *mapping, const char *where, struct mistakes *mistakes)
{
	const struct tree_node *file = tree_find_key(mapping, "password-file");
	const struct tree_node *credential = tree_find_key(mapping, "credential");

	if (file != NULL && credential != NULL) {
		mistakes_add(mistakes, credential->at,
			"\"credential\" besides \"password-file\" of line %zu in %s; expected one "
			"of them",
			file->at.line, where);
	}
}

static void read_tls(const struct tree_node *mapping, const char *where, struct link_tls_opts *tls,
	struct mistakes *mistakes)
{
	const struct tree_node *node = tree_find(mapping, "tls");
	char inner[3 * MAX_WHERE_BYTES];

	if (node == NULL) {
		return;
	}
	snprintf(inner, sizeof(inner), "tls of %s", where);
	section_read(KEYS_TLS, node, inner, tls, mistakes);
	tls->is_on = true;
	if ((tls->cert_file == NULL) != (tls->key_file == NULL)) {
		mistakes_add(mistakes, node->at,
			"one of \"cert-file\" and \"key-file\" in %s; expected both or none",
			inner);
	}
}

static void read_sentinel(const struct tree_node *node, const char *where,
	struct instance_opts *instance, struct mistakes *mistakes)
{
	instance->kind = TOPOLOGY_SENTINEL;
	section_read(KEYS_SENTINEL, node, where, instance, mistakes);
	refuse_two_secrets(node, where, mistakes);
	read_tls(node, where, &instance->questions.tls, mistakes);
}

static void read_cluster(const struct tree_node *node, const char *where,
	struct instance_opts *instance, struct mistakes *mistakes)
{
	instance->kind = TOPOLOGY_CLUSTER;
	section_read(KEYS_CLUSTER, node, where, instance, mistakes);
}

/* Where the nodes are is said once, in one of three ways. */
static void read_nodes(const struct tree_node *mapping, const char *where,
	struct instance_opts *instance, struct mistakes *mistakes)
{
	const struct tree_node *address = tree_find_key(mapping, "address");
	const struct tree_node *sentinel = tree_find(mapping, "sentinel");
	const struct tree_node *cluster = tree_find(mapping, "cluster");
	int n = (address != NULL) + (sentinel != NULL) + (cluster != NULL);
	char inner[2 * MAX_WHERE_BYTES];

	if (n != 1) {
		mistakes_add(mistakes, mapping->at,
			"%s \"address\", \"sentinel\" and \"cluster\" in %s; expected one of them",
			n == 0 ? "none of" : "more than one of", where);
	} else if (sentinel != NULL) {
		snprintf(inner, sizeof(inner), "sentinel of %s", where);
		read_sentinel(sentinel, inner, instance, mistakes);
	} else if (cluster != NULL) {
		snprintf(inner, sizeof(inner), "cluster of %s", where);
		read_cluster(cluster, inner, instance, mistakes);
	}
}

/* A copy of all that `defaults` can set: no id, no endpoints. */
static void copy_defaults(struct instance_opts *ret_copy, const struct instance_opts *defaults)
{
	/* Every plain value, also those that are still to come; what owns memory is copied. */
	*ret_copy = *defaults;
	ret_copy->id = NULL;
	ret_copy->endpoints = NULL;
	ret_copy->n_endpoints = 0;
	ret_copy->master = NULL;
	ret_copy->link = (struct link_opts){0};
	ret_copy->questions = (struct link_opts){0};
	ret_copy->reach = (struct reach){0};
	ret_copy->protect = (struct selectors){0};
	link_opts_copy(&ret_copy->link, &defaults->link);
	reach_copy(&ret_copy->reach, &defaults->reach);
	for (size_t i = 0; i < defaults->protect.n; i++) {
		struct slice text = slice_of(selector_text(defaults->protect.items[i]));

		CHECK(selectors_add(&ret_copy->protect, text, NULL)); /* it was compiled before */
	}
}

/*
 * How to get into those who are asked about the nodes, as far as it was not said. Cluster nodes are
 * asked as they are killed on; Sentinels have an account of their own.
 */
static void complete_questions(struct instance_opts *opts)
{
	if (opts->kind == TOPOLOGY_CLUSTER) {
		link_opts_copy(&opts->questions, &opts->link);
	} else {
		opts->questions.connect_timeout_ms = opts->link.connect_timeout_ms;
		opts->questions.command_timeout_ms = opts->link.command_timeout_ms;
		opts->questions.client_command = slice_copy(SLICE_LITERAL("CLIENT"));
	}
	opts->questions.n_links = 1;
	opts->questions.is_for_questions = true;
}

static void read_instance(const struct tree_node *node, size_t index,
	const struct instance_opts *defaults, struct instance_opts *instance,
	struct mistakes *mistakes)
{
	char where[MAX_WHERE_BYTES];

	snprintf(where, sizeof(where), "instances[%zu]", index);
	copy_defaults(instance, defaults);
	section_read(KEYS_INSTANCE, node, where, instance, mistakes);
	refuse_two_secrets(node, where, mistakes);
	read_tls(node, where, &instance->link.tls, mistakes);
	if (node->kind == TREE_MAPPING || tree_is_null(node)) {
		read_nodes(node, where, instance, mistakes);
	}
	complete_questions(instance);
}

static void refuse_twins(const struct tree_node *list, struct mistakes *mistakes)
{
	CLEANUP(intern_finish) struct intern ids = {0};
	CLEANUP(mem_free_p) size_t *lines = mem_alloc_array(list->n_items, sizeof(size_t));

	for (size_t i = 0; i < list->n_items; i++) {
		const struct tree_node *id = tree_find(&list->items[i], "id");
		size_t n_before = ids.n;
		uint32_t number;

		if (id == NULL || id->kind != TREE_SCALAR || id->text.len == 0) {
			continue;
		}
		number = intern_add(&ids, id->text);
		if (number == n_before) {
			lines[number] = id->at.line;
		} else {
			CLEANUP(mem_free_p) char *quoted = value_quote(id->text);

			mistakes_add(mistakes, id->at,
				"the id %s a second time, the first is in line %zu; expected every "
				"id once",
				quoted, lines[number]);
		}
	}
}

static void read_instances(const struct tree_node *list, const struct instance_opts *defaults,
	struct config *config, struct mistakes *mistakes)
{
	if (list->kind != TREE_LIST || list->n_items == 0) {
		value_refuse(&(struct value){&value_sections, list, NULL, mistakes});
		return;
	}
	config->instances = mem_alloc_array(list->n_items, sizeof(*config->instances));
	config->n_instances = list->n_items;
	for (size_t i = 0; i < list->n_items; i++) {
		read_instance(&list->items[i], i, defaults, &config->instances[i], mistakes);
	}
	refuse_twins(list, mistakes);
}

static void read_defaults_and_instances(
	const struct tree_node *root, struct config *config, struct mistakes *mistakes)
{
	const struct tree_node *node = tree_find(root, "defaults");
	struct instance_opts defaults = {0};

	section_preset(KEYS_DEFAULTS, &defaults);
	if (node != NULL) {
		section_read(KEYS_DEFAULTS, node, "defaults", &defaults, mistakes);
		refuse_two_secrets(node, "defaults", mistakes);
		read_tls(node, "defaults", &defaults.link.tls, mistakes);
	}
	node = tree_find(root, "instances");
	if (node != NULL) {
		read_instances(node, &defaults, config, mistakes);
	}
	instance_opts_finish(&defaults);
}

/* ---- guards ---- */

/* What would be refused each time is refused now. */
static void refuse_denied(const struct tree_node *node, const struct guard_opts *guard,
	const struct caller *own, const struct config *config, struct mistakes *mistakes)
{
	const char *action = guard_opts_action(guard);
	bool is_for_any = false;

	for (size_t i = 0; i < config->n_instances; i++) {
		const char *id = config->instances[i].id;

		if (id == NULL || !guard_opts_is_for(guard, id)) {
			continue;
		}
		is_for_any = true;
		if (!access_is_allowed(&config->access, own, action, slice_of(id))) {
			mistakes_add(mistakes, node->at,
				"the guard \"%s\" may not do %s on \"%s\"; expected access to "
				"allow that to the daemon's own user",
				guard->name, action, id);
			return;
		}
	}
	if (!is_for_any) {
		mistakes_add(mistakes, node->at,
			"the guard \"%s\" is for no instance; expected the id of one", guard->name);
	}
}

static void refuse_guard_twins(
	const struct tree_node *list, const struct guards_opts *guards, struct mistakes *mistakes)
{
	for (size_t i = 1; i < guards->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (guards->items[i].name != NULL &&
				slice_is_same_text(guards->items[i].name, guards->items[k].name)) {
				mistakes_add(mistakes, list->items[i].at,
					"the guard \"%s\" a second time, the first is in line "
					"%zu; expected every name once",
					guards->items[i].name, list->items[k].at.line);
				break;
			}
		}
	}
}

static void read_guards(
	const struct tree_node *list, struct config *config, struct mistakes *mistakes)
{
	struct guards_opts *guards = &config->guards;
	struct caller own = own_caller_make(); /* they act as the daemon does */

	if (list->kind != TREE_LIST || list->n_items == 0) {
		value_refuse(&(struct value){&value_sections, list, NULL, mistakes});
		return;
	}
	guards->items = mem_alloc_array(list->n_items, sizeof(*guards->items));
	guards->n = list->n_items;
	for (size_t i = 0; i < list->n_items; i++) {
		size_t n_before = mistakes->n;
		char where[MAX_WHERE_BYTES];

		snprintf(where, sizeof(where), "guards[%zu]", i);
		goals_init(&guards->items[i].goals);
		section_preset(KEYS_GUARD, &guards->items[i]);
		section_read(KEYS_GUARD, &list->items[i], where, &guards->items[i], mistakes);
		if (mistakes->n == n_before && guards->items[i].name != NULL) {
			refuse_denied(&list->items[i], &guards->items[i], &own, config, mistakes);
		}
	}
	refuse_guard_twins(list, guards, mistakes);
}

void document_read(const struct tree_node *root, struct config *config, struct mistakes *mistakes)
{
	const struct tree_node *control = tree_find(root, "control");
	const struct tree_node *audit = tree_find(root, "audit");
	const struct tree_node *access = tree_find(root, "access");
	const struct tree_node *guards = tree_find(root, "guards");

	section_read(KEYS_ROOT, root, "the file", &config->guards, mistakes);
	if (control != NULL) {
		section_read(KEYS_CONTROL, control, "control", &config->control, mistakes);
	}
	if (audit != NULL) {
		section_read(KEYS_AUDIT, audit, "audit", &config->audit, mistakes);
	}
	if (access != NULL) {
		read_access(access, &config->access, mistakes);
	}
	read_defaults_and_instances(root, config, mistakes);
	if (guards != NULL) {
		read_guards(guards, config, mistakes);
	}
}
