/*
 * Borrowed text: a pointer and a length, not NUL-terminated, owned by somebody else. Everything
 * that comes from a server, a caller or a file is handled in this form.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data; /* NULL: absent, which is not the same as empty */
	size_t len;
};

/* For printf's "%.*s". */
#define SLICE_ARG(slice) (int)(slice).len, (slice).data != NULL ? (slice).data : ""
#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, text != NULL ? strlen(text) : 0};
}

static inline struct slice slice_range(const char *begin, const char *end)
{
	return (struct slice){begin, (size_t)(end - begin)};
}

static inline bool slice_is_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice slice, const char *text)
{
	return slice_is_equal(slice, slice_of(text));
}

/* The same text, or both NULL. */
static inline bool slice_is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Below, equal to or above 0 as `a` stands before, with or behind `b`, by bytes. */
int slice_compare(struct slice a, struct slice b);

/* ASCII letters only, whatever the locale. */
char slice_lower(char letter);
bool slice_is_nocase(struct slice slice, const char *text);
bool slice_has_prefix(struct slice slice, const char *prefix);
bool slice_has_prefix_nocase(struct slice slice, const char *prefix);
bool slice_has_suffix(struct slice slice, const char *suffix);
bool slice_has_char(struct slice slice, char wanted);

/* Without blanks and tabs at both ends. */
struct slice slice_trim(struct slice slice);
struct slice slice_skip(struct slice slice, size_t n_bytes); /* at most its length */

/*
 * Takes the part before the first `separator` off the front of `*rest`. `*rest` becomes what is
 * behind it, or absent when there was none. False when `*rest` is absent already.
 */
bool slice_next(struct slice *rest, char separator, struct slice *ret_part);

/* A NUL-terminated copy on the heap. */
char *slice_copy(struct slice slice);

/*
 * Whether `text` is matched by `pattern`, in which '*' stands for any run of characters and '?' for
 * any one: of UTF-8, where a byte that is no part of one counts as one. Takes the time of both
 * lengths multiplied, at the worst: a pattern that a caller writes is for wildcard.h.
 */
bool slice_matches_wildcard(struct slice text, struct slice pattern);

#endif
