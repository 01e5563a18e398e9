/*
 * Which programs of this host have sessions, as far as that was asked for and is known: part of
 * reports and of listings. A pure value; embedded, zeroed: it was not asked for.
 */
#ifndef MODEL_PROGRAMS_H
#define MODEL_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* That are kept once all are counted. */
#define PROGRAMS_MAX 50

enum program_text {
	PROGRAM_PROCESS, /* the name that it gives itself */
	PROGRAM_UNIT,    /* of systemd */
	PROGRAM_USER,    /* of the operating system, or its number where it has no name */
	PROGRAM_N_TEXTS
};

struct program {
	int32_t pid;                  /* 0: not known, or of several */
	char *texts[PROGRAM_N_TEXTS]; /* "" where it is not known */
	uint64_t found;               /* sessions */
};

struct programs {
	bool is_wanted;
	uint64_t n_sessions; /* of this host */
	uint64_t n_named;    /* those of them whose process is known */
	char *error;         /* why not all of them are; NULL: nothing to be said */
	struct program *items;
	size_t n;
	size_t capacity;
};

/* What it is called in answers, and what sessions can be grouped by. */
const char *program_key(enum program_text text);
/* False: there is no such key. */
bool program_key_find(struct slice key, enum program_text *ret_text);
/* Texts that are NULL become empty. */
void program_copy(struct program *ret_program, const struct program *from);
void program_finish(struct program *program);

/* `found` sessions more; the texts are copied. */
void programs_add(struct programs *programs, const struct program *program, uint64_t found);
/* Nothing more is added: sums what is called alike, keeps those with the most sessions, in order.
 */
void programs_close(struct programs *programs);
void programs_finish(struct programs *programs);

#endif
