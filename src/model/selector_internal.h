/*
 * What a selector is made of; for the files of this module alone.
 */
#ifndef MODEL_SELECTOR_INTERNAL_H
#define MODEL_SELECTOR_INTERNAL_H

#include "base/wildcard.h"
#include "model/address.h"
#include "model/selector.h"

struct selector_value {
	struct slice text;         /* text: the pattern; flags: one letter; points into `text` */
	struct wildcard *wildcard; /* text: the same, compiled; NULL: it is taken as it is */
	int64_t number;            /* seconds count in ms, so that 1500ms means what it says */
	struct address_range range;
};

struct selector {
	char *text;
	enum session_field field;
	enum selector_operator op;
	struct selector_value *values;
	size_t n_values;
	size_t values_capacity;
};

/* Fills everything but `text`, which is set. False with words that name the column. */
NODISCARD bool selector_compile(struct selector *selector, struct err *err);

#endif
