/*
 * Names of its own for a test program: it sees its own /etc/hosts, resolv.conf and nsswitch.conf,
 * and nobody else does. Needs root. Tests that want such names return without it: what skip() of
 * cmocka prints is a failure to meson 1.0.
 */
#ifndef TESTS_UNIT_PRIVATE_NAMES_H
#define TESTS_UNIT_PRIVATE_NAMES_H

#include <arpa/inet.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "scratch.h"

static const char *const private_names_files[] = {
	"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"};
static bool private_names_are_there;

static void UNUSED private_names_set_hosts(const char *text)
{
	scratch_write("/etc/hosts", text);
}

/* As nsswitch.conf says it: "files", or "files dns". */
static void UNUSED private_names_set_sources(const char *sources)
{
	CLEANUP(mem_free_p) char *text = mem_printf("hosts: %s\n", sources);

	scratch_write("/etc/nsswitch.conf", text);
}

/* Each ask takes a second where the name server at that address is silent. */
static void UNUSED private_names_set_server(const char *address)
{
	CLEANUP(mem_free_p)
	char *text = mem_printf("nameserver %s\noptions timeout:1 attempts:1\n", address);

	scratch_write("/etc/resolv.conf", text);
}

/* A name server that never answers: its socket, which takes what is asked. */
static int UNUSED private_names_add_silent_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
	char text[INET_ADDRSTRLEN];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uint16_t random;

	/* Another run of the tests has another one. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		abort();
	}
	address.sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xff000000u) | 0x4d0000u | random);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		abort();
	}
	inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
	private_names_set_server(text);
	private_names_set_sources("files dns");
	return fd;
}

/* To be called in main(), before there are threads. */
static void UNUSED private_names_make(void)
{
	void *state;
	struct scratch *scratch;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		scratch_setup(&state) != 0) {
		return;
	}
	scratch = state;
	private_names_are_there = true;
	/* The mount keeps a file that has no name any more. */
	for (size_t i = 0; i < ARRAY_SIZE(private_names_files); i++) {
		scratch_write(scratch->path, "");
		if (mount(scratch->path, private_names_files[i], NULL, MS_BIND, NULL) != 0 ||
			unlink(scratch->path) != 0) {
			private_names_are_there = false;
		}
	}
	scratch_teardown(&state);
}

#endif
