#include "host/socket_ends.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static struct ends_address read_address(const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *in6 = (const void *)from;
	const struct sockaddr_in *in = (const void *)from;

	return from->ss_family == AF_INET6
		       ? ends_address_make(true, &in6->sin6_addr, ntohs(in6->sin6_port))
		       : ends_address_make(false, &in->sin_addr, ntohs(in->sin_port));
}

bool socket_ends_read(int fd, struct ends *ret_ends)
{
	struct sockaddr_storage local = {0}, remote = {0};
	socklen_t n_local = sizeof(local), n_remote = sizeof(remote);

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&local, &n_local) != 0 ||
		getpeername(fd, (struct sockaddr *)&remote, &n_remote) != 0) {
		return false;
	}
	*ret_ends = (struct ends){.is_unix = local.ss_family == AF_UNIX, .fd = -1};
	if (!ret_ends->is_unix) {
		ret_ends->client = read_address(&local);
		ret_ends->server = read_address(&remote);
	}
	return true;
}
