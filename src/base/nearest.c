/*
 * Words that resemble another.
 */
#include "base/nearest.h"

#include "base/macros.h"

static bool is_same(char a, char b)
{
	return slice_lower(a) == slice_lower(b);
}

/*
 * Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`, capitals
 * as if small.
 */
static size_t distance(struct slice a, struct slice b)
{
	size_t rows[3][NEAREST_MAX_BYTES + 1];

	for (size_t j = 0; j <= b.len; j++) {
		rows[0][j] = j;
	}
	for (size_t i = 1; i <= a.len; i++) {
		size_t *row = rows[i % 3];
		const size_t *last = rows[(i + 2) % 3], *last_but_one = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			row[j] = last[j - 1] + !is_same(a.data[i - 1], b.data[j - 1]);
			row[j] = MIN(row[j], MIN(row[j - 1], last[j]) + 1);
			if (i > 1 && j > 1 && is_same(a.data[i - 1], b.data[j - 2]) &&
				is_same(a.data[i - 2], b.data[j - 1])) {
				row[j] = MIN(row[j], last_but_one[j - 2] + 1);
			}
		}
	}
	return rows[a.len % 3][b.len];
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
