/*
 * Near keys by edit distance, and the few keys that deserve an answer of their own.
 */
#include "config/suggest.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

/* Longer ones resemble no key. */
#define MAX_NAME_BYTES 32

struct refusal {
	const char *name;
	const char *words;
};

static const char *find_refusal(enum keys_section section, struct slice name)
{
	static const struct refusal refusals[] = {
		{"password", "a secret in the configuration; expected password-file or credential, "
			     "which name a place that only the daemon can read"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (section != KEYS_ROOT && section != KEYS_CONTROL &&
			slice_is(name, refusals[i].name)) {
			return refusals[i].words;
		}
	}
	return NULL;
}

/* Insertions, deletions and replacements that lead from `a` to `b`, both at most MAX_NAME_BYTES. */
static size_t distance(struct slice a, struct slice b)
{
	size_t row[MAX_NAME_BYTES + 1];

	for (size_t j = 0; j <= b.len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t replaced = diagonal + (a.data[i - 1] != b.data[j - 1] ? 1 : 0);

			diagonal = row[j];
			row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[b.len];
}

/* The key that was probably meant: a third of its letters may be wrong. NULL: none is near. */
static const struct key *find_near(enum keys_section section, struct slice name)
{
	const struct key *nearest = NULL;
	size_t least = SIZE_MAX;
	size_t n_keys;
	const struct key *keys = keys_table(&n_keys);

	for (size_t i = 0; i < n_keys && name.len <= MAX_NAME_BYTES; i++) {
		struct slice wanted = slice_of(keys[i].name);

		if (keys_is_in(&keys[i], section)) {
			size_t changes = distance(name, wanted);

			if (changes < least && changes * 3 <= wanted.len) {
				least = changes;
				nearest = &keys[i];
			}
		}
	}
	return nearest;
}

/* "socket, mode, group or max-connections" */
static char *print_names(enum keys_section section)
{
	char *text = mem_printf("%s", "");
	size_t n_keys;
	const struct key *keys = keys_table(&n_keys);
	size_t n_left = 0;

	for (size_t i = 0; i < n_keys; i++) {
		n_left += keys_is_in(&keys[i], section) ? 1 : 0;
	}
	for (size_t i = 0; i < n_keys; i++) {
		if (keys_is_in(&keys[i], section)) {
			CLEANUP(mem_free_p) char *before = text;
			const char *separator = n_left > 1 ? ", " : " or ";

			text = mem_printf(
				"%s%s%s", before, *before == '\0' ? "" : separator, keys[i].name);
			n_left--;
		}
	}
	return text;
}

char *suggest_words(enum keys_section section, struct slice name, const char *where)
{
	const char *refusal = find_refusal(section, name);
	const struct key *near = find_near(section, name);
	CLEANUP(mem_free_p) char *quoted = value_quote(name);
	CLEANUP(mem_free_p) char *names = NULL;

	if (refusal != NULL) {
		return mem_printf("%s", refusal);
	}
	if (near != NULL) {
		return mem_printf(
			"unknown key %s in %s; did you mean \"%s\"?", quoted, where, near->name);
	}
	names = print_names(section);
	return mem_printf("unknown key %s in %s; expected %s", quoted, where, names);
}
