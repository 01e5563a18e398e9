/*
 * What became of each session that a request asked for, for requests that want to know it one by
 * one. Bounded: the counts know all sessions, the list only the first of them. A pure value;
 * embedded, zeroed is empty. The sweeps of a run share it.
 */
#ifndef MODEL_RESULTS_H
#define MODEL_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/intern.h"
#include "model/session.h"

/* Sessions in the list; as many at least as a request may name by id. */
#define RESULTS_MAX 10000
/* Longer texts are cut: a server may write anything. */
#define RESULTS_MAX_TEXT_BYTES 256

enum result_fate {
	RESULT_PENDING, /* not known yet */
	RESULT_KILLED,
	RESULT_GONE,      /* ended before its turn, or was never there */
	RESULT_SURVIVED,  /* still there, not tried, or not to be judged */
	RESULT_TIMED_OUT, /* likewise, because the time of the request was over */
	RESULT_IGNORED,   /* kept by the request's `except` */
	RESULT_PROTECTED, /* kept by the configuration */
	RESULT_SYSTEM,    /* kept because it is our own, replication or internal */
	RESULT_N_FATES
};

struct result {
	uint64_t id;
	int64_t db;
	int64_t idle_s;
	uint32_t node; /* numbers for results_text(); INTERN_NONE: nothing is known */
	uint32_t user;
	uint32_t address;
	uint32_t command;
	uint8_t fate;   /* enum result_fate */
	bool is_active; /* worked within the last second, waits in a command, or is in MULTI */
};

struct results {
	struct intern texts;
	struct result *items;
	size_t n;
	size_t capacity;
	uint64_t n_by_fate[RESULT_N_FATES]; /* of all sessions, listed here or not */
};

void results_finish(struct results *results);

/* Appends a session of which nothing else is known; NULL when the list is full. */
struct result *results_add(struct results *results, struct slice node, uint64_t id);
/* Appends, and counts, one whose fate is known already. */
void results_add_settled(
	struct results *results, struct slice node, uint64_t id, enum result_fate fate);
/* What the listing says of it. */
void results_describe(
	struct results *results, struct result *result, const struct session *session);
/* Drops the sessions of a node that is listed anew. The counts are not touched. */
void results_forget(struct results *results, struct slice node);

/* "" for INTERN_NONE. Borrowed until the next text is added. */
struct slice results_text(const struct results *results, uint32_t number);

#endif
