/*
 * Appending whole lines.
 *
 * What the last write left is never remembered but read from the file before the next one: a torn
 * line may as well come from another process, or from before this one was started.
 */
#include "record/linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

struct linefile {
	int fd;          /* -1: nothing is open */
	bool is_suspect; /* the last append or sync failed: open again before the next */
	bool is_dirty;   /* lines were appended since the last sync */
	int sync_error;  /* negative errno: so ended the sync of a file that was left since */
};

struct linefile *linefile_new(void)
{
	struct linefile *file = mem_new(struct linefile);

	file->fd = -1;
	return file;
}

void linefile_free(struct linefile *file)
{
	if (file == NULL) {
		return;
	}
	file_close_p(&file->fd);
	free(file);
}

int linefile_fd(const struct linefile *file)
{
	return file->fd;
}

/* What is not synced yet stays due: whoever syncs next hears of it if it fails here. */
static void leave(struct linefile *file)
{
	if (file->fd >= 0 && file->is_dirty && fdatasync(file->fd) < 0) {
		file->sync_error = -errno;
	}
	file_close_p(&file->fd);
}

int linefile_open(struct linefile *file, const char *path, struct err *err)
{
	int fd CLEANUP(file_close_p) = -1;
	int r = file_open_regular(path, &fd, err);

	if (r == 0) {
		r = file_sync_directory_of(path, err);
	}
	if (r < 0) {
		return r;
	}
	leave(file);
	file->fd = fd;
	file->is_suspect = false;
	fd = -1;
	return 0;
}

bool linefile_is_current(const struct linefile *file, const char *path)
{
	return !file->is_suspect && file_is_at(file->fd, path);
}

static bool has_name(const struct linefile *file)
{
	struct stat opened;

	return file->fd >= 0 && fstat(file->fd, &opened) == 0 && opened.st_nlink > 0;
}

static int ensure_open(struct linefile *file, const char *path, struct err *err)
{
	struct err why;
	int r;

	if (linefile_is_current(file, path)) {
		return 0;
	}
	r = linefile_open(file, path, &why);
	if (r < 0 && has_name(file)) {
		/* A line in the file that was moved away is a line; one in a removed file is lost.
		 */
		log_warning("%s; what was open before is written on", why.text);
		return 0;
	}
	if (r < 0) {
		err_set(err, "%s", why.text);
	}
	return r;
}

/* The size, and whether what is there ends with a whole line. */
static int find_end(int fd, off_t *ret_size, bool *ret_is_whole)
{
	struct stat status;
	char last = '\n';

	if (fstat(fd, &status) < 0) {
		return -errno;
	}
	if (status.st_size > 0 && pread(fd, &last, 1, status.st_size - 1) < 0) {
		return -errno;
	}
	*ret_size = status.st_size;
	*ret_is_whole = last == '\n';
	return 0;
}

static int append_whole(int fd, const char *line)
{
	char *bytes CLEANUP(mem_free_p) = mem_printf("\n%s\n", line);
	const char *begin = bytes;
	bool is_whole = true;
	off_t size = 0;
	int r;

	r = find_end(fd, &size, &is_whole);
	if (r < 0) {
		return r;
	}
	/* The line feed in front ends a torn line: it stays what it is, and this one is whole. */
	if (is_whole) {
		begin++;
	}
	r = FAULT(RECORD_WRITE, NULL) ? -ENOSPC : file_write(fd, begin, strlen(begin));
	/* Best effort: a file that can only grow keeps the torn line, and the next call ends it. */
	if (r < 0 && ftruncate(fd, size) < 0) {
		log_debug("cannot take back a line: %s", strerror(errno));
	}
	return r;
}

int linefile_append(struct linefile *file, const char *path, const char *line, struct err *err)
{
	int r;

	CHECK(strchr(line, '\n') == NULL);
	r = ensure_open(file, path, err);
	if (r < 0) {
		return r;
	}
	r = append_whole(file->fd, line);
	if (r < 0) {
		file->is_suspect = true;
		err_set_errno(err, -r, "cannot write to %s", path);
		return r;
	}
	file->is_dirty = true;
	return 0;
}

void linefile_take_back(struct linefile *file, const char *line)
{
	struct stat status;

	if (fstat(file->fd, &status) < 0 ||
		ftruncate(file->fd, status.st_size - (off_t)strlen(line) - 1) < 0) {
		log_error("cannot take back a line of the record: %s", strerror(errno));
	}
}

int linefile_sync(struct linefile *file, struct err *err)
{
	int r = file->sync_error;

	if (file->is_dirty && fdatasync(file->fd) < 0) {
		r = -errno;
		file->is_suspect = true;
	}
	if (file->is_dirty && FAULT(RECORD_SYNC, NULL)) {
		r = -EIO;
	}
	/* The system forgets what it could not write: a second try would succeed and prove nothing.
	 */
	file->is_dirty = false;
	file->sync_error = 0;
	if (r < 0) {
		err_set_errno(err, -r, "cannot sync what was written");
	}
	return r;
}

bool linefile_is_dirty(const struct linefile *file)
{
	return file->is_dirty;
}
