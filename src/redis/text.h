/*
 * Texts on the heap that may be missing.
 */
#ifndef REDIS_TEXT_H
#define REDIS_TEXT_H

#include "base/mem.h"
#include "base/slice.h"

/* NULL of NULL. */
static inline char *text_copy(const char *text)
{
	return text != NULL ? slice_copy(slice_of(text)) : NULL;
}

/* In place of the one before, which is freed. */
static inline void text_set(char **text, const char *value)
{
	free(*text);
	*text = text_copy(value);
}

#endif
