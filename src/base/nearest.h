/*
 * Which of some words was probably meant: the one with the fewest letters to change, if that is at
 * most a third of its own.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/slice.h"

/* Longer ones resemble nothing. */
#define NEAREST_MAX_BYTES 64

struct nearest {
	struct slice wanted; /* as it was written */
	struct slice found;  /* absent: none is near */
	size_t n_changes;    /* of `found` */
};

static inline struct nearest nearest_to(struct slice wanted)
{
	return (struct nearest){.wanted = wanted};
}

/* One of the words; it is borrowed. Of two that are as near the first is kept. */
void nearest_try(struct nearest *nearest, struct slice word);

#endif
