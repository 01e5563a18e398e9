/*
 * Answers that list the sessions of an instance. They may be long: they are written a piece at a
 * time, the next one when the caller has taken the last, so that no more than a piece is held in
 * memory besides what it is made of, and when nothing else is to be done, so that nobody waits for
 * it. What a user's listings hold until they are read is limited.
 */
#ifndef CONTROL_SESSION_ANSWER_H
#define CONTROL_SESSION_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "control/exchange.h"
#include "kill/session_list.h"

/* Named limits, of a user's listings that are under way or not yet read. */
#define SESSION_ANSWERS_MAX 8
#define SESSION_ANSWERS_MAX_BYTES ((size_t)16 * 1024 * 1024)     /* the first may have more */
#define SESSION_ANSWERS_MAX_ALL_BYTES ((size_t)24 * 1024 * 1024) /* likewise, of all users */
/* While no more users than that have listings, each has his first one, whatever the others hold. */
#define SESSION_ANSWERS_MANY_USERS 4

/* Rows that make a piece: printing them takes less than a millisecond. */
#define SESSION_ANSWER_ROWS 32
/* So long a piece waits for those who are never done. */
#define SESSION_ANSWER_PATIENCE_MS 100

struct session_answer;

/* How an API writes one. */
struct session_answer_form {
	/* Prints what comes before the sessions, which are printed a line each. */
	void (*open_fn)(struct session_answer *answer, FILE *out);
	json_t *(*row_fn)(struct session_answer *answer, const struct session_list_row *row);
	/* Prints a piece of what comes behind them; false: it was the last. */
	bool (*close_fn)(struct session_answer *answer, FILE *out);
	void (*free_fn)(void *state); /* NULL: none to free */
};

struct session_answer {
	struct exchange *exchange;
	struct session_list *list; /* NULL until it is taken */
	size_t n_printed;          /* of its rows */
	void *state;               /* the form's own */

	/* Its own. */
	LIST_ENTRY(session_answer) link;
	size_t n_bytes; /* about so much is held until the caller has it */
	void (*listed_fn)(struct session_answer *answer);
	const struct session_answer_form *form;
	struct event *turn;    /* to write the next piece, when nobody wants anything else */
	struct event *overdue; /* or when it has waited for that for too long */
	bool has_begun;
	bool is_complete; /* the last piece is on its way */
};

/*
 * Takes a listing; `opts` is taken over. When some node was listed, `listed_fn` answers the
 * exchange, by session_answer_print() or otherwise; when none was, or the caller's user has too
 * many, it is answered here.
 */
void session_answer_take(struct exchange *exchange, const struct instance *instance,
	struct session_list_opts *opts, void (*listed_fn)(struct session_answer *answer));

/* Answers and frees. */
void session_answer_print(struct session_answer *answer, const struct session_answer_form *form);

/* Of one whose exchange was answered otherwise. */
void session_answer_free(struct session_answer *answer);

#endif
