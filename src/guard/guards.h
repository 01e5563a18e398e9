/*
 * Guards: standing rules that the daemon carries out by itself, each on every instance that it is
 * for. They order kills as a person does, as the daemon's own user: what they do is judged,
 * planned, recorded and counted like everything else.
 *
 *      watching --it holds--> holding --for so long--> acting --the kill has ended--> watching
 *                                |
 *                                +--> resting: something keeps it from acting, see guard_rest
 *
 * A guard goes by what the servers said in its last interval and no longer. An episode begins when
 * it would act, and ends when its condition does not hold any more; what only reports reports once
 * in it.
 */
#ifndef GUARD_GUARDS_H
#define GUARD_GUARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guard/guard_opts.h"
#include "kill/instance.h"
#include "kill/jobs.h"

struct event_base;
struct guards;

/* Why a guard whose condition holds does nothing. */
enum guard_rest {
	GUARD_ACTS,       /* it does */
	GUARD_HELD,       /* by a person, a file, or a state that cannot be read */
	GUARD_STARTING,   /* the daemon, a minute ago at most */
	GUARD_OFF_HOURS,  /* it is not its time */
	GUARD_KILL_RUNS,  /* of a person, on the instance */
	GUARD_BLIND,      /* no node has said anything of late */
	GUARD_NO_FIELD,   /* the servers do not give a field that it goes by */
	GUARD_NOBODY,     /* nobody is selected */
	GUARD_SPENT,      /* it has acted as often as it may: it reports */
	GUARD_REPORTED,   /* in this episode */
	GUARD_TOO_MANY,   /* more than its max: nobody was killed, in this episode */
	GUARD_CANCELLED,  /* its kill, by a person, in this episode */
	GUARD_NOT_STATED, /* that it acts cannot be remembered, or ordered */
};

struct guards_inputs {
	struct event_base *loop;
	const struct instances *instances;
	struct jobs *jobs;
	struct audit *audit;
	const char *state_path; /* see guard_state.h; copied */
};

struct guards *guards_new(const struct guards_inputs *inputs); /* all borrowed */
/* These are the guards from now on (borrowed until the next call), on the instances of now. One
 * that goes on with the same name on the same instance keeps its counts and its episode. */
void guards_apply(struct guards *guards, const struct guards_opts *opts);
/* Once a second: whoever acts ends when guards are held by a file. */
void guards_upkeep(struct guards *guards);
/* No further look, no further act. */
void guards_stop(struct guards *guards);
void guards_free(struct guards *guards);

bool guards_is_held(const struct guards *guards);
/* By whom, or why; "" they are not. Borrowed until the event loop goes on. */
const char *guards_held_words(const struct guards *guards);
/* Both are recorded. A negative errno with words: it holds, but not beyond a restart. */
NODISCARD int guards_hold(struct guards *guards, const struct caller *caller, struct err *err);
NODISCARD int guards_resume(struct guards *guards, const struct caller *caller, struct err *err);

/* One guard on one instance, as others see it; borrowed. */
struct guard_view {
	const struct guard_opts *opts;
	const char *instance;
	bool holds;           /* its condition */
	int64_t held_ms;      /* for so long */
	bool is_acting;       /* its kill runs */
	enum guard_rest rest; /* when its condition has held for long enough */
	int64_t episode_ms;   /* wall clock: when the last one began; 0: there was none */
	bool is_in_episode;
	uint64_t n_looks; /* that were answered */
	uint64_t n_episodes;
	uint64_t n_acts;     /* kills ordered */
	uint64_t n_reports;  /* dry runs */
	uint64_t n_killed;   /* sessions */
	uint64_t n_matched;  /* by the last act or report */
	unsigned n_recent;   /* acts that count for at-most */
	int64_t interval_ms; /* between two looks, as things stand */
	const char *last_id; /* request id of the last act or report; "" none */
};

const char *guard_rest_words(enum guard_rest rest);
/* In one word: what it does at the moment. */
const char *guard_view_state(const struct guard_view *view);
void guards_each(const struct guards *guards,
	void (*view_fn)(void *context, const struct guard_view *view), void *context);

#endif
