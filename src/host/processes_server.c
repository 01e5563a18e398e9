/*
 * Whose the sessions of a server are.
 */
#include "host/processes_server.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/diag.h"
#include "host/procfs.h"
#include "host/socket_ends.h"

/* The inode of its other end; 0: it is not on this host. */
static uint32_t find_other_end(const struct processes_server *server, int fd)
{
	const struct processes_socket *socket;
	struct diag_tcp tcp = {.inode = 0};
	struct stat status;

	if (!server->link.is_unix) {
		(void)!diag_find_tcp(
			server->diag_fd, &server->link.server, &server->link.client, &tcp);
		return tcp.inode;
	}
	socket = fstat(fd, &status) == 0
			 ? processes_find_socket(server->processes, (uint32_t)status.st_ino)
			 : NULL;
	return socket != NULL ? socket->peer : 0;
}

void processes_server_begin(struct processes_server *server, struct processes *processes, int fd)
{
	const struct processes_socket *other_end;
	struct err err;

	processes_server_end(server);
	server->processes = processes;
	if (!socket_ends_read(fd, &server->link) || !ends_is_one_host(&server->link) ||
		diag_open(&server->diag_fd, &err) < 0) {
		return;
	}
	server->is_near = true;
	server->inode = find_other_end(server, fd);
	other_end = processes_find_socket(processes, server->inode);
	server->pid = processes_pid(processes, other_end);
	server->is_shared = other_end != NULL && other_end->is_shared;
	/* A Unix socket reaches into containers, whose 127.0.0.1 is another one. */
	server->has_network =
		!server->link.is_unix || (server->pid != 0 && procfs_is_same_network(server->pid));
}

void processes_server_note_own(struct processes_server *server, const struct session *own)
{
	struct ends ends;

	/* With a proxy or an address translation in between it would say something else. */
	if (server->inode == 0 || !ends_of(own, &ends) || ends.is_unix != server->link.is_unix ||
		!ends_address_is_equal(&ends.client, &server->link.client) ||
		!ends_address_is_equal(&ends.server, &server->link.server)) {
		return;
	}
	/* A proxy may have it, and only its port be that of the server by chance. */
	server->is_proved = server->pid == 0 || ends.fd < 0 ||
			    procfs_read_descriptor(server->pid, ends.fd) == server->inode;
}

void processes_server_end(struct processes_server *server)
{
	free(server->n_found);
	if (server->diag_fd > 0) {
		close(server->diag_fd);
	}
	memset(server, 0, sizeof(*server));
}

/* ---- a session ---- */

uint32_t processes_server_find(struct processes_server *server, const struct session *session)
{
	struct processes *processes = server->processes;
	const struct processes_socket *socket = NULL;
	uint32_t uid = DIAG_NO_UID;
	struct diag_tcp tcp;
	struct ends ends;

	if (!server->is_near || !ends_of(session, &ends) || !ends_is_one_host(&ends)) {
		return PROCESSES_NOBODY;
	}
	/* Whose descriptors are meant is not certain where several processes may be the server. */
	if (ends.is_unix && ends.fd >= 0 && server->pid != 0 && !server->is_shared) {
		socket = processes_find_socket(
			processes, procfs_read_descriptor(server->pid, ends.fd));
		socket = socket != NULL ? processes_find_socket(processes, socket->peer) : NULL;
		uid = socket != NULL ? socket->uid : uid;
	} else if (!ends.is_unix && server->has_network &&
		   diag_find_tcp(server->diag_fd, &ends.client, &ends.server, &tcp)) {
		socket = processes_find_socket(processes, tcp.inode);
		uid = tcp.uid;
	}
	return processes_add_program(
		processes, socket != NULL ? socket->process : PROCESSES_NOBODY, uid);
}

void processes_server_count(struct processes_server *server, uint32_t program)
{
	if (program == PROCESSES_NOBODY) {
		return;
	}
	while (server->n_programs <= program) {
		server->n_found =
			mem_resize_array(server->n_found, server->n_programs + 1, sizeof(uint64_t));
		server->n_found[server->n_programs++] = 0;
	}
	server->n_found[program]++;
	server->n_local++;
	server->n_named += processes_program(server->processes, program)->pid != 0;
}

void processes_server_sum(const struct processes_server *server, struct programs *programs)
{
	static const struct program nobody = {0};

	if (server->processes == NULL) {
		return;
	}
	programs->n_sessions += server->n_local;
	programs->n_named += server->is_proved ? server->n_named : 0;
	for (size_t i = 0; i < server->n_programs; i++) {
		if (server->n_found[i] > 0) {
			programs_add(programs,
				server->is_proved
					? processes_program(server->processes, (uint32_t)i)
					: &nobody,
				server->n_found[i]);
		}
	}
	if (programs->n_named < programs->n_sessions && programs->error == NULL &&
		processes_error(server->processes)[0] != '\0') {
		programs->error = mem_printf("%s", processes_error(server->processes));
	}
}
