/*
 * A directory of its own for each test, with one file that the test is about. To be used as setup
 * and teardown of cmocka; everything in it is removed afterwards.
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

struct scratch {
	char directory[64];
	char path[96];       /* in the directory; does not exist yet */
	char other_path[96]; /* likewise */
};

static UNUSED int scratch_setup(void **state)
{
	struct scratch *scratch = mem_new(struct scratch);

	snprintf(scratch->directory, sizeof(scratch->directory), "/tmp/sesskill-test-XXXXXX");
	if (mkdtemp(scratch->directory) == NULL) {
		free(scratch);
		return -1;
	}
	snprintf(scratch->path, sizeof(scratch->path), "%s/file", scratch->directory);
	snprintf(scratch->other_path, sizeof(scratch->other_path), "%s/other", scratch->directory);
	*state = scratch;
	return 0;
}

static int scratch_remove(
	const char *path, const struct stat *status UNUSED, int type UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static UNUSED int scratch_teardown(void **state)
{
	struct scratch *scratch = *state;
	int r = nftw(scratch->directory, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);

	free(scratch);
	return r;
}

/* Ends the test program when the file cannot be written: nothing can be tested then. */
static void UNUSED scratch_write(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	if (stream == NULL || fputs(text, stream) < 0 || fclose(stream) != 0) {
		abort();
	}
}

/* The whole file, NUL-terminated, on the heap; NULL when there is none. */
static UNUSED char *scratch_read(const char *path)
{
	FILE *stream = fopen(path, "r");
	char *text = NULL;
	size_t n_bytes = 0;

	if (stream == NULL) {
		return NULL;
	}
	if (getdelim(&text, &n_bytes, '\0', stream) < 0) {
		free(text);
		text = mem_copy_text("", 0);
	}
	fclose(stream);
	return text;
}

static void scratch_set_limit(struct rlimit limit)
{
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
		abort();
	}
}

/* As on a full disk, no file grows beyond so many bytes until scratch_unlimit(). */
static UNUSED struct rlimit scratch_limit(rlim_t n_bytes)
{
	struct rlimit before;

	if (getrlimit(RLIMIT_FSIZE, &before) != 0) {
		abort();
	}
	signal(SIGXFSZ, SIG_IGN);
	scratch_set_limit((struct rlimit){n_bytes, before.rlim_max});
	return before;
}

static UNUSED void scratch_unlimit(struct rlimit before)
{
	scratch_set_limit(before);
	signal(SIGXFSZ, SIG_DFL);
}

#endif
