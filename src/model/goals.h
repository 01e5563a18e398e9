/*
 * Goals: how many of the sessions that a request selects are to end, which of them, and how fast.
 * Those beyond a goal are spared.
 *
 * All that are selected, on all nodes, stand in one order; whoever comes first in it goes first.
 * `keep` leaves each group its last ones; of the others a node loses no more than it takes to have
 * `free` places; of these no more than `limit` end in all. A session says what it is ordered and
 * grouped by in its mark, which outlives its line.
 */
#ifndef MODEL_GOALS_H
#define MODEL_GOALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "model/intern.h"
#include "model/session.h"

#define GOALS_MAX_OVER_MS (INT64_C(24) * 60 * 60 * 1000)
#define GOALS_MAX_RATE 1000000

/* A pure value. */
struct goals {
	bool has_limit;
	bool has_free;
	bool has_keep;
	bool has_per;
	bool has_sort; /* it was asked for */
	bool is_descending;
	enum session_field sort;
	enum session_field per; /* the groups; else all are one */
	uint64_t limit;         /* sessions that end, over the instance */
	uint64_t free;          /* places that a node is to have, by its maxclients */
	uint64_t keep;          /* sessions that stay of each group, over the instance */
	uint64_t rate;          /* sessions a second, over the instance; 0: no matter */
	int64_t over_ms;        /* the time that it is to take; 0: no matter */
};

/* The idlest first, and no goal. */
void goals_init(struct goals *goals);
/*
 * Sets one by its name: limit, sort, free, keep, per, rate or over, as it is written. False with
 * words about the value, which do not name it.
 */
NODISCARD bool goals_set(
	struct goals *goals, struct slice name, struct slice value, struct err *err);
bool goals_is_name(struct slice name);
/* Do they go together? False with words. */
NODISCARD bool goals_check(const struct goals *goals, struct err *err);
/* May some that are selected be spared? */
bool goals_is_bounded(const struct goals *goals);
/* Do they end one after the other, over a time? */
bool goals_is_spread(const struct goals *goals);
bool goals_is_equal(const struct goals *a, const struct goals *b);
/* Bits (1 << field): of them a session must say what it is. */
uint64_t goals_fields(const struct goals *goals);
/* By `free`: how many must end where a server with so many places lists so many sessions.
 * UINT64_MAX: any number. */
uint64_t goals_needed(
	const struct goals *goals, int64_t max_clients, uint64_t n_listed, int64_t n_bus_links);
/* How long it takes to end so many; 0: they are not spread. */
int64_t goals_spread_ms(const struct goals *goals, uint64_t n);

/* The marks of one request refer to it. Embedded; zeroed but for `goals` is empty. */
struct goal_book {
	const struct goals *goals; /* borrowed */
	struct intern texts;
};

struct goal_mark {
	int64_t number; /* of the field that it is ordered by, */
	uint32_t text;  /* or that */
	uint32_t group;
	int64_t age_s;
};

struct goal_mark goals_mark(struct goal_book *book, const struct session *session);
void goals_book_finish(struct goal_book *book);

struct goal_candidate {
	struct goal_mark mark;
	uint64_t id;
	uint32_t node;     /* any number that tells nodes apart, below n_nodes */
	bool is_remaining; /* it stays in any case: it counts for its group */
	bool is_chosen;    /* it is to end */
	void *owner;       /* the caller's */
};

/* Negative: `a` goes before `b`. */
int goals_compare(const struct goal_book *book, const struct goal_candidate *a,
	const struct goal_candidate *b);

/*
 * Puts the candidates in order, equals by age (the older first), then by node and id, and chooses.
 * `n_left` is what is left of the limit; `n_needed` has for each node how many may end there,
 * UINT64_MAX: any number.
 */
void goals_choose(const struct goal_book *book, struct goal_candidate *candidates, size_t n,
	uint64_t *n_needed, uint64_t n_left);

#endif
