/*
 * The processes of this host and the sockets that they have open (/proc), the ends of its Unix
 * sockets (diag.h). Taken once for one question, in slices, and never used again: descriptors are.
 */
#ifndef HOST_PROCESSES_H
#define HOST_PROCESSES_H

#include "model/programs.h"

struct event_base;
struct processes;

/* Sockets beyond which nobody else is known. */
#define PROCESSES_MAX_SOCKETS 262144
/* It ends by then, whatever is known. */
#define PROCESSES_LIMIT_MS 1000
/* The longest time that it keeps the loop from anything else, give or take one system call. */
#define PROCESSES_SLICE_US 300

/* Begins; done_fn is called once from the event loop, which it leaves to whatever else there is. */
struct processes *processes_new(
	struct event_base *loop, void (*done_fn)(void *context), void *context);
void processes_free(struct processes *processes); /* at any time; NULL is fine */

/* Why somebody may not be known, in words; "" when nothing kept it from looking. */
const char *processes_error(const struct processes *processes);

/* A socket that was there. */
struct processes_socket {
	uint32_t peer; /* inode of the other end of a Unix socket; 0: none */
	uint32_t uid;  /* of who made a Unix socket; DIAG_NO_UID: not known */
	/*
	 * Who has it open: the first that was met, by the order of /proc the one with the lowest
	 * number. Most often it made the connection and others inherited it. A number of its own,
	 * PROCESSES_NOBODY: not known.
	 */
	uint32_t process;
	bool is_shared; /* others have it open as well */
};
#define PROCESSES_NOBODY UINT32_MAX

/* NULL: it was not there. Borrowed. */
const struct processes_socket *processes_find_socket(
	const struct processes *processes, uint32_t inode);
/* Who has it open; 0: not known, or NULL. */
int32_t processes_pid(const struct processes *processes, const struct processes_socket *socket);

/* The number of the program that such a process is for that user. */
uint32_t processes_add_program(struct processes *processes, uint32_t process, uint32_t uid);
/* Borrowed until the next is added; `found` is 0. */
const struct program *processes_program(const struct processes *processes, uint32_t number);

#endif
