/*
 * The running daemon: everything built bottom-up, run, torn down top-down.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/err.h"
#include "base/macros.h"
#include "config/config.h"
#include "host/kernel.h"

struct daemon;

/*
 * `config` is taken over, on failure as well; it was read from `config_path` (borrowed; NULL: built
 * in), as SIGHUP will again. Listens on the control socket when it returns 0; else a negative errno
 * with words.
 */
NODISCARD int daemon_new(struct config *config, const char *config_path, struct daemon **ret_daemon,
	struct err *err);
/* The kernel may end sessions of this host, if the answer is yes; without a word of it, no. */
void daemon_use_kernel(struct daemon *daemon, enum kernel_answer kernel);
/* Until SIGTERM or SIGINT; 0, or -EIO when the event loop broke. */
NODISCARD int daemon_run(struct daemon *daemon);
void daemon_free(struct daemon *daemon);

#endif
