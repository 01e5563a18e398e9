/*
 * Where the operating system is: these functions stand in front of libc's, for the daemon and for
 * libevent alike. Time passes only here: when the daemon waits and nothing is ready, the world goes
 * on to its next event. What a turn of the daemon works off is counted here.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "model/request.h"
#include "model/session.h"
#include "sim.h"

#define MAX_WATCHED 4096
/* More turns than that without time passing is spinning. */
#define MAX_TURNS_AT_ONCE 20000
/* What one turn of the daemon takes. */
#define TURN_US 3

static struct {
	bool is_on;
	int epoll_fd;
	struct {
		sim_readable_fn *fn;
		void *context;
	} watched[MAX_WATCHED];
	enum disk disk;
	bool had_bad_disk;
	int64_t n_synced;
	bool is_crashing, can_crash;
	jmp_buf crashed;
	uint64_t n_lines, n_judged; /* in this turn */
	unsigned n_turns_at_once;
	int64_t turns_at;
} edges;

/* libevent says that it finds the signals of a loop that died. */
static void hear_nothing(int severity, const char *words)
{
}

void edges_begin(void)
{
	edges.is_on = true;
	edges.epoll_fd = (int)syscall(SYS_epoll_create1, 0);
	edges.disk = DISK_GOOD;
	edges.had_bad_disk = false;
	edges.n_synced = 0;
	edges.is_crashing = false;
	memset(edges.watched, 0, sizeof(edges.watched));
	event_set_log_callback(hear_nothing);
}

void edges_end(void)
{
	edges.is_on = false;
	close(edges.epoll_fd);
}

void edges_watch(int fd, sim_readable_fn *fn, void *context)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	CHECK(fd < MAX_WATCHED);
	edges.watched[fd].fn = fn;
	edges.watched[fd].context = context;
	CHECK(syscall(SYS_epoll_ctl, edges.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void edges_unwatch(int fd)
{
	edges.watched[fd].fn = NULL;
	syscall(SYS_epoll_ctl, edges.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void edges_set_disk(enum disk disk)
{
	edges.disk = disk;
	edges.had_bad_disk |= disk != DISK_GOOD;
}

bool edges_had_bad_disk(void)
{
	return edges.had_bad_disk;
}

bool edges_is_disk_good(void)
{
	return edges.disk == DISK_GOOD;
}

int64_t edges_n_synced(void)
{
	return edges.n_synced;
}

/* ---- the death of the daemon ---- */

void edges_crash(void)
{
	edges.is_crashing = edges.can_crash;
}

/* As the kernel does for a process that is gone. Ours are those that are watched, and the log. */
static void close_descriptors(void)
{
	for (int fd = 3; fd < MAX_WATCHED; fd++) {
		if (fd != edges.epoll_fd && edges.watched[fd].fn == NULL && !wire_is_ours(fd)) {
			close(fd);
		}
	}
}

bool edges_run(void (*fn)(void))
{
	edges.can_crash = true;
	edges.is_crashing = false;
	if (setjmp(edges.crashed) == 0) {
		fn();
		edges.can_crash = false;
		return true;
	}
	edges.can_crash = edges.is_crashing = false;
	names_lose();
	close_descriptors();
	return false;
}

/* ---- counting what a turn works off ---- */

/* The linker puts these in front of the daemon's own (-Wl,--wrap). */
void __real_session_read_line(struct session_line *ret_line, struct slice text,
	enum server_family family, struct slice node);
void __wrap_session_read_line(struct session_line *ret_line, struct slice text,
	enum server_family family, struct slice node);

void __wrap_session_read_line(struct session_line *ret_line, struct slice text,
	enum server_family family, struct slice node)
{
	edges.n_lines++;
	__real_session_read_line(ret_line, text, family, node);
}

enum request_class __real_request_judge(const struct request *request,
	const struct protection *protection, const struct session *session);
enum request_class __wrap_request_judge(const struct request *request,
	const struct protection *protection, const struct session *session);

enum request_class __wrap_request_judge(const struct request *request,
	const struct protection *protection, const struct session *session)
{
	edges.n_judged++;
	return __real_request_judge(request, protection, session);
}

/* ---- time ---- */

int clock_gettime(clockid_t which, struct timespec *ret)
{
	int64_t us;

	if (!edges.is_on) {
		return (int)syscall(SYS_clock_gettime, which, ret);
	}
	us = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE ? sim_wall_us()
								       : sim_now() + 1000 * SIM_S;
	*ret = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret != NULL) {
		*ret = now.tv_sec;
	}
	return now.tv_sec;
}

/* What the daemon has written since goes to whom it is for. True: there was something, of which
 * something may have come back at once. */
static bool take_input(void)
{
	struct epoll_event events[64];
	int n = (int)syscall(SYS_epoll_pwait, edges.epoll_fd, events, 64, 0, NULL, 8);

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;

		if (edges.watched[fd].fn != NULL) {
			edges.watched[fd].fn(edges.watched[fd].context);
		}
	}
	return n > 0;
}

/* A turn is over: was it one too many, or too long? */
static void end_turn(void)
{
	oracle_turn(edges.n_lines, edges.n_judged);
	edges.n_lines = edges.n_judged = 0;
	edges.n_turns_at_once =
		sim_now() / SIM_MS == edges.turns_at ? edges.n_turns_at_once + 1 : 0;
	edges.turns_at = sim_now() / SIM_MS;
	if (edges.n_turns_at_once > MAX_TURNS_AT_ONCE) {
		sim_fail("bounded", "the daemon spins");
	}
	sim_advance(TURN_US);
}

static int wait_for_events(int fd, struct epoll_event *events, int n_most, int timeout_ms)
{
	int64_t until = timeout_ms < 0 ? INT64_MAX : sim_now() + timeout_ms * SIM_MS;

	end_turn();
	for (;;) {
		int n = (int)syscall(SYS_epoll_pwait, fd, events, n_most, 0, NULL, 8);

		if (edges.is_crashing) {
			longjmp(edges.crashed, 1);
		}
		if (n != 0) {
			return n;
		}
		if (take_input()) {
			continue;
		}
		if (sim_next() > until || sim_next() == INT64_MAX) {
			CHECK(until != INT64_MAX);
			sim_advance(MAX(until - sim_now(), 0));
			return 0;
		}
		sim_run_next();
	}
}

int epoll_wait(int fd, struct epoll_event *events, int n_most, int timeout_ms)
{
	return edges.is_on ? wait_for_events(fd, events, n_most, timeout_ms)
			   : (int)syscall(SYS_epoll_pwait, fd, events, n_most, timeout_ms, NULL, 8);
}

/* libevent takes the finer one where there is one. */
int epoll_pwait2(int fd, struct epoll_event *events, int n_most, const struct timespec *timeout,
	const sigset_t *mask)
{
	return epoll_wait(fd, events, n_most,
		timeout == NULL
			? -1
			: (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000));
}

/* ---- chance ---- */

void evutil_secure_rng_get_bytes(void *buffer, size_t n_bytes)
{
	unsigned char *bytes = buffer;

	for (size_t i = 0; i < n_bytes; i++) {
		bytes[i] = (unsigned char)sim_random();
	}
}

ssize_t getrandom(void *buffer, size_t n_bytes, unsigned flags)
{
	evutil_secure_rng_get_bytes(buffer, n_bytes);
	return (ssize_t)n_bytes;
}

/* ---- the disk ---- */

int fdatasync(int fd)
{
	struct stat status, record;

	if (edges.is_on && edges.disk == DISK_CANNOT_SYNC) {
		errno = EIO;
		return -1;
	}
	if (fstat(fd, &status) == 0 && stat(scenario_record(), &record) == 0 &&
		status.st_ino == record.st_ino) {
		edges.n_synced = status.st_size;
	}
	return 0;
}

static bool is_file(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* A disk that fills up takes some of the last line. */
ssize_t write(int fd, const void *bytes, size_t n_bytes)
{
	if (edges.is_on && fd == STDERR_FILENO) {
		return (ssize_t)n_bytes; /* the log, which has much to say here */
	}
	if (edges.is_on && edges.disk >= DISK_FULL && n_bytes > 0 && is_file(fd)) {
		if (edges.disk == DISK_FULL && n_bytes > 1 && sim_happens(50)) {
			return (ssize_t)syscall(SYS_write, fd, bytes, 1 + sim_roll(n_bytes - 1));
		}
		errno = edges.disk == DISK_FULL ? ENOSPC : EROFS;
		return -1;
	}
	return (ssize_t)syscall(SYS_write, fd, bytes, n_bytes);
}

/* ---- sockets ---- */

/* Their types as glibc declares them. */
int connect(int fd, __CONST_SOCKADDR_ARG any, socklen_t n_bytes)
{
	const struct sockaddr *address = any.__sockaddr__;
	char ip[INET6_ADDRSTRLEN];
	int error;

	if (!edges.is_on || address->sa_family == AF_UNIX) {
		return (int)syscall(SYS_connect, fd, address, n_bytes);
	}
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;

		inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
		error = wire_connect(fd, ip, ntohs(v4->sin_port));
	} else {
		error = ECONNREFUSED;
	}
	errno = error;
	return error == 0 ? 0 : -1;
}

static void set_address(struct sockaddr *ret, socklen_t *n_bytes, const char *ip, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, ip, &address.sin_addr);
	memcpy(ret, &address, MIN((size_t)*n_bytes, sizeof(address)));
	*n_bytes = sizeof(address);
}

int getsockname(int fd, __SOCKADDR_ARG any, socklen_t *restrict n_bytes)
{
	struct sockaddr *ret = any.__sockaddr__;
	const char *ip;
	uint16_t port, own_port;

	if (edges.is_on && wire_address(fd, &ip, &port, &own_port)) {
		set_address(ret, n_bytes, "10.255.0.1", own_port);
		return 0;
	}
	return (int)syscall(SYS_getsockname, fd, ret, n_bytes);
}

int getpeername(int fd, __SOCKADDR_ARG any, socklen_t *restrict n_bytes)
{
	struct sockaddr *ret = any.__sockaddr__;
	const char *ip;
	uint16_t port, own_port;

	if (edges.is_on && wire_address(fd, &ip, &port, &own_port)) {
		set_address(ret, n_bytes, ip, port);
		return 0;
	}
	return (int)syscall(SYS_getpeername, fd, ret, n_bytes);
}

/* Callers are known by the names that their sockets have. */
int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict n_bytes)
{
	struct sockaddr_un peer;
	socklen_t n_peer = sizeof(peer);
	int r = (int)syscall(SYS_getsockopt, fd, level, name, value, n_bytes);

	if (edges.is_on && level == SOL_SOCKET && name == SO_PEERCRED && r == 0) {
		struct ucred *who = value;

		who->pid = 1;
		if (syscall(SYS_getpeername, fd, &peer, &n_peer) == 0 &&
			n_peer > offsetof(struct sockaddr_un, sun_path) + 1 &&
			callers_uid(peer.sun_path + 1,
				n_peer - offsetof(struct sockaddr_un, sun_path) - 1, &who->uid)) {
			who->gid = who->uid;
		}
	}
	return r;
}
