/*
 * The running daemon: everything built bottom-up, run, torn down top-down.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/err.h"
#include "base/macros.h"
#include "config/config.h"

struct daemon;

/* `config` is borrowed. Listens on the control socket when it returns 0; else a negative errno with
 * words. */
NODISCARD int daemon_new(const struct config *config, struct daemon **ret_daemon, struct err *err);
/* Until SIGTERM or SIGINT; 0, or -EIO when the event loop broke. */
NODISCARD int daemon_run(struct daemon *daemon);
void daemon_free(struct daemon *daemon);

#endif
