/*
 * Interned strings: an arena, and a hash table of numbers.
 */
#include "model/intern.h"

#include "base/mem.h"

#define FIRST_BUCKETS 64

/* FNV-1a over eight bytes a step; the seed keeps clients from choosing names that collide. */
static uint64_t hash_of(const struct intern *intern, struct slice text)
{
	uint64_t hash = intern->seed ^ UINT64_C(0xcbf29ce484222325);
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8) {
		uint64_t word;

		memcpy(&word, text.data + i, 8);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	for (; i < text.len; i++) {
		hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
	}
	return hash ^ (hash >> 29);
}

struct slice intern_get(const struct intern *intern, uint32_t number)
{
	size_t begin = number > 0 ? intern->ends[number - 1] : 0;

	return (struct slice){intern->bytes + begin, intern->ends[number] - begin};
}

/* Where `text` is or would be. */
static size_t find_bucket(const struct intern *intern, struct slice text)
{
	size_t bucket = hash_of(intern, text) & (intern->n_buckets - 1);

	while (intern->buckets[bucket] != INTERN_NONE &&
		!slice_is_equal(intern_get(intern, intern->buckets[bucket]), text)) {
		bucket = (bucket + 1) & (intern->n_buckets - 1);
	}
	return bucket;
}

static void grow_buckets(struct intern *intern)
{
	free(intern->buckets);
	intern->n_buckets = intern->n_buckets == 0 ? FIRST_BUCKETS : intern->n_buckets * 2;
	intern->buckets = mem_alloc_array(intern->n_buckets, sizeof(uint32_t));
	memset(intern->buckets, 0xff, intern->n_buckets * sizeof(uint32_t));
	for (uint32_t number = 0; number < intern->n; number++) {
		intern->buckets[find_bucket(intern, intern_get(intern, number))] = number;
	}
}

static uint32_t append(struct intern *intern, struct slice text)
{
	if (intern->n_bytes + text.len > intern->bytes_capacity) {
		intern->bytes_capacity = (intern->n_bytes + text.len) * 2 + 256;
		intern->bytes = mem_resize_array(intern->bytes, intern->bytes_capacity, 1);
	}
	if (text.len > 0) {
		memcpy(intern->bytes + intern->n_bytes, text.data, text.len);
	}
	intern->n_bytes += text.len;
	intern->ends = mem_grow_array(
		intern->ends, intern->n, &intern->ends_capacity, sizeof(*intern->ends));
	intern->ends[intern->n] = intern->n_bytes;
	return (uint32_t)intern->n++;
}

uint32_t intern_add(struct intern *intern, struct slice text)
{
	size_t bucket;

	if (intern->n * 2 >= intern->n_buckets) {
		grow_buckets(intern);
	}
	bucket = find_bucket(intern, text);
	if (intern->buckets[bucket] == INTERN_NONE) {
		intern->buckets[bucket] = append(intern, text);
	}
	return intern->buckets[bucket];
}

uint32_t intern_find(const struct intern *intern, struct slice text)
{
	return intern->n_buckets > 0 ? intern->buckets[find_bucket(intern, text)] : INTERN_NONE;
}

void intern_finish(struct intern *intern)
{
	free(intern->bytes);
	free(intern->ends);
	free(intern->buckets);
	memset(intern, 0, sizeof(*intern));
}
