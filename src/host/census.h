/*
 * Who is at the other end of a connection within this host: the sockets that the kernel lists
 * (diag.h), and the processes that have them open (/proc). It is taken once for one question and
 * never reused, because descriptors and ports are.
 *
 * Takes its time in small slices when nothing else is to be done, and has a limit. What it cannot
 * know for sure it does not say: a server counts as one of this host only when its own word on a
 * connection of this process (descriptor, addresses) is what the kernel says of that connection.
 *
 *      SOCKETS ------------------> PROCESSES -----------------> DONE
 *      TCP, TCP6, Unix             all of /proc                  ^
 *         |  refused, malformed       |  the limit               |
 *         +---------------------------+--------------------------+
 */
#ifndef HOST_CENSUS_H
#define HOST_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "host/diag.h"
#include "model/ends.h"

struct event_base;

/* Sockets of a kind, and open sockets of all processes, beyond which nobody else is known. */
#define CENSUS_MAX_SOCKETS 262144
/* All of it ends by then, whatever is known. */
#define CENSUS_LIMIT_MS 1000
/* The longest time that it keeps the loop from anything else, give or take one system call. */
#define CENSUS_SLICE_US 300

struct census;

/*
 * Begins; done_fn is called once from the event loop, and may free the census. Whatever has a
 * higher priority in the loop than the last goes first.
 */
struct census *census_new(struct event_base *loop, void (*done_fn)(void *context), void *context);
void census_free(struct census *census); /* at any time; NULL is fine */
bool census_is_done(const struct census *census);
/* In words why it may not know somebody; "" when nothing kept it from looking. */
const char *census_error(const struct census *census);

/* A connection of this process to a server, as the kernel has it. Zeroed: none. */
struct census_witness {
	bool is_unix;
	uint32_t inode; /* of this end */
	struct ends_address local;
	struct ends_address remote;
};

/* False: no open socket of a connection. */
NODISCARD bool census_read_witness(int fd, struct census_witness *ret_witness);
/* Could the server at its other end be on this host? */
bool census_is_near(const struct census_witness *witness);

/* A server, as far as it is known to be one of this host. Zeroed: it is not. */
struct census_server {
	bool has_network; /* its addresses are those of this host */
	int32_t pid;      /* 0: its process may not be looked at */
	uint32_t *inodes; /* by descriptor; 0: none, or it is not certain which */
	uint32_t n_inodes;
	int64_t listed_ms; /* when it said which sessions it has, monotonic */
};

/*
 * `witness` is a connection to it, `own` what it says of that (NULL: nothing); `listed_ms` when it
 * said so. To be released with census_server_finish().
 */
void census_find_server(const struct census *census, const struct census_witness *witness,
	const struct ends *own, int64_t listed_ms, struct census_server *ret_server);
void census_server_finish(struct census_server *server);

/* Texts are borrowed from the census until the next is looked for. */
struct census_client {
	int32_t pid;          /* 0: not known, nor are process and unit */
	struct slice process; /* the name that it gives itself */
	struct slice unit;    /* of systemd; empty: none */
	struct slice user; /* whose socket it is; a number where the user has no name; or empty */
	uint32_t uid;
};

/*
 * The client of a session that this server listed; false: nothing is known of it. A descriptor is
 * that of the listing only if the session was there when the census began, which its age tells, or
 * if it still is: `may_look_again` looks.
 */
NODISCARD bool census_find_client(struct census *census, const struct census_server *server,
	const struct ends *ends, bool may_look_again, struct census_client *ret_client);

#endif
