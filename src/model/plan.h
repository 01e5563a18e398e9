/*
 * The kill plan of one node: which commands end exactly the victims of a snapshot, cheapest first.
 * A pure value; printable, so that a dry run shows the very plan that would run.
 *
 * What decides: every CLIENT KILL walks the server's whole client list, so that n commands with
 * one id each cost n x N; but a command that names a set (TYPE, USER, ...) also hits sessions that
 * connect after the listing. It is used only where every session that it can ever hit satisfies
 * the request and no protection: request_judge() must say MATCHED for a session of which nothing
 * but the command's own filters is known. Everything else goes by id. Under a limit (`max`)
 * newcomers are not counted for, however well they match: a set must then have a bound on age as
 * well.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/request.h"
#include "model/snapshot.h"

/* Ids in one command where the server takes several. Valkey took 20,000; 1,000 stall about 28 ms
 * with 9,000 clients. */
#define PLAN_MAX_IDS_PER_COMMAND 1000

/*
 * Connections that the kernel ends in one go. It takes it some 10 us for each, and the server as
 * long to find out: so the daemon and others are held up for two milliseconds and a half at most.
 */
#define PLAN_MAX_CUT 200

struct plan_opts {
	enum pace pace; /* PACE_FAST or PACE_GENTLE */
	int64_t stall_budget_ms;
	bool by_id_only; /* a second attempt: nothing but ids */
	bool has_goals;  /* not everybody of a set is meant, and nobody who comes to it */
	bool only_due;   /* of the victims those that are due */
	/* The kernel can end the connections of those that have a `socket`, where that is cheaper,
	 * or in any case. */
	bool has_kernel;
	bool wants_kernel;
};

enum plan_step_kind {
	PLAN_STEP_TYPE, /* everybody of a type */
	PLAN_STEP_CELL, /* everybody of a cell */
	PLAN_STEP_IDS,  /* these ids */
	PLAN_STEP_CUT,  /* these connections, by the kernel */
};

struct plan_step {
	enum plan_step_kind kind;
	enum session_type type; /* of all its victims */
	uint32_t cell;          /* CELL */
	size_t first;           /* its victims in plan.victims */
	size_t n;
	size_t ids_per_command; /* IDS: 1 or more */
	/* Paced: victims to be hit before waiting for the answers; whole sets count as they are. 0:
	 * no pace. CUT: always. */
	size_t victims_per_burst;
};

struct plan {
	const struct snapshot *snapshot;
	struct plan_opts opts;
	int64_t least_age_s; /* set commands carry MAXAGE / IDLE of these; -1: not */
	int64_t least_idle_s;
	uint32_t *victims; /* indexes into snapshot.entries, ids ascending within a step */
	size_t n_victims;
	struct plan_step *steps;
	size_t n_steps;
	size_t steps_capacity;
};

/* Plans for all pending victims of a sealed snapshot, which must outlive the plan unchanged. */
void plan_init(struct plan *plan, const struct snapshot *snapshot, const struct plan_opts *opts);
void plan_finish(struct plan *plan); /* zeroed is fine */

/* The arguments of one command. Reusable; zeroed is empty. */
struct plan_command {
	struct slice *argv; /* borrowed from the buffer below, the snapshot and literals */
	size_t argc;
	size_t argv_capacity;
	char *numbers;
};

/*
 * Writes the command of a step that starts with victim `offset` of it; an IDS step takes several,
 * but not more than `most`. Returns the number of victims that the command is meant for.
 * `client_command` is the server's name for CLIENT.
 */
size_t plan_step_command(const struct plan *plan, const struct plan_step *step, size_t offset,
	size_t most, struct slice client_command, struct plan_command *command);
void plan_command_finish(struct plan_command *command);

static inline bool plan_step_is_set(const struct plan_step *step)
{
	return step->kind == PLAN_STEP_TYPE || step->kind == PLAN_STEP_CELL;
}

bool plan_has_sets(const struct plan *plan);

/* Of all that a set command can hit; NORMAL for others, which may be of any. */
enum session_type plan_step_type(const struct plan_step *step);

/* The victim `offset` of a step. */
const struct snapshot_entry *plan_step_victim(
	const struct plan *plan, const struct plan_step *step, size_t offset);

/* In words, on the heap: the command as a person would type it; ids shortened to the first few. */
char *plan_step_print(
	const struct plan *plan, const struct plan_step *step, struct slice client_command);

/* Estimates, in ns of server time, from measurements on Redis and Valkey 5.0 to 9.1. */
#define PLAN_WALK_NS 25   /* one step of the walk over all clients */
#define PLAN_END_NS 13000 /* to end one client */
/* The same when it finds its connection ended, and is asked before. */
#define PLAN_CUT_END_NS 15000
#define PLAN_SUBSCRIBER_NS 10 /* old servers: for each subscription, one step of the search */
/* More than this, and subscribers are ended in bursts within the stall budget at any pace. */
#define PLAN_MAX_SUBSCRIBER_STALL_MS 100

#endif
