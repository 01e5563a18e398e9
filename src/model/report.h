/*
 * What a kill found and did: the answer of the API, the outcome in the audit log. A pure value that
 * owns its texts.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "model/programs.h"
#include "model/results.h"

/* The largest sources shown; the rest is in the counts only. */
#define REPORT_MAX_SOURCES 50
/* More warnings than this say nothing new. */
#define REPORT_MAX_WARNINGS 64

/*
 * found = unmatched + is_protected + spared + matched, and after a kill matched = killed + gone +
 * survivors. `extra` stands outside: sessions beyond the listing that a command for a whole set
 * hit.
 */
struct counts {
	uint64_t found;
	uint64_t unmatched;    /* not selected */
	uint64_t is_protected; /* selected, but kept */
	uint64_t spared;       /* selected, but beyond a goal */
	uint64_t matched;      /* to be killed */
	uint64_t killed;
	uint64_t cut;       /* of these, those whose connections the kernel ended */
	uint64_t gone;      /* ended by itself before its turn */
	uint64_t survivors; /* still there, or not tried */
	uint64_t extra;
};

enum report_state {
	REPORT_WAITING, /* another kill of the instance runs */
	REPORT_RUNNING,
	REPORT_DONE,
	REPORT_DRY_RUN,
	REPORT_PARTIAL, /* sessions survived, or a node failed after others were done */
	REPORT_FAILED,
	REPORT_CANCELLED,
};

#define REPORT_N_STATES (REPORT_CANCELLED + 1)

const char *report_state_name(enum report_state state);

/* What the time of a node is spent on. */
enum report_phase {
	REPORT_PHASE_LIST,   /* waiting for the listing and reading it */
	REPORT_PHASE_PLAN,   /* judging it and making the plan */
	REPORT_PHASE_KILL,   /* from the first kill command to the last answer */
	REPORT_PHASE_VERIFY, /* looking whether all have ended, until they have */
};

#define REPORT_N_PHASES (REPORT_PHASE_VERIFY + 1)

const char *report_phase_name(enum report_phase phase);

struct report_step {
	char *command;   /* in words: "CLIENT KILL TYPE normal SKIPME yes" */
	uint64_t expect; /* victims that it is expected to hit */
};

struct report_node {
	char *address;
	char *role;   /* "master", "replica", "" unknown */
	char *server; /* "redis 7.0.15"; "" unknown */
	char *run_id; /* "" unknown */
	struct counts counts;
	uint64_t n_commands;
	uint64_t n_in_flight; /* of the survivors, those in commands that are not answered yet */
	uint64_t n_late;      /* of the killed, those that a late answer has told of */
	int64_t max_stall_us; /* the longest time between sending a command and its answer */
	int64_t phase_us[REPORT_N_PHASES]; /* of all rounds; 0: it did not come to that */
	struct report_step *plan;
	size_t n_steps;
	size_t steps_capacity;
	char **also; /* further addresses of the same server */
	size_t n_also;
	size_t also_capacity;
	bool is_left_out; /* nothing of it is reported: it is not missed */
	bool was_reached; /* it answered at least once */
	bool is_failed;   /* `error` says why */
	char *error;      /* NULL: none */
};

struct report_source {
	char *address; /* without port; "unix" */
	char *user;    /* "" where the server has none; likewise the others */
	char *name;
	char *lib;
	uint64_t found;
	uint64_t killed;
	uint64_t reconnected;
};

struct report {
	char *request_id;
	char *instance;
	enum report_state state;
	int64_t started_wall_ms;
	int64_t elapsed_ms;
	int64_t watched_ms; /* of that, only looking for who comes back */
	struct counts counts;
	uint64_t reconnected;
	int64_t kept_out_ms; /* whom it ends is kept out for so long; 0: nobody is */
	bool is_too_many;    /* refused: more than `max` would be killed */
	bool is_not_exact;   /* likewise, as far as it did: others might be hit */
	bool is_too_slow;    /* likewise: it would take longer than its time-out */
	bool is_restarted;   /* likewise: no node is the process of `run_id` */
	char *error;         /* in a sentence what went wrong, for the DAS message; NULL: nothing */
	char **warnings;
	size_t n_warnings;
	size_t warnings_capacity;
	struct report_node *nodes;
	size_t n_nodes;
	size_t nodes_capacity;
	struct results results;        /* session by session; empty unless the request wants it */
	struct report_source *sources; /* most found first */
	size_t n_sources;
	size_t sources_capacity;
	struct programs programs; /* of this host, that the sessions which matched belong to */
};

struct report *report_new(const char *request_id, const char *instance, int64_t started_wall_ms);
void report_free(struct report *report);

/* Appends; the same text is not added twice. */
void report_warn(struct report *report, const char *format, ...) PRINTF_LIKE(2, 3);

/* An address of a name was never reached, while another of it was. */
void report_warn_unused(struct report *report, const char *address, const char *words);

/* Appends a node; the pointer is good until the next call. */
struct report_node *report_add_node(struct report *report, const char *address);
void report_node_fail(struct report_node *node, const char *words);
void report_node_add_address(struct report_node *node, const char *address);
void report_node_clear_steps(struct report_node *node);
void report_node_add_step(struct report_node *node, const char *command, uint64_t expect);

/* Appends a source; the texts are copied. */
struct report_source *report_add_source(struct report *report, const char *address,
	const char *user, const char *name, const char *lib);

/* The counts of the nodes, added up: what is known while it runs. */
void report_sum(struct report *report);

/*
 * Sums the nodes, keeps the largest sources and programs and decides the state: done, dry_run,
 * partial, failed. A report that is cancelled already stays so. `is_dry_run` as in the request.
 */
void report_close(struct report *report, bool is_dry_run, int64_t elapsed_ms);

/* The node has ended with commands in flight: n_in_flight says for how many victims. */
void report_warn_in_flight(struct report *report, const struct report_node *node);
/*
 * A report that is closed: an answer says now that `n_killed` more were killed, or that it will
 * never be known (`lost`, NULL: it is known). Sums and words follow, the state does not: nothing of
 * it was verified. Returns how many counts it has changed. The sources stay as they are.
 */
uint64_t report_add_late(struct report *report, struct report_node *node, uint64_t n_killed,
	uint64_t n_extra, const char *lost);

bool report_was_any_node_reached(const struct report *report);

void counts_add(struct counts *sum, const struct counts *part);
/* Do the sums of struct counts hold? A dry run has no killed, gone and survivors. */
bool counts_is_consistent(const struct counts *counts, bool is_dry_run);

#endif
