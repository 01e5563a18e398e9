/*
 * The one table of the keys that a configuration may have. To add a key, add a row: reading,
 * messages and suggestions follow from it, and the tests hold the sample file and the manual to it.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/slice.h"
#include "config/value.h"

enum keys_section {
	KEYS_ROOT,     /* struct guards_opts */
	KEYS_CONTROL,  /* struct control_opts */
	KEYS_AUDIT,    /* struct audit_opts */
	KEYS_ACCESS,   /* struct access_statement */
	KEYS_GUARD,    /* struct guard_opts */
	KEYS_DEFAULTS, /* struct instance_opts */
	KEYS_INSTANCE, /* struct instance_opts; takes the keys of KEYS_DEFAULTS as well */
	KEYS_SENTINEL, /* struct instance_opts */
	KEYS_CLUSTER,  /* struct instance_opts */
	KEYS_TLS,      /* struct link_tls_opts */
};

struct key {
	enum keys_section section;
	const char *name;
	const struct value_type *type;
	size_t offset;       /* of the field in the struct of the section */
	size_t count_offset; /* of lists: likewise */
	bool is_required;
	const char *least; /* inclusive, as it would be written; NULL: none */
	const char *most;
	const char *preset; /* as it would be written; NULL: absent */
	const char *help;   /* a sentence without its full stop */
};

/* All of them, by section. */
extern const struct key keys_table[];
extern const size_t keys_n;

/* SIGHUP suffices; else it takes a restart. */
static inline bool keys_is_reloadable(const struct key *key)
{
	return key->section != KEYS_CONTROL;
}

/* The next that may stand in that section; of NULL the first. NULL: that was the last. */
const struct key *keys_next(enum keys_section section, const struct key *previous);
/* NULL: there is none of that name in that section. */
const struct key *keys_find(enum keys_section section, struct slice name);

/* "control.socket", "instances[].id"; on the heap. */
char *keys_path(const struct key *key);

/* Beside `field`, which is that of the key. */
static inline size_t *keys_count_field(const struct key *key, void *field)
{
	return (size_t *)(void *)((char *)field - key->offset + key->count_offset);
}

#endif
