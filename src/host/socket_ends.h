/*
 * Both ends of a connection of this process, as the kernel has them.
 */
#ifndef HOST_SOCKET_ENDS_H
#define HOST_SOCKET_ENDS_H

#include "model/ends.h"

/* This process is the client; the server's descriptor is not known. False: it is none. */
NODISCARD bool socket_ends_read(int fd, struct ends *ret_ends);

#endif
