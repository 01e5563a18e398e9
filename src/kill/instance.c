/*
 * Instances, and what of one stays when a reload changes it.
 */
#include "kill/instance.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/server_info.h"

/* An instance and what others do not see of it. */
struct entry {
	struct instance instance; /* the first member: see entry_of() */
	LIST_ENTRY(entry) link;
	unsigned n_refs;
	struct instance_opts opts;
};
LIST_HEAD(entries, entry);

struct instances {
	struct link_world world;
	struct metrics *metrics;
	struct entry **items; /* in force, in the order of the configuration */
	size_t n;
	struct entries all; /* those that are only held as well */
};

/* ---- the journal ---- */

/* One line each, so that the journal tells how the daemon stood with a server, and when. */
static void on_news(void *context, const struct link *link, enum link_news news, const char *words)
{
	const char *id = context;
	const char *address = link_address(link);
	bool is_ready = link_state(link) == LINK_READY;

	switch (news) {
	case LINK_NEWS_READY:
		log_info("%s %s: connected", id, address);
		break;
	case LINK_NEWS_BACK:
		log_notice("%s %s: connected again%s%s", id, address, words[0] != '\0' ? ": " : "",
			words);
		break;
	case LINK_NEWS_LOST:
		log_warning("%s %s: lost a connection: %s%s", id, address, words,
			is_ready ? "; another one is open" : "");
		break;
	case LINK_NEWS_LATE:
		log_warning("%s %s: %s; the connection is kept%s", id, address, words,
			is_ready ? "; another one is open" : "");
		break;
	case LINK_NEWS_REFUSED:
		log_warning("%s %s: %s%s", id, address, words,
			is_ready ? " (another connection is open)" : "");
		break;
	case LINK_N_NEWS:
		break;
	}
}

/* ---- one ---- */

/* Others get them const: only here they change, and only by being counted. */
static struct entry *entry_of(const struct instance *instance)
{
	return (struct entry *)(void *)instance;
}

static struct topology_opts topology_opts_of(const struct instance_opts *opts)
{
	return (struct topology_opts){
		.kind = opts->kind,
		.name = opts->id,
		.endpoints = opts->endpoints,
		.n_endpoints = opts->n_endpoints,
		.master = opts->master,
		.node_opts = &opts->link,
		.question_opts = &opts->questions,
		.reach = opts->reach,
	};
}

/* With the links of its predecessor where these serve; NULL: none. */
static void take_topology(
	struct instances *instances, struct entry *entry, const struct entry *predecessor)
{
	struct topology_opts opts = topology_opts_of(&entry->opts);

	if (predecessor != NULL) {
		entry->instance.topology = topology_ref(predecessor->instance.topology);
		topology_change(entry->instance.topology, &opts);
		return;
	}
	entry->instance.topology = topology_new(&instances->world, &opts);
	topology_start(entry->instance.topology);
}

/* Takes the contents of `opts` over. `predecessor`: with links that serve; NULL: none. */
static struct entry *entry_new(
	struct instances *instances, struct instance_opts *opts, const struct entry *predecessor)
{
	struct entry *entry = mem_new(struct entry);

	entry->n_refs = 1;
	entry->opts = *opts;
	*opts = (struct instance_opts){0};
	entry->instance.opts = &entry->opts;
	entry->instance.metrics = metrics_instance(instances->metrics, entry->opts.id);
	take_topology(instances, entry, predecessor);
	LIST_INSERT_HEAD(&instances->all, entry, link);
	return entry;
}

static void entry_unref(struct entry *entry)
{
	CHECK(entry->n_refs > 0);
	if (--entry->n_refs > 0) {
		return;
	}
	LIST_REMOVE(entry, link);
	topology_unref(entry->instance.topology);
	instance_opts_finish(&entry->opts);
	free(entry);
}

void instance_hold(const struct instance *instance)
{
	entry_of(instance)->n_refs++;
}

void instance_release(const struct instance *instance)
{
	entry_unref(entry_of(instance));
}

/* ---- all ---- */

struct instances *instances_new(const struct link_world *world, struct metrics *metrics)
{
	struct instances *instances = mem_new(struct instances);

	instances->world = *world;
	instances->world.news_fn = on_news;
	instances->metrics = metrics;
	LIST_INIT(&instances->all);
	return instances;
}

static void drop_items(struct entry **items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		entry_unref(items[i]);
	}
	free(items);
}

void instances_free(struct instances *instances)
{
	if (instances == NULL) {
		return;
	}
	drop_items(instances->items, instances->n);
	CHECK(LIST_EMPTY(&instances->all));
	free(instances);
}

static struct entry *find(const struct instances *instances, struct slice id)
{
	for (size_t i = 0; i < instances->n; i++) {
		if (slice_is(id, instances->items[i]->opts.id)) {
			return instances->items[i];
		}
	}
	return NULL;
}

/* Do connections of the one serve the other as they are? */
static bool is_same_way(const struct topology_opts *a, const struct topology_opts *b)
{
	return topology_opts_is_same_group(a, b) && topology_opts_has_same_endpoints(a, b) &&
	       link_opts_is_same_login(a->node_opts, b->node_opts) &&
	       link_opts_is_same_login(a->question_opts, b->question_opts);
}

/* The instance of these options, with the links of its predecessor if they serve. */
static struct entry *succeed(
	struct instances *instances, struct instance_opts *opts, struct instances_change *change)
{
	const struct entry *predecessor = find(instances, slice_of(opts->id));
	struct topology_opts now = topology_opts_of(opts);
	struct topology_opts before;

	if (predecessor == NULL) {
		change->n_added++;
		return entry_new(instances, opts, NULL);
	}
	before = topology_opts_of(&predecessor->opts);
	if (is_same_way(&before, &now)) {
		change->n_kept++;
	} else {
		change->n_replaced++;
	}
	return entry_new(
		instances, opts, topology_opts_is_same_group(&before, &now) ? predecessor : NULL);
}

struct instances_change instances_apply(
	struct instances *instances, struct instance_opts *opts, size_t n)
{
	struct entry **items = mem_alloc_array(n, sizeof(struct entry *));
	struct instances_change change = {0};

	for (size_t i = 0; i < n; i++) {
		items[i] = succeed(instances, &opts[i], &change);
	}
	change.n_removed = instances->n - change.n_kept - change.n_replaced;
	drop_items(instances->items, instances->n);
	instances->items = items;
	instances->n = n;
	return change;
}

void instances_retire_links(struct instances *instances, const char *words)
{
	const struct entry *entry;

	LIST_FOREACH(entry, &instances->all, link)
	{
		topology_retire(entry->instance.topology, words);
	}
}

size_t instances_n(const struct instances *instances)
{
	return instances->n;
}

const struct instance *instances_get(const struct instances *instances, size_t index)
{
	return &instances->items[index]->instance;
}

const struct instance *instances_find(const struct instances *instances, struct slice id)
{
	struct entry *entry = find(instances, id);

	return entry != NULL ? &entry->instance : NULL;
}

bool instance_is_node_ready(
	const struct instance *instance, const struct link *link, char *words, size_t n_bytes)
{
	if (link_state(link) != LINK_READY) {
		snprintf(words, n_bytes, "%s", link_error(link));
		return false;
	}
	return topology_proof(instance->topology, link, words, n_bytes) == TOPOLOGY_PROVEN;
}

bool instance_has_node(const struct instance *instance, struct slice address)
{
	for (size_t i = 0; i < topology_n_nodes(instance->topology); i++) {
		const struct link *link = topology_node(instance->topology, i);

		if (topology_is_called(instance->topology, link, address)) {
			return true;
		}
	}
	return false;
}

/* ---- this daemon's own sessions ---- */

/* Each stands there once: instances may share links. */
static void add_own(struct own_sessions *own, struct protection_own one)
{
	for (size_t i = 0; i < own->n; i++) {
		if (own->items[i].id == one.id && strcmp(own->items[i].mark, one.mark) == 0) {
			return;
		}
	}
	own->items =
		mem_grow_array(own->items, own->n, &own->capacity, sizeof(struct protection_own));
	own->items[own->n++] = one;
}

/*
 * Was its id told by the server that lists? Of those that bear no mark, by Unix sockets without a
 * name, the kernel knows who is at the other end, which a run_id only says.
 */
static bool is_told_here(
	const struct link *link, const struct link *other, const struct link_connection *connection)
{
	return link == other ||
	       (connection->is_nameless && connection->server_pid != 0 &&
		       link_n_connections(link) > 0 &&
		       link_connection(link, 0).server_pid == connection->server_pid);
}

static struct protection_own describe(const struct link_connection *connection, bool needs_no_mark)
{
	enum session_field mark = connection->is_nameless ? SESSION_ADDR : SESSION_NAME;
	struct protection_own own = {
		.id = connection->server->own_id,
		.field = needs_no_mark ? SESSION_ID : mark,
	};

	snprintf(own.address, sizeof(own.address), "%s", connection->address);
	snprintf(own.mark, sizeof(own.mark), "%s",
		!connection->is_nameless         ? connection->name
		: connection->address[0] != '\0' ? connection->address
						 : PROTECTION_BY_UNIX_SOCKET);
	return own;
}

/* Two connections lead to one server when the process behind them is the same. */
static bool is_same_server(const struct link *link, const struct link_connection *connection)
{
	return server_info_is_same_process(link_server(link)->run_id, connection->server->run_id);
}

/* Where servers do not say who they are: those of one link lead to one. */
static bool may_be_told(const struct link *link, const struct link_connection *connection)
{
	return link_server(link)->run_id[0] != '\0' && connection->server->run_id[0] != '\0';
}

typedef void add_fn(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own);

static void add_known(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own)
{
	bool leads_here = is_same_server(link, connection) ||
			  (link == other && !may_be_told(link, connection));

	if (leads_here && connection->is_proven && connection->server->own_id != 0) {
		add_own(own, describe(connection, is_told_here(link, other, connection)));
	}
}

/* It is not told which process is behind it: if it is listed here, by its mark, it is here. */
static void add_unplaced(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own)
{
	if (link != other && connection->is_proven && !may_be_told(link, connection)) {
		add_own(own, describe(connection, false));
	}
}

/*
 * The process behind it is not known yet, or is this one, which add_known() did not see. Until it
 * is proven it may be said to be the one that was at that address before.
 */
static void add_maybe(const struct link *link, const struct link *other,
	const struct link_connection *connection, struct own_sessions *own)
{
	if (connection->descriptor >= 0 && !connection->is_proven &&
		(link == other || connection->server->run_id[0] == '\0' ||
			is_same_server(link, connection) ||
			strcmp(link_address(link), link_address(other)) == 0)) {
		struct protection_own one = describe(connection, false);

		/*
		 * Before it has an id it may be listed without its name; and to whom it has told
		 * that, he may have told it to others.
		 */
		if (connection->server->own_id == 0 && connection->address[0] != '\0') {
			one.field = SESSION_ADDR;
			snprintf(one.mark, sizeof(one.mark), "%s", connection->address);
		}
		add_own(own, one);
	}
}

static void add_of(
	const struct link *link, const struct link *other, add_fn *add, struct own_sessions *own)
{
	for (size_t i = 0; i < link_n_connections(other); i++) {
		struct link_connection connection = link_connection(other, i);

		add(link, other, &connection, own);
	}
	/* One that has no connection yet may get one to this server at any moment. */
	if (add == add_maybe && link != other && link_state(other) != LINK_READY &&
		!link_leads_nowhere(other) &&
		strcmp(link_address(link), link_address(other)) == 0) {
		add_own(own, (struct protection_own){.field = SESSION_NAME});
	}
}

/* Of all links of this daemon, `link` first. */
static void add_all(const struct instances *instances, const struct link *link, add_fn *add,
	struct own_sessions *own)
{
	const struct entry *entry;

	add_of(link, link, add, own);
	own->n_of_link = add == add_known ? own->n : own->n_of_link;
	LIST_FOREACH(entry, &instances->all, link)
	{
		const struct topology *topology = entry->instance.topology;

		for (size_t k = 0; k < topology_n_nodes(topology); k++) {
			add_of(link, topology_node(topology, k), add, own);
		}
		for (size_t k = 0; k < topology_n_others(topology); k++) {
			add_of(link, topology_other(topology, k), add, own);
		}
	}
}

struct own_sessions instances_own_sessions(
	const struct instances *instances, const struct link *link)
{
	struct own_sessions own = {0};

	add_all(instances, link, add_known, &own);
	own.n_known = own.n;
	add_all(instances, link, add_unplaced, &own);
	own.n_told = own.n;
	add_all(instances, link, add_maybe, &own);
	return own;
}

void own_sessions_add(struct own_sessions *own, const struct own_sessions *others)
{
	for (size_t i = 0; i < others->n; i++) {
		add_own(own, others->items[i]);
	}
}

void own_sessions_finish(struct own_sessions *own)
{
	free(own->items);
	*own = (struct own_sessions){0};
}
