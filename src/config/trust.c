/*
 * Trust in files.
 */
#include "config/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/account.h"

/* Whom the unit and the package run the daemon as. */
#define SERVICE_USER "sesskill"
#define MAX_SECRET_BYTES 4096

static bool is_owner_right(uid_t owner)
{
	uid_t service;

	return owner == 0 || owner == geteuid() ||
	       (geteuid() == 0 && account_find_user(SERVICE_USER, &service) == 0 &&
		       owner == service);
}

static char *find_fault(const struct stat *status, bool is_secret)
{
	unsigned mode = status->st_mode & 07777;
	unsigned wrong = S_IWGRP | (is_secret ? S_IRWXO : S_IWOTH);

	if (!is_owner_right(status->st_uid)) {
		return mem_printf("belongs to user %u; expected root or user %u, which runs this",
			(unsigned)status->st_uid, (unsigned)geteuid());
	}
	if ((mode & wrong) == 0) {
		return NULL;
	}
	return mem_printf("has mode %04o; expected %s", mode,
		is_secret ? "nothing for others and no writing by the group, such as 0640 or 0600"
			  : "no writing by the group or others, such as 0640");
}

char *trust_config_fault(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? find_fault(&status, false)
								  : NULL;
}

static char *find_secret_fault(const struct stat *status)
{
	char *fault;

	if (!S_ISREG(status->st_mode)) {
		return mem_printf("is no regular file; expected a file that holds the password");
	}
	fault = find_fault(status, true);
	if (fault == NULL && (status->st_size == 0 || status->st_size > MAX_SECRET_BYTES)) {
		fault = mem_printf("has %lld bytes; expected 1 to %d", (long long)status->st_size,
			MAX_SECRET_BYTES);
	}
	return fault;
}

char *trust_secret_fault(const char *path)
{
	CLEANUP(file_close_p)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		return mem_printf("cannot be read: %s; expected a file that holds the password",
			strerror(errno));
	}
	return find_secret_fault(&status);
}

char *trust_key_fault(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? find_fault(&status, true) : NULL;
}

char *trust_record_fault(const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0 || S_ISREG(status.st_mode)) {
		return NULL;
	}
	return mem_printf("is %s; expected a regular file, or none yet",
		S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
}
