/*
 * fdatasync() in place of the system's, for programs that include this: counted, and failing on
 * demand.
 */
#ifndef TESTS_UNIT_FAKE_SYNC_H
#define TESTS_UNIT_FAKE_SYNC_H

#include <errno.h>
#include <stdbool.h>

static struct {
	int n;
	bool is_broken;
} syncs;

int fdatasync(int fd)
{
	assert_true(fd >= 0);
	syncs.n++;
	errno = EIO;
	return syncs.is_broken ? -1 : 0;
}

#endif
