/*
 * The types that values of the configuration have: each reads one value of the tree into the
 * options struct that its key names, or adds the mistake. What a value must look like is said
 * once, in the type, and appears in every message about it.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "config/mistakes.h"
#include "config/tree.h"

struct key;

/* Elements that one list may have. */
#define VALUE_MAX_ITEMS 1000

struct value_type {
	const char *noun;     /* "duration" */
	const char *expected; /* "a number with ms, s, m, h or d, such as 5s" */
	/*
	 * Replaces the value in `target`, the options struct of the key's section. NULL: a part of
	 * the tree that has keys of its own.
	 */
	void (*read_fn)(const struct key *key, const struct tree_node *node, void *target,
		struct mistakes *mistakes);
};

/* Parts of the tree. */
extern const struct value_type value_section;
extern const struct value_type value_sections;

/* One value. */
extern const struct value_type value_bool;     /* bool */
extern const struct value_type value_count;    /* unsigned */
extern const struct value_type value_duration; /* int64_t, ms */
extern const struct value_type value_mode;     /* unsigned */
extern const struct value_type value_text;     /* char * */
extern const struct value_type value_word;     /* char *, printable, no blanks */
extern const struct value_type value_id;       /* char * */
extern const struct value_type value_path;     /* char *, absolute */
extern const struct value_type value_socket;   /* char *, absolute, fits a socket address */
extern const struct value_type value_effect;   /* bool: is it deny? */
extern const struct value_type value_pace;     /* enum pace */
extern const struct value_type value_group;    /* char *, of a group that exists */

/* A file that holds a secret; only its path is kept: char *. */
extern const struct value_type value_secret_file;
extern const struct value_type value_credential;
/* Likewise, the key of a certificate: char *, absolute. */
extern const struct value_type value_key_file;
/* The file that is written to: char *, absolute. */
extern const struct value_type value_record_file;

/* Lists. `key->count_offset` names the number of elements. */
extern const struct value_type value_actions;   /* char ** */
extern const struct value_type value_patterns;  /* char ** */
extern const struct value_type value_users;     /* uid_t * */
extern const struct value_type value_groups;    /* gid_t * */
extern const struct value_type value_addresses; /* struct endpoint *; one alone is fine */
extern const struct value_type value_selectors; /* struct selectors: added to those there */

/* Where discovery goes: struct reach. */
extern const struct value_type value_nodes;
extern const struct value_type value_address_map;

/* `"text"`, shortened when it is long; on the heap. */
char *value_quote(struct slice text);

/* Adds `"5 sec" is no NOUN; expected EXPECTED`, or silently nothing for a refused node. */
void value_refuse(
	const struct tree_node *node, const struct value_type *type, struct mistakes *mistakes);

/* The text of a scalar with something in it; else false with the mistake. */
NODISCARD bool value_scalar(const struct tree_node *node, const struct value_type *type,
	struct mistakes *mistakes, struct slice *ret_text);

/* Makes `copy`, a heap text, the value of a char * field. */
void value_set_text(const struct key *key, void *target, char *copy);

#endif
