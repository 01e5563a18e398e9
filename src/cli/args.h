/*
 * Command-line words against tables of options: "--name value", "--name=value", "-n value",
 * "-nvalue"; "--" ends the options; no abbreviations. Everything is borrowed from argv and the
 * tables.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"

struct option_spec {
	const char *name;      /* "dry-run" */
	char letter;           /* 0: none */
	bool is_repeatable;    /* else given twice is an error */
	const char *argument;  /* what the help calls it; NULL: a flag */
	const char *parameter; /* of the API request it stands for; NULL: none */
	const char *help;
};

struct arg {
	const struct option_spec *spec;
	const char *value; /* NULL for a flag */
};

struct args {
	const struct option_spec *common; /* of the program */
	size_t n_common;
	const struct option_spec *own; /* of the command; may still be unknown */
	size_t n_own;
	struct arg *items; /* in the order given */
	size_t n_items;
	size_t items_capacity;
	const char **words; /* what is no option */
	size_t n_words;
	size_t words_capacity;
};

/*
 * Parses `argv` (NULL-terminated) from *index on, which ends behind what was parsed. With
 * `only_first_word` it stops behind the first word that is no option: the command, whose options
 * are set as `own` before the rest is parsed. False with words for people.
 */
NODISCARD bool args_parse(struct args *args, const char *const *argv, size_t *index,
	bool only_first_word, struct err *err);
void args_finish(struct args *args); /* zeroed is fine */

/* `name` must be in one of the tables. */
bool args_has(const struct args *args, const char *name);
const char *args_value(const struct args *args, const char *name); /* NULL: not given */

#endif
