/*
 * The password for a server, read at every login, so that it can be changed while the daemon runs.
 */
#ifndef REDIS_PASSWORD_H
#define REDIS_PASSWORD_H

#include <sys/types.h>

#include "base/err.h"
#include "base/macros.h"

#define PASSWORD_MAX_BYTES 4096

/*
 * Reads the file without its last line feed into `buffer` of PASSWORD_MAX_BYTES; returns the bytes.
 * -1 with words when that cannot be done. The caller wipes the buffer.
 */
NODISCARD ssize_t password_read(const char *path, char *buffer, struct err *err);

#endif
