/*
 * Claims, by the record locks of POSIX: the only ones that tell who holds them. They end when the
 * process closes any descriptor of the file, so that nobody else may open it in here.
 */
#include "base/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define MAX_COMM_BYTES 32

static void read_comm(int pid, char comm[MAX_COMM_BYTES])
{
	CLEANUP(mem_free_p) char *path = mem_printf("/proc/%d/comm", pid);
	FILE *file = fopen(path, "re");

	if (file == NULL || fgets(comm, MAX_COMM_BYTES, file) == NULL) {
		snprintf(comm, MAX_COMM_BYTES, "of an unknown name");
	}
	comm[strcspn(comm, "\n")] = '\0';
	if (file != NULL) {
		fclose(file);
	}
}

static void name_holder(int fd, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char comm[MAX_COMM_BYTES];

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0) {
		err_set(err, "it is held by another process");
		return;
	}
	read_comm((int)lock.l_pid, comm);
	err_set(err, "it is held by process %d (%s)", (int)lock.l_pid, comm);
}

static int lock_file(int fd, const char *path, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int error_number;

	if (fcntl(fd, F_SETLK, &lock) == 0) {
		return 0;
	}
	error_number = errno;
	if (error_number == EACCES || error_number == EAGAIN) {
		name_holder(fd, err);
		return -EBUSY;
	}
	err_set_errno(err, error_number, "cannot lock %s", path);
	return -error_number;
}

int claim_take(const char *path, struct claim *ret_claim, struct err *err)
{
	int fd = -1;
	int r;

	do {
		r = file_open_regular(path, &fd, err);
		if (r < 0) {
			return r;
		}
		r = lock_file(fd, path, err);
		if (r < 0) {
			close(fd);
			return r;
		}
		if (file_is_at(fd, path)) {
			*ret_claim = (struct claim){fd, mem_copy_text(path, strlen(path))};
			return 0;
		}
		/* Who held it before has just removed it. */
		close(fd);
	} while (true);
}

bool claim_is_in_place(const struct claim *claim)
{
	return claim->path != NULL && file_is_at(claim->fd, claim->path);
}

void claim_leave(struct claim *claim)
{
	if (claim->path == NULL) {
		return;
	}
	close(claim->fd);
	free(claim->path);
	*claim = (struct claim){-1, NULL};
}

void claim_remove(struct claim *claim)
{
	if (claim_is_in_place(claim)) {
		unlink(claim->path);
	}
	claim_leave(claim);
}

int claim_rename(struct claim *claim, const char *path)
{
	if (rename(claim->path, path) < 0) {
		return -errno;
	}
	free(claim->path);
	claim->path = mem_copy_text(path, strlen(path));
	return 0;
}
