/*
 * The kernel's word on who is at the other end of a Unix socket: SO_PEERCRED and SO_PEERGROUPS,
 * with the user's name and the executable for the record.
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include "base/err.h"
#include "base/macros.h"
#include "model/caller.h"

/* Without user and executable. 0 or a negative errno with words. More groups than
 * CALLER_MAX_GROUPS: -E2BIG, nobody is let in on half a list. */
NODISCARD int peer_read(int fd, struct caller *ret_caller, struct err *err);

/* Fills those in, which takes looking up; each stays "" when it cannot be had. */
void peer_read_names(struct caller *caller);

#endif
