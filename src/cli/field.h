/*
 * Reading the daemon's JSON. A field that is absent or of another type reads as nothing: an older
 * or newer daemon costs a cell of a table, not the answer.
 */
#ifndef CLI_FIELD_H
#define CLI_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

/* An object out of its text, the caller's; NULL: it is none. */
NODISCARD json_t *field_load(struct slice text);
/* A text that is no field but stands for itself, as in an array. */
struct slice field_slice(const json_t *text);
/* Absent when there is none; may hold any byte, NUL included. Lives as long as `object`. */
struct slice field_text(const json_t *object, const char *key);
/* 0 when there is none or it is negative. */
uint64_t field_count(const json_t *object, const char *key);
/* Whole or broken; 0 when there is none. */
double field_number(const json_t *object, const char *key);
bool field_has(const json_t *object, const char *key); /* and it is not null */
/* The texts of an array, with `between` two of them, on the heap. */
char *field_join(const json_t *texts, const char *between);
/* Is there a node that could not be listed? */
bool field_has_failed_node(const json_t *answer);

#endif
