/*
 * The walk over /proc: which process has which sockets open. Processes come and go meanwhile: one
 * that is gone is passed over, and what is read of one is read below its directory, which never
 * becomes that of another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "host/census_internal.h"
#include "host/procfs.h"

#define MAX_TARGET_BYTES 32
#define MAX_NAME_BYTES 64
#define MAX_CGROUPS_BYTES 4096

#define DENIED                                                                                 \
	"sesskilld may not look into all processes; those of other users take CAP_SYS_PTRACE " \
	"and CAP_DAC_READ_SEARCH: see local-clients.conf"

bool census_walk_open(struct census *census)
{
	struct err err;

	census->processes = opendir("/proc");
	if (census->processes == NULL) {
		err_set_errno(&err, errno, "/proc");
		census_note_error(census, err.text);
		return false;
	}
	/* Processes that are hidden cannot be counted as denied. */
	if (access("/proc/1", F_OK) != 0) {
		census->n_denied++;
	}
	return true;
}

static void leave_process(struct census *census)
{
	if (census->descriptors != NULL) {
		closedir(census->descriptors);
		census->descriptors = NULL;
	}
	if (census->process_fd >= 0) {
		close(census->process_fd);
		census->process_fd = -1;
	}
}

void census_walk_close(struct census *census)
{
	leave_process(census);
	if (census->processes != NULL) {
		closedir(census->processes);
		census->processes = NULL;
	}
	if (census->n_denied > 0) {
		census_note_error(census, DENIED);
	}
}

/* Of a process that has just ended the kernel says the same. */
static void note_denied(struct census *census, int error)
{
	if ((error == EACCES || error == EPERM) &&
		faccessat(census->process_fd, "comm", F_OK, 0) == 0) {
		census->n_denied++;
	}
}

static void enter_process(struct census *census, const char *name)
{
	int descriptors;

	census->is_name_known = false;
	census->process_fd = openat(
		dirfd(census->processes), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (census->process_fd < 0) {
		return;
	}
	descriptors = openat(census->process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptors < 0) {
		note_denied(census, errno);
		leave_process(census);
		return;
	}
	census->descriptors = fdopendir(descriptors);
	if (census->descriptors == NULL) {
		close(descriptors);
		leave_process(census);
	}
}

/* Only of those that have a socket: most have none. */
static uint32_t name_process(struct census *census)
{
	char name[MAX_NAME_BYTES], cgroups[MAX_CGROUPS_BYTES];
	struct slice text;

	if (census->is_name_known) {
		return (uint32_t)census->n_all - 1;
	}
	census->is_name_known = true;
	census->all = mem_grow_array(
		census->all, census->n_all, &census->all_capacity, sizeof(struct census_process));
	text = procfs_read(census->process_fd, "comm", name, sizeof(name));
	if (slice_has_suffix(text, "\n")) {
		text.len--;
	}
	census->all[census->n_all] = (struct census_process){
		.pid = census->pid,
		.name = intern_add(&census->texts, text),
		.unit = intern_add(&census->texts, procfs_find_unit(procfs_read(census->process_fd,
							   "cgroup", cgroups, sizeof(cgroups)))),
	};
	return (uint32_t)census->n_all++;
}

static void add_holding(struct census *census, uint32_t inode, int32_t fd)
{
	size_t n = census->holdings_index.n;

	if (n >= CENSUS_MAX_SOCKETS) {
		census_note_error(
			census, "the processes have more sockets open than sesskilld looks at");
		return;
	}
	census->holdings = mem_grow_array(
		census->holdings, n, &census->holdings_capacity, sizeof(struct census_holding));
	census->holdings[n] = (struct census_holding){inode, fd, name_process(census)};
	index_add(&census->holdings_index, inode);
}

/* The next descriptor of the process. */
static void step_descriptor(struct census *census)
{
	const struct dirent *entry = readdir(census->descriptors);
	char target[MAX_TARGET_BYTES];
	uint64_t fd;
	uint32_t inode;
	ssize_t used;

	if (entry == NULL) {
		leave_process(census);
		return;
	}
	if (!parse_u64(slice_of(entry->d_name), &fd) || fd > INT32_MAX) {
		return;
	}
	used = readlinkat(dirfd(census->descriptors), entry->d_name, target, sizeof(target));
	if (used < 0) {
		int error = errno;

		note_denied(census, error);
		if (error == EACCES || error == EPERM) {
			leave_process(census); /* the others are as closed */
		}
	} else if (procfs_read_socket((struct slice){target, (size_t)used}, &inode)) {
		add_holding(census, inode, (int32_t)fd);
	}
}

bool census_walk_step(struct census *census)
{
	const struct dirent *entry;
	uint64_t pid;

	if (census->descriptors != NULL) {
		step_descriptor(census);
		return true;
	}
	entry = readdir(census->processes);
	if (entry == NULL) {
		return false;
	}
	if (parse_u64(slice_of(entry->d_name), &pid) && pid > 0 && pid <= INT32_MAX) {
		census->pid = (int32_t)pid;
		enter_process(census, entry->d_name);
	}
	return true;
}
