/*
 * The kernel's word on who is at the other end of a Unix socket: SO_PEERCRED and SO_PEERGROUPS,
 * with the user's name and the executable for the record.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/account.h"
#include "base/mem.h"
#include "control/http/http_internal.h"

/* The group list is taken whole or not at all: a deny may rest on a group beyond the limit. */
static int read_groups(int fd, struct caller *caller, struct err *err)
{
	socklen_t n_bytes = sizeof(caller->groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, caller->groups, &n_bytes) == 0) {
		caller->n_groups = n_bytes / sizeof(caller->groups[0]);
		return 0;
	}
	if (errno == ERANGE) {
		err_set(err, "user %u is a member of %zu groups, at most %d are supported",
			(unsigned)caller->uid, n_bytes / sizeof(caller->groups[0]),
			CALLER_MAX_GROUPS);
		return -E2BIG;
	}
	err_set_errno(err, errno, "read the caller's groups");
	return -errno;
}

static void read_user_name(struct caller *caller)
{
	CLEANUP(mem_free_p) char *name = account_user_name(caller->uid);

	if (name != NULL && strlen(name) < sizeof(caller->user)) {
		memcpy(caller->user, name, strlen(name) + 1);
	}
}

/* A path that fills the buffer may have been cut: none is better than half of one. */
static void read_executable(struct caller *caller)
{
	char link[32];
	ssize_t used;

	if (caller->pid <= 0) { /* of another pid namespace */
		return;
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)caller->pid);
	used = readlink(link, caller->exe, sizeof(caller->exe));
	if (used < 0 || (size_t)used >= sizeof(caller->exe)) {
		used = 0;
	}
	caller->exe[used] = '\0';
}

int peer_read(int fd, struct caller *ret_caller, struct err *err)
{
	struct ucred credentials;
	socklen_t n_bytes = sizeof(credentials);
	struct caller caller = {.n_groups = 0};
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &n_bytes) < 0) {
		r = -errno;
		err_set_errno(err, -r, "read the caller's credentials");
		return r;
	}
	/* What the kernel says of a socket that has no peer, or is no Unix socket at all. */
	if (credentials.uid == (uid_t)-1) {
		err_set(err, "the caller's socket carries no credentials");
		return -ENOTCONN;
	}
	caller.uid = credentials.uid;
	caller.gid = credentials.gid;
	caller.pid = credentials.pid;
	r = read_groups(fd, &caller, err);
	if (r < 0) {
		return r;
	}
	caller.is_own = caller.uid == 0 || caller.uid == geteuid();
	*ret_caller = caller;
	return 0;
}

void peer_read_names(struct caller *caller)
{
	read_user_name(caller);
	read_executable(caller);
}
