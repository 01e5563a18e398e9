/*
 * Connecting to the daemon's socket. What connect(2) says is little: the file is looked at for the
 * rest.
 */
#include "cli/reach.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNREACHABLE "cannot reach the daemon: "

/* Either the file itself or, with nothing to stat, a directory on the way to it is closed to us. */
static void explain_denied(const char *socket, const struct group *group, struct err *err)
{
	if (group != NULL) {
		err_set(err,
			UNREACHABLE "you may not use the socket %s. Members of the group %s may: "
				    "have yourself added (usermod -aG %s YOU) and log in again, or "
				    "use sudo",
			socket, group->gr_name, group->gr_name);
	} else {
		err_set(err,
			UNREACHABLE "you may not use the socket %s. Use sudo, or have control.mode "
				    "and control.group set in sesskilld.yaml",
			socket);
	}
}

static void explain_refused(const char *socket, bool is_socket, struct err *err)
{
	if (is_socket) {
		err_set(err,
			UNREACHABLE "nobody listens on %s. The daemon has ended without removing "
				    "it: see systemctl status sesskilld, and start it again",
			socket);
	} else {
		err_set(err, UNREACHABLE "%s is no socket", socket);
	}
}

void reach_explain(int error_number, const char *socket, struct err *err)
{
	struct stat status = {0};
	bool is_there = stat(socket, &status) == 0;
	bool has_group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0;

	switch (error_number) {
	case ENOENT:
	case ENOTDIR:
		err_set(err,
			UNREACHABLE "there is no socket %s. Is sesskilld running (systemctl status "
				    "sesskilld)? Another place is named by --socket or "
				    "SESSKILL_SOCKET",
			socket);
		break;
	case EACCES:
	case EPERM:
		explain_denied(socket, has_group ? getgrgid(status.st_gid) : NULL, err);
		break;
	case ECONNREFUSED:
	case ENOTSOCK:
		explain_refused(socket, !is_there || S_ISSOCK(status.st_mode), err);
		break;
	case EAGAIN:
		err_set(err,
			UNREACHABLE "too many callers wait on %s already. Try again in a moment",
			socket);
		break;
	default:
		err_set_errno(err, error_number, "cannot reach the daemon at %s", socket);
		break;
	}
}

int reach_connect(const char *socket_path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n_bytes = strlen(socket_path) + 1;
	int fd;

	if (n_bytes > sizeof(address.sun_path)) {
		reach_explain(ENAMETOOLONG, socket_path, err);
		return -1;
	}
	memcpy(address.sun_path, socket_path, n_bytes);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		reach_explain(errno, socket_path, err);
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	return fd;
}
