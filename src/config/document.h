/*
 * The tree of a whole file turned into the configuration: the sections in the order in which they
 * depend on each other, and the rules that no single value can break.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include "config/config.h"
#include "config/mistakes.h"
#include "config/tree.h"

/* `config` holds the presets of control and audit. With mistakes it is not to be used. */
void document_read(const struct tree_node *root, struct config *config, struct mistakes *mistakes);

#endif
