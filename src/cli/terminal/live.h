/*
 * A terminal whose whole screen is the program's: keys come as they are pressed, signals are
 * something to read, and whatever happens the terminal is given back as it was.
 *
 *     off --enter--> on --leave--> off
 *
 * Signals that end or stop the program, and those of a new size, are held back from enter to leave.
 */
#ifndef CLI_TERMINAL_LIVE_H
#define CLI_TERMINAL_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "base/macros.h"
#include "base/slice.h"
#include "cli/terminal/term.h"

struct live {
	bool is_on;
	bool has_screen; /* else the ordinary one is used, for one key */
	struct term_signals signals;
	struct termios cooked;
};

/* What a signal asks for. */
enum live_wish {
	LIVE_NOTHING,
	LIVE_CONTINUED, /* the program stood still for some time */
	LIVE_INTERRUPT, /* Ctrl-C */
};

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

/* False with errno: it is no terminal that can be used so. */
NODISCARD bool live_enter(struct live *live, bool has_screen);
/* Nothing when it is off. */
void live_leave(struct live *live);

/* Waits for a key or a signal; false when there is none within the time. */
bool live_wait(const struct live *live, int64_t timeout_ms);
/*
 * Does what the signals say that came since: stops the program until it is continued, or leaves
 * and ends it by the same signal. A new size only wakes up: the caller draws anyway.
 */
enum live_wish live_take_signals(struct live *live);
/* Bytes of keys that wait; 0: none; -1: the terminal is gone. */
ssize_t live_read(const struct live *live, char *bytes, size_t n_bytes);

/*
 * Takes the next key off the front of `*rest`. Escape alone is a key, and the beginning of others:
 * whoever reads waits a moment for what may follow before asking. False at the end.
 */
NODISCARD bool live_next_key(struct slice *rest, int *ret_key);

#endif
