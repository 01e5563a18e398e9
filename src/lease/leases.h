/*
 * Leases: whom a kill has ended is kept out for a time. The door is closed, then killed, then
 * verified; it opens by itself.
 *
 * The door is that of users: `ACL SETUSER U off` on every node, by the daemon's own links, so that
 * it can be closed on a server that is full. A user that was off before is not ours to open; nor is
 * one that somebody has changed meanwhile. A lease is in a journal before anything is closed: who
 * starts the daemon again opens what is due. What cannot be opened is told again and again.
 *
 *     checking --fit--> closing --on every node that is there--> closed --time, or a person-->
 * opening |                |                                       ^                            |
 *         +--> refused <---+ (what was closed is opened)           +-- nodes that come later +-->
 * gone
 */
#ifndef LEASE_LEASES_H
#define LEASE_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "kill/gate.h"
#include "kill/instance.h"
#include "kill/jobs.h"
#include "model/caller.h"

struct event_base;
struct leases;

struct leases_inputs {
	struct event_base *loop;
	const struct instances *instances;
	struct jobs *jobs;
	struct audit *audit;
	const char *state_path; /* of the journal; copied. NULL: no lease outlives the daemon */
};

/* Takes up what the journal has. All borrowed. Never NULL. */
struct leases *leases_new(const struct leases_inputs *inputs);
/* Whom it keeps out is kept out: the doors stay as they are. */
void leases_free(struct leases *leases);
/* For jobs_set_gate(). */
const struct gate *leases_gate(const struct leases *leases);
/* Once a second: closes doors that have come back, opens those that are due. */
void leases_upkeep(struct leases *leases);

enum {
	LEASES_E_UNKNOWN = 1, /* no such lease */
};

/*
 * Opens before its time; once more: gives up what cannot be opened. `caller` is recorded. A
 * negative errno with words: it is so, but the journal cannot be written yet.
 */
NODISCARD int leases_release(
	struct leases *leases, struct slice id, const struct caller *caller, struct err *err);
/* From now on so long: a negative errno with words when the journal cannot be written. */
NODISCARD int leases_extend(struct leases *leases, struct slice id, int64_t left_ms,
	const struct caller *caller, struct err *err);

enum door_state {
	DOOR_WAITING,  /* for the node, or for its answer */
	DOOR_CLOSED,   /* by us */
	DOOR_NOT_OURS, /* the user was off before, or there is no such user */
	DOOR_OPEN,     /* again */
	DOOR_CHANGED,  /* by somebody else meanwhile: left as it is */
	DOOR_FAILED,
	DOOR_N_STATES
};

const char *door_state_name(enum door_state state);

enum ban_state {
	BAN_NONE,
	BAN_RAISING,
	BAN_CLOSED,
	BAN_READMITTING, /* so many a second pass */
	BAN_OPEN,        /* again */
	BAN_FAILED,
};

/* Who comes from some addresses. */
struct ban_view {
	char *const *sources;
	size_t n_sources;
	enum ban_state state;
	bool holds;
	uint64_t readmit;
	const char *error; /* "" none */
};

/* One user on one node. */
struct door_view {
	const char *address;
	const char *user;
	enum door_state state;
	const char *error; /* "" none */
};

struct lease_view {
	const char *id; /* the request id of the kill */
	const char *instance;
	const char *caller; /* the name of who ordered it */
	const char *reason; /* "" none */
	int64_t since_wall_ms;
	int64_t left_ms;    /* 0: it is over, and doors are to be opened */
	bool is_overdue;    /* it is over, and some door could not be opened */
	bool is_incomplete; /* it is not over, and some door could not be closed */
	const char *const *users;
	size_t n_users;
	const struct door_view *doors;
	size_t n_doors;
	int64_t n_refused;          /* how often they knocked so far; -1: not known */
	const struct ban_view *ban; /* NULL: it is by users */
};

/* Those that stand, the oldest first. Borrowed for the call. */
void leases_each(const struct leases *leases,
	void (*view_fn)(void *context, const struct lease_view *view), void *context);

#endif
