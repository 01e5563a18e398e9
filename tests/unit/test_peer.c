/*
 * Who the kernel says is at the other end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/http/http_internal.h"

static void test_own_process(void **state)
{
	struct passwd *entry = getpwuid(geteuid());
	struct caller caller;
	gid_t groups[CALLER_MAX_GROUPS];
	int n_groups = getgroups(CALLER_MAX_GROUPS, groups);
	char exe[CALLER_MAX_EXE_BYTES] = "";
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(peer_read(fds[0], &caller, NULL), 0);
	assert_true(caller.is_own);
	peer_read_names(&caller);
	assert_int_equal(caller.uid, geteuid());
	assert_int_equal(caller.gid, getegid());
	assert_int_equal(caller.pid, getpid());
	assert_string_equal(caller.user, entry != NULL ? entry->pw_name : "");
	assert_int_equal(caller.n_groups, n_groups);
	assert_memory_equal(caller.groups, groups, (size_t)n_groups * sizeof(gid_t));
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(caller.exe, exe);
	close(fds[0]);
	close(fds[1]);
}

static int receive_descriptor(int from)
{
	char data, control[CMSG_SPACE(sizeof(int))];
	struct iovec bytes = {&data, 1};
	struct msghdr message = {.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(from, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	}
	return fd;
}

static void send_descriptor(int to, int fd)
{
	char data = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec bytes = {&data, 1};
	struct msghdr message = {.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(to, &message, 0) != 1) {
		_exit(1);
	}
}

/*
 * One end of a pair that a process of that user made, so that its peer is that process; which has
 * ended when this returns. Needs root.
 */
static int socket_of(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
	int channel[2], fd, status;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int pair[2];

		if (setgroups(n_groups, groups) < 0 || setgid(gid) < 0 || setuid(uid) < 0 ||
			socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
			_exit(1);
		}
		send_descriptor(channel[1], pair[0]);
		_exit(0);
	}
	close(channel[1]);
	fd = receive_descriptor(channel[0]);
	close(channel[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(fd >= 0);
	return fd;
}

static void test_other_user(void **state)
{
	const gid_t groups[] = {700001, 700002, 700003};
	struct caller caller;
	int fd;

	if (geteuid() != 0) {
		/* Not skip(): what cmocka prints for it is a failure to meson 1.0. */
		return;
	}
	fd = socket_of(654321, 765432, groups, 3);
	assert_int_equal(peer_read(fd, &caller, NULL), 0);
	assert_false(caller.is_own);
	peer_read_names(&caller);
	assert_int_equal(caller.uid, 654321);
	assert_int_equal(caller.gid, 765432);
	assert_int_equal(caller.n_groups, 3);
	assert_memory_equal(caller.groups, groups, sizeof(groups));
	assert_string_equal(caller.user, ""); /* has no name */
	assert_string_equal(caller.exe, "");  /* has ended */
	close(fd);
}

static void test_many_groups(void **state)
{
	gid_t groups[CALLER_MAX_GROUPS + 1];
	struct caller caller = {.uid = 42};
	struct err err;
	int fd;

	if (geteuid() != 0) {
		/* Not skip(): what cmocka prints for it is a failure to meson 1.0. */
		return;
	}
	for (size_t i = 0; i < CALLER_MAX_GROUPS + 1; i++) {
		groups[i] = (gid_t)(700000 + i);
	}
	fd = socket_of(654321, 765432, groups, CALLER_MAX_GROUPS);
	assert_int_equal(peer_read(fd, &caller, &err), 0);
	assert_int_equal(caller.n_groups, CALLER_MAX_GROUPS);
	close(fd);

	caller.uid = 42;
	fd = socket_of(654321, 765432, groups, CALLER_MAX_GROUPS + 1);
	assert_int_equal(peer_read(fd, &caller, &err), -E2BIG);
	assert_string_equal(
		err.text, "user 654321 is a member of 65 groups, at most 64 are supported");
	assert_int_equal(caller.uid, 42); /* untouched */
	close(fd);
}

static void test_no_peer(void **state)
{
	struct caller caller;
	struct err err;
	int fds[2], tcp = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(peer_read(fds[0], &caller, &err), -ENOTSOCK);
	assert_string_equal(
		err.text, "read the caller's credentials: Socket operation on non-socket");
	assert_int_equal(peer_read(tcp, &caller, &err), -ENOTCONN);
	close(fds[0]);
	close(fds[1]);
	close(tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_process),
		cmocka_unit_test(test_other_user),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_no_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
