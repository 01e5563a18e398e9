/*
 * The kernel's list of sockets, by sock_diag(7): questions and answers. Nothing here waits: who
 * asks reads until there is nothing to be read. Needs no privilege.
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

struct diag_tcp {
	struct ends_address local;
	struct ends_address remote;
	uint32_t inode; /* 0: no process has it */
	uint32_t uid;   /* of who made it */
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

#endif
