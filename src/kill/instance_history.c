/*
 * Histories of instances.
 */
#include "kill/instance_history.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/server_info.h"

struct node {
	char *address;
	int64_t counted_ms; /* of what was taken last */
	int64_t former_ms;  /* monotonic: since when it is no node; 0: it is one */
	char run_id[sizeof(((struct link_server *)NULL)->run_id)];
	uint64_t n_reconnects;
	bool is_ready, was_ready; /* now, and ever */
	struct history history;   /* last, as it is large: what is not touched takes no memory */
};

struct instance_history {
	unsigned n_refs;
	struct node **nodes; /* those of the topology first, in its order */
	size_t n;
	size_t capacity;
	struct session_counts *counts; /* NULL: nothing was counted so far */
	struct history_events events;  /* last, likewise */
};

/* ---- life ---- */

struct instance_history *instance_history_new(void)
{
	struct instance_history *history = mem_new(struct instance_history);

	history->n_refs = 1;
	return history;
}

struct instance_history *instance_history_ref(struct instance_history *history)
{
	history->n_refs++;
	return history;
}

static void free_node(struct node *node)
{
	free(node->address);
	free(node);
}

void instance_history_unref(struct instance_history *history)
{
	CHECK(history->n_refs > 0);
	if (--history->n_refs > 0) {
		return;
	}
	for (size_t i = 0; i < history->n; i++) {
		free_node(history->nodes[i]);
	}
	free(history->nodes);
	session_counts_free(history->counts);
	free(history);
}

/* ---- a node ---- */

static void note_link(struct instance_history *history, const struct node *node,
	enum history_event_kind kind, const char *words)
{
	struct history_event *event =
		history_events_add(&history->events, kind, clock_monotonic_ms());

	history_event_set(event->node, sizeof(event->node), node->address);
	history_event_set(event->words, sizeof(event->words), words);
}

/* One that was lost and is back since the last look was away all the same. */
static void look_at_link(
	struct instance_history *history, struct node *node, const struct link *link)
{
	bool is_ready = link_state(link) == LINK_READY;
	bool was_away = link_n_reconnects(link) > node->n_reconnects;

	if (node->is_ready && (!is_ready || was_away)) {
		note_link(history, node, HISTORY_LINK_LOST, link_error(link));
		node->is_ready = false;
	}
	if (is_ready && !node->is_ready && node->was_ready) {
		note_link(history, node, HISTORY_LINK_BACK, "");
	}
	node->is_ready = is_ready;
	node->was_ready |= is_ready;
	node->n_reconnects = link_n_reconnects(link);
}

static void take_figures(struct node *node, const struct link *link)
{
	const struct link_server *server = link_newest_server(link);

	if (server->counted_ms <= node->counted_ms) {
		return;
	}
	if (!server_info_is_same_process(server->run_id, node->run_id)) {
		history_restart(&node->history);
		snprintf(node->run_id, sizeof(node->run_id), "%s", server->run_id);
	}
	history_add(&node->history, server->counted_ms,
		&(struct history_figures){
			.n_clients = server->n_clients,
			.max_clients = server->max_clients,
			.n_blocked = server->n_blocked,
			.n_connections = server->n_connections,
			.n_rejected = server->n_rejected,
		});
	node->counted_ms = server->counted_ms;
}

/* ---- all of them ---- */

static void swap(struct instance_history *history, size_t a, size_t b)
{
	struct node *node = history->nodes[a];

	history->nodes[a] = history->nodes[b];
	history->nodes[b] = node;
}

/* That node, in this place from now on, behind which it was; NULL: nobody has ever answered there.
 */
static struct node *take_node(
	struct instance_history *history, size_t place, const struct link *link)
{
	const char *address = link_address(link);
	struct node *node;

	for (size_t i = place; i < history->n; i++) {
		if (strcmp(history->nodes[i]->address, address) == 0) {
			swap(history, i, place);
			return history->nodes[place];
		}
	}
	if (link_newest_server(link)->counted_ms == 0) {
		return NULL;
	}
	node = mem_new(struct node);
	node->address = mem_printf("%s", address);
	node->n_reconnects = link_n_reconnects(link);
	history->nodes = mem_grow_array(
		history->nodes, history->n, &history->capacity, sizeof(struct node *));
	history->nodes[history->n++] = node;
	swap(history, history->n - 1, place);
	return node;
}

static void forget_node(struct instance_history *history, size_t index)
{
	free_node(history->nodes[index]);
	history->nodes[index] = history->nodes[--history->n];
}

/* Those that are none any more: which have been so for an hour, or for longest of too many. */
static void forget_former(struct instance_history *history, size_t n_present)
{
	int64_t now_ms = clock_monotonic_ms();
	size_t oldest = n_present;

	for (size_t i = n_present; i < history->n; i++) {
		struct node *node = history->nodes[i];

		node->is_ready = false;
		node->former_ms = node->former_ms > 0 ? node->former_ms : now_ms;
		if (node->former_ms < history->nodes[oldest]->former_ms) {
			oldest = i;
		}
	}
	if (history->n > n_present &&
		(now_ms - history->nodes[oldest]->former_ms > INSTANCE_HISTORY_FORMER_MS ||
			history->n - n_present > INSTANCE_HISTORY_MAX_FORMER)) {
		forget_node(history, oldest);
		forget_former(history, n_present);
	}
}

void instance_history_look(struct instance_history *history, const struct topology *topology)
{
	size_t n_taken = 0;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		const struct link *link = topology_node(topology, i);
		struct node *node = take_node(history, n_taken, link);

		if (node != NULL) {
			n_taken++;
			node->former_ms = 0;
			look_at_link(history, node, link);
			take_figures(node, link);
		}
	}
	forget_former(history, n_taken);
}

/* ---- events ---- */

static uint32_t pack(uint64_t value)
{
	return (uint32_t)MIN(value, (uint64_t)UINT32_MAX);
}

void instance_history_note_kill(struct instance_history *history, const struct report *report,
	const char *user, const char *reason)
{
	struct history_event *event =
		history_events_find_kill(&history->events, report->request_id);

	if (event == NULL) {
		event = history_events_add(
			&history->events, HISTORY_KILL, clock_monotonic_ms() - report->elapsed_ms);
	}
	event->state = (uint8_t)report->state;
	event->n = pack(report->counts.killed);
	event->elapsed_ms = pack((uint64_t)MAX(report->elapsed_ms, (int64_t)0));
	history_event_set(event->request_id, sizeof(event->request_id), report->request_id);
	history_event_set(event->who, sizeof(event->who), user);
	history_event_set(event->words, sizeof(event->words), reason);
}

void instance_history_note_guard(struct instance_history *history, const char *guard,
	const char *what, const char *request_id, uint64_t n)
{
	struct history_event *event =
		history_events_add(&history->events, HISTORY_GUARD, clock_monotonic_ms());

	event->n = pack(n);
	history_event_set(event->request_id, sizeof(event->request_id), request_id);
	history_event_set(event->who, sizeof(event->who), guard);
	history_event_set(event->words, sizeof(event->words), what);
}

void instance_history_note_lease(
	struct instance_history *history, const char *what, const char *request_id)
{
	struct history_event *event =
		history_events_add(&history->events, HISTORY_LEASE, clock_monotonic_ms());

	history_event_set(event->request_id, sizeof(event->request_id), request_id);
	history_event_set(event->words, sizeof(event->words), what);
}

/* ---- for others ---- */

size_t instance_history_n_nodes(const struct instance_history *history)
{
	return history->n;
}

struct instance_history_node instance_history_node(
	const struct instance_history *history, size_t index)
{
	const struct node *node = history->nodes[index];

	return (struct instance_history_node){node->address, node->former_ms > 0, &node->history};
}

const struct history_events *instance_history_events(const struct instance_history *history)
{
	return &history->events;
}

const struct session_counts *instance_history_counts(const struct instance_history *history)
{
	return history->counts;
}

void instance_history_count(struct instance_history *history, const struct topology *topology)
{
	if (history->counts == NULL) {
		history->counts = session_counts_new();
	}
	session_counts_look(history->counts, topology);
}
