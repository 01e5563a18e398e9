/*
 * Files.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define MODE 0640

void file_close_p(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

int file_open_regular(const char *path, int *ret_fd, struct err *err)
{
	/* Not blocking: whoever puts a FIFO there must not stop the daemon. */
	CLEANUP(file_close_p)
	int fd = open(path,
		O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, MODE);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		int error_number = errno;

		err_set_errno(err, error_number, "cannot open %s", path);
		if (error_number == ELOOP) {
			err_set(err, "%s is a symbolic link, which is not followed", path);
		}
		return -error_number;
	}
	if (!S_ISREG(status.st_mode)) {
		err_set(err, "%s is not a regular file", path);
		return -EINVAL;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

bool file_is_at(int fd, const char *path)
{
	struct stat opened, named;

	return fd >= 0 && fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

int file_write(int fd, const char *bytes, size_t n_bytes)
{
	while (n_bytes > 0) {
		ssize_t written = write(fd, bytes, n_bytes);

		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written < 0) {
			return -errno;
		}
		/* Short: the disk is full or a limit is reached. Trying the rest tells which. */
		bytes += written;
		n_bytes -= (size_t)written;
	}
	return 0;
}

int file_sync_directory_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *directory CLEANUP(mem_free_p) = NULL;
	int fd CLEANUP(file_close_p) = -1;

	if (slash == NULL) {
		directory = mem_printf(".");
	} else {
		directory = mem_copy_text(path, (size_t)(slash - path) + 1);
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fsync(fd) < 0 && errno != EINVAL) {
		int error_number = errno;

		err_set_errno(err, error_number, "cannot sync the directory of %s", path);
		return -error_number;
	}
	return 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, MODE);
	int r = fd < 0 ? -errno : file_write(fd, text, strlen(text));

	if (fd >= 0 && r == 0 && fdatasync(fd) < 0) {
		r = -errno;
	}
	if (fd >= 0) {
		close(fd);
	}
	return r;
}

/* The last one of its path; where that is not enough the file says so. */
static void make_directory(const char *path)
{
	CLEANUP(mem_free_p) char *copy = mem_printf("%s", path);
	char *slash = strrchr(copy, '/');

	if (slash != NULL && slash != copy) {
		*slash = '\0';
		(void)!mkdir(copy, 0750);
	}
}

int file_replace(const char *path, const char *text, struct err *err)
{
	CLEANUP(mem_free_p) char *next = mem_printf("%s.new", path);
	int r;

	make_directory(path);
	r = write_file(next, text);
	if (r == 0 && rename(next, path) < 0) {
		r = -errno;
	}
	if (r < 0) {
		err_set(err, "%.200s cannot be written: %s", path, strerror(-r));
		return r;
	}
	return file_sync_directory_of(path, err);
}
