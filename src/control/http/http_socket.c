/*
 * Making the control socket without a moment in which it is open wider than it should be, and
 * without ever taking the place of a daemon that is alive.
 */
#include "control/http/http_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"

/*
 * Callers beyond it are turned away at once, or wait in connect() if they are patient. The queue is
 * worked off in the order of its arrivals, whoever they are: longer, and those who come by the
 * thousand would keep root waiting in it.
 */
#define HTTP_SOCKET_BACKLOG 512
#define HTTP_SOCKET_GROUP_BYTES ((size_t)64 * 1024) /* one entry of the group file */

static void close_p(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

/* Of the system call that has just failed. */
static int fail(struct err *err, const char *what, const char *path)
{
	int r = -errno;

	err_set_errno(err, -r, "%s%s%s", what, path[0] != '\0' ? " " : "", path);
	return r;
}

static int make_address(const char *path, struct sockaddr_un *ret_address, struct err *err)
{
	size_t len = strlen(path);

	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len == 0 || len >= sizeof(ret_address->sun_path)) {
		err_set(err, "%s: the path of a socket has 1 to %zu bytes", path,
			sizeof(ret_address->sun_path) - 1);
		return len == 0 ? -EINVAL : -ENAMETOOLONG;
	}
	memcpy(ret_address->sun_path, path, len);
	return 0;
}

static int make_socket(int *ret_fd, struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return fail(err, "create the control socket", "");
	}
	*ret_fd = fd;
	return 0;
}

static int find_group(const char *name, gid_t *ret_gid, struct err *err)
{
	CLEANUP(mem_free_p) char *buffer = NULL;
	struct group entry, *found = NULL;
	uint64_t number;
	int error_number;

	if (parse_u64(slice_of(name), &number)) {
		if (number >= (gid_t)-1) {
			err_set(err, "group %s: not a group number", name);
			return -EINVAL;
		}
		*ret_gid = (gid_t)number;
		return 0;
	}
	buffer = mem_alloc(HTTP_SOCKET_GROUP_BYTES);
	error_number = getgrnam_r(name, &entry, buffer, HTTP_SOCKET_GROUP_BYTES, &found);
	if (error_number != 0) {
		err_set_errno(err, error_number, "look up the group %s", name);
		return -error_number;
	}
	if (found == NULL) {
		err_set(err, "there is no group %s", name);
		return -EINVAL;
	}
	*ret_gid = entry.gr_gid;
	return 0;
}

/*
 * Only a refused connection proves that nobody listens. A full queue (EAGAIN) is somebody alive
 * who is busy.
 */
static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
	CLEANUP(close_p) int fd = -1;
	struct stat status;
	int r;

	if (lstat(address->sun_path, &status) < 0) {
		return 0; /* what keeps bind() from making it, bind() says */
	}
	if (!S_ISSOCK(status.st_mode)) {
		err_set(err, "%s exists and is no socket", address->sun_path);
		return -EEXIST;
	}
	r = make_socket(&fd, err);
	if (r < 0) {
		return r;
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno == EAGAIN) {
		err_set(err, "%s: another process listens there", address->sun_path);
		return -EADDRINUSE;
	}
	if (errno != ECONNREFUSED && errno != ENOENT) {
		return fail(err, "find out whether somebody listens at", address->sun_path);
	}
	if (unlink(address->sun_path) < 0 && errno != ENOENT) {
		return fail(err, "remove the stale socket", address->sun_path);
	}
	return 0;
}

/* The file appears without any permission: they come when owner and group are right. */
static int bind_closed(int fd, const struct sockaddr_un *address, struct err *err)
{
	mode_t before = umask(0777);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	umask(before); /* which cannot fail */
	return r < 0 ? fail(err, "make the socket", address->sun_path) : 0;
}

/* Listens before anything else, so that another daemon that starts now sees it alive. */
static int open_up(const struct http_socket *socket, int fd, struct err *err)
{
	const char *path = socket->address.sun_path;
	int r;

	if (listen(fd, HTTP_SOCKET_BACKLOG) < 0) {
		return fail(err, "listen at", path);
	}
	if (socket->has_gid && lchown(path, (uid_t)-1, socket->gid) < 0) {
		r = -errno;
		err_set_errno(
			err, -r, "give the socket %s to group %u", path, (unsigned)socket->gid);
		return r;
	}
	if (chmod(path, (mode_t)socket->mode) < 0) {
		return fail(err, "set the mode of the socket", path);
	}
	return 0;
}

static bool has_file(const struct http_socket *socket)
{
	return socket->address.sun_path[0] != '\0';
}

static void note_file(struct http_socket *socket)
{
	struct stat status;

	if (lstat(socket->address.sun_path, &status) == 0) {
		socket->device = status.st_dev;
		socket->inode = status.st_ino;
	}
}

/* The file, and a descriptor that listens there. */
static int make(struct http_socket *socket, int *ret_fd, struct err *err)
{
	CLEANUP(close_p) int fd = -1;
	int r = remove_stale(&socket->address, err);

	if (r == 0) {
		r = make_socket(&fd, err);
	}
	if (r == 0) {
		r = bind_closed(fd, &socket->address, err);
	}
	if (r < 0) {
		return r;
	}
	r = open_up(socket, fd, err);
	if (r < 0) {
		unlink(socket->address.sun_path);
		return r;
	}
	note_file(socket);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int take_claim(struct http_socket *socket, struct err *err)
{
	CLEANUP(mem_free_p) char *path = NULL;
	int r;

	if (claim_is_in_place(&socket->claim)) {
		return 0;
	}
	claim_leave(&socket->claim);
	path = mem_printf("%s.lock", socket->address.sun_path);
	r = claim_take(path, &socket->claim, err);
	if (r == -EBUSY) {
		err_prefix(err, "%s: another process listens there", socket->address.sun_path);
		r = -EADDRINUSE;
	}
	return r;
}

int http_socket_listen(
	const struct control_opts *opts, struct http_socket *ret_socket, struct err *err)
{
	struct http_socket socket = {.fd = -1, .mode = opts->mode, .has_gid = opts->group != NULL};
	int r = make_address(opts->socket, &socket.address, err);

	if (r == 0 && socket.has_gid) {
		r = find_group(opts->group, &socket.gid, err);
	}
	if (r == 0) {
		r = take_claim(&socket, err);
	}
	if (r == 0) {
		r = make(&socket, &socket.fd, err);
	}
	if (r < 0) {
		claim_remove(&socket.claim);
		return r;
	}
	*ret_socket = socket;
	return 0;
}

bool http_socket_is_in_place(const struct http_socket *socket)
{
	struct stat status;

	return !has_file(socket) ||
	       (lstat(socket->address.sun_path, &status) == 0 && status.st_dev == socket->device &&
		       status.st_ino == socket->inode);
}

int http_socket_renew(struct http_socket *socket, struct err *err)
{
	CLEANUP(close_p) int fd = -1;
	int r;

	CHECK(!socket->is_inherited);
	r = take_claim(socket, err);
	if (r == 0) {
		r = make(socket, &fd, err);
	}
	if (r == 0 && dup3(fd, socket->fd, O_CLOEXEC) < 0) {
		r = fail(err, "put the new control socket in the place of the old", "");
	}
	return r;
}

static int check_and_set_up(int fd, struct err *err)
{
	int domain = 0, type = 0, is_listening = 0;
	socklen_t n_bytes = sizeof(int);
	int flags;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_bytes) < 0 || domain != AF_UNIX ||
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n_bytes) < 0 || type != SOCK_STREAM ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n_bytes) < 0 ||
		is_listening == 0) {
		err_set(err, "inherited descriptor %d is no listening Unix stream socket", fd);
		return -EINVAL;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		return fail(err, "set up the inherited control socket", "");
	}
	return 0;
}

/* Where it is bound to; "" when that is nowhere, or a name that is no file's. */
static void find_file(struct http_socket *socket)
{
	struct sockaddr_un *address = &socket->address;
	socklen_t n_bytes = sizeof(*address) - 1;

	if (getsockname(socket->fd, (struct sockaddr *)address, &n_bytes) < 0 ||
		address->sun_path[0] != '/') {
		*address = (struct sockaddr_un){.sun_path = ""};
	} else {
		note_file(socket);
	}
}

int http_socket_adopt(int fd, struct http_socket *ret_socket, struct err *err)
{
	int r = check_and_set_up(fd, err);

	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_socket = (struct http_socket){.fd = fd, .is_inherited = true};
	find_file(ret_socket);
	return 0;
}

void http_socket_remove_file(struct http_socket *socket)
{
	if (has_file(socket) && !socket->is_inherited && http_socket_is_in_place(socket)) {
		unlink(socket->address.sun_path);
	}
	claim_remove(&socket->claim);
	socket->address.sun_path[0] = '\0';
}
