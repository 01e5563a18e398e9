/*
 * One guard on one instance: its looks and its acts. Owned by guards.c.
 */
#ifndef GUARD_WATCH_H
#define GUARD_WATCH_H

#include <sys/queue.h>

#include "base/uuid.h"
#include "guard/guard_state.h"
#include "guard/guards.h"
#include "kill/own_sessions.h"
#include "redis/client_list.h"

struct event;
struct watch;

/* What all watches have in common; of guards.c. */
struct watch_world {
	struct guards_inputs in;
	const char *hold_file; /* NULL: none */
	struct guard_state *state;
	struct caller caller; /* the daemon's own user */
	int64_t started_ms;   /* monotonic */
	bool is_stopped;
};

/* A node that is looked at. */
struct watch_node {
	struct watch *watch;
	struct link *link; /* held while it is asked */
	char *address;
	char run_id[sizeof(((struct link_server *)NULL)->run_id)];
	struct condition_figures now, before;
	bool holds;
	bool is_ripe;           /* for as long as it must */
	int64_t holds_since_ms; /* monotonic; 0: it does not */
	struct listing_reader reader;
	struct own_sessions own;
	struct protection protection;
	uint64_t n_matched;
	uint64_t given_fields;
	bool is_listed;
};

struct watch {
	LIST_ENTRY(watch) entry;
	const struct watch_world *world;
	const struct guard_opts *opts;
	char *instance;
	struct request request; /* what it asks for, to judge by */
	struct event *timer;
	struct calls calls;
	void (*answered_fn)(struct watch *watch); /* of a look all that was asked */
	struct watch_node *nodes;
	size_t n_nodes;
	size_t n_pending; /* answers of the look that is under way */
	size_t n_absent;  /* nodes that could not be asked */
	uint64_t n_lines; /* of listings in this look */
	bool is_listing;  /* it looks who matches */
	bool is_ripe;     /* some node is */
	int64_t look_us;  /* when the look began */
	int64_t interval_ms;
	int64_t holds_since_ms; /* monotonic; 0: it does not hold */
	enum guard_rest rest;
	bool is_acting;
	bool is_kill;    /* what it does */
	bool is_stopped; /* by itself: it was held, or reloaded */
	bool is_in_episode, has_reported, was_too_many, was_cancelled;
	int64_t episode_wall_ms;
	uint64_t n_looks, n_episodes, n_acts, n_reports, n_killed, n_matched;
	char request_id[UUID_TEXT_BYTES + 1]; /* of the last order */
};

struct watch *watch_new(
	const struct watch_world *world, const struct guard_opts *opts, const char *instance);
/* Goes on by other options. */
void watch_change(struct watch *watch, const struct guard_opts *opts);
void watch_free(struct watch *watch);
struct guard_view watch_view(const struct watch *watch);

/* ---- watch_ask.c ---- */

/* Each ends with answered_fn, which may be called before it returns. */
void watch_list_nodes(struct watch *watch); /* those that its condition is about */
void watch_ask_nodes(struct watch *watch);

/* ---- watch_act.c ---- */

/* What keeps it from acting, that is known without a listing; GUARD_ACTS: nothing. */
enum guard_rest watch_find_rest(const struct watch *watch);
/* Its condition has held for long enough, and so many are selected: orders, or reports. */
void watch_act(struct watch *watch);
/* What it has ordered is to end: it is held, or not to do that any more. */
void watch_stop_acting(struct watch *watch);
bool watch_is_held(const struct watch_world *world);
void watch_begin_episode(struct watch *watch);
void watch_end_episode(struct watch *watch);

#endif
