/*
 * The configuration: YAML with line and column of every mistake, turned into one options struct
 * per module. Everything is validated here, so that modules need not.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stddef.h>

#include "base/macros.h"
#include "control/access.h"
#include "control/http/http.h"
#include "guard/guard_opts.h"
#include "kill/instance.h"
#include "record/audit.h"

struct config {
	struct control_opts control;
	struct audit_opts audit;
	struct access_opts access;
	struct guards_opts guards;
	struct instance_opts *instances;
	size_t n_instances;
};

/* All mistakes of a file, each a line "file:line:column: what was found; what was expected". */
struct config_errors {
	char **lines;
	size_t n;
	size_t capacity;
};

/*
 * Reads `path`. With NULL the built-in configuration: instance `local` at 127.0.0.1:6379, no audit
 * file, and the socket /run/sesskill/control.sock, or $XDG_RUNTIME_DIR/sesskill/control.sock when
 * not root. NULL with errors when anything is wrong; the result is to be released with
 * config_free().
 */
NODISCARD struct config *config_load(const char *path, struct config_errors *errors);
void config_free(struct config *config);
void config_errors_finish(struct config_errors *errors);

/*
 * A reload leaves the control socket as it is, since callers are connected to it: calls
 * `differs_fn` with the path ("control.mode") of every key that `next` sets to another value than
 * `current` and that takes a restart.
 */
void config_compare_fixed(const struct config *current, const struct config *next,
	void (*differs_fn)(void *context, const char *path), void *context);
/* Gives `next` what is in force of these keys; `current` is left with what `next` had. */
void config_keep_fixed(struct config *current, struct config *next);

#endif
