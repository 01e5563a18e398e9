/*
 * Can the kernel end connections for this process, by SOCK_DESTROY? That takes a kernel that was
 * built with it (CONFIG_INET_DIAG_DESTROY, Linux 4.5) and CAP_NET_ADMIN.
 */
#ifndef HOST_KERNEL_H
#define HOST_KERNEL_H

enum kernel_answer {
	KERNEL_WITHOUT, /* or it cannot be asked */
	KERNEL_NO_PERMISSION,
	KERNEL_YES,
};

/* Tries it on a connection of this process to itself, over the loopback interface. */
enum kernel_answer kernel_probe(void);

#endif
