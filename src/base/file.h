/*
 * Files that are written to by more than this process, and descriptors.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"

/* For CLEANUP: closes a descriptor that is not negative. */
void file_close_p(const int *fd);

/*
 * Opens `path` for reading and appending, mode 0640 when it has to be made. Anything but a regular
 * file is refused, and no link is followed: it would lead the writer, who may write anywhere, to
 * somebody else's file. 0, or a negative errno with words that name the path.
 */
NODISCARD int file_open_regular(const char *path, int *ret_fd, struct err *err);

/* Does the path lead to the open file? It may be renamed or removed by now. */
bool file_is_at(int fd, const char *path);

/* All of it. A negative errno: some of it may be there. */
NODISCARD int file_write(int fd, const char *bytes, size_t n_bytes);

/*
 * The file's whole content from now on, mode 0640, durable on return; its directory is made if it
 * is only that which is missing. Else a negative errno with words, and it is as it was.
 */
NODISCARD int file_replace(const char *path, const char *text, struct err *err);

/*
 * Makes the name of a file durable, whoever created it. A directory that may be entered but not
 * read cannot be synced, and some file systems know no such thing (EINVAL): then they decide when.
 */
NODISCARD int file_sync_directory_of(const char *path, struct err *err);

#endif
