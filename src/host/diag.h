/*
 * The kernel's list of sockets, by sock_diag(7): questions and answers, and the end of connections
 * (SOCK_DESTROY). Nothing here waits: who asks reads until there is nothing to be read. To ask
 * needs no privilege.
 */
#ifndef HOST_DIAG_H
#define HOST_DIAG_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "model/ends.h"

/* One datagram of an answer; the kernel makes none larger. */
#define DIAG_MAX_BYTES 32768
#define DIAG_NO_UID UINT32_MAX

/*
 * What the kernel calls a connection, its cookie included: one that comes later with the same
 * addresses is called otherwise.
 */
struct diag_id {
	uint8_t bytes[48]; /* struct inet_diag_sockid */
	uint8_t family;
};

struct diag_tcp {
	struct ends_address local;
	struct ends_address remote;
	uint32_t inode; /* 0: no process has it */
	uint32_t uid;   /* of who made it */
	struct diag_id id;
};

struct diag_unix {
	uint32_t inode; /* likewise */
	uint32_t peer;  /* inode of the other end; 0: there is none */
	uint32_t uid;   /* DIAG_NO_UID: the kernel does not tell (before 5.3) */
};

enum diag_list { DIAG_TCP4, DIAG_TCP6, DIAG_UNIX, DIAG_N_LISTS };

/* A socket for questions, non-blocking. 0, or a negative errno with words. */
NODISCARD int diag_open(int *ret_fd, struct err *err);
/* Asks for all connections of that list. 0 or a negative errno. */
NODISCARD int diag_ask(int fd, enum diag_list list);
/* The same of TCP, of those alone whose local port that is. */
NODISCARD int diag_ask_port(int fd, enum diag_list list, uint16_t port);
/* The sockets of TCP that listen; their remote ends say nothing. */
NODISCARD int diag_ask_listening(int fd, enum diag_list list);
/* That which tells it from all that were before it, and will be. */
uint64_t diag_cookie(const struct diag_id *id);
/* One connection of TCP as the end at `local` has it now; false: there is none, or it is not told.
 */
NODISCARD bool diag_find_tcp(int fd, const struct ends_address *local,
	const struct ends_address *remote, struct diag_tcp *ret_tcp);
/* One datagram of the answer into DIAG_MAX_BYTES at `buffer`: its size, or a negative errno. */
NODISCARD ssize_t diag_receive(int fd, void *buffer);

enum diag_message {
	DIAG_SOCKET, /* the payload is a socket */
	DIAG_NEXT,   /* the datagram is over, another one follows */
	DIAG_DONE,   /* the list is over */
	DIAG_FAILED, /* the kernel refuses; or no netlink message, as if it had said EPROTO */
};

/* Takes the next message off the front of `*rest`, which is a datagram to begin with. */
enum diag_message diag_next(struct slice *rest, struct slice *ret_payload, int *ret_error);

/* False: it is no such socket, or cut off. */
NODISCARD bool diag_read_tcp(struct slice payload, struct diag_tcp *ret);
NODISCARD bool diag_read_unix(struct slice payload, struct diag_unix *ret);

/* Connections in one call of diag_destroy(). */
#define DIAG_MAX_DESTROYED 100

/*
 * Ends the first `n` connections, each whoever has it: he finds ECONNABORTED, the other side
 * ECONNRESET. What has become of each is in `errors`: 0, ENOENT (it is gone), EPERM (that takes
 * CAP_NET_ADMIN), EOPNOTSUPP (the kernel was built without). `fd` is asked nothing else meanwhile.
 * 0, or a negative errno when the kernel cannot be asked; then nothing is known.
 */
NODISCARD int diag_destroy(int fd, const struct diag_id *ids, size_t n, int *errors);

#endif
