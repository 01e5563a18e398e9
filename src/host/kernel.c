#include "host/kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/file.h"
#include "host/diag.h"

/* Both ends of a connection, or a negative errno. */
static int connect_to_self(int *ret_client, int *ret_server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n_bytes = sizeof(address);
	CLEANUP(file_close_p) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *ret_client < 0 ||
		bind(listener, (const struct sockaddr *)&address, n_bytes) < 0 ||
		listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &n_bytes) < 0 ||
		connect(*ret_client, (const struct sockaddr *)&address, n_bytes) < 0) {
		return -errno;
	}
	*ret_server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return *ret_server < 0 ? -errno : 0;
}

static struct ends_address address_of(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t n_bytes = sizeof(address);

	(void)getsockname(fd, (struct sockaddr *)&address, &n_bytes);
	return ends_address_make(false, &address.sin_addr, ntohs(address.sin_port));
}

enum kernel_answer kernel_probe(void)
{
	CLEANUP(file_close_p) int client = -1;
	CLEANUP(file_close_p) int server = -1;
	CLEANUP(file_close_p) int diag = -1;
	struct ends_address local, remote;
	struct diag_tcp tcp;
	struct err err;
	int error = 0;

	if (connect_to_self(&client, &server) < 0 || diag_open(&diag, &err) < 0) {
		return KERNEL_WITHOUT;
	}
	local = address_of(client);
	remote = address_of(server);
	if (!diag_find_tcp(diag, &local, &remote, &tcp) ||
		diag_destroy(diag, &tcp.id, 1, &error) < 0) {
		return KERNEL_WITHOUT;
	}
	return error == 0 ? KERNEL_YES : error == EPERM ? KERNEL_NO_PERMISSION : KERNEL_WITHOUT;
}
