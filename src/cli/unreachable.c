/*
 * Why a socket could not be connected to.
 */
#include "cli/unreachable.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>

static void explain_missing(const char *socket, struct err *err)
{
	err_set(err,
		"cannot reach the daemon: there is no socket %s. Is sesskilld running (systemctl "
		"status "
		"sesskilld)? Another place is named by --socket or SESSKILL_SOCKET",
		socket);
}

/* Either the file itself or, with nothing to stat, a directory on the way to it is closed to us. */
static void explain_denied(const char *socket, struct err *err)
{
	struct stat status;
	const struct group *group =
		stat(socket, &status) == 0 && (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0
			? getgrgid(status.st_gid)
			: NULL;

	if (group != NULL) {
		err_set(err,
			"cannot reach the daemon: you may not use the socket %s. Members of the "
			"group %s "
			"may: have yourself added (usermod -aG %s YOU) and log in again, or use "
			"sudo",
			socket, group->gr_name, group->gr_name);
	} else {
		err_set(err,
			"cannot reach the daemon: you may not use the socket %s. Use sudo, or have "
			"control.mode and control.group set in sesskilld.yaml",
			socket);
	}
}

static void explain_refused(const char *socket, struct err *err)
{
	struct stat status;

	if (stat(socket, &status) == 0 && !S_ISSOCK(status.st_mode)) {
		err_set(err, "cannot reach the daemon: %s is no socket", socket);
	} else {
		err_set(err,
			"cannot reach the daemon: nobody listens on %s. The daemon has ended "
			"without "
			"removing it: see systemctl status sesskilld, and start it again",
			socket);
	}
}

void unreachable_explain(int error_number, const char *socket, struct err *err)
{
	switch (error_number) {
	case ENOENT:
	case ENOTDIR:
		explain_missing(socket, err);
		break;
	case EACCES:
	case EPERM:
		explain_denied(socket, err);
		break;
	case ECONNREFUSED:
	case ENOTSOCK:
		explain_refused(socket, err);
		break;
	case EAGAIN:
		err_set(err,
			"cannot reach the daemon: too many callers wait on %s already. Try again "
			"in a "
			"moment",
			socket);
		break;
	default:
		err_set_errno(err, error_number, "cannot reach the daemon at %s", socket);
		break;
	}
}
