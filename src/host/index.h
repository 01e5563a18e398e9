/*
 * Finds the elements of an array by a hash: element 0, 1, 2, ... are added in that order, several
 * may have the same hash, and who looks compares the elements itself. Embedded; zeroed is empty.
 */
#ifndef HOST_INDEX_H
#define HOST_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

struct index {
	uint32_t *heads; /* the newest element of each bucket; INDEX_NONE: empty */
	size_t n_heads;  /* a power of two, or 0 */
	struct index_element {
		uint64_t hash;
		uint32_t next; /* of the same bucket */
	} * elements;
	size_t n;
	size_t capacity;
};

/* The next element of the array has this hash. */
void index_add(struct index *index, uint64_t hash);
/* The first, and each further, element of that hash; INDEX_NONE: there is no more. */
uint32_t index_first(const struct index *index, uint64_t hash);
uint32_t index_next(const struct index *index, uint32_t number);
void index_finish(struct index *index);

#endif
