/*
 * The hosts that a command is for: those of -H, else those of SESSKILL_HOST.
 */
#ifndef CLI_REMOTE_HOSTS_H
#define CLI_REMOTE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"
#include "cli/args.h"

/* Each is a process or two while it is asked. */
#define HOSTS_MAX 64
/* USER@ and a name of the DNS. */
#define HOSTS_MAX_NAME_BYTES 320

struct hosts {
	char **names;
	size_t n;
	size_t capacity;
	bool is_from_environment;
};

/* None at all is this host. False with words; finish() it in any case. */
NODISCARD bool hosts_read(struct hosts *hosts, const struct args *args, struct err *err);
void hosts_finish(struct hosts *hosts); /* zeroed is fine */

#endif
