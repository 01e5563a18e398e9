/*
 * Command-line words against a table of options: "--name value", "--name=value", "-n value",
 * "-nvalue", and flags by letter in one word; "--" ends the options; no abbreviations. Everything
 * is borrowed from argv and the table.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"

/* What becomes of an option. All but those sent each time it is given may be given once. */
enum option_use {
	OPTION_OWN,       /* this program's */
	OPTION_OWN_EACH,  /* likewise, each time */
	OPTION_SENT,      /* a parameter of the request, by its name with "_" for "-" */
	OPTION_SENT_EACH, /* likewise, each time */
};

struct option_spec {
	const char *name; /* "dry-run" */
	char letter;      /* 0: none */
	unsigned of;      /* the commands that take it, as bits; 0: all, and the program */
	enum option_use use;
	const char *argument; /* what the help calls it; NULL: a flag */
	const char *help;
};

static inline bool option_is_sent(const struct option_spec *spec)
{
	return spec->use == OPTION_SENT || spec->use == OPTION_SENT_EACH;
}

/* `command`: its bit; 0: the program. */
static inline bool option_is_of(const struct option_spec *spec, unsigned command)
{
	return spec->of == 0 || (spec->of & command) != 0;
}

struct arg {
	const struct option_spec *spec;
	const char *value; /* NULL for a flag */
};

struct args {
	const struct option_spec *options;
	size_t n_options;
	unsigned command;  /* its bit; 0: not known yet */
	struct arg *items; /* in the order given */
	size_t n_items;
	size_t items_capacity;
	const char **words; /* what is no option */
	size_t n_words;
	size_t words_capacity;
};

/*
 * Parses `argv` (NULL-terminated) from *index on, which ends behind what was parsed. With
 * `only_first_word` it stops behind the first word that is no option: the command, whose bit is
 * set before the rest is parsed. False with words for people.
 */
NODISCARD bool args_parse(struct args *args, const char *const *argv, size_t *index,
	bool only_first_word, struct err *err);
void args_finish(struct args *args); /* zeroed is fine */

/* `name` must be an option of the command. */
bool args_has(const struct args *args, const char *name);
const char *args_value(const struct args *args, const char *name); /* NULL: not given */

#endif
