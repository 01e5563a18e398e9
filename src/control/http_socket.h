/*
 * The listening Unix socket of the control server: made at a path, or inherited from the service
 * manager.
 */
#ifndef CONTROL_HTTP_SOCKET_H
#define CONTROL_HTTP_SOCKET_H

#include <sys/types.h>

#include "base/err.h"
#include "base/macros.h"
#include "control/http.h"

struct http_socket {
	int fd;
	char *path; /* of the file that was made; NULL: inherited, or removed already */
	dev_t device;
	ino_t inode;
};

/*
 * Listens at opts->socket. The file is never open wider than opts->mode and opts->group say. A
 * stale file is replaced; -EADDRINUSE when somebody listens there, -EEXIST when it is no socket.
 */
NODISCARD int http_socket_listen(
	const struct control_opts *opts, struct http_socket *ret_socket, struct err *err);

/* Takes over `fd`, which must be a listening Unix stream socket; closes it on failure. */
NODISCARD int http_socket_adopt(int fd, struct http_socket *ret_socket, struct err *err);

/* Removes the file, unless another one has taken its place. Does not close the descriptor. */
void http_socket_remove_file(struct http_socket *socket);

#endif
