/*
 * What stands in /proc of a process. Texts from there are whatever the process wants them to be.
 */
#ifndef HOST_PROCFS_H
#define HOST_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

/* The target of a link in /proc/PID/fd: "socket:[4711]". False: no socket. */
NODISCARD bool procfs_read_socket(struct slice target, uint32_t *ret_inode);

/*
 * The systemd unit in the text of /proc/PID/cgroup: the innermost directory that is a service or a
 * scope, of the unified hierarchy or of systemd's own before that. Empty: none.
 */
struct slice procfs_find_unit(struct slice cgroups);

/* As much of a small file in `directory` as fits; empty where it cannot be read. */
struct slice procfs_read(int directory, const char *name, char *buffer, size_t n_bytes);

/* Are the sockets of process `pid` those of the same network as this process'? */
bool procfs_is_same_network(int32_t pid);

/* The socket behind a link in /proc/PID/fd: 0, or a negative errno, -ENOTSOCK where it is none. */
int procfs_read_link(int directory, const char *name, uint32_t *ret_inode);
/* The one behind the descriptor of a process now; 0: none, or it may not be looked at. */
uint32_t procfs_read_descriptor(int32_t pid, int32_t fd);

#endif
