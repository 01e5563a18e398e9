/*
 * Connections of this process, as the kernel has them.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "host/census.h"

static bool make_address(const struct sockaddr_storage *from, struct ends_address *ret_address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct ends_address address = {.is_ipv6 = from->ss_family == AF_INET6};
	const struct sockaddr_in6 *in6 = (const void *)from;
	const struct sockaddr_in *in = (const void *)from;

	if (from->ss_family == AF_INET) {
		memcpy(address.bytes, &in->sin_addr, 4);
		address.port = ntohs(in->sin_port);
	} else if (from->ss_family == AF_INET6) {
		address.port = ntohs(in6->sin6_port);
		address.is_ipv6 = memcmp(&in6->sin6_addr, mapped, sizeof(mapped)) != 0;
		memcpy(address.bytes, (const uint8_t *)&in6->sin6_addr + (address.is_ipv6 ? 0 : 12),
			address.is_ipv6 ? 16 : 4);
	} else {
		return false;
	}
	*ret_address = address;
	return true;
}

bool census_read_witness(int fd, struct census_witness *ret_witness)
{
	struct sockaddr_storage local = {0}, remote = {0};
	socklen_t n_local = sizeof(local), n_remote = sizeof(remote);
	struct census_witness witness = {0};
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0 ||
		getsockname(fd, (struct sockaddr *)&local, &n_local) != 0 ||
		getpeername(fd, (struct sockaddr *)&remote, &n_remote) != 0) {
		return false;
	}
	witness.inode = (uint32_t)status.st_ino;
	witness.is_unix = local.ss_family == AF_UNIX;
	if (!witness.is_unix && (!make_address(&local, &witness.local) ||
					!make_address(&remote, &witness.remote))) {
		return false;
	}
	*ret_witness = witness;
	return true;
}

bool census_is_near(const struct census_witness *witness)
{
	struct ends ends = {
		.is_unix = witness->is_unix, .client = witness->local, .server = witness->remote};

	return witness->inode != 0 && ends_is_one_host(&ends);
}
