/*
 * What is known of an instance from one listing to the next: its nodes and how full they are, the
 * groups of its sessions, how fast all of that grows, which group is marked. Made of the daemon's
 * answers; reads no clock and no socket, draws nothing.
 */
#ifndef CLI_TOP_TALLY_H
#define CLI_TOP_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"
#include "cli/top/trend.h"

/* The largest groups; of more of them nobody can see anything. */
#define TALLY_MAX_GROUPS 1000
/* With those that have ended, and are remembered because they may come back. */
#define TALLY_MAX_REMEMBERED (4 * TALLY_MAX_GROUPS)

enum tally_sort {
	TALLY_BY_COUNT,
	TALLY_BY_GROWTH,
	TALLY_BY_VALUE,
	TALLY_N_SORTS,
};

struct tally_group {
	char *value; /* as the daemon gave it; may hold any byte */
	size_t value_len;
	uint64_t count; /* 0: there is none now */
	struct trend trend;
};

struct tally_node {
	char *address;
	char *error; /* why it is not ready, or could not be listed; NULL: nothing is wrong */
	bool is_ready;
	bool is_listed;       /* `count` is of the last listing */
	uint64_t count;       /* of all its sessions */
	uint64_t max_clients; /* 0: not known */
	struct trend trend;
};

struct tally {
	char *kind;  /* of the instance; NULL: nothing was taken yet */
	char *field; /* that the groups are made by, as the daemon calls it; NULL as above */
	struct tally_node *nodes;
	size_t n_nodes;
	struct tally_group **groups; /* in the order asked for, those that have ended behind */
	size_t n_groups;
	size_t capacity;
	size_t n_shown; /* of them have sessions */
	enum tally_sort sort;
	struct tally_group *marked; /* NULL: there is none */
	size_t mark;                /* where it stands among those shown */
	uint64_t found;
	uint64_t matched;
	int64_t taken_ms;        /* when the last listing was taken; 0: never */
	int64_t groups_taken_ms; /* the same, of these groups */
	struct trend trend;      /* of `found` */
	int64_t out_until_ms;    /* wall: until then somebody is kept out; 0: nobody is */
	char *warning;           /* the first one of the last listing; NULL: none */
};

void tally_finish(struct tally *tally); /* zeroed is fine */

/* The answers to /v1/instances/ID, and to /sessions with group_by. The former comes first. */
void tally_take_instance(struct tally *tally, const json_t *answer);
void tally_take_listing(struct tally *tally, const json_t *answer, int64_t now_ms);

/* Other groups are asked for from now on: they begin anew, nodes and sums go on. */
void tally_forget_groups(struct tally *tally);
/* Nothing can be compared with what was before. */
void tally_forget(struct tally *tally);

void tally_set_sort(struct tally *tally, enum tally_sort sort);
/* By so many groups down, or up if negative; stops at the ends. */
void tally_move_mark(struct tally *tally, int64_t n);

struct slice tally_value(const struct tally_group *group);

/* Of all nodes that told it; 0: none did. */
uint64_t tally_max_clients(const struct tally *tally);
uint64_t tally_n_ready(const struct tally *tally);
/* The node with the largest share of its limit; NULL: none is known. */
const struct tally_node *tally_fullest(const struct tally *tally);
/* The time until the first node is full at its pace; false if none grows by one a minute. */
NODISCARD bool tally_time_until_full(const struct tally *tally, double *ret_ms);

#endif
