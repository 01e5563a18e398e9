/*
 * What is read out of /proc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "host/procfs.h"

static void test_socket(void **state UNUSED)
{
	static const struct {
		const char *target;
		uint32_t inode; /* 0: no socket */
	} rows[] = {
		{"socket:[4711]", 4711},
		{"socket:[4294967295]", UINT32_MAX},
		{"socket:[4294967296]", 0},
		{"socket:[0]", 0},
		{"socket:[]", 0},
		{"socket:[12", 0},
		{"socket:[-1]", 0},
		{"socket:", 0},
		{"pipe:[4711]", 0},
		{"/tmp/socket:[4711]", 0},
		{"", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t inode = 0;

		assert_int_equal(
			procfs_read_socket(slice_of(rows[i].target), &inode), rows[i].inode != 0);
		assert_int_equal(inode, rows[i].inode);
	}
}

static void test_unit(void **state UNUSED)
{
	static const struct {
		const char *cgroups;
		const char *unit;
	} rows[] = {
		{"0::/system.slice/worker.service\n", "worker.service"},
		{"0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"},
		{"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"},
		/* A service of a user's own manager, and below a service that made groups itself.
		 */
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/job.service\n",
			"job.service"},
		{"0::/system.slice/worker.service/pool/3\n", "worker.service"},
		{"0::/system.slice/docker-0123.scope\n", "docker-0123.scope"},
		/* Before the unified hierarchy, and with both. */
		{"9:name=systemd:/system.slice/worker.service\n8:pids:/other.service\n",
			"worker.service"},
		{"8:pids:/x\n1:name=systemd:/system.slice/worker.service\n0::/\n",
			"worker.service"},
		{"1:name=systemd:/\n0::/system.slice/worker.service\n", "worker.service"},
		{"0::/system.slice/_cpu.service\n", "cpu.service"},
		{"0::/system.slice/a:b.service\n", "a:b.service"},
		{"0::/init.scope", "init.scope"},
		{"0::/system.slice\n", ""},
		{"0::/\n", ""},
		{"0::\n", ""},
		{"0:\n\n:::\n", ""},
		{"8:pids:/system.slice/worker.service\n", ""},
		{"", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice unit = procfs_find_unit(slice_of(rows[i].cgroups));

		assert_true(slice_is(unit, rows[i].unit));
	}
}

static void test_descriptor(void **state UNUSED)
{
	int pair[2];
	struct stat status;
	uint32_t inode;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fstat(pair[1], &status), 0);
	inode = procfs_read_descriptor(getpid(), pair[1]);
	assert_int_equal(inode, status.st_ino);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(procfs_read_descriptor(getpid(), pair[1]), 0);
	assert_true(procfs_is_same_network(getpid()));
	assert_false(procfs_is_same_network(0));
}

static void test_read(void **state UNUSED)
{
	int directory = open("/proc/self", O_RDONLY | O_DIRECTORY);
	char buffer[6];
	struct slice text = procfs_read(directory, "comm", buffer, sizeof(buffer));

	assert_true(slice_is(text, "test_p"));
	assert_int_equal(procfs_read(directory, "none", buffer, sizeof(buffer)).len, 0);
	close(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_unit),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
