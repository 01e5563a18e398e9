/*
 * The TCP connections of a server on this host, as the kernel has them: whom it calls by a cookie
 * that is never given out again. They are read before the server lists its sessions. Who is listed
 * later with the addresses of one of them is either that very connection or one that came later in
 * its place, and of that the cookie is another.
 *
 * The server counts as one of this host, and of this network namespace, only when the other end of
 * a connection of this process to it is here, and its own word on that connection is what the
 * kernel says: both addresses, or over a Unix socket the number of its process. Only connections to
 * its ports that its user has made are its own.
 */
#ifndef HOST_SOCKETS_H
#define HOST_SOCKETS_H

#include "host/diag.h"
#include "model/ends.h"
#include "model/intern.h"

#define SOCKETS_NONE INTERN_NONE
#define SOCKETS_MAX_PORTS 4
/* That somebody of the server's user listens at. */
#define SOCKETS_MAX_LISTENERS 64
/* Addresses of the server that its connections were made to. */
#define SOCKETS_MAX_SERVERS 32

/* Where the server behind a connection is. */
enum sockets_place {
	SOCKETS_HERE,
	SOCKETS_OTHER_HOST,
	SOCKETS_OTHER_NAMESPACE, /* or who is there may not be asked */
};

struct sockets_listener {
	struct ends_address at;
	bool is_any;     /* at all addresses, of that port */
	uint64_t cookie; /* what tells it from one that comes in its place */
};

/* Of one server. Embedded; zeroed: nothing is known. */
struct sockets {
	bool is_open;
	int fd;
	struct ends link; /* the connection that shows where the server is */
	uint32_t uid;     /* who it runs as */
	uint16_t ports[SOCKETS_MAX_PORTS];
	size_t n_ports;
	size_t n_lists;    /* that were asked for so far: two of each port */
	bool is_read;      /* all of them were */
	bool is_proved;    /* by its word on that connection, */
	bool is_disproved; /* or on another one */
	struct ends_address servers[SOCKETS_MAX_SERVERS]; /* each once */
	size_t n_servers;
	struct sockets_listener listeners[SOCKETS_MAX_LISTENERS]; /* of its user */
	size_t n_listeners;
	struct intern ends; /* of both ends of each */
	struct diag_id *ids;
	size_t capacity;
};

/* Of the server behind `fd`, a connection to it, which says that it is process `pid`; -1: it does
 * not say. */
enum sockets_place sockets_find_place(int fd, int64_t pid);

/*
 * Begins to read the connections of the server behind `fd`, which listens at `ports` as well.
 * False: it is not here, or the kernel cannot be asked.
 */
NODISCARD bool sockets_begin(
	struct sockets *sockets, int fd, int64_t pid, const uint16_t *ports, size_t n_ports);
/* After that, and beside it: who listens, at once. */
void sockets_read_listeners(struct sockets *sockets);
/* Who takes the connections to that address; 0: nobody of its user. */
uint64_t sockets_find_listener(const struct sockets *sockets, const struct ends_address *server);
/* Reads for a millisecond at most. False: all is read, or never will be. */
NODISCARD bool sockets_read(struct sockets *sockets);
void sockets_finish(struct sockets *sockets); /* zeroed is fine */

/* Does the server say of the connection `fd` to it what is so? */
NODISCARD bool sockets_is_word_true(int fd, const struct session *own);
/* The same of the one whose connections these are. */
void sockets_note_own(struct sockets *sockets, int fd, const struct session *own);
/* Are they known, and those of the server that lists? */
bool sockets_are_known(const struct sockets *sockets);

/*
 * That of a session; SOCKETS_NONE: there was none before it was listed, or it is no TCP. Where the
 * server does not tell which of its addresses the session came to (before Redis 6.2), it is looked
 * for at all of them.
 */
uint32_t sockets_find(const struct sockets *sockets, const struct session *session);
uint32_t sockets_find_ends(const struct sockets *sockets, const struct ends *ends);
/* Is it the same connection as that one, which was read at another time? */
NODISCARD bool sockets_is_same(const struct sockets *sockets, uint32_t number,
	const struct sockets *others, uint32_t other);
size_t sockets_n(const struct sockets *sockets);
/* Both ends; `fd` is not used. */
struct ends sockets_ends(const struct sockets *sockets, uint32_t number);

/* As diag_destroy(), of at most DIAG_MAX_DESTROYED. */
NODISCARD int sockets_destroy(
	const struct sockets *sockets, const uint32_t *numbers, size_t n, int *errors);

#endif
