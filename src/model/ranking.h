/*
 * The most frequent of many texts. Texts that come from strangers: cut, in UTF-8, and bounded in
 * number. Embedded; zeroed is empty.
 */
#ifndef MODEL_RANKING_H
#define MODEL_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "model/intern.h"

#define RANKING_MAX_PLACES 20
#define RANKING_MAX_TEXT_BYTES 128
/* Beyond this many different texts those that are new are not counted. */
#define RANKING_MAX_TEXTS 65536

struct ranking {
	struct intern texts;
	uint64_t *counts; /* of each text */
	size_t capacity;
};

struct ranking_place {
	char text[RANKING_MAX_TEXT_BYTES + 1];
	uint64_t n;
};

/* One more of it. What is no UTF-8 in it becomes "?". */
void ranking_count(struct ranking *ranking, struct slice text);
/* The most frequent ones, of as many by their text; returns how many there are. */
size_t ranking_read(const struct ranking *ranking, struct ranking_place places[RANKING_MAX_PLACES]);
void ranking_finish(struct ranking *ranking);

#endif
