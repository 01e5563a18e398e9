/*
 * Keys out of the bytes that a terminal sends.
 */
#ifndef CLI_TERMINAL_KEYS_H
#define CLI_TERMINAL_KEYS_H

#include <stdbool.h>

#include "base/macros.h"
#include "base/slice.h"

/* A byte that was typed stands for itself. */
enum key {
	KEY_ENTER = '\r',
	KEY_ESCAPE = 0x1b,
	KEY_ERASE = 0x7f,
	KEY_MAX_BYTE = 0xff,
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_OTHER, /* that means nothing here */
};

/*
 * Takes the next key off the front of `*rest`. Escape alone is a key, and the beginning of others:
 * whoever reads waits a moment for what may follow before asking. False at the end.
 */
NODISCARD bool keys_next(struct slice *rest, int *ret_key);

#endif
