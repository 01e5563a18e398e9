/*
 * Where the sessions go to: the server's address, resolved once.
 */
#ifndef TOOLS_TARGET_H
#define TOOLS_TARGET_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/macros.h"

struct target {
	struct sockaddr_storage address;
	socklen_t address_bytes;
	struct sockaddr_storage source; /* family 0: whatever the kernel chooses */
	socklen_t source_bytes;
};

/* Negative errno with words on failure. */
NODISCARD int target_set_unix(struct target *target, const char *path, struct err *err);
/* `source`, a local address that the sessions shall come from, may be NULL. */
NODISCARD int target_set_tcp(struct target *target, const char *host, const char *port,
	const char *source, struct err *err);

/*
 * A new socket with its connection under way: complete once it is writable. Negative errno: -EAGAIN
 * when the server's backlog is full (Unix sockets only; TCP just takes longer).
 */
NODISCARD int target_connect(const struct target *target);

#endif
