/*
 * Rankings.
 */
#include "model/ranking.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Different texts stay different or become one: no two that look the same are left. */
static size_t clean(struct slice text, char buffer[RANKING_MAX_TEXT_BYTES])
{
	size_t used = 0;

	while (text.len > 0) {
		size_t n = utf8_character_bytes(text);
		size_t n_kept = MAX(n, (size_t)1);

		if (used + n_kept > RANKING_MAX_TEXT_BYTES) {
			break;
		}
		if (n > 0 && text.data[0] != '\0') {
			memcpy(buffer + used, text.data, n);
		} else {
			buffer[used] = '?';
		}
		used += n_kept;
		text = slice_skip(text, n_kept);
	}
	return used;
}

void ranking_count(struct ranking *ranking, struct slice text)
{
	char buffer[RANKING_MAX_TEXT_BYTES];
	struct slice kept = {buffer, clean(text, buffer)};
	size_t n_before = ranking->texts.n;
	uint32_t number;

	if (n_before >= RANKING_MAX_TEXTS && intern_find(&ranking->texts, kept) == INTERN_NONE) {
		return;
	}
	number = intern_add(&ranking->texts, kept);
	if (number == n_before) {
		ranking->counts = mem_grow_array(
			ranking->counts, n_before, &ranking->capacity, sizeof(uint64_t));
		ranking->counts[number] = 0;
	}
	ranking->counts[number]++;
}

static bool is_before(const struct ranking *ranking, uint32_t a, uint32_t b)
{
	if (ranking->counts[a] != ranking->counts[b]) {
		return ranking->counts[a] > ranking->counts[b];
	}
	return slice_compare(intern_get(&ranking->texts, a), intern_get(&ranking->texts, b)) < 0;
}

size_t ranking_read(const struct ranking *ranking, struct ranking_place places[RANKING_MAX_PLACES])
{
	uint32_t best[RANKING_MAX_PLACES + 1];
	size_t n = 0;

	for (uint32_t i = 0; i < ranking->texts.n; i++) {
		size_t at = n;

		for (; at > 0 && is_before(ranking, i, best[at - 1]); at--) {
			best[at] = best[at - 1];
		}
		best[at] = i;
		n = MIN(n + 1, (size_t)RANKING_MAX_PLACES);
	}
	for (size_t i = 0; i < n; i++) {
		struct slice text = intern_get(&ranking->texts, best[i]);

		places[i] = (struct ranking_place){.n = ranking->counts[best[i]]};
		if (text.len > 0) {
			memcpy(places[i].text, text.data, text.len);
		}
	}
	return n;
}

void ranking_finish(struct ranking *ranking)
{
	intern_finish(&ranking->texts);
	free(ranking->counts);
	*ranking = (struct ranking){0};
}
