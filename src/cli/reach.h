/*
 * The daemon's socket on this host: connecting to it, and why that did not work.
 */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include "base/err.h"
#include "base/macros.h"

/* `error_number` is that of connect(2). */
void reach_explain(int error_number, const char *socket_path, struct err *err);

/* A connection, which is the caller's; -1 with words. */
NODISCARD int reach_connect(const char *socket_path, struct err *err);

#endif
