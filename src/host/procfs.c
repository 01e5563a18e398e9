/*
 * /proc.
 */
#include "host/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

/* "socket:[4294967295]" and a NUL. */
#define MAX_TARGET_BYTES 32

bool procfs_read_socket(struct slice target, uint32_t *ret_inode)
{
	static const char prefix[] = "socket:[";
	uint64_t inode;

	if (!slice_has_prefix(target, prefix) || !slice_has_suffix(target, "]")) {
		return false;
	}
	target = slice_skip(target, sizeof(prefix) - 1);
	target.len--;
	if (!parse_u64(target, &inode) || inode == 0 || inode > UINT32_MAX) {
		return false;
	}
	*ret_inode = (uint32_t)inode;
	return true;
}

static bool is_unit(struct slice name)
{
	return slice_has_suffix(name, ".service") || slice_has_suffix(name, ".scope");
}

static struct slice innermost_unit(struct slice path)
{
	struct slice unit = SLICE_LITERAL("");
	struct slice part;

	while (slice_next(&path, '/', &part)) {
		if (is_unit(part)) {
			unit = part;
		}
	}
	/* A name that would look like a file of the kernel's has this in front. */
	return slice_has_prefix(unit, "_") ? slice_skip(unit, 1) : unit;
}

struct slice procfs_find_unit(struct slice cgroups)
{
	struct slice unit = SLICE_LITERAL("");
	struct slice line, number, controllers;

	/* "NUMBER:CONTROLLERS:PATH"; the path may hold colons. */
	while (unit.len == 0 && slice_next(&cgroups, '\n', &line)) {
		if (!slice_next(&line, ':', &number) || !slice_next(&line, ':', &controllers) ||
			line.data == NULL) {
			continue;
		}
		if ((slice_is(number, "0") && controllers.len == 0) ||
			slice_is(controllers, "name=systemd")) {
			unit = innermost_unit(line);
		}
	}
	return unit;
}

struct slice procfs_read(int directory, const char *name, char *buffer, size_t n_bytes)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t used;

	if (fd < 0) {
		return SLICE_LITERAL("");
	}
	used = read(fd, buffer, n_bytes);
	close(fd);
	return (struct slice){buffer, used > 0 ? (size_t)used : 0};
}

bool procfs_is_same_network(int32_t pid)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

int procfs_read_link(int directory, const char *name, uint32_t *ret_inode)
{
	char target[MAX_TARGET_BYTES];
	ssize_t used = readlinkat(directory, name, target, sizeof(target));

	if (used < 0) {
		return -errno;
	}
	return procfs_read_socket((struct slice){target, (size_t)used}, ret_inode) ? 0 : -ENOTSOCK;
}

uint32_t procfs_read_descriptor(int32_t pid, int32_t fd)
{
	char path[64];
	uint32_t inode = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	(void)procfs_read_link(AT_FDCWD, path, &inode);
	return inode;
}
