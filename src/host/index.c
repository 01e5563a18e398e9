/*
 * Hashes of array elements, chained.
 */
#include "host/index.h"

#include <string.h>

#include "base/mem.h"

#define FIRST_HEADS 256

static uint32_t *head_of(const struct index *index, uint64_t hash)
{
	/* The hashes may be plain numbers that count up: the upper bits of the product mix them. */
	return &index->heads[(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (index->n_heads - 1)];
}

static void link_in(struct index *index, uint32_t number)
{
	uint32_t *head = head_of(index, index->elements[number].hash);

	index->elements[number].next = *head;
	*head = number;
}

static void grow(struct index *index)
{
	index->n_heads = index->n_heads == 0 ? FIRST_HEADS : index->n_heads * 2;
	index->heads = mem_resize_array(index->heads, index->n_heads, sizeof(uint32_t));
	memset(index->heads, 0xff, index->n_heads * sizeof(uint32_t));
	for (uint32_t number = 0; number < index->n; number++) {
		link_in(index, number);
	}
}

void index_add(struct index *index, uint64_t hash)
{
	if (index->n >= index->n_heads) {
		grow(index);
	}
	index->elements = mem_grow_array(
		index->elements, index->n, &index->capacity, sizeof(struct index_element));
	index->elements[index->n].hash = hash;
	link_in(index, (uint32_t)index->n++);
}

static uint32_t skip_to(const struct index *index, uint32_t number, uint64_t hash)
{
	while (number != INDEX_NONE && index->elements[number].hash != hash) {
		number = index->elements[number].next;
	}
	return number;
}

uint32_t index_first(const struct index *index, uint64_t hash)
{
	return index->n_heads > 0 ? skip_to(index, *head_of(index, hash), hash) : INDEX_NONE;
}

uint32_t index_next(const struct index *index, uint32_t number)
{
	const struct index_element *element = &index->elements[number];

	return skip_to(index, element->next, element->hash);
}

void index_finish(struct index *index)
{
	free(index->heads);
	free(index->elements);
	memset(index, 0, sizeof(*index));
}
