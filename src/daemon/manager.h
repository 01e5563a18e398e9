/*
 * The service manager, when there is one: the socket that it hands over, and what it is told.
 * Without systemd at build time every call does nothing.
 */
#ifndef DAEMON_MANAGER_H
#define DAEMON_MANAGER_H

#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"

/* The listening Unix socket that was handed over; -1: none. More than one, or another kind of
 * socket: a negative errno with words, in *err. */
NODISCARD int manager_take_socket(int *ret_fd, struct err *err);

/* A state as sd_notify(3) has it. */
void manager_notify(const char *state);
#define MANAGER_READY "READY=1"
#define MANAGER_STOPPING "STOPPING=1"
#define MANAGER_ALIVE "WATCHDOG=1"
/* A reload begins; it ends with MANAGER_READY. */
void manager_notify_reloading(void);

/*
 * Where a file that outlives the daemon is: in the directory that the manager has for that, else in
 * /var/lib/sesskill for root and in $XDG_STATE_HOME/sesskill or ~/.local/state/sesskill for others.
 * On the heap; NULL: nowhere.
 */
char *manager_state_path(const char *file);

/* How often, at the least, it wants to hear that the event loop turns; 0: it does not. */
int64_t manager_watchdog_ms(void);

#endif
