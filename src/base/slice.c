/*
 * Borrowed text.
 */
#include "base/slice.h"

#include <stdint.h>

#include "base/macros.h"
#include "base/mem.h"
#include "base/utf8.h"

int slice_compare(struct slice a, struct slice b)
{
	size_t n = MIN(a.len, b.len);
	int order = n > 0 ? memcmp(a.data, b.data, n) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

char slice_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_is_nocase(struct slice slice, const char *text)
{
	if (slice.len != strlen(text)) {
		return false;
	}
	for (size_t i = 0; i < slice.len; i++) {
		if (slice_lower(slice.data[i]) != slice_lower(text[i])) {
			return false;
		}
	}
	return true;
}

bool slice_has_prefix_nocase(struct slice slice, const char *prefix)
{
	slice.len = MIN(slice.len, strlen(prefix));
	return slice_is_nocase(slice, prefix);
}

bool slice_has_prefix(struct slice slice, const char *prefix)
{
	size_t len = strlen(prefix);

	return slice.len >= len && (len == 0 || memcmp(slice.data, prefix, len) == 0);
}

bool slice_has_suffix(struct slice slice, const char *suffix)
{
	size_t len = strlen(suffix);

	return slice.len >= len &&
	       (len == 0 || memcmp(slice.data + slice.len - len, suffix, len) == 0);
}

bool slice_has_char(struct slice slice, char wanted)
{
	return slice.len > 0 && memchr(slice.data, wanted, slice.len) != NULL;
}

struct slice slice_trim(struct slice slice)
{
	while (slice.len > 0 && (slice.data[0] == ' ' || slice.data[0] == '\t')) {
		slice.data++;
		slice.len--;
	}
	while (slice.len > 0 &&
		(slice.data[slice.len - 1] == ' ' || slice.data[slice.len - 1] == '\t')) {
		slice.len--;
	}
	return slice;
}

struct slice slice_skip(struct slice slice, size_t n_bytes)
{
	if (n_bytes > slice.len) {
		n_bytes = slice.len;
	}
	return (struct slice){slice.data + n_bytes, slice.len - n_bytes};
}

bool slice_next(struct slice *rest, char separator, struct slice *ret_part)
{
	const char *found;

	if (rest->data == NULL) {
		return false;
	}
	found = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
	if (found == NULL) {
		*ret_part = *rest;
		*rest = (struct slice){NULL, 0};
		return true;
	}
	*ret_part = slice_range(rest->data, found);
	*rest = slice_range(found + 1, rest->data + rest->len);
	return true;
}

char *slice_copy(struct slice slice)
{
	return mem_copy_text(slice.data, slice.len);
}

/* The character at `at`, which is before the end; a byte that belongs to none counts as one. */
static struct slice character_at(struct slice text, size_t at)
{
	size_t n = utf8_character_bytes(slice_skip(text, at));

	return (struct slice){text.data + at, n > 0 ? n : 1};
}

bool slice_matches_wildcard(struct slice text, struct slice pattern)
{
	size_t t = 0, p = 0;
	size_t star = SIZE_MAX; /* where the last star stands */
	size_t retry = 0;       /* where its run would end one character later */

	while (t < text.len) {
		struct slice given = character_at(text, t);
		struct slice wanted =
			p < pattern.len ? character_at(pattern, p) : (struct slice){NULL, 0};

		if (slice_is(wanted, "*")) {
			star = p++;
			retry = t;
		} else if (slice_is(wanted, "?") || slice_is_equal(wanted, given)) {
			p += wanted.len;
			t += given.len;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			retry += character_at(text, retry).len;
			t = retry;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*') {
		p++;
	}
	return p == pattern.len;
}
