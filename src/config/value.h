/*
 * The types that values of the configuration have. What a value must look like is said once, in the
 * type, and appears in every message about it.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "config/mistakes.h"
#include "config/tree.h"

struct key;

/* Elements that one list may have. */
#define VALUE_MAX_ITEMS 1000

/* A value that is to be read, or one element of it. */
struct value {
	const struct value_type *type;
	const struct tree_node *node;
	const struct key *key; /* it is of; NULL where there is nothing to be read into */
	struct mistakes *mistakes;
};

struct value_type {
	const char *noun;     /* "duration" */
	const char *expected; /* "a number with ms, s, m, h or d, such as 5s" */
	/*
	 * Replaces what `field` holds; false with the mistake. The readers below do it by the other
	 * members. NULL: a part of the tree that has keys of its own.
	 */
	bool (*read_fn)(const struct value *value, void *field);

	/* A text: is it of the right form? NULL: any is. */
	bool (*is_fine_fn)(struct slice text);
	/* What is wrong with the file of that name: words that follow it, on the heap, or NULL. */
	char *(*find_fault_fn)(const char *path);

	/* A number: how it is written, and the bounds of its key as well. */
	bool (*parse_fn)(struct slice text, int64_t *ret_number);
	bool is_unquoted; /* in quotes YAML takes it for a text */

	/* A list: its elements, and whether one may stand there alone. */
	const struct value_type *element;
	bool may_be_alone;

	size_t n_bytes; /* of a number or an element, where it is kept */
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
extern const struct value_type value_kernel;   /* bool: is it unused? */
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

/* Of guards. */
extern const struct value_type value_name;      /* char * */
extern const struct value_type value_condition; /* struct condition */
extern const struct value_type value_goal;      /* struct goals */
extern const struct value_type value_action;    /* bool: is it kill? */
extern const struct value_type value_frequency; /* struct guard_limit */
extern const struct value_type value_hours;     /* struct guard_hours */

/* Where discovery goes: struct reach. */
extern const struct value_type value_nodes;
extern const struct value_type value_address_map;

/* `"text"`, shortened when it is long; on the heap. */
char *value_quote(struct slice text);

/* Adds `"5 sec" is no NOUN; expected EXPECTED`, or silently nothing for a refused node. */
void value_refuse(const struct value *value);

/* The text of a scalar with something in it; else false with the mistake. */
NODISCARD bool value_scalar(const struct value *value, struct slice *ret_text);

/* Makes `copy`, a heap text, the value of a char * field. */
void value_set_text(char **field, char *copy);

/* Readers of char *, of a bool, unsigned or int64_t, and of an array with its number of elements.
 */
bool value_read_text(const struct value *value, void *field);
bool value_read_number(const struct value *value, void *field);
bool value_read_list(const struct value *value, void *field);
/* Of a list whose elements are each added to `field`. */
bool value_read_each(const struct value *value, void *field);

#endif
