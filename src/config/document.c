/*
 * control, audit, access; then defaults, and the instances on top of them.
 */
#include "config/document.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/options.h"
#include "config/section.h"

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
		value_refuse(list, &value_sections, mistakes);
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
	char inner[2 * MAX_WHERE_BYTES];

	snprintf(inner, sizeof(inner), "sentinel of %s", where);
	instance->kind = TOPOLOGY_SENTINEL;
	section_read(KEYS_SENTINEL, node, inner, instance, mistakes);
	refuse_two_secrets(node, inner, mistakes);
	read_tls(node, inner, &instance->questions.tls, mistakes);
}

static void read_cluster(const struct tree_node *node, const char *where,
	struct instance_opts *instance, struct mistakes *mistakes)
{
	char inner[2 * MAX_WHERE_BYTES];

	snprintf(inner, sizeof(inner), "cluster of %s", where);
	instance->kind = TOPOLOGY_CLUSTER;
	section_read(KEYS_CLUSTER, node, inner, instance, mistakes);
}

/* Where the nodes are is said once, in one of three ways. */
static void read_nodes(const struct tree_node *mapping, const char *where,
	struct instance_opts *instance, struct mistakes *mistakes)
{
	const struct tree_node *address = tree_find_key(mapping, "address");
	const struct tree_node *sentinel = tree_find(mapping, "sentinel");
	const struct tree_node *cluster = tree_find(mapping, "cluster");
	int n = (address != NULL) + (sentinel != NULL) + (cluster != NULL);

	if (n != 1) {
		mistakes_add(mistakes, mapping->at,
			"%s \"address\", \"sentinel\" and \"cluster\" in %s; expected one of them",
			n == 0 ? "none of" : "more than one of", where);
	} else if (sentinel != NULL) {
		read_sentinel(sentinel, where, instance, mistakes);
	} else if (cluster != NULL) {
		read_cluster(cluster, where, instance, mistakes);
	}
}

static void read_instance(const struct tree_node *node, size_t index,
	const struct instance_opts *defaults, struct instance_opts *instance,
	struct mistakes *mistakes)
{
	char where[MAX_WHERE_BYTES];

	snprintf(where, sizeof(where), "instances[%zu]", index);
	options_copy_instance(instance, defaults);
	section_read(KEYS_INSTANCE, node, where, instance, mistakes);
	refuse_two_secrets(node, where, mistakes);
	read_tls(node, where, &instance->link.tls, mistakes);
	if (node->kind == TREE_MAPPING || tree_is_null(node)) {
		read_nodes(node, where, instance, mistakes);
	}
	options_complete_questions(instance);
}

/* An id as it stands in the file. */
struct written_id {
	struct slice text; /* borrowed from the tree */
	struct position at;
};

static int compare_ids(const void *left, const void *right)
{
	const struct written_id *a = left;
	const struct written_id *b = right;
	int order = strcmp(a->text.data, b->text.data);

	if (order != 0) {
		return order;
	}
	if (a->at.line != b->at.line) {
		return a->at.line < b->at.line ? -1 : 1;
	}
	return a->at.column < b->at.column ? -1 : 1;
}

static size_t collect_ids(const struct tree_node *list, struct written_id *ids)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_items; i++) {
		const struct tree_node *id = tree_find(&list->items[i], "id");

		if (id != NULL && id->kind == TREE_SCALAR && id->text.len > 0) {
			ids[n++] = (struct written_id){id->text, id->at};
		}
	}
	return n;
}

/* Sorted, so that ten thousand instances take no longer than they should. */
static void refuse_twins(const struct tree_node *list, struct mistakes *mistakes)
{
	CLEANUP(mem_free_p)
	struct written_id *ids = mem_alloc_array(list->n_items, sizeof(*ids));
	size_t n = collect_ids(list, ids);
	size_t first = 0;

	qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < n; i++) {
		if (!slice_is_equal(ids[first].text, ids[i].text)) {
			first = i;
		} else {
			CLEANUP(mem_free_p) char *quoted = value_quote(ids[i].text);

			mistakes_add(mistakes, ids[i].at,
				"the id %s a second time, the first is in line %zu; expected every "
				"id once",
				quoted, ids[first].at.line);
		}
	}
}

static void read_instances(const struct tree_node *list, const struct instance_opts *defaults,
	struct config *config, struct mistakes *mistakes)
{
	if (list->kind != TREE_LIST || list->n_items == 0) {
		value_refuse(list, &value_sections, mistakes);
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

void document_read(const struct tree_node *root, struct config *config, struct mistakes *mistakes)
{
	const struct tree_node *node;

	section_read(KEYS_ROOT, root, "the file", NULL, mistakes);
	node = tree_find(root, "control");
	if (node != NULL) {
		section_read(KEYS_CONTROL, node, "control", &config->control, mistakes);
	}
	node = tree_find(root, "audit");
	if (node != NULL) {
		section_read(KEYS_AUDIT, node, "audit", &config->audit, mistakes);
	}
	node = tree_find(root, "access");
	if (node != NULL) {
		read_access(node, &config->access, mistakes);
	}
	read_defaults_and_instances(root, config, mistakes);
}
