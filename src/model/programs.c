/*
 * Programs of this host.
 */
#include "model/programs.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"

static const char *const keys[PROGRAM_N_TEXTS] = {
	[PROGRAM_PROCESS] = "process",
	[PROGRAM_UNIT] = "unit",
	[PROGRAM_USER] = "process_user",
};

const char *program_key(enum program_text text)
{
	return keys[text];
}

bool program_key_find(struct slice key, enum program_text *ret_text)
{
	for (unsigned i = 0; i < PROGRAM_N_TEXTS; i++) {
		if (slice_is(key, keys[i])) {
			*ret_text = (enum program_text)i;
			return true;
		}
	}
	return false;
}

void program_copy(struct program *ret_program, const struct program *from)
{
	*ret_program = *from;
	for (unsigned i = 0; i < PROGRAM_N_TEXTS; i++) {
		ret_program->texts[i] =
			mem_printf("%s", from->texts[i] != NULL ? from->texts[i] : "");
	}
}

void program_finish(struct program *program)
{
	for (unsigned i = 0; i < PROGRAM_N_TEXTS; i++) {
		free(program->texts[i]);
	}
}

void programs_add(struct programs *programs, const struct program *program, uint64_t found)
{
	struct program *added = mem_append(
		&programs->items, &programs->n, &programs->capacity, sizeof(struct program));

	program_copy(added, program);
	added->found = found;
}

static int compare_texts(const void *a, const void *b)
{
	const struct program *left = a;
	const struct program *right = b;
	int order = 0;

	for (unsigned i = 0; i < PROGRAM_N_TEXTS && order == 0; i++) {
		order = strcmp(left->texts[i], right->texts[i]);
	}
	return order;
}

static int compare(const void *a, const void *b)
{
	const struct program *left = a;
	const struct program *right = b;

	return left->found != right->found ? (left->found < right->found ? 1 : -1)
					   : compare_texts(a, b);
}

void programs_close(struct programs *programs)
{
	size_t n = 0;

	if (programs->n == 0) {
		return;
	}
	qsort(programs->items, programs->n, sizeof(struct program), compare_texts);
	for (size_t i = 1; i < programs->n; i++) {
		if (compare_texts(&programs->items[n], &programs->items[i]) == 0) {
			programs->items[n].found += programs->items[i].found;
			program_finish(&programs->items[i]);
		} else {
			programs->items[++n] = programs->items[i];
		}
	}
	programs->n = n + 1;
	qsort(programs->items, programs->n, sizeof(struct program), compare);
	while (programs->n > PROGRAMS_MAX) {
		program_finish(&programs->items[--programs->n]);
	}
}

void programs_finish(struct programs *programs)
{
	while (programs->n > 0) {
		program_finish(&programs->items[--programs->n]);
	}
	free(programs->items);
	free(programs->error);
	memset(programs, 0, sizeof(*programs));
}
