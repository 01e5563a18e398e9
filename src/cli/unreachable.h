/*
 * Why a socket could not be connected to, and what helps.
 */
#ifndef CLI_UNREACHABLE_H
#define CLI_UNREACHABLE_H

#include "base/err.h"

/* `error_number` is that of connect(2). Looks at the socket file. */
void unreachable_explain(int error_number, const char *socket, struct err *err);

#endif
