/*
 * The sessions of an instance as they are now: lists all nodes at once, keeps those that are
 * selected (the lines themselves, up to a limit, in the order asked for) or counts them in groups.
 * Reads only. A node that is not connected is told as such; nobody waits for it.
 *
 * Of nodes on this host it also tells which processes the sessions belong to, if asked.
 */
#ifndef KILL_SESSION_LIST_H
#define KILL_SESSION_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/processes_server.h"
#include "kill/instance.h"
#include "kill/own_sessions.h"
#include "model/intern.h"
#include "model/selector.h"
#include "model/session.h"
#include "redis/client_list.h"

#define SESSION_LIST_DEFAULT_LIMIT 10000
#define SESSION_LIST_MAX_LIMIT 200000
/* Beyond this many groups the rest is counted as one. */
#define SESSION_LIST_MAX_GROUPS 65536
#define SESSION_LIST_OTHERS "(others)"

/* Owns its selectors. */
struct session_list_opts {
	struct selectors match;  /* all must hold */
	struct selectors except; /* none may hold */
	enum session_field sort; /* equals by node and id; nodes stand as the instance has them */
	bool is_descending;
	size_t limit;                    /* of sessions, or of groups */
	bool has_group;                  /* count instead of keeping sessions, */
	enum session_field group;        /* by this, */
	bool is_by_program;              /* or, */
	enum program_text program_group; /* by that, which is no field to select by */
	bool wants_processes;            /* whose the sessions are */
	/* Bounded: only whom a kill with these goals would kill, in their order; sort and
	 * is_descending do not count then, and there are no groups. */
	struct goals goals;
	const struct instances *instances; /* borrowed: for those goals */
};

void session_list_opts_finish(struct session_list_opts *opts);

/* A session that is kept. */
struct session_list_row {
	char *line;        /* as the server wrote it, NUL-terminated */
	struct slice text; /* of the field that is sorted by; in the line, or static */
	int64_t number;    /* the same, where it is one */
	uint64_t id;
	uint32_t node;         /* index into nodes */
	uint32_t program;      /* if that is wanted, and the node proved */
	struct goal_mark mark; /* if there are goals */
};

struct session_list_node {
	struct session_list *list;
	struct link *link; /* held */
	struct listing_reader reader;
	char *address;
	enum server_family family;
	char run_id[sizeof(((struct link_server *)NULL)->run_id)];
	uint64_t n_found;
	uint64_t n_selected;
	uint64_t n_unreadable;   /* lines set aside */
	struct own_sessions own; /* for goals */
	struct protection protection;
	struct processes_server processes; /* zeroed unless they are wanted */
	char error[ERR_MAX_BYTES];         /* "" none */
};

struct session_list_group {
	struct slice value; /* borrowed from the list */
	uint64_t n;
};

struct session_list {
	struct session_list_opts opts;
	struct session_list_node *nodes;
	size_t n_nodes;
	struct session_list_row *rows; /* sorted once it is done */
	size_t n_rows;
	struct session_list_group *groups; /* the largest first, once it is done */
	size_t n_groups;
	uint64_t given_fields;    /* bits: some session had it */
	struct programs programs; /* whose the selected sessions are, if that is wanted */
	struct goal_book book;    /* zeroed: there are no goals */
	bool is_too_large;        /* more sessions are selected than goals choose from here */

	/* Its own. */
	const struct instance *instance; /* held until done_fn has returned */
	size_t rows_capacity;
	struct intern group_texts;
	struct processes *processes; /* NULL: not wanted */
	size_t groups_capacity;
	size_t n_running; /* nodes that are listed */
	struct event *finished;
	void (*done_fn)(void *context, struct session_list *list);
	void *context;
};

/*
 * Takes the listing; `done_fn` is called once, from the event loop, and the list is then the
 * callee's, to be released with session_list_free(). `opts` is taken over (left empty).
 */
void session_list_take(struct event_base *loop, const struct instance *instance,
	struct session_list_opts *opts, void (*done_fn)(void *context, struct session_list *list),
	void *context);
void session_list_free(struct session_list *list);

/* Memory that such a listing will take while somebody reads it, by what the servers last said. */
size_t session_list_estimate_bytes(
	const struct instance *instance, const struct session_list_opts *opts);

/* What it does take. */
size_t session_list_bytes(const struct session_list *list);

/* ---- session_list_goals.c, for session_list.c ---- */

/* A node's listing begins. */
void session_list_begin_goals(struct session_list_node *node);
/* Is it one that goals choose from? Also where there are none. */
NODISCARD bool session_list_may_choose(
	const struct session_list_node *node, const struct session *session);
/* All are listed: drops the rows of those that the goals spare, and puts the others in order. */
void session_list_choose(struct session_list *list);

bool session_list_was_any_node_listed(const struct session_list *list);
/* Why none was, in words; for done_fn. */
void session_list_explain(const struct session_list *list, struct err *err);

#endif
