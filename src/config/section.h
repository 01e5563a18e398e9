/*
 * One mapping of the file, read by the rows of the key table into one options struct.
 */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/keys.h"
#include "config/mistakes.h"
#include "config/tree.h"

/* Gives every key of the section that has one its preset. */
void section_preset(enum keys_section section, void *target);

/*
 * Reads the values of `node` into `target`, which may be NULL where no key of the section is a
 * value. `where` names the mapping in messages: "instances[2]". Nothing at all in its place is an
 * empty mapping: keys are often commented out to the last one.
 */
void section_read(enum keys_section section, const struct tree_node *node, const char *where,
	void *target, struct mistakes *mistakes);

#endif
