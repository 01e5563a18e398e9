/*
 * Memory. Small, bounded objects: when there is none left the process ends with a message, since
 * nothing sensible can be done without them. Whatever a peer can make grow is bounded by a named
 * limit before it comes here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#include "base/macros.h"

/* Zeroed; never NULL. To be released with free(). */
void *mem_alloc(size_t n_bytes);
void *mem_alloc_array(size_t n_elements, size_t element_bytes);
/* The new part is not zeroed. `memory` may be NULL. */
void *mem_resize_array(void *memory, size_t n_elements, size_t element_bytes);
char *mem_copy_text(const char *text, size_t n_bytes); /* adds a NUL */
char *mem_printf(const char *format, ...) PRINTF_LIKE(1, 2);

#define mem_new(type) ((type *)mem_alloc(sizeof(type)))

/*
 * Makes room for one more element behind `n` of them: doubles, so that appending is O(1).
 * `*memory` and `*capacity` are updated together.
 */
void *mem_grow_array(void *memory, size_t n, size_t *capacity, size_t element_bytes);

/*
 * Appends an element, zeroed, to an array that such doubling makes room in, and returns it; good
 * until the next. `array` is the address of the pointer to its first element.
 */
void *mem_append(void *array, size_t *n, size_t *capacity, size_t element_bytes);

/* Overwrites a secret; the compiler may not leave this out. NULL is fine. */
void mem_wipe(void *memory, size_t n_bytes);

/* For CLEANUP: releases a pointer to any heap object. */
static inline void mem_free_p(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

#endif
