/*
 * A long answer in JSON, written a piece at a time: the next one when the caller has taken the
 * last, so that no more than a piece is held in memory besides what it is made of, and when nothing
 * else is to be done, so that nobody waits for it.
 */
#ifndef CONTROL_PIECES_H
#define CONTROL_PIECES_H

#include <stdbool.h>
#include <stdio.h>

#include "control/exchange.h"

/* Rows that make a piece: printing them takes less than a millisecond. */
#define PIECES_ROWS 32

/* Prints the next piece; false: it was the last. */
typedef bool pieces_print_fn(void *context, FILE *out);

/*
 * Begins the answer to `exchange`, which is given up. `free_fn` is called once,, from the
 * event loop, when all is written or the caller has left.
 */
void pieces_answer(struct exchange *exchange, pieces_print_fn *print_fn,
	void (*free_fn)(void *context), void *context);

#endif
