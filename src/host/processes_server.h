/*
 * Whose the sessions of one server are, as far as they come from this host.
 *
 * The processes are taken before the server lists its sessions; the socket of a session is looked
 * up after that. If it was there before, it was there in between as well, so that neither
 * descriptors nor ports that are used again can deceive; who connects meanwhile has no name. The
 * server counts as one of this host only when its own word on a connection of this process
 * (descriptor, addresses) is what the kernel says of that connection.
 */
#ifndef HOST_PROCESSES_SERVER_H
#define HOST_PROCESSES_SERVER_H

#include "host/processes.h"
#include "model/ends.h"

/* One server, and whose its sessions are. Embedded; zeroed: nobody asks. */
struct processes_server {
	struct processes *processes;
	bool is_near;      /* it may be on this host */
	bool is_proved;    /* it is: until then nobody has a name */
	bool has_network;  /* its addresses, if it is, are those of this host */
	struct ends link;  /* the connection to it; `fd` is not used */
	uint32_t inode;    /* of the other end of that; 0: not known */
	int32_t pid;       /* of who has that open; 0: not known */
	bool is_shared;    /* others have it as well: a server that saves has a child that does */
	int diag_fd;       /* for questions; 0: none */
	uint64_t *n_found; /* sessions that were counted, by program */
	size_t n_programs;
	uint64_t n_local; /* all of those */
	uint64_t n_named; /* those whose process is known */
};

/* Before `fd`, a connection to it, is asked for the sessions. `processes` are done. */
void processes_server_begin(struct processes_server *server, struct processes *processes, int fd);
void processes_server_end(struct processes_server *server); /* zeroed is fine */
/* The session that is this connection. */
void processes_server_note_own(struct processes_server *server, const struct session *own);
/* Its program, should the server be proved; PROCESSES_NOBODY: it is not of this host. */
uint32_t processes_server_find(struct processes_server *server, const struct session *session);
void processes_server_count(struct processes_server *server, uint32_t program);
/* Adds what was counted; the first words why not all are known stay. */
void processes_server_sum(const struct processes_server *server, struct programs *programs);

#endif
