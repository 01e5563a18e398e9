/*
 * The listening Unix socket of the control server: made at a path, or inherited from the service
 * manager.
 */
#ifndef CONTROL_HTTP_SOCKET_H
#define CONTROL_HTTP_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/claim.h"
#include "base/err.h"
#include "base/macros.h"
#include "control/http/http.h"

struct http_socket {
	int fd;
	bool is_inherited;
	/* Of the file: that was made here, or that the service manager made; its path is "" when
	 * there is none, or it is removed. */
	struct sockaddr_un address;
	dev_t device;
	ino_t inode;
	/* Of one that was made here. */
	struct claim claim; /* path.lock: nobody else serves there */
	unsigned mode;
	bool has_gid;
	gid_t gid;
};

/*
 * Listens at opts->socket. The file is never open wider than opts->mode and opts->group say. A
 * stale file is replaced; -EADDRINUSE when somebody listens there, -EEXIST when it is no socket.
 */
NODISCARD int http_socket_listen(
	const struct control_opts *opts, struct http_socket *ret_socket, struct err *err);

/* Does the path still lead here? */
bool http_socket_is_in_place(const struct http_socket *socket);

/*
 * The file is gone: makes it anew, under the same descriptor, which nobody may be polling
 * meanwhile. Who waited in the queue of the old one is turned away. Not for an inherited one.
 */
NODISCARD int http_socket_renew(struct http_socket *socket, struct err *err);

/* Takes over `fd`, which must be a listening Unix stream socket; closes it on failure. */
NODISCARD int http_socket_adopt(int fd, struct http_socket *ret_socket, struct err *err);

/*
 * Removes the file if it was made here, unless another one has taken its place. Does not close the
 * descriptor.
 */
void http_socket_remove_file(struct http_socket *socket);

#endif
