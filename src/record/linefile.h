/*
 * A file of lines that is only ever appended to, and what keeps its lines whole: a line is there
 * completely or not at all, never glued to what a crash or a full disk left of another one, and
 * never written into a file that was removed. Knows nothing of what the lines say.
 *
 * A short write fails with the error behind it (a full disk, a limit) and is taken back. Where a
 * limit on the size of files is in force the process must ignore SIGXFSZ.
 */
#ifndef RECORD_LINEFILE_H
#define RECORD_LINEFILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"

struct linefile;

struct linefile *linefile_new(void); /* nothing is open yet */
void linefile_free(struct linefile *file);

/*
 * Opens `path`, or opens it again; mode 0640 when it has to be created, in a directory that exists.
 * Regular files only (file.h). On failure (negative errno, words that name the path) what was open
 * stays open.
 */
NODISCARD int linefile_open(struct linefile *file, const char *path, struct err *err);

/*
 * Appends `line`, which holds no line feed, and one. Opens `path` first when nothing is open, when
 * the path leads to another file by now (rotated, removed) and after a failure. A rotated file
 * whose successor cannot be opened takes the line itself, with a warning in the log; a removed one
 * does not.
 * 0, or negative errno with words that name the path: then no part of the line is meant to stay.
 */
NODISCARD int linefile_append(
	struct linefile *file, const char *path, const char *line, struct err *err);

/* The line that was appended last is no longer to be there. Best effort, as after a failure. */
void linefile_take_back(struct linefile *file, const char *line);

/*
 * Every line so far is on the disk on return, also those in a file that was rotated since. Else a
 * negative errno with words: lines since the last success are there, but may not outlive a crash.
 */
NODISCARD int linefile_sync(struct linefile *file, struct err *err);
/* Have lines been appended since? */
bool linefile_is_dirty(const struct linefile *file);

/* Will the next line go to the file that is open? */
bool linefile_is_current(const struct linefile *file, const char *path);

/* For reading what is there; -1 when nothing is open. Stays the property of `file`. */
int linefile_fd(const struct linefile *file);

#endif
