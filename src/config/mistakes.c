/*
 * Collects and sorts.
 */
#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"

void mistakes_add(struct mistakes *mistakes, struct position at, const char *format, ...)
{
	CLEANUP(mem_free_p) char *text = NULL;
	char *escaped;
	va_list args;
	int used;

	va_start(args, format);
	used = vasprintf(&text, format, args);
	va_end(args);
	CHECK(used >= 0);
	escaped = mem_alloc(LOG_ESCAPED_BYTES((size_t)used));
	log_escape(text, escaped, LOG_ESCAPED_BYTES((size_t)used));
	mistakes->items = mem_grow_array(
		mistakes->items, mistakes->n, &mistakes->capacity, sizeof(*mistakes->items));
	mistakes->items[mistakes->n] = (struct mistake){at, mistakes->n, escaped};
	mistakes->n++;
}

static int compare(const void *left, const void *right)
{
	const struct mistake *a = left;
	const struct mistake *b = right;

	if (a->at.line != b->at.line) {
		return a->at.line < b->at.line ? -1 : 1;
	}
	if (a->at.column != b->at.column) {
		return a->at.column < b->at.column ? -1 : 1;
	}
	return a->order < b->order ? -1 : 1;
}

static char *print(const struct mistake *mistake, const char *path)
{
	if (mistake->at.line == 0) {
		return mem_printf("%s: %s", path, mistake->text);
	}
	return mem_printf(
		"%s:%zu:%zu: %s", path, mistake->at.line, mistake->at.column, mistake->text);
}

void mistakes_move(struct mistakes *mistakes, const char *path, struct config_errors *errors)
{
	if (mistakes->n > 1) {
		qsort(mistakes->items, mistakes->n, sizeof(*mistakes->items), compare);
	}
	for (size_t i = 0; i < mistakes->n; i++) {
		errors->lines = mem_grow_array(
			errors->lines, errors->n, &errors->capacity, sizeof(*errors->lines));
		errors->lines[errors->n++] = print(&mistakes->items[i], path);
		free(mistakes->items[i].text);
	}
	free(mistakes->items);
	*mistakes = (struct mistakes){0};
}
