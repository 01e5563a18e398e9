/*
 * The server's address, resolved once.
 */
#include "target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int target_set_unix(struct target *target, const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n_bytes = strlen(path);

	if (n_bytes >= sizeof(address.sun_path)) {
		err_set(err, "%s: the path is too long for a Unix socket", path);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, n_bytes);
	memcpy(&target->address, &address, sizeof(address));
	target->address_bytes = sizeof(address);
	return 0;
}

static int resolve(const char *host, const char *port, struct sockaddr_storage *ret_address,
	socklen_t *ret_bytes, struct err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int failed = getaddrinfo(host, port, &hints, &found);

	if (failed != 0) {
		err_set(err, "%s: %s", host, gai_strerror(failed));
		return -EADDRNOTAVAIL;
	}
	memcpy(ret_address, found->ai_addr, found->ai_addrlen);
	*ret_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int target_set_tcp(struct target *target, const char *host, const char *port, const char *source,
	struct err *err)
{
	int r = resolve(host, port, &target->address, &target->address_bytes, err);

	if (r < 0 || source == NULL) {
		return r;
	}
	return resolve(source, NULL, &target->source, &target->source_bytes, err);
}

static int start_connecting(const struct target *target, int fd)
{
	const int on = 1;

	if (target->source_bytes > 0) {
		/* The port is chosen in connect(): else a source address has 28,000 ports in all,
		 * whatever they are connected to. */
		if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
			bind(fd, (const struct sockaddr *)&target->source, target->source_bytes) <
				0) {
			return -errno;
		}
	}
	if (connect(fd, (const struct sockaddr *)&target->address, target->address_bytes) < 0 &&
		errno != EINPROGRESS) {
		return -errno;
	}
	return 0;
}

int target_connect(const struct target *target)
{
	int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0) {
		return -errno;
	}
	r = start_connecting(target, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}
