/*
 * A reload: one configuration takes over from another, but for what takes a restart.
 */
#ifndef CONFIG_SUCCESSION_H
#define CONFIG_SUCCESSION_H

#include "config/config.h"

/*
 * Calls `differs_fn` with the path ("control.mode") of every key that `next` sets to another value
 * than `current` and that is not reloadable.
 */
void succession_compare(const struct config *current, const struct config *next,
	void (*differs_fn)(void *context, const char *path), void *context);

/* Gives `next` what is in force of these keys; `current` is left with what `next` had. */
void succession_keep(struct config *current, struct config *next);

#endif
