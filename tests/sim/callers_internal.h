/*
 * What the files of callers share: a request of somebody, and what he does with the answer.
 */
#ifndef SIM_CALLERS_INTERNAL_H
#define SIM_CALLERS_INTERNAL_H

#include "sim.h"

typedef void take_fn(void *context, int status, struct slice body);

struct visitor {
	struct visitor *next;
	int fd; /* -1: it is through */
	uid_t uid;
	char name[32];
	struct order *kill; /* NULL: something else */
	take_fn *take_fn;   /* NULL: the answer is not looked at */
	void *context;
	char *in;
	size_t n, capacity;
};

/* ---- callers.c ---- */

/* `method` and path. NULL: nothing is done with the answer. */
struct visitor *caller_ask(
	uid_t uid, const char *method_and_path, bool is_reading, take_fn *fn, void *context);

/* ---- callers_look.c ---- */

void looks_begin(void);
void looks_lose(void); /* the daemon has died */
/* An answer has come, or never will (0). */
void looks_note_answer(uid_t uid, int status);

/* ---- callers_tasks.c ---- */

/* The order is accepted. */
void tasks_begin(struct order *kill, struct slice body);

#endif
