/*
 * The sessions of an instance as they are now: lists all nodes at once, keeps those that are
 * selected (the lines themselves, up to a limit, in the order asked for) or counts them in groups.
 * Reads only. A node that is not connected is told as such; nobody waits for it.
 *
 * Of nodes on this host it can also tell which processes the sessions belong to.
 */
#ifndef KILL_ROSTER_H
#define KILL_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/census.h"
#include "kill/instance.h"
#include "model/intern.h"
#include "model/report.h"
#include "model/selector.h"
#include "model/session.h"
#include "redis/client_list.h"

#define ROSTER_DEFAULT_LIMIT 10000
#define ROSTER_MAX_LIMIT 200000
/* Beyond this many groups the rest is counted as one. */
#define ROSTER_MAX_GROUPS 65536
#define ROSTER_OTHERS "(others)"

/* What sessions of this host can be counted by; not the server's, and nothing to select by. */
enum roster_local_group {
	ROSTER_LOCAL_NONE,
	ROSTER_LOCAL_PROCESS,
	ROSTER_LOCAL_UNIT,
	ROSTER_LOCAL_USER,
};

/* Owns its selectors. */
struct roster_opts {
	struct selectors match;  /* all must hold */
	struct selectors except; /* none may hold */
	enum session_field sort; /* equals by node and id; nodes stand as the instance has them */
	bool is_descending;
	size_t limit;                        /* of sessions, or of groups */
	bool has_group;                      /* count instead of keeping sessions, */
	enum session_field group;            /* by this, */
	enum roster_local_group local_group; /* or, if it is not NONE, by that */
	bool wants_locals;                   /* whose the sessions are that are kept */
};

void roster_opts_finish(struct roster_opts *opts);

/* Who of this host has a session; numbers for roster_local_text(), INTERN_NONE: not known. */
struct roster_local {
	int32_t pid; /* 0: the process is not known */
	uint32_t process;
	uint32_t unit;
	uint32_t user;
};

/* A session that is kept. */
struct roster_row {
	char *line;        /* as the server wrote it, NUL-terminated */
	struct slice text; /* of the field that is sorted by; in the line, or static */
	int64_t number;    /* the same, where it is one */
	uint64_t id;
	uint32_t node; /* index into nodes */
	bool is_local; /* it may be of this host, and so may the node */
	struct ends ends;
	struct roster_local local;
};

struct roster_node {
	struct roster *roster;
	struct link *link; /* held */
	struct listing_reader reader;
	char *address;
	enum server_family family;
	char run_id[sizeof(((struct link_server *)NULL)->run_id)];
	uint64_t n_found;
	uint64_t n_selected;
	uint64_t n_unreadable;         /* lines set aside */
	struct census_witness witness; /* the link, if the node may be on this host */
	struct ends own;               /* what the node says of that */
	bool has_own;
	int64_t listed_ms; /* monotonic */
	struct census_server server;
	char error[ERR_MAX_BYTES]; /* "" none */
};

struct roster_group {
	struct slice value; /* borrowed from the roster */
	uint64_t n;
};

struct roster {
	struct roster_opts opts;
	struct roster_node *nodes;
	size_t n_nodes;
	struct roster_row *rows; /* sorted once it is done */
	size_t n_rows;
	struct roster_group *groups; /* the largest first, once it is done */
	size_t n_groups;
	uint64_t given_fields;     /* bits: some session had it */
	struct report_local local; /* how far it is known whose the rows are */

	/* Its own. */
	const struct instance *instance; /* held until done_fn has returned */
	size_t rows_capacity;
	struct intern group_texts;
	struct intern local_texts;
	struct census *census; /* NULL: not needed */
	size_t n_named;        /* rows that it was asked for */
	size_t groups_capacity;
	size_t n_running; /* nodes that are listed, and the census */
	bool is_sorted;
	struct event *finished;
	void (*done_fn)(void *context, struct roster *roster);
	void *context;
};

/*
 * Takes the listing; `done_fn` is called once, from the event loop, and the roster is then the
 * callee's, to be released with roster_free(). `opts` is taken over (left empty).
 */
void roster_take(struct event_base *loop, const struct instance *instance, struct roster_opts *opts,
	void (*done_fn)(void *context, struct roster *roster), void *context);
void roster_free(struct roster *roster);

/* Memory that such a listing will take while somebody reads it, by what the servers last said. */
size_t roster_estimate_bytes(const struct instance *instance, const struct roster_opts *opts);

/* Empty for INTERN_NONE; borrowed. */
struct slice roster_local_text(const struct roster *roster, uint32_t number);

bool roster_was_any_node_listed(const struct roster *roster);
/* Why none was, in words; for done_fn. */
void roster_explain(const struct roster *roster, struct err *err);

#endif
