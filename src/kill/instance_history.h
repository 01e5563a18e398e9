/*
 * What happened on an instance: how full each of its nodes was, and what was done about it. Costs
 * the servers nothing: it takes what their connections hear anyway, when they are kept alive, every
 * two seconds each.
 *
 * Goes with the instance over a reload which leaves it the same group of servers. A node keeps its
 * history for as long as it is one, and for an hour when it is none any more.
 */
#ifndef KILL_INSTANCE_HISTORY_H
#define KILL_INSTANCE_HISTORY_H

#include <stdbool.h>

#include "kill/session_counts.h"
#include "model/history.h"
#include "model/history_events.h"
#include "redis/topology.h"

/* Nodes that are none any more. */
#define INSTANCE_HISTORY_MAX_FORMER 8
#define INSTANCE_HISTORY_FORMER_MS HISTORY_SHORT_MS

struct instance_history;

struct instance_history *instance_history_new(void); /* with one reference */
struct instance_history *instance_history_ref(struct instance_history *history);
void instance_history_unref(struct instance_history *history);

/* Takes what the nodes have said since the last time, and whether they can be reached. Once a
 * second. */
void instance_history_look(struct instance_history *history, const struct topology *topology);

/* A kill, no dry run, has started, or ended, with this report. `user` ordered it; `reason` may be
 * NULL. */
void instance_history_note_kill(struct instance_history *history, const struct report *report,
	const char *user, const char *reason);
/* A guard of that name did so: of `n` sessions, by the kill of that request id. */
void instance_history_note_guard(struct instance_history *history, const char *guard,
	const char *what, const char *request_id, uint64_t n);

/* So stands the lease of that request id. */
void instance_history_note_lease(
	struct instance_history *history, const char *what, const char *request_id);

/* A node as others see it; borrowed until the event loop goes on. */
struct instance_history_node {
	const char *address;
	bool is_former; /* it is none any more */
	const struct history *history;
};

/* Those that were ever heard, the present ones in the order of the topology, before the former. */
size_t instance_history_n_nodes(const struct instance_history *history);
struct instance_history_node instance_history_node(
	const struct instance_history *history, size_t index);
/* Borrowed likewise; the oldest first. */
const struct history_events *instance_history_events(const struct instance_history *history);
/* Counts its sessions if that is due; once a second, where it is wanted. */
void instance_history_count(struct instance_history *history, const struct topology *topology);
/* The last count, which goes with the rest; NULL: there is none. */
const struct session_counts *instance_history_counts(const struct instance_history *history);

#endif
