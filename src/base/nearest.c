/*
 * Words that resemble another.
 */
#include "base/nearest.h"

#include "base/macros.h"

/* Insertions, deletions and replacements that lead from `a` to `b`, ASCII letters as if small. */
static size_t distance(struct slice a, struct slice b)
{
	size_t row[NEAREST_MAX_BYTES + 1];

	for (size_t j = 0; j <= b.len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			struct slice letter = {&a.data[i - 1], 1};
			const char other[] = {b.data[j - 1], '\0'};
			size_t replaced = diagonal + !slice_is_nocase(letter, other);

			diagonal = row[j];
			row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[b.len];
}

void nearest_try(struct nearest *nearest, struct slice word)
{
	size_t n_changes;

	if (nearest->wanted.len > NEAREST_MAX_BYTES || word.len > NEAREST_MAX_BYTES) {
		return;
	}
	n_changes = distance(nearest->wanted, word);
	if (n_changes * 3 <= word.len &&
		(nearest->found.data == NULL || n_changes < nearest->n_changes)) {
		nearest->found = word;
		nearest->n_changes = n_changes;
	}
}
