/*
 * Passwords in files.
 */
#include "redis/password.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

ssize_t password_read(const char *path, char *buffer, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		err_set_errno(err, errno, "cannot read the password file %s", path);
		return -1;
	}
	n = read(fd, buffer, PASSWORD_MAX_BYTES);
	close(fd);
	if (n < 0) {
		err_set_errno(err, errno, "cannot read the password file %s", path);
		return -1;
	}
	while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r')) {
		n--;
	}
	return n;
}
