/*
 * A set of byte strings, each with a small number of its own: 0, 1, 2, ... in the order of their
 * first appearance. Lets a listing of a million sessions keep its few different sources and users
 * once. Embedded; zeroed is empty.
 */
#ifndef MODEL_INTERN_H
#define MODEL_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define INTERN_NONE UINT32_MAX

struct intern {
	uint64_t seed; /* any number; random where the strings come from strangers */
	char *bytes;   /* all strings, one behind the other */
	size_t n_bytes;
	size_t bytes_capacity;
	size_t *ends; /* of string i in `bytes` */
	size_t n;
	size_t ends_capacity;
	uint32_t *buckets; /* open addressing; INTERN_NONE is free */
	size_t n_buckets;  /* a power of two, or 0 */
};

/* The number of `text`, which is copied when new. */
uint32_t intern_add(struct intern *intern, struct slice text);
/* INTERN_NONE when it was never added. */
uint32_t intern_find(const struct intern *intern, struct slice text);
/* Borrowed until the next intern_add(). */
struct slice intern_get(const struct intern *intern, uint32_t number);
void intern_finish(struct intern *intern);

#endif
